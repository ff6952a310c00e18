"""Disputes and their conversation: the only SQL that writes them (R27, R34)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from mingzhang.disputes.states import read_number
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load

SQL = load("mingzhang.disputes", "store")


class Dispute(msgspec.Struct, kw_only=True):
    """A dispute as stored; columns: migration 0071. Amounts in fen, times aware UTC."""

    bucket: int
    dispute_id: str
    order_id: str
    n: int
    kind: str
    source: str
    channel: str
    complaint_no: str
    wish: str
    state: str
    said: int
    round: int
    opened_at: datetime
    round_at: datetime
    since: datetime
    first_by: datetime
    solution_by: datetime
    final_by: datetime
    outside_by: datetime | None
    first_at: datetime | None
    solution_at: datetime | None
    missed: list[str]
    reminded_at: datetime | None
    paused_at: datetime | None
    paused: timedelta
    pauses: int
    remedy: str
    amount_fen: int
    carried: str
    held: bool
    role: str
    outcome: str
    closed_at: datetime | None
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a dispute. ``kind``: text, or what happened (asked, offered, accepted, refused, decided, missed, …);
    ``text_enc``: sealed; ``name``: who of the staff, for staff alone; ``files``: ids of attachments.
    """

    n: int
    at: datetime
    speaker: str
    name: str
    kind: str
    text_enc: bytes
    remedy: str
    amount_fen: int
    data: dict[str, Any]
    files: list[str]
    evidence_id: str
    external_id: str


class PublicCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the trust page shows of disputes since a moment. ``breaches``: by stage (first, solution, final, outside);
    ``answer_*``: seconds from the opening to the first answer, None without a sample.
    """

    since: datetime
    opened: int
    closed: int
    still_open: int
    answer_p50_s: float | None
    answer_p90_s: float | None
    outcomes: Mapping[str, int]
    breaches: Mapping[str, int]


def dispute_of_row(row: asyncpg.Record) -> Dispute:
    """A dispute from its whole row."""
    return Dispute(**{name: row[name] for name in Dispute.__struct_fields__})


async def read_dispute(conn: asyncpg.Connection, dispute_id: str) -> Dispute:
    """One dispute without its lock. Raises Problem `unknown_dispute`."""
    return await _one(conn, SQL.read_dispute, dispute_id)


async def lock_dispute(conn: asyncpg.Connection, dispute_id: str) -> Dispute:
    """One dispute with its lock; take the order's first. Raises Problem `unknown_dispute`."""
    return await _one(conn, SQL.lock_dispute, dispute_id)


async def _one(conn: asyncpg.Connection, statement: str, dispute_id: str) -> Dispute:
    try:
        bucket = bucket_of(read_number(dispute_id)[0])
    except Problem as problem:
        raise Problem("unknown_dispute", Kind.NOT_FOUND) from problem
    row = await conn.fetchrow(statement, bucket, dispute_id)
    if row is None:
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return dispute_of_row(row)


async def list_disputes(conn: asyncpg.Connection, order_id: str) -> list[Dispute]:
    """An order's disputes, newest first."""
    return [dispute_of_row(row) for row in await conn.fetch(SQL.list_disputes, bucket_of(order_id), order_id)]


async def find_by_complaint(
    conn: asyncpg.Connection, bucket: int, channel: str, complaint_no: str
) -> Dispute | None:
    """The dispute that a channel's complaint opened."""
    row = await conn.fetchrow(SQL.find_complaint, bucket, channel, complaint_no)
    return dispute_of_row(row) if row is not None else None


async def list_messages(conn: asyncpg.Connection, dispute_id: str, after: int = 0) -> list[Message]:
    """The conversation after a number, oldest first."""
    bucket = bucket_of(read_number(dispute_id)[0])
    return [Message(**dict(row)) for row in await conn.fetch(SQL.list_messages, bucket, dispute_id, after)]


async def list_open(conn: asyncpg.Connection, limit: int = 300) -> list[Dispute]:
    """What is at no end, soonest deadline first."""
    return [dispute_of_row(row) for row in await conn.fetch(SQL.list_open_disputes, limit)]


async def list_latest(conn: asyncpg.Connection, limit: int = 50) -> list[Dispute]:
    """The newest that are at an end."""
    return [dispute_of_row(row) for row in await conn.fetch(SQL.list_latest_disputes, limit)]


async def wake(conn: asyncpg.Connection, order_id: str, now: datetime) -> None:
    """The order changed by somebody else's hand: its open disputes are looked at now."""
    await conn.execute(SQL.wake_disputes, bucket_of(order_id), order_id, now)


async def public_counts(conn: asyncpg.Connection, since: datetime) -> PublicCounts:
    """What anybody may know of how this shop treats disputes (R43, R45)."""
    row = await conn.fetchrow(SQL.count_public, since)
    outcomes = await conn.fetch(SQL.count_outcomes, since)
    breaches = await conn.fetch(SQL.count_breaches, since)
    return PublicCounts(
        since=since,
        outcomes={each["outcome"]: each["n"] for each in outcomes},
        breaches={each["stage"]: each["n"] for each in breaches},
        **dict(row),
    )


async def write(conn: asyncpg.Connection, row: Dispute) -> None:
    """Write a dispute whose lock is held."""
    await conn.execute(
        SQL.update_dispute,
        row.bucket,
        row.dispute_id,
        row.wish,
        row.state,
        row.said,
        row.round,
        row.round_at,
        row.since,
        row.first_by,
        row.solution_by,
        row.final_by,
        row.outside_by,
        row.first_at,
        row.solution_at,
        row.missed,
        row.reminded_at,
        row.paused_at,
        row.paused,
        row.pauses,
        row.remedy,
        row.amount_fen,
        row.carried,
        row.held,
        row.role,
        row.outcome,
        row.closed_at,
        row.holder,
        row.next_actor,
        row.due_at,
        row.deadline_at,
        row.channel,
        row.complaint_no,
    )
