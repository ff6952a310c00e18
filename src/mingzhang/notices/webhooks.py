"""Endpoints of webhooks: made, paused and ended by staff; told, and given up, by the outbox (F16).

An endpoint has a route of the same number among the other destinations, so what it is told is queued, retried and
kept like any notice. After `DEAD_AFTER` messages in a row that were given up it is dead: nothing more is queued for
it, and staff are told.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.public_net import url_fault
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.notices import states
from mingzhang.notices.model import Facts, Notice
from mingzhang.notices.webhook_types import GROUPS, PING

SQL: Final = load("mingzhang.notices", "webhooks")
CHANNEL: Final = "webhook"
ENDPOINTS_MAX: Final = 20
DEAD_AFTER: Final = 5
LOG_MAX: Final = 100
NOTE_MAX: Final = 80
SECRET_BYTES: Final = 32

# From each state the states it may turn into.
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "active": frozenset({"paused", "dead", "closed"}),
    "paused": frozenset({"active", "closed"}),
    "dead": frozenset({"active", "closed"}),
    "closed": frozenset(),
}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as staff see it: never its secret, of its address only scheme and host."""

    endpoint_id: str
    url_mask: str
    note: str
    state: str
    topics: tuple[str, ...]
    failed_in_row: int
    made_by: str
    made_at: datetime


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a sending needs, in clear."""

    url: str
    secret: str
    state: str


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


async def add_endpoint(
    conn: asyncpg.Connection,
    vault: Vault,
    rng: Random,
    now: datetime,
    name: str,
    *,
    url: str,
    topics: Sequence[str],
    note: str = "",
    private: bool = False,
) -> tuple[str, str]:
    """Open one; returns its number and its secret, which is never shown again.

    Raises Problem `url_invalid`, `url_private`, `webhook_topics`, `too_many_endpoints`.
    """
    fault = url_fault(url, private=private)
    if fault:
        raise Problem(fault, Kind.INVALID, params={"field": "url"})
    if not topics or not set(topics) <= set(GROUPS):
        raise Problem("webhook_topics", Kind.INVALID, params={"field": "topics"})
    if await conn.fetchval(SQL.count_endpoints) >= ENDPOINTS_MAX:
        raise Problem("too_many_endpoints", Kind.CONFLICT, params={"max": ENDPOINTS_MAX})
    endpoint_id, secret = new_id(now, rng), new_secret()
    parts = urlsplit(url)
    mask = f"{parts.scheme}://{parts.hostname}/…"
    await conn.execute(
        SQL.insert_endpoint,
        endpoint_id,
        vault.seal(url),
        mask,
        vault.seal(secret),
        note.strip()[:NOTE_MAX],
        name,
        now,
    )
    await conn.execute(
        SQL.insert_route,
        endpoint_id,
        vault.seal(endpoint_id),
        mask,
        vault.fingerprint(endpoint_id),
        sorted(set(topics)),
        now,
    )
    return endpoint_id, secret


async def change_secret(conn: asyncpg.Connection, vault: Vault, endpoint_id: str, now: datetime) -> str:
    """A new secret instead of the old one, at once. Raises Problem `unknown_endpoint`."""
    secret = new_secret()
    if await conn.fetchval(SQL.set_secret, endpoint_id, vault.seal(secret), now) is None:
        raise Problem("unknown_endpoint", Kind.NOT_FOUND)
    return secret


async def set_state(conn: asyncpg.Connection, endpoint_id: str, state: str, now: datetime) -> None:
    """Pause, go on, or end. Raises Problem `unknown_endpoint`, `state_refused`."""
    before = await conn.fetchval(SQL.lock_endpoint, endpoint_id)
    if before is None:
        raise Problem("unknown_endpoint", Kind.NOT_FOUND)
    if state not in TRANSITIONS[before]:
        raise Problem("state_refused", Kind.CONFLICT, f"{before} -> {state}")
    await conn.execute(SQL.set_state, endpoint_id, state, now)
    await conn.execute(SQL.set_route, endpoint_id, state == "active", now)


async def ping(conn: asyncpg.Connection, rng: Random, endpoint_id: str, now: datetime) -> None:
    """Send it a message that means nothing, to try it. Raises Problem `unknown_endpoint` for one that is not active."""
    notice_id = new_id(now, rng)
    facts = Facts(order_id=endpoint_id, event=PING, at=now)
    queued = await conn.fetchval(
        SQL.enqueue_ping, notice_id, endpoint_id, msgspec.to_builtins(facts), now, now + states.LIFE
    )
    if queued is None:
        raise Problem("unknown_endpoint", Kind.NOT_FOUND)


async def list_endpoints(conn: asyncpg.Connection) -> list[Endpoint]:
    """All that are not ended, oldest first."""
    return [
        Endpoint(**{**dict(row), "topics": tuple(row["topics"])})
        for row in await conn.fetch(SQL.list_endpoints)
    ]


async def list_deliveries(conn: asyncpg.Connection) -> list[Notice]:
    """The newest messages with what became of each."""
    return [Notice(**dict(row)) for row in await conn.fetch(SQL.list_deliveries, LOG_MAX)]


async def send_anew(
    conn: asyncpg.Connection, rng: Random, bucket: int, notice_id: str, now: datetime
) -> None:
    """A message again: one that was given up gets a new life, one that was taken is sent once more under its number.

    Raises Problem `notice_not_done`.
    """
    from_failed = await conn.fetchval(SQL.revive_notice, bucket, notice_id, now, now + states.LIFE)
    if from_failed is None and not await conn.fetchval(
        SQL.copy_sent, bucket, notice_id, new_id(now, rng), now, now + states.LIFE
    ):
        raise Problem("notice_not_done", Kind.CONFLICT)


async def read_target(conn: asyncpg.Connection, vault: Vault, endpoint_id: str) -> Target | None:
    """Where to and with what secret; None for a number that never was."""
    row = await conn.fetchrow(SQL.read_endpoint, endpoint_id)
    if row is None:
        return None
    if row["state"] == "closed":
        return Target(url="", secret="", state="closed")
    return Target(url=vault.open(row["url_enc"]), secret=vault.open(row["secret_enc"]), state=row["state"])


async def count_sent(conn: asyncpg.Connection, endpoint_id: str) -> None:
    """It took one: the row of failures is over."""
    await conn.execute(SQL.reset_failures, endpoint_id)


async def count_given_up(conn: asyncpg.Connection, endpoint_id: str, now: datetime) -> bool:
    """One message was given up. True when the endpoint is dead by that: nothing more is queued for it."""
    died = await conn.fetchval(SQL.count_failure, endpoint_id, DEAD_AFTER, now)
    if died:
        await conn.execute(SQL.set_route, endpoint_id, False, now)  # noqa: FBT003 - a column's value
    return bool(died)


def endpoint_of(route_id: str) -> str:
    """The endpoint of a route's number."""
    return route_id.removeprefix(f"{CHANNEL}-")
