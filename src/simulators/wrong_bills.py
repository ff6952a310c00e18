"""Bills and lists that are wrong as planned: a line missing, strange, doubled, off by some fen, dated on another day.

What was bent is remembered, so that whoever planned a day can say beforehand which differences must be found in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from simulators.faults import Faults, number_of

FAULTS = (
    "bill_row_missing",
    "bill_row_extra",
    "bill_amount_off",
    "bill_fee_off",
    "bill_row_twice",
    "bill_wrong_day",
)
WHOLE_FILE = "BILL"
"""The number prefix of faults on a whole file: ``BILL`` and the day as yyyymmdd."""


@dataclass(frozen=True)
class Shown:
    """One line as the file shows it, fen. ``number`` is the merchant's, ``their_no`` the party's."""

    at: datetime
    number: str
    their_no: str
    amount_fen: int
    fee_fen: int = 0


class WrongBills:
    """Which lines were bent, by party; ``mended``: parties whose files are right from now on (corrected files)."""

    def __init__(self, faults: Faults, digest: Callable[..., str]) -> None:
        self._faults = faults
        self._digest = digest
        self._mended: set[str] = set()
        self._bent: dict[tuple[str, str, str], dict[str, Any]] = {}

    def mend(self, party: str) -> None:
        """From now on the party's files are as its books say."""
        self._mended.add(party)

    def bent(self) -> list[dict[str, Any]]:
        """Every line that was shown otherwise than the books have it."""
        return list(self._bent.values())

    def show(self, party: str, line: Shown) -> list[Shown]:
        """The line as it is shown: once, not at all, or otherwise."""
        lines = [line]
        for name in FAULTS:
            params = None if party in self._mended else self._faults.find(line.number, party, name)
            if params is None:
                continue
            fen = number_of(params, "fen", 1)
            lines = self._bend(name, lines, int(fen))
            strange = lines[-1] if name == "bill_row_extra" and lines else line
            self._bent[party, line.number, name] = {
                "party": party,
                "number": strange.number,
                "trade_no": strange.their_no,
                "fault": name,
            }
        return lines

    def _bend(self, name: str, lines: list[Shown], fen: int) -> list[Shown]:
        if not lines or name == "bill_row_missing":
            return []
        first = lines[0]
        if name == "bill_row_extra":
            # A sale of another shop under the same account.
            strange = self._digest("strange", first.their_no)
            other = replace(first, number=f"Q{strange[:18]}", their_no=f"99{int(strange[:20], 16):026d}"[:28])
            return [*lines, other]
        if name == "bill_amount_off":
            return [replace(first, amount_fen=first.amount_fen + fen), *lines[1:]]
        if name == "bill_fee_off":
            return [replace(first, fee_fen=first.fee_fen + fen), *lines[1:]]
        if name == "bill_wrong_day":
            return [replace(first, at=first.at - timedelta(days=3)), *lines[1:]]
        return [first, *lines]

    def cut(self, party: str, day: date, text: str) -> str:
        """The file's text, or only its first part, once, where that was planned."""
        if self._faults.take(f"{WHOLE_FILE}{day:%Y%m%d}", party, "bill_truncated") is None:
            return text
        return text[: len(text) * 2 // 3]
