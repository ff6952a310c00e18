"""Messages, facts and the inbox: the only SQL that writes them (scale rule 5)."""

import hashlib
from datetime import datetime
from random import Random
from typing import Any

import asyncpg
import msgspec

from mingzhang.evidence.messages import Message
from mingzhang.kit.ids import bucket_of, new_id
from mingzhang.kit.sql import load

SQL = load("mingzhang.evidence", "store")
_CANONICAL = msgspec.json.Encoder(order="sorted")
BODY_MAX_BYTES = 256 * 1024


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """An outside thing bound to its subject (order or suspense item): `content` is plain JSON."""

    party: str
    kind: str
    external_id: str
    subject: str
    content: dict[str, Any]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A fact in the inbox, claimed for applying."""

    party: str
    kind: str
    external_id: str
    bucket: int
    subject: str
    content: dict[str, Any]
    evidence_id: str
    known_at: datetime
    asked: int


async def keep(conn: asyncpg.Connection, rng: Random, now: datetime, message: Message) -> str:
    """Store one message as it came, with its SHA-256; returns its evidence id."""
    evidence_id = new_id(now, rng)
    body = message.body[:BODY_MAX_BYTES]
    await conn.execute(
        SQL.insert_evidence,
        evidence_id,
        message.party,
        message.kind,
        message.direction.value,
        message.standing.value,
        message.content_type,
        body,
        hashlib.sha256(body).digest(),
        message.note,
        message.occurred_at,
        now,
    )
    return evidence_id


async def keep_all(
    conn: asyncpg.Connection, rng: Random, now: datetime, messages: tuple[Message, ...]
) -> str:
    """Store every message of one exchange; the id of the last (the answer) is returned, or "" when there is none."""
    last = ""
    for message in messages:
        last = await keep(conn, rng, now, message)
    return last


async def state_fact(conn: asyncpg.Connection, fact: Fact, evidence_id: str, now: datetime) -> str:
    """Write a fact once and put it into the inbox: `new`, `same` (told again) or `conflict` (told otherwise)."""
    bucket = bucket_of(fact.subject)
    content_hash = hashlib.sha256(_CANONICAL.encode(fact.content)).digest()
    key = (fact.party, fact.kind, fact.external_id)
    fresh = await conn.fetchval(
        SQL.insert_fact, *key, bucket, fact.subject, fact.content, content_hash, evidence_id, now
    )
    if fresh is not None:
        await conn.execute(SQL.insert_inbox, *key, bucket, fact.subject, fact.content, evidence_id, now)
        return "new"
    if await conn.fetchval(SQL.read_fact_hash, *key) == content_hash:
        return "same"
    await conn.execute(SQL.insert_conflict, evidence_id, *key, bucket, fact.subject, fact.content, now)
    return "conflict"


async def claim(
    conn: asyncpg.Connection, bucket: int, now: datetime, limit: int, owner: str, until: datetime
) -> list[Waiting]:
    """Take due facts of one bucket."""
    rows = await conn.fetch(SQL.claim_inbox, bucket, now, limit, owner, until)
    return [Waiting(**dict(row)) for row in rows]


async def finish(conn: asyncpg.Connection, waiting: Waiting) -> bool:
    """Complete a fact inside the transaction that applies it; false when another worker was first."""
    return await conn.fetchval(SQL.finish_inbox, waiting.party, waiting.kind, waiting.external_id) is not None


async def postpone(conn: asyncpg.Connection, waiting: Waiting, until: datetime, why: str) -> None:
    """Leave a fact that could not be applied for later."""
    await conn.execute(SQL.postpone_inbox, waiting.party, waiting.kind, waiting.external_id, until, why[:200])


async def remember(conn: asyncpg.Connection, order_id: str, kind: str, value: str) -> None:
    """Make an order findable by a number that a person may hold (F12)."""
    if value:
        await conn.execute(SQL.insert_number, value, kind, bucket_of(order_id), order_id)
