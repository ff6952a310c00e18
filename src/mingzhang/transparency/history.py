"""What happened to some subjects, read from the timeline and the ledger: a few statements, however many they are."""

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

    bucket: int
    subject: str
    after: int
    until: int


async def read_histories(conn: asyncpg.Connection, ranges: Sequence[Range]) -> list[History]:
    """One history for each range, in the order given. A subject may stand in several ranges."""
    if not ranges:
        return []
    buckets, subjects, afters, untils = zip(*ranges, strict=True)
    events = await conn.fetch(SQL.read_events, buckets, subjects, afters, untils)
    legs = await conn.fetch(SQL.read_legs, buckets, subjects, untils)
    if any(map(is_stated, subjects)):
        events += await conn.fetch(SQL.read_statements, buckets, subjects, afters, untils)
    prices = await conn.fetch(SQL.read_prices, buckets, subjects)
    histories = [
        History(wanted.subject, price_fen, wanted.after, [], [])
        for wanted, (price_fen,) in zip(ranges, prices, strict=True)
    ]
    cited = {row["evidence_id"] for row in events} | {row["evidence_id"] for row in legs}
    cited.discard("")
    digests = {
        evidence_id: sha256.hex() for evidence_id, sha256 in await conn.fetch(SQL.read_digests, list(cited))
    }
    for n, seq, kind, at, evidence_id, data in events:
        histories[n - 1].events.append(EventRow(seq, kind, at, digests.get(evidence_id, ""), data))
    for n, seq, posting, place, party, owner, amount_fen, evidence_id, at in legs:
        leg = LegRow(seq, posting, place, party, owner, amount_fen, digests.get(evidence_id, ""), at)
        histories[n - 1].legs.append(leg)
    if any(subject.startswith(digest.PREFIX) for subject in subjects):
        for n, event in await digest.read_spans(conn, subjects, afters, untils):
            histories[n - 1].events.append(event)
    return histories
