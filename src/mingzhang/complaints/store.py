"""Complaints, their negotiation and our acts: the only SQL that writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.payments.channels.complaints import ComplaintState, Line

SQL: Final = load("mingzhang.complaints", "store")
LISTED_MAX: Final = 200


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as stored; columns: migration 0075. Amounts in fen, times aware UTC; words and phone sealed."""

    channel: str
    complaint_no: str
    state: str
    word: str
    wish: str
    made_at: datetime | None
    changed_at: datetime | None
    transaction_id: str
    payment_no: str
    amount_fen: int
    asked_fen: int
    waits: bool
    refunded: bool
    words_enc: bytes
    phone_enc: bytes
    phone_mask: str
    images: list[str]
    evidence_id: str
    bucket: int
    order_id: str
    dispute_id: str
    bound_by: str
    first_by: datetime | None
    solved_by: datetime | None
    answered_at: datetime | None
    sent_to: int
    case_state: str
    known_at: datetime
    read_at: datetime | None
    tried_at: datetime | None
    failures: int
    code: str
    due_at: datetime | None

    @property
    def key(self) -> str:
        """What a visit is named by."""
        return f"{self.channel}:{self.complaint_no}"


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the negotiation as stored."""

    line_id: str
    speaker: str
    word: str
    at: datetime
    text_enc: bytes
    images: list[str]
    opens: bool
    known_at: datetime
    evidence_id: str
    poured: bool


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something that we do there; states: `states.py`. `files`: attachments of the case that go along."""

    key: str
    n: int
    act: str
    state: str
    text_enc: bytes
    files: list[str]
    approved: bool
    planned_at: datetime
    asked: int
    asked_at: datetime | None
    ended_at: datetime | None
    code: str
    line_id: str
    evidence_id: str


def row_of(record: asyncpg.Record) -> Row:
    """A complaint from its whole row."""
    return Row(**{name: record[name] for name in Row.__struct_fields__})


async def find(conn: asyncpg.Connection, channel: str, complaint_no: str) -> Row | None:
    """One complaint, or None."""
    record = await conn.fetchrow(SQL.read_complaint, channel, complaint_no)
    return row_of(record) if record is not None else None


async def read(conn: asyncpg.Connection, channel: str, complaint_no: str) -> Row:
    """One complaint; raises `unknown_complaint`."""
    found = await find(conn, channel, complaint_no)
    if found is None:
        raise Problem("unknown_complaint", Kind.NOT_FOUND)
    return found


async def list_rows(conn: asyncpg.Connection, limit: int = LISTED_MAX) -> list[Row]:
    """Unbound ones, then open ones by their clock, then what is over."""
    return [row_of(record) for record in await conn.fetch(SQL.list_unbound, limit)]


async def list_gone_on(conn: asyncpg.Connection, limit: int = LISTED_MAX) -> list[Row]:
    """Those whose case is at its end for good and whose complainant waits for another word, soonest clock first."""
    return [row_of(record) for record in await conn.fetch(SQL.list_gone_on, limit)]


async def list_of_order(conn: asyncpg.Connection, order_id: str) -> list[Row]:
    """The complaints about an order, oldest first."""
    rows = await conn.fetch(SQL.list_of_order, bucket_of(order_id), order_id)
    return [row_of(record) for record in rows]


async def list_lines(conn: asyncpg.Connection, row: Row) -> list[LineRow]:
    """The negotiation, oldest first."""
    return [
        LineRow(**dict(record)) for record in await conn.fetch(SQL.list_lines, row.channel, row.complaint_no)
    ]


async def list_acts(conn: asyncpg.Connection, row: Row) -> list[Act]:
    """What we did there, in order."""
    return [Act(**dict(record)) for record in await conn.fetch(SQL.list_acts, row.channel, row.complaint_no)]


async def acts_of(conn: asyncpg.Connection, rows: list[Row]) -> dict[str, list[Act]]:
    """What we did about several complaints, by their key."""
    found: dict[str, list[Act]] = {row.key: [] for row in rows}
    for record in await conn.fetch(SQL.list_acts_of, *_named(rows)):
        act = Act(**{name: record[name] for name in Act.__struct_fields__})
        found[f"{record['channel']}:{record['complaint_no']}"].append(act)
    return found


async def lines_of(conn: asyncpg.Connection, rows: list[Row]) -> dict[str, int]:
    """How many lines several negotiations have, by the complaint's key; none are left out."""
    records = await conn.fetch(SQL.count_lines_of, *_named(rows))
    return {f"{record['channel']}:{record['complaint_no']}": record["lines"] for record in records}


def _named(rows: list[Row]) -> tuple[list[str], list[str]]:
    return [row.channel for row in rows], [row.complaint_no for row in rows]


async def insert_line(
    conn: asyncpg.Connection, row: Row, line: Line, text_enc: bytes, now: datetime, evidence_id: str
) -> bool:
    """Keep a line, once; whether it is new."""
    new = await conn.fetchval(
        SQL.insert_line,
        row.channel,
        row.complaint_no,
        line.line_id,
        line.by.value,
        line.kind,
        line.at,
        text_enc,
        list(line.images),
        line.opens,
        now,
        evidence_id,
    )
    return new is not None


def is_open(row: Row) -> bool:
    """Whether the channel still waits for anything."""
    return row.state in (
        ComplaintState.WAITING,
        ComplaintState.ANSWERED,
        ComplaintState.OUTSIDE,
        ComplaintState.UNKNOWN,
    )
