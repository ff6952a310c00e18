"""One model for every bank statement, whatever it was written in: integer fen, dates, and lines in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import FEN_MAX

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
LINES_MAX: Final = 100_000
TEXT_MAX: Final = 500
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z/\-]{3,33}")
_AMOUNT: Final = re.compile(r"([0-9]{1,16})(?:[.,]([0-9]{0,5}))?")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One booked line. ``position``: from 1 within its statement; ``amount_fen``: what it adds to the balance, negative
    when money left; ``reference``: the end-to-end number of whoever ordered it; ``row``: where in the file."""

    position: int
    booked_on: date
    amount_fen: int
    reference: str = ""
    bank_reference: str = ""
    counterparty: str = ""
    counterparty_account: str = ""
    purpose: str = ""
    reversal: bool = False
    row: int = 0


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A whole statement: opening + lines = closing, always. Amounts in fen of ``currency``."""

    account: str
    statement_id: str
    currency: str
    opened_on: date
    closed_on: date
    opening_fen: int
    closing_fen: int
    lines: tuple[Line, ...]


def refused(why: str, line: int, field: str, told: str) -> Problem:
    """A statement that is not taken: Problem ``statement_refused``, with the line of the file and the field.

    ``why``: malformed, truncated, unbalanced, corrected, wrong_account, wrong_currency, gap, too_large.
    """
    where = f"line {line}, field {field}" if line else f"field {field}"
    params: dict[str, str | int] = {"why": why, "line": line, "field": field}
    return Problem("statement_refused", Kind.INVALID, f"{why}: {where}: {told}", params)


def read_amount(text: str, line: int, field: str) -> int:
    """A decimal amount without a sign, with a dot or a comma, as fen. More than whole fen is refused."""
    match = _AMOUNT.fullmatch(text.strip()) if text.isascii() else None
    if match is None:
        raise refused("malformed", line, field, f"{text[:40]!r} is no amount")
    whole, part = match[1], match[2] or ""
    if part[2:].strip("0"):
        raise refused("malformed", line, field, f"{text[:40]!r} is not in whole fen")
    fen = int(whole) * 100 + int(part[:2].ljust(2, "0") or "0")
    if fen > FEN_MAX:
        raise refused("malformed", line, field, f"{text[:40]!r} is beyond any amount")
    return fen


def read_account(text: str, line: int, field: str) -> str:
    """An account's number without blanks."""
    account = text.replace(" ", "")
    if _ACCOUNT.fullmatch(account) is None:
        raise refused("malformed", line, field, f"{text[:40]!r} is no account")
    return account


def clip(text: str) -> str:
    """Free text on one line, bounded."""
    return " ".join(text.split())[:TEXT_MAX]


def checked(
    *,
    account: str,
    statement_id: str,
    currency: str,
    opened_on: date,
    closed_on: date,
    opening_fen: int,
    closing_fen: int,
    lines: Sequence[Line],
    row: int,
    closing_row: int,
) -> Statement:
    """The statement, if opening + lines = closing: what is cut off, doubled or altered does not add up."""
    if not statement_id or len(statement_id) > 64:
        raise refused("malformed", row, "statement id", f"{statement_id[:70]!r}")
    if opened_on > closed_on:
        raise refused("malformed", closing_row, "closing date", f"{closed_on} is before {opened_on}")
    moved = sum(line.amount_fen for line in lines)
    if opening_fen + moved != closing_fen:
        told = f"{opening_fen} + {moved} fen of {len(lines)} lines is not {closing_fen}"
        raise refused("unbalanced", closing_row, "closing balance", told)
    return Statement(
        account=account,
        statement_id=statement_id,
        currency=currency,
        opened_on=opened_on,
        closed_on=closed_on,
        opening_fen=opening_fen,
        closing_fen=closing_fen,
        lines=tuple(lines),
    )
