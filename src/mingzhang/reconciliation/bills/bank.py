"""A bank's lines of one day, as CSV of our own: the statements themselves are checked and kept where they come in.

A line is known by the reference that was fixed before (结算参考号, EndToEndId); without one, by its place in its statement.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.money import format_yuan
from mingzhang.reconciliation.bills.text import (
    Told,
    cell_of,
    fen_of,
    number_of,
    read_lines,
    refused,
)
from mingzhang.reconciliation.model import Kind, Line, Word

COLUMNS: Final = ("对账单行", "记账日期", "金额（元）", "参考号", "对方", "摘要")
NOON: Final = timedelta(hours=12)


class BankLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a statement. ``line``: where it stands; ``amount_fen`` negative: out."""

    line: str
    booked_on: date
    amount_fen: int
    reference: str
    counterparty: str
    purpose: str


def write_lines_of_day(lines: Sequence[BankLine]) -> bytes:
    """The day's lines as one file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for it in lines:
        yuan = format_yuan(abs(it.amount_fen))
        amount = yuan if it.amount_fen >= 0 else f"-{yuan}"
        writer.writerow((it.line, it.booked_on, amount, it.reference, it.counterparty, it.purpose))
    return out.getvalue().encode()


def read_lines_of_day(raw: bytes, told: Told) -> Iterator[Line]:
    """The same file as lines of a reconciliation."""
    names: list[str] = []
    for number, text in read_lines(raw, "utf-8"):
        cells = [cell.strip() for cell in next(csv.reader([text]))]
        if not names:
            names = cells
            if tuple(names) != COLUMNS:
                raise refused("unknown_form", number, COLUMNS[0], "the header is another one")
            continue
        told.lines += 1
        yield _line(dict(zip(names, cells, strict=True)), number)


def _line(cells: dict[str, str], number: int) -> Line:
    place = number_of(cell_of(cells, COLUMNS[0], number), number, COLUMNS[0])
    reference = number_of(cell_of(cells, COLUMNS[3], number), number, COLUMNS[3], needed=False)
    fen = fen_of(cell_of(cells, COLUMNS[2], number), number, COLUMNS[2])
    day = date.fromisoformat(cell_of(cells, COLUMNS[1], number))
    return Line(
        kind=Kind.RECEIVED if fen >= 0 else Kind.SENT,
        key=reference or place,
        our_no=reference or place,
        their_no=place,
        amount_fen=abs(fen),
        fee_fen=None,
        state=Word.DONE,
        occurred_at=datetime.combine(day, datetime.min.time(), BEIJING) + NOON,
        position=number,
    )
