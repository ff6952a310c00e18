"""Deadlines that passed (R34, R47): each is on record once, with who was late and who is next."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load

SQL = load("mingzhang.orders", "breaches")
SHARED = 0  # the bucket of what belongs to no order


class Late(NamedTuple):
    """A row whose deadline passed. ``kind``: order, payment, supply, refund, hint, suspense, claim, fact, and of money
    between us and the outside: payout, bank_line, instruction, difference, bill; ``key`` its number within the kind;
    ``subject``: its order or item, or empty.
    """

    kind: str
    key: str
    subject: str
    state: str
    actor: str
    deadline_at: datetime


class Breach(NamedTuple):
    """One line of the record."""

    kind: str
    key: str
    state: str
    late_actor: str
    next_actor: str
    deadline_at: datetime
    at: datetime


async def note_breach(
    conn: asyncpg.Connection, late: Late, next_actor: str, now: datetime, bucket: int | None = None
) -> None:
    """Put it on record, in the transaction that names who is next."""
    await conn.execute(
        SQL.insert_breach,
        bucket_of(late.subject) if bucket is None else bucket,
        late.kind,
        late.key,
        late.deadline_at,
        late.subject,
        late.state,
        late.actor,
        next_actor,
        now,
    )


async def list_overdue(conn: asyncpg.Connection, bucket: int, now: datetime) -> list[Late]:
    """Rows of one bucket whose deadline has passed and whom nobody else hands on."""
    return [Late(*row) for row in await conn.fetch(SQL.list_overdue, bucket, now)]


async def list_breaches(conn: asyncpg.Connection, subject: str) -> list[Breach]:
    """What passed its time of one order or item, oldest first."""
    return [Breach(*row) for row in await conn.fetch(SQL.list_breaches, bucket_of(subject), subject)]
