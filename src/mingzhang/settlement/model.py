"""A channel's settlement list, and whose part of it is what: pure.

Whoever reads a bill hands its lines over as `SettlementLine`; the file of our own template is read here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.kit.errors import Kind, Problem

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
LINES_MAX: Final = 1_000_000
COLUMNS: Final = ("position", "kind", "transaction_id", "refund_no", "gross_fen", "fee_fen", "net_fen")
HEAD: Final = ("channel", "batch_id", "reference", "day", "payout_fen")


class LineKind(StrEnum):
    """What a line is. ``charge``: the channel's own, of no trade (row 27)."""

    PAY = "pay"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    CHARGE = "charge"


class SettlementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``gross_fen`` is never negative; ``fee_fen`` is negative when the channel gives it back;
    ``net_fen`` = gross (negative unless it is a payment) − fee. ``transaction_id``: the trade, also of a refund."""

    position: int
    kind: LineKind
    transaction_id: str
    gross_fen: int
    fee_fen: int = 0
    net_fen: int
    refund_no: str = ""


class SettlementList(msgspec.Struct, frozen=True, kw_only=True):
    """One payout of a channel. ``reference``: what its bank line will bear; ``payout_fen``: what it says it pays, 0 when
    refunds ate all of it."""

    channel: str
    batch_id: str
    reference: str
    day: date
    payout_fen: int
    lines: tuple[SettlementLine, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade's money is in the books: a subject and how much of the trade is its."""

    subject: str
    amount_fen: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One subject's part of a batch. ``fee_fen`` may be negative (row 15); ``back_fen``: its own refunds and chargebacks in
    this batch, ``charged_fen`` the chargebacks of those; ``net_fen``: what of it is settled, never negative."""

    subject: str
    n: int
    fee_fen: int
    back_fen: int
    charged_fen: int
    net_fen: int


def refused(why: str, line: int, told: str) -> Problem:
    """A list that is not taken: Problem ``settlement_refused``; nothing of it is stored."""
    return Problem(
        "settlement_refused", Kind.INVALID, f"{why}: line {line}: {told}", {"why": why, "line": line}
    )


def check(listed: SettlementList) -> None:
    """Refuse a list that does not add up, names a line twice, or pays more than its lines."""
    total = 0
    seen: set[tuple[str, str, str]] = set()
    for n, line in enumerate(listed.lines, start=1):
        if line.position != n:
            raise refused("truncated", n, f"position {line.position} where {n} should be")
        gross = line.gross_fen if line.kind is LineKind.PAY else -line.gross_fen
        if line.gross_fen < 0 or line.net_fen != gross - line.fee_fen:
            raise refused("malformed", n, f"gross {line.gross_fen}, fee {line.fee_fen}, net {line.net_fen}")
        key = (line.kind, line.transaction_id, line.refund_no)
        if line.kind is not LineKind.CHARGE and (not line.transaction_id or key in seen):
            raise refused("repeated", n, f"{line.kind} {line.transaction_id} {line.refund_no}")
        seen.add(key)
        total += line.net_fen
    if len(listed.lines) > LINES_MAX:
        raise refused("too_large", LINES_MAX, "too many lines")
    if max(0, total) != listed.payout_fen:
        raise refused(
            "unbalanced", len(listed.lines), f"lines come to {total}, payout is {listed.payout_fen}"
        )


def members(lines: Iterable[SettlementLine], parts: Mapping[str, Sequence[Part]]) -> list[Member]:
    """Whose part is what. ``parts``: trade → its subjects, the largest of which bears the fee; a refund is of the subject
    that its number names, else of the largest. Trades without parts are left out."""
    fee: dict[str, int] = {}
    gross: dict[str, int] = {}
    back: dict[str, int] = {}
    charged: dict[str, int] = {}
    for line in lines:
        owners = parts.get(line.transaction_id, ())
        if not owners or line.kind is LineKind.CHARGE:
            continue
        first = max(owners, key=lambda part: part.amount_fen).subject
        fee[first] = fee.get(first, 0) + line.fee_fen
        if line.kind is LineKind.PAY:
            for part in owners:
                gross[part.subject] = gross.get(part.subject, 0) + part.amount_fen
        else:
            named = next((part.subject for part in owners if line.refund_no.startswith(part.subject)), first)
            back[named] = back.get(named, 0) + line.gross_fen
            if line.kind is LineKind.CHARGEBACK:
                charged[named] = charged.get(named, 0) + line.gross_fen
    subjects = list(dict.fromkeys((*gross, *back, *fee)))
    return [
        Member(
            subject=subject,
            n=n,
            fee_fen=fee.get(subject, 0),
            back_fen=back.get(subject, 0),
            charged_fen=charged.get(subject, 0),
            net_fen=max(0, gross.get(subject, 0) - fee.get(subject, 0) - back.get(subject, 0)),
        )
        for n, subject in enumerate(subjects, start=1)
    ]


def read_settlement(body: bytes) -> SettlementList:
    """A file of our own template: first line ``# channel=… batch_id=… reference=… day=… payout_fen=…``, then CSV with
    `COLUMNS`, amounts in fen. Raises Problem ``settlement_refused``."""
    if len(body) > FILE_BYTES_MAX:
        raise refused("too_large", 0, f"more than {FILE_BYTES_MAX} bytes")
    try:
        text = body.decode("utf-8-sig")
        first, _, rest = text.partition("\n")
        head = dict(part.split("=", 1) for part in first.removeprefix("#").split())
        rows = csv.DictReader(io.StringIO(rest), strict=True)
        if tuple(head) != HEAD or tuple(rows.fieldnames or ()) != COLUMNS:
            raise refused("malformed", 1, "head or columns are not those of the template")
        lines = tuple(_row(row, n) for n, row in enumerate(rows, start=3))
        listed = SettlementList(
            channel=head["channel"],
            batch_id=head["batch_id"],
            reference=head["reference"],
            day=date.fromisoformat(head["day"]),
            payout_fen=int(head["payout_fen"]),
            lines=lines,
        )
    except (ValueError, csv.Error) as error:
        raise refused("malformed", 1, str(error)[:80]) from None
    check(listed)
    return listed


def _row(row: Mapping[str, str], n: int) -> SettlementLine:
    try:
        return SettlementLine(
            position=int(row["position"]),
            kind=LineKind(row["kind"]),
            transaction_id=row["transaction_id"],
            refund_no=row["refund_no"],
            gross_fen=int(row["gross_fen"]),
            fee_fen=int(row["fee_fen"]),
            net_fen=int(row["net_fen"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise refused("malformed", n, str(error)[:80]) from None


def write_settlement(listed: SettlementList) -> bytes:
    """The same as a file of our own template."""
    out = io.StringIO()
    head = " ".join(f"{name}={getattr(listed, name)}" for name in HEAD)
    out.write(f"# {head}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(line, name) for name in COLUMNS] for line in listed.lines)
    return out.getvalue().encode()
