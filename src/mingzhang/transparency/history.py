"""What happened to some subjects of one bucket, read from the timeline and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from mingzhang.transparency import digest
from mingzhang.transparency.entry import EventRow, History, LegRow
from mingzhang.transparency.statements import is_stated
from mingzhang.transparency.tree import SQL


class Range(NamedTuple):
    """The numbers after ``after`` up to ``until`` of one subject."""

    subject: str
    after: int
    until: int


async def read_histories(conn: asyncpg.Connection, bucket: int, ranges: Sequence[Range]) -> list[History]:
    """One history for each range, in the order given."""
    subjects = [wanted.subject for wanted in ranges]
    untils = [wanted.until for wanted in ranges]
    afters = [wanted.after for wanted in ranges]
    events = await conn.fetch(SQL.read_events, bucket, subjects, afters, untils)
    if any(map(is_stated, subjects)):
        events += await conn.fetch(SQL.read_statements, bucket, subjects, afters, untils)
    legs = await conn.fetch(SQL.read_legs, bucket, subjects, untils)
    prices = {
        row["order_id"]: row["price_fen"] for row in await conn.fetch(SQL.read_prices, bucket, subjects)
    }
    cited = {row["evidence_id"] for row in (*events, *legs)} - {""}
    digests = {row["evidence_id"]: row["sha256"] for row in await conn.fetch(SQL.read_digests, list(cited))}
    known = {
        wanted.subject: History(wanted.subject, prices.get(wanted.subject, 0), wanted.after, [], [])
        for wanted in ranges
    }
    for row in events:
        known[row["order_id"]].events.append(
            EventRow(row["seq"], row["kind"], row["at"], digests.get(row["evidence_id"], b""), row["data"])
        )
    for row in legs:
        known[row["subject"]].legs.append(
            LegRow(
                row["seq"],
                row["posting"],
                row["place"],
                row["party"],
                row["owner"],
                row["amount_fen"],
                digests.get(row["evidence_id"], b""),
                row["at"],
            )
        )
    tables = [wanted for wanted in ranges if wanted.subject.startswith(digest.PREFIX)]
    if tables:
        for subject, event in await digest.read_spans(conn, *zip(*tables, strict=True)):
            known[subject].events.append(event)
    return [known[subject] for subject in subjects]
