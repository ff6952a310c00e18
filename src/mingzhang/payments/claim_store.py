"""Claims: the only SQL that writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_order_id
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.payments", "claim_store")
_ORDER_LENGTH: Final = 19


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim as stored; states: see `claim_states.py`. `said`: not_paid, unknown, paid, or nothing yet.

    `flag` (staff only): other_order, unknown_order, conflict. `picture_id`: sealed evidence, or empty.
    """

    bucket: int
    claim_id: str
    order_id: str
    n: int
    state: str
    number: str
    unpaid: bool
    flag: str
    said: str
    evidence_id: str
    picture_id: str
    asked: int
    asked_at: datetime | None
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    made_at: datetime
    finished_at: datetime | None
    answer: str
    answered_by: str
    since: datetime | None


def claim_number(order_id: str, n: int) -> str:
    """Our number for an order's n-th claim."""
    return f"{order_id}C{n}"


def order_of_claim(claim_id: str) -> str:
    """The order inside a claim's number; raises `unknown_claim`."""
    order_id, rest = claim_id[:_ORDER_LENGTH], claim_id[_ORDER_LENGTH:]
    if not is_order_id(order_id) or rest[:1] != "C" or not (rest[1:].isascii() and rest[1:].isdecimal()):
        raise Problem("unknown_claim", Kind.NOT_FOUND)
    return order_id


async def list_claims(conn: asyncpg.Connection, order_id: str) -> list[Claim]:
    """An order's claims, newest first."""
    rows = await conn.fetch(SQL.list_claims, bucket_of(order_id), order_id)
    return [Claim(**dict(row)) for row in rows]


async def read_claim(conn: asyncpg.Connection, claim_id: str) -> Claim:
    """One claim; raises `unknown_claim`."""
    row = await conn.fetchrow(SQL.read_claim, bucket_of(order_of_claim(claim_id)), claim_id)
    if row is None:
        raise Problem("unknown_claim", Kind.NOT_FOUND)
    return Claim(**dict(row))


async def list_open(conn: asyncpg.Connection, limit: int = 200) -> list[Claim]:
    """Open claims of all orders, those for a person first."""
    return [Claim(**dict(row)) for row in await conn.fetch(SQL.list_open_claims, limit)]
