"""The settlement slice's rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.settlement", "store")
WAITING: Final = ("unknown", "listed", "difference")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One payout of a channel. States: listed, settled (row 5 of all members), received (row 6), closed."""

    channel: str
    batch_id: str
    bank: str
    reference: str
    day: date
    members: int
    net_fen: int
    payout_fen: int
    evidence_id: str
    state: str
    line_key: str
    line_evidence_id: str
    bank_fen: int | None
    asked: int
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    since: datetime

    @property
    def key(self) -> str:
        """What names it in one word; also what its members wait under."""
        return f"{self.channel}:{self.batch_id}"

    @property
    def subject(self) -> str:
        """The ledger's subject of what is posted for no order: netted refunds, a short line."""
        return f"PAYOUT-{self.channel}-{self.batch_id}"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A member as stored."""

    bucket: int
    subject: str
    n: int
    fee_fen: int
    back_fen: int
    charged_fen: int
    net_fen: int
    state: str
    code: str


def batch_of(row: asyncpg.Record) -> Batch:
    """A batch from its whole row."""
    return Batch(**{name: row[name] for name in Batch.__struct_fields__})


async def read_batch(conn: asyncpg.Connection, channel: str, batch_id: str) -> Batch | None:
    """One batch, or None."""
    row = await conn.fetchrow(SQL.read_batch, channel, batch_id)
    return batch_of(row) if row is not None else None


async def list_members(
    conn: asyncpg.Connection, batch: Batch, states: tuple[str, ...], after: int, limit: int
) -> list[Waiting]:
    """Members in these states after a number, in the order of the lines."""
    rows = await conn.fetch(SQL.list_members, batch.channel, batch.batch_id, list(states), after, limit)
    return [Waiting(**dict(row)) for row in rows]


async def lock_member(conn: asyncpg.Connection, batch: Batch, member: Waiting) -> Waiting | None:
    """The member as it stands, under its lock."""
    row = await conn.fetchrow(SQL.lock_member, member.bucket, batch.channel, batch.batch_id, member.subject)
    return Waiting(**dict(row)) if row is not None else None
