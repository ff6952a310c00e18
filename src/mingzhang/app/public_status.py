"""Is anybody there? The dead man's rule (R29): signs of life that only a shop at work gives, each with its limit.

Nothing here is declared by the shop: a worker that stands still, sweeps that are overdue, money that is short, or staff
who do not come raise the alarm by their silence.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.app.desk import Desk
from mingzhang.app.desk_wind_down import COUNT_MAX, SQL, Progress
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.shop.wind_down import WindDown, read_running

FRESH_REAL_S: Final = 5.0
WORKER_S: Final = 600.0  # the shop's seconds without a look at coverage, which is due every minute
WORKER_REAL_S: Final = 60.0
SWEEPS: Final = 3  # passes that may be missed


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """When each was seen last; ``short_since``: since when coverage is below one."""

    looked_at: datetime | None
    short_since: datetime | None
    swept_at: datetime | None
    staff_at: datetime | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long is too long, in the shop's seconds."""

    worker_s: float
    sweeps_s: float
    staff_s: float


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One sign of life. ``since``: when it was last seen, or since when it is bad; ``limit_s``: how long is too long."""

    code: str  # database | worker | sweeps | coverage | staff
    ok: bool
    since: datetime | None = None
    limit_s: float | None = None


class PublicStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``state``: ok, alarm or closing (which an alarm outranks)."""

    state: str
    as_of: datetime
    signals: tuple[Signal, ...]
    closes_at: datetime | None = None
    progress: Progress | None = None


class StatusBoard:
    """The status of one application, at most `FRESH_REAL_S` old. It answers also while the database is away."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: PublicStatus | None = None
        self._read_at = float("-inf")

    async def read(self) -> PublicStatus:
        """What holds."""
        if self._known is None or time.monotonic() - self._read_at >= FRESH_REAL_S:
            self._read_at = time.monotonic()
            self._known = await read_status(self._desk)
        return self._known

    def forget(self) -> None:
        """Look again at the next question."""
        self._read_at = float("-inf")


async def read_status(desk: Desk) -> PublicStatus:
    """Look at every sign of life."""
    now = desk.clock.now()
    try:
        async with desk.pool.acquire(timeout=2) as conn:
            seen = await conn.fetchrow(SQL.read_signs)
            running = await read_running(conn)
            counts = await conn.fetchrow(SQL.count_progress, COUNT_MAX, "") if running else None
    except (*DATABASE_AWAY, asyncpg.PostgresError, TimeoutError):
        held = desk.shop.winding_down
        closes_at = held.closes_at if held else None
        return PublicStatus(
            state="alarm", as_of=now, signals=(Signal(code="database", ok=False),), closes_at=closes_at
        )
    signals = (Signal(code="database", ok=True), *judge(Signs(**dict(seen)), limits_of(desk), now))
    progress = Progress(**dict(counts)) if counts else None
    return PublicStatus(
        state=_state(signals, running),
        as_of=now,
        signals=signals,
        closes_at=running.closes_at if running else None,
        progress=progress,
    )


def _state(signals: tuple[Signal, ...], running: WindDown | None) -> str:
    if not all(signal.ok for signal in signals):
        return "alarm"
    return "closing" if running else "ok"


def limits_of(desk: Desk) -> Limits:
    """The shop's seconds, but never less than a minute of real ones for programs."""
    worker_s = max(WORKER_S, WORKER_REAL_S * desk.clock.speed)
    return Limits(
        worker_s=worker_s,
        sweeps_s=SWEEPS * desk.ctx.list_every_s + worker_s,
        staff_s=desk.settings.dead_man_h * 3600,
    )


def judge(signs: Signs, limits: Limits, now: datetime) -> tuple[Signal, ...]:
    """Each sign against its limit."""
    return (
        _alive("worker", signs.looked_at, limits.worker_s, now),
        _alive("sweeps", signs.swept_at, limits.sweeps_s, now, unknown=True),
        Signal(code="coverage", ok=signs.short_since is None, since=signs.short_since),
        _alive("staff", signs.staff_at, limits.staff_s, now),
    )


def _alive(code: str, at: datetime | None, limit_s: float, now: datetime, *, unknown: bool = False) -> Signal:
    """`unknown`: what is said of what was never seen: a channel without a list is passed over by nobody."""
    ok = unknown if at is None else now - at <= timedelta(seconds=limit_s)
    return Signal(code=code, ok=ok, since=at, limit_s=limit_s)
