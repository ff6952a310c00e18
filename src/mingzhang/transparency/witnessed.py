"""The log's side of witnessing: shows the newest state to each witness, and keeps the cosignatures that hold."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound, Silence
from mingzhang.transparency.merkle import consistency_parts
from mingzhang.transparency.notes import (
    COSIGNED,
    Signature,
    Verifier,
    cosigned_at,
    parse_note,
    parse_verifier,
)
from mingzhang.transparency.tree import SQL, prove

TIMEOUT_S: Final = 8.0
WITNESSES_MAX: Final = 16


class Address(msgspec.Struct, frozen=True):
    """A witness: where it answers, and its key."""

    url: str
    key: Verifier


def parse_witnesses(text: str) -> tuple[Address, ...]:
    """``URL KEY`` a line. Raises Problem `witness_invalid`, naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        url, _, key = line.strip().partition(" ")
        try:
            verifier = parse_verifier(key)
        except Problem as problem:
            raise Problem("witness_invalid", Kind.INVALID, f"line {number}: {problem.detail}") from problem
        if verifier.kind != COSIGNED or not url.startswith(("http://", "https://")):
            raise Problem("witness_invalid", Kind.INVALID, f"line {number}: an address and a witness's key")
        found.append(Address(url.rstrip("/"), verifier))
    if len(found) > WITNESSES_MAX:
        raise Problem("witness_invalid", Kind.INVALID, f"more than {WITNESSES_MAX} witnesses")
    return tuple(found)


async def show(pool: asyncpg.Pool, http: Outbound, witness: Address, now: datetime) -> str:
    """Show the newest state to one witness. Returns ``cosigned``, ``current`` (it had signed it), or why not.

    A witness that stands elsewhere than we think says its size, and is asked once more from there.
    """
    async with pool.acquire() as conn:
        head = await conn.fetchrow(SQL.read_head)
        old = await conn.fetchval(SQL.read_cosigned, witness.key.name) or 0
    if head is None or old == head["size"]:
        return "current"
    for _ in range(2):
        async with pool.acquire() as conn:
            parts = consistency_parts(old, head["size"]) if old > 0 else []
            proof = await prove(conn, parts)
        lines = "".join(f"{base64.b64encode(value).decode()}\n" for value in proof)
        body = f"old {old}\n{lines}\n{head['note']}".encode()
        answer = await http.post(f"{witness.url}/add-checkpoint", body, "text/plain", TIMEOUT_S)
        if isinstance(answer, Silence):
            return answer.why.value
        if answer.status == 200:
            return await _keep(pool, witness, head, answer.body, now)
        stands = _size(answer.body) if answer.status == 409 else None
        if stands is None or stands == old or not 0 <= stands <= head["size"]:
            return f"refused_{answer.status}"
        old = stands
    return "refused_409"


def _size(body: bytes) -> int | None:
    text = body[:24].strip()
    return int(text) if text.isdigit() else None


async def _keep(
    pool: asyncpg.Pool, witness: Address, head: asyncpg.Record, body: bytes, now: datetime
) -> str:
    """The cosignature, if it is this witness's and holds."""
    text = parse_note(head["note"]).text
    try:
        answered = parse_note(f"{text}\n{body.decode()}")
    except (Problem, UnicodeDecodeError):
        return "malformed"
    line: Signature | None = next(
        (
            one
            for one in answered.signatures
            if (one.name, one.key_hash) == (witness.key.name, witness.key.hash)
        ),
        None,
    )
    if line is None or cosigned_at(text, line, witness.key) is None:
        return "does_not_hold"
    async with transaction(pool) as conn:
        await conn.execute(SQL.insert_cosignature, head["size"], witness.key.name, line.line(), now)
    return "cosigned"
