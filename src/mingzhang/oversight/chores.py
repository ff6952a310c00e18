"""What oversight does now and then: a row each, claimed like any other work that is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.oversight", "chores")


class Chore(msgspec.Struct, frozen=True, kw_only=True):
    """When a chore was done last, when it is due, and what it found; ``told`` is plain JSON."""

    chore: str
    due_at: datetime
    done_at: datetime | None
    told: dict[str, Any]


async def ensure(conn: asyncpg.Connection, names: Sequence[str], now: datetime) -> None:
    """Have these done, the first time at once."""
    await conn.execute(SQL.ensure_chores, list(names), now)


async def claim(
    conn: asyncpg.Connection, name: str, now: datetime, owner: str, until: datetime
) -> int | None:
    """Take a chore that is due; the number of the lease, or None."""
    taken: int | None = await conn.fetchval(SQL.claim_chore, name, now, owner, until)
    return taken


async def keep(conn: asyncpg.Connection, name: str, lease: int, until: datetime) -> bool:
    """Hold on to a chore that takes long; False when it was lost to another process."""
    return await conn.fetchval(SQL.extend_chore, name, lease, until) is not None


async def end(
    conn: asyncpg.Connection,
    name: str,
    lease: int,
    now: datetime,
    due_at: datetime,
    told: Mapping[str, Any],
) -> None:
    """Done; due again at ``due_at``."""
    await conn.execute(SQL.end_chore, name, lease, now, due_at, dict(told))


async def set_told(conn: asyncpg.Connection, name: str, now: datetime, told: Mapping[str, Any]) -> None:
    """Somebody did the chore's work by command: what they found."""
    await ensure(conn, [name], now)
    await conn.execute(SQL.set_told, name, now, dict(told))


async def read(conn: asyncpg.Connection) -> dict[str, Chore]:
    """Every chore by name."""
    return {row["chore"]: Chore(**dict(row)) for row in await conn.fetch(SQL.list_chores)}
