"""Our own side: the ledger's entries of a day, and those of other days that an outside line asks for by number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import bucket_of, order_of_number
from mingzhang.reconciliation.model import Kind, OurLine, Wanted, Word
from mingzhang.reconciliation.sources import Source, start_of
from mingzhang.reconciliation.store import SQL

BEFORE: Final = timedelta(hours=2)
KNOWN_LATE: Final = timedelta(days=4)
"""A payment may become known so long after it was made (R10: lost notifies are found by the day-end pass)."""
REFUND_DAYS: Final = 40
EXPORT_S: Final = 600.0
KEYS_MAX: Final = 5000


async def export(conn: asyncpg.Connection, source: Source, day: date, path: Path) -> None:
    """Write the day's entries of every kind that the source lists to a CSV, straight from COPY."""
    begin = start_of(day)
    end = begin + timedelta(days=1)
    with path.open("wb") as file:
        if Kind.PAID in source.kinds:
            late = end + KNOWN_LATE
            await _copy(
                conn, file, SQL.paid_of_day, source.party, begin - BEFORE, late, late + KNOWN_LATE, day
            )
        if Kind.REFUND in source.kinds:
            first = begin - timedelta(days=REFUND_DAYS)
            await _copy(conn, file, SQL.refunds_of_day, source.party, first, end, day)
        if Kind.SUPPLY in source.kinds:
            first = begin - timedelta(days=REFUND_DAYS)
            await _copy(conn, file, SQL.supply_of_day, source.party, first, end, day)
        if Kind.SETTLED in source.kinds:
            await _copy(conn, file, SQL.payouts_of_day, source.party, day)
        if Kind.RECEIVED in source.kinds:
            await _copy(conn, file, SQL.bank_of_day, source.party, day)


async def _copy(conn: asyncpg.Connection, file: Any, statement: str, *values: object) -> None:
    await conn.copy_from_query(statement, *values, output=file, format="csv", timeout=EXPORT_S)


async def look_up(conn: asyncpg.Connection, source: Source, wanted: list[Wanted]) -> list[OurLine]:
    """Entries with these very keys, whenever they were booked."""
    found: list[OurLine] = []
    for kind in (Kind.PAID, Kind.REFUND, Kind.SUPPLY, Kind.SETTLED):
        keys = [it.key for it in wanted if it.kind == kind]
        for at in range(0, len(keys), KEYS_MAX):
            some = keys[at : at + KEYS_MAX]
            if kind in (Kind.PAID, Kind.SETTLED):
                statement = SQL.paid_by_key if kind is Kind.PAID else SQL.payouts_by_key
                rows = await conn.fetch(statement, source.party, some)
            else:
                statement = SQL.refunds_by_key if kind is Kind.REFUND else SQL.supply_by_key
                rows = await conn.fetch(statement, source.party, buckets_of(some), some)
            found += [_line(row) for row in rows]
    return found


async def issued_among(conn: asyncpg.Connection, wanted: list[Wanted]) -> set[str]:
    """Which of these numbers we ever gave out."""
    numbers = sorted({number for it in wanted for number in (it.our_no, it.key) if number})
    found: set[str] = set()
    for at in range(0, len(numbers), KEYS_MAX):
        some = numbers[at : at + KEYS_MAX]
        rows = await conn.fetch(SQL.list_issued, buckets_of(some), some)
        rows += await conn.fetch(SQL.list_fixed_references, some)
        found |= {row["our_no"] for row in rows}
    # A refund's line names the payment, too, and a payment's only itself: the line counts as ours by either.
    return found | {it.our_no for it in wanted if it.key in found}


def buckets_of(numbers: Iterable[str]) -> list[int]:
    """The buckets of those among the numbers that could be ours."""
    buckets: set[int] = set()
    for number in numbers:
        try:
            buckets.add(bucket_of(order_of_number(number)))
        except Problem:
            continue
    return sorted(buckets)


def _line(row: asyncpg.Record) -> OurLine:
    return OurLine(
        kind=Kind(row["kind"]),
        key=row["key"],
        our_no=row["our_no"],
        their_no=row["their_no"],
        amount_fen=row["amount_fen"],
        fee_fen=row["fee_fen"],
        state=Word(row["state"]),
        occurred_at=datetime.fromtimestamp(row["at_s"], UTC),
        day=row["day"],
        subject=row["subject"],
        evidence_id=row["evidence_id"],
    )
