"""Erasing one order's personal data: at once what the buyer asked for, at its term what the law has kept (个保法 47).

The public record, the books and every hash stay as they are, so that nothing of what is proved is lost but whom it was
about. While anything about the order is open, nothing is erased: the wish stands on record and is looked at daily.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, quote_plus

import asyncpg
import msgspec

from mingzhang.catalogue.fields import read_values
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.oversight.privacy import TRADE

SQL: Final = load("mingzhang.oversight", "erasure")
AGAIN: Final = timedelta(days=1)
MESSAGES_MAX: Final = 2_000
MINE_MAX: Final = 5_000
BEFORE: Final = timedelta(minutes=30)  # an account may be asked about before its order is placed
AFTER: Final = timedelta(hours=6)
NEEDLE_MIN: Final = 5  # a shorter text would be found in any number
TIMEOUT_S: Final = 600.0
_ORDER: Final = re.compile(rb"M[0-9A-Z]{18}")


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """How a wish stands. ``step``: waiting, kept, done; ``keep_until``: until when the law has the rest kept."""

    bucket: int
    order_id: str
    asked_by: str
    asked_at: datetime
    step: str
    keep_until: datetime | None
    first_at: datetime | None
    done_at: datetime | None


async def ask(conn: asyncpg.Connection, order_ids: Sequence[str], now: datetime) -> None:
    """The buyer's wish, for orders that are the buyer's; one that was asked before stands."""
    for order_id in order_ids:
        where = bucket_of(order_id)
        await conn.execute(SQL.ask_erasure, where, [order_id], "buyer", now)
        await conn.execute(SQL.hasten_erasure, where, order_id, now)


async def list_mine(conn: asyncpg.Connection, vault: Vault, contact: str) -> list[str]:
    """Every order of a proved contact, the newest `MINE_MAX`: more than its list shows."""
    rows = await conn.fetch(SQL.list_mine, vault.fingerprint(contact), MINE_MAX)
    return [row["order_id"] for row in rows]


async def read(conn: asyncpg.Connection, order_id: str) -> Erasure | None:
    """How the wish of an order stands; None: nobody asked."""
    row = await conn.fetchrow(SQL.read_erasure, bucket_of(order_id), order_id)
    return Erasure(**dict(row)) if row else None


async def work(conn: asyncpg.Connection, vault: Vault, order_id: str, lease: int, now: datetime) -> str:
    """One look at one wish, inside the caller's transaction; the step it came to, or empty when the order is gone."""
    bucket = bucket_of(order_id)
    order = await conn.fetchrow(SQL.lock_subject, bucket, order_id)
    if order is None:
        return ""
    if await conn.fetchval(SQL.find_open, bucket, order_id) is not None:
        await conn.execute(SQL.set_step, bucket, order_id, lease, "waiting", None, None, None, now + AGAIN)
        return "waiting"
    until = keep_until(order["paid_at"], order["over_at"], now)
    whole = now >= until
    await _put_messages_away(conn, vault, order, bucket, now, keep=not whole)
    await conn.execute(SQL.erase_order, bucket, order_id, whole)
    step, done, due = ("done", now, None) if whole else ("kept", None, until)
    await conn.execute(SQL.set_step, bucket, order_id, lease, step, until, now, done, due)
    return step


def keep_until(paid_at: datetime | None, over_at: datetime | None, now: datetime) -> datetime:
    """Until when the law has a trade's information kept, disputes and all; now, where there was no trade."""
    if paid_at is None or TRADE.keep is None:
        return now
    return (over_at or now) + TRADE.keep


async def _put_messages_away(
    conn: asyncpg.Connection, vault: Vault, order: asyncpg.Record, bucket: int, now: datetime, *, keep: bool
) -> None:
    order_id = str(order["order_id"])
    last = await conn.fetchval(SQL.read_last_event, bucket, order_id) or order["placed_at"]
    rows = await conn.fetch(
        SQL.list_messages,
        bucket,
        order_id,
        order["placed_at"] - BEFORE,
        last + AFTER,
        needles(order_id, _texts(vault, order)),
        MESSAGES_MAX,
        timeout=TIMEOUT_S,
    )
    if len(rows) == MESSAGES_MAX:
        raise Problem("too_many_messages", Kind.INTERNAL, order_id)
    own = [row for row in rows if tells_of_one(row["body"], order_id)]
    sealed = [vault.seal(row["body"].decode("latin-1")) if keep else b"" for row in own]
    await conn.execute(SQL.erase_messages, bucket, order_id, [row["evidence_id"] for row in own], sealed, now)


def _texts(vault: Vault, order: asyncpg.Record) -> list[str]:
    """The personal data of an order in clear, for the search alone."""
    texts = [vault.open(order["contact_enc"])] if order["contact_enc"] else []
    if order["account_enc"]:
        texts += read_values(vault.open(order["account_enc"])).values()
    return [text for text in texts if len(text) >= NEEDLE_MIN]


def needles(order_id: str, texts: Sequence[str]) -> list[bytes]:
    """What is looked for in bodies: each text as it is, and as forms and addresses write it."""
    found = {order_id.encode()}
    for text in texts:
        found |= {text.encode(), quote(text, safe="").encode(), quote_plus(text, safe="").encode()}
    return sorted(found)


def tells_of_one(body: bytes, order_id: str) -> bool:
    """Whether a message names no other order: a list of many stays whole, for the others' sake."""
    return set(_ORDER.findall(body)) <= {order_id.encode()}


def open_message(vault: Vault, sealed: bytes) -> bytes:
    """The body that was put away. Raises Problem `erased` when its term is over."""
    if not sealed:
        raise Problem("erased", Kind.GONE)
    return vault.open(sealed).encode("latin-1")
