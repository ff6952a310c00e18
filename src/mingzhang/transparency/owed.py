"""What is owed to the buyer of an order, or the payer of an item put aside, at a moment: from legs and events alone.

    paid   = what the subject took from its payer (ledger rows 3, 23, 24)
    back   = refund.arrived + refund.chargeback: it is the payer's again
    moving = refunding + refund.transit: a refund that has not arrived
    rest   = paid − back − moving

Until the goods arrived, all of ``moving + rest`` is owed: goods or money, wherever it lies, also what a supplier holds or
a fee took. Once they arrived: ``moving``, what was paid beyond the price, and what was promised back since and is not
gathered yet (a part that was not delivered, a refund that waits for money at the channel). A reversal undoes an arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.transparency", "owed")
REVERSED: Final = "supplier_reversed"
ENDS: Final = ("delivered", "partly_delivered", "late_success", REVERSED)
CHUNK: Final = 2_000
STEP: Final = timedelta(hours=1)


class Facts(NamedTuple):
    """Of one subject, in fen. ``end``: the last of `ENDS`, or empty; ``promised``: refunds asked for since then;
    ``gathered``: of these, what was booked into a place of refunds."""

    price: int
    paid: int
    moving: int
    back: int
    end: str
    promised: int
    gathered: int


class Owed(NamedTuple):
    """A subject to which something is owed."""

    bucket: int
    subject: str
    fen: int


def owed_fen(facts: Facts) -> int:
    """What is owed; never below 0."""
    rest = max(0, facts.paid - facts.back - facts.moving)
    if not facts.end or facts.end == REVERSED:
        return facts.moving + rest
    beyond = max(0, min(rest, facts.paid - facts.price)) if facts.price else 0
    waiting = max(0, facts.promised - facts.gathered)
    return facts.moving + min(rest, beyond + waiting)


async def touched_since(
    conn: asyncpg.Connection, before: Sequence[tuple[int, str]], since: datetime, until: datetime
) -> dict[int, set[str]]:
    """Whom a span of time may have changed: those to whom something was owed before, and all who had a posting or were
    promised a refund in it. By bucket; read an hour at a time, so that no statement takes long."""
    found: dict[int, set[str]] = {}
    for bucket, subject in before:
        found.setdefault(bucket, set()).add(subject)
    at = since
    while at < until:
        end = min(at + STEP, until)
        for row in await conn.fetch(SQL.list_touched, at, end):
            found.setdefault(row["bucket"], set()).add(row["subject"])
        at = end
    return found


async def measure(conn: asyncpg.Connection, subjects: dict[int, set[str]], until: datetime) -> list[Owed]:
    """What is owed to some subjects by what is dated before ``until``."""
    found: list[Owed] = []
    for bucket, names in sorted(subjects.items()):
        ordered = sorted(names)
        for first in range(0, len(ordered), CHUNK):
            found += await _chunk(conn, bucket, ordered[first : first + CHUNK], until)
    return found


async def measure_all(conn: asyncpg.Connection, until: datetime) -> list[Owed]:
    """The same of everybody, walking through the journal subject by subject: for the first day, and for the audit."""
    found: list[Owed] = []
    for bucket in [row["bucket"] for row in await conn.fetch(SQL.list_buckets)]:
        last = ""
        while True:
            names = [row["subject"] for row in await conn.fetch(SQL.walk_subjects, bucket, last, CHUNK)]
            if not names:
                break
            found += await _chunk(conn, bucket, names, until)
            last = names[-1]
    return found


async def _chunk(conn: asyncpg.Connection, bucket: int, names: Sequence[str], until: datetime) -> list[Owed]:
    rows = await conn.fetch(SQL.read_facts, bucket, names, until, list(ENDS))
    amounts = ((subject, owed_fen(Facts(*facts))) for subject, *facts in map(tuple, rows))
    return [Owed(bucket, subject, fen) for subject, fen in amounts if fen]


async def sum_places(conn: asyncpg.Connection, owed: Sequence[Owed], until: datetime) -> dict[str, int]:
    """Where the money of those to whom something is owed lies: place → fen, as theirs (o, S)."""
    found: dict[str, int] = {}
    by_bucket: dict[int, list[str]] = {}
    for one in owed:
        by_bucket.setdefault(one.bucket, []).append(one.subject)
    for bucket, names in by_bucket.items():
        for first in range(0, len(names), CHUNK):
            for row in await conn.fetch(SQL.sum_places, bucket, names[first : first + CHUNK], until):
                found[row["place"]] = found.get(row["place"], 0) + row["fen"]
    return {place: fen for place, fen in sorted(found.items()) if fen}
