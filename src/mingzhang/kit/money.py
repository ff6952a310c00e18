"""Money as integer fen (分, 1/100 yuan). Floats never touch it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mingzhang.kit.errors import Kind, Problem

Fen = int
"""An amount in fen. An alias, not a type of its own: arithmetic stays plain integer arithmetic."""

FEN_MAX: Final[Fen] = 10**12
"""Upper bound of any single amount (10 billion yuan): far above any order, far below a bigint's end."""

_YUAN: Final = re.compile(r"(0|[1-9][0-9]{0,10})(?:\.([0-9]{1,2}))?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def check_fen(value: Fen) -> Fen:
    """Return `value` when it is an integer with 0 ≤ value ≤ FEN_MAX, else raise `amount_invalid`."""
    if type(value) is not int or not 0 <= value <= FEN_MAX:
        raise Problem("amount_invalid", Kind.INVALID, f"amount out of bounds or not an integer: {value!r}")
    return value


def parse_yuan(text: str) -> Fen:
    """Read a decimal yuan amount as the channels write it ("100.00", "0.5", "88") into fen.

    No sign, space, exponent, grouping, leading zero, full-width digit, nor more than two decimals;
    anything else raises `amount_invalid`.
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise Problem("amount_invalid", Kind.INVALID, "not a decimal yuan amount")
    yuan, cents = match.groups()
    return check_fen(int(yuan) * 100 + int((cents or "").ljust(2, "0")))


def format_yuan(fen: Fen) -> str:
    """Write fen as yuan with exactly two decimals ("100.00"), the form the channels sign."""
    whole, cents = divmod(check_fen(fen), 100)
    return f"{whole}.{cents:02d}"


def signed_yuan(fen: int) -> str:
    """The same of an amount that may be negative ("-0.05")."""
    return f"-{format_yuan(-fen)}" if fen < 0 else format_yuan(fen)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount with its currency; bounds are checked on every construction, also after arithmetic."""

    fen: Fen
    currency: str = "CNY"

    def __post_init__(self) -> None:
        check_fen(self.fen)
        if _CURRENCY.fullmatch(self.currency) is None:
            raise Problem("currency_invalid", Kind.INVALID, f"not an ISO 4217 code: {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        return Money(self.fen + self._same(other).fen, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.fen - self._same(other).fen, self.currency)

    def __str__(self) -> str:
        return f"{format_yuan(self.fen)} {self.currency}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise Problem("currency_mismatch", Kind.INVALID, f"{self.currency} and {other.currency}")
        return other
