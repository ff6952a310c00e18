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
APPLY_MAX_S = 600  # a fact may wait so long to be applied; then a person is told


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """An outside thing bound to its subject (order or suspense item): `content` is plain JSON.

    `details` come along with the content but bind nothing: told otherwise later, they are no conflict.
    `numbers`: outside numbers (kind, value) that a person may hold (scale rule 16).
    """

    party: str
    kind: str
    external_id: str
    subject: str
    content: dict[str, Any]
    details: dict[str, Any] = {}
    numbers: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What applying it is remembered under."""
        return applied_key(self.kind, self.party, self.external_id)


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

    @property
    def key(self) -> str:
        """What applying it is remembered under."""
        return applied_key(self.kind, self.party, self.external_id)


def applied_key(kind: str, party: str, external_id: str) -> str:
    """The key of `applied` for a fact of this identity."""
    return f"{kind}:{party}:{external_id}"


def request_hash(evidence_id: str) -> bytes:
    """What `applied` compares a key's repetition with: the evidence that the first application cited."""
    return hashlib.sha256(evidence_id.encode()).digest()


def evidence_row(message: Message, evidence_id: str, now: datetime) -> tuple[Any, ...]:
    """One message as the database's `evidence_row`; the body is cut at `BODY_MAX_BYTES`."""
    body = message.body[:BODY_MAX_BYTES]
    return (
        evidence_id,
        message.party,
        message.kind,
        message.direction,
        message.standing,
        message.content_type,
        body,
        hashlib.sha256(body).digest(),
        message.note,
        message.occurred_at,
        now,
    )


def _stored(fact: Fact) -> dict[str, Any]:
    return {**fact.content, "details": fact.details} if fact.details else fact.content


def fact_row(fact: Fact, evidence_id: str, now: datetime, due_at: datetime) -> tuple[Any, ...]:
    """One fact as the database's `fact_row`; `due_at`: when a worker applies it if nobody did before."""
    return (
        fact.party,
        fact.kind,
        fact.external_id,
        bucket_of(fact.subject),
        fact.subject,
        msgspec.json.encode(_stored(fact)).decode(),
        hashlib.sha256(_CANONICAL.encode(fact.content)).digest(),
        evidence_id,
        now,
        due_at,
    )


def number_rows(fact: Fact) -> list[tuple[str, str, int, str]]:
    """A fact's outside numbers as the database's `number_row`."""
    bucket = bucket_of(fact.subject)
    return [(value, kind, bucket, fact.subject) for kind, value in fact.numbers if value]


async def keep(conn: asyncpg.Connection, rng: Random, now: datetime, message: Message) -> str:
    """Store one message as it came, with its SHA-256; returns its evidence id."""
    evidence_id = new_id(now, rng)
    await conn.execute(SQL.insert_evidence, *evidence_row(message, evidence_id, now))
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
    row = fact_row(fact, evidence_id, now, now)
    key, bound = row[:3], row[3:5]
    content, content_hash = _stored(fact), row[6]
    fresh = await conn.fetchval(SQL.insert_fact, *key, *bound, content, content_hash, evidence_id, now)
    if fresh is not None:
        await conn.execute(SQL.insert_inbox, *key, *bound, content, evidence_id, now)
        for number in number_rows(fact):
            await conn.execute(SQL.insert_number, *number)
        return "new"
    if await conn.fetchval(SQL.read_fact_hash, *key) == content_hash:
        return "same"
    await conn.execute(SQL.insert_conflict, evidence_id, *key, *bound, content, now)
    return "conflict"


async def claim(
    conn: asyncpg.Connection, bucket: int, now: datetime, limit: int, owner: str, until: datetime
) -> list[Waiting]:
    """Take due facts of one bucket."""
    rows = await conn.fetch(SQL.claim_inbox, bucket, now, limit, owner, until)
    return [Waiting(**dict(row)) for row in rows]


async def begin(conn: asyncpg.Connection, waiting: Waiting, now: datetime) -> bool:
    """Claim the right to apply a fact, inside the transaction that applies it; false when it was applied before."""
    row = (waiting.bucket, waiting.key, request_hash(waiting.evidence_id), now)
    return await conn.fetchval(SQL.insert_applied, *row) is not None


async def complete(conn: asyncpg.Connection, waiting: Waiting) -> None:
    """Take an applied fact out of the inbox. A crash before this costs one look: `begin` then says no."""
    await conn.execute(SQL.finish_inbox, waiting.party, waiting.kind, waiting.external_id)


async def postpone(conn: asyncpg.Connection, waiting: Waiting, until: datetime, why: str) -> None:
    """Leave a fact that could not be applied for later."""
    await conn.execute(SQL.postpone_inbox, waiting.party, waiting.kind, waiting.external_id, until, why[:200])
