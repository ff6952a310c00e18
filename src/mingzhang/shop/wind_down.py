"""The shop winds down (停止经营): its one row. Two people decide it (`staff.approvals`); sales stop by the calendar.

The notice stands for at least thirty days (电子商务法 16); the database refuses less.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.shop", "wind_down")
NOTICE: Final = timedelta(days=30)
AHEAD_MAX: Final = timedelta(days=366)


class WindDown(msgspec.Struct, frozen=True, kw_only=True):
    """A winding down that runs. ``told``: by bucket, the last order whose buyer was written to; "" when all were."""

    wind_down_id: str
    reason: str
    approval_id: str
    proposed_by: str
    decided_by: str
    published_at: datetime
    closes_at: datetime
    told: dict[str, str]
    looked_at: datetime | None


def check_date(closes_at: datetime, now: datetime) -> None:
    """Raises Problem `notice_too_short` for less than thirty days from now, or for more than a year."""
    if not now + NOTICE <= closes_at <= now + AHEAD_MAX:
        raise Problem("notice_too_short", Kind.INVALID, params={"field": "closes_on"})


async def read_running(conn: asyncpg.Connection) -> WindDown | None:
    """The one that runs."""
    row = await conn.fetchrow(SQL.read_running)
    return WindDown(**dict(row)) if row else None


async def start(conn: asyncpg.Connection, told: WindDown) -> None:
    """Begin. Raises Problem `wind_down_running` when one runs already."""
    done = await conn.fetchval(
        SQL.insert_wind_down,
        told.wind_down_id,
        told.reason,
        told.approval_id,
        told.proposed_by,
        told.decided_by,
        told.published_at,
        told.closes_at,
    )
    if done is None:
        raise Problem("wind_down_running", Kind.CONFLICT)


async def call_off(conn: asyncpg.Connection, wind_down_id: str, who: str, now: datetime) -> None:
    """End it before its date. Raises Problem `unknown_wind_down`."""
    if await conn.fetchval(SQL.set_called_off, wind_down_id, who, now) is None:
        raise Problem("unknown_wind_down", Kind.NOT_FOUND)


async def claim(conn: asyncpg.Connection, now: datetime, until: datetime) -> WindDown | None:
    """Take the look when it is due."""
    row = await conn.fetchrow(SQL.claim_wind_down, now, until)
    return WindDown(**dict(row)) if row else None


async def set_looked(
    conn: asyncpg.Connection, wind_down_id: str, told: dict[str, str], now: datetime, due_at: datetime
) -> None:
    """What the look did, and when the next one is."""
    plain: dict[str, Any] = dict(told)
    await conn.execute(SQL.set_looked, wind_down_id, plain, now, due_at)
