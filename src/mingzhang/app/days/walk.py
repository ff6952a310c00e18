"""The time of a run of days: ×60 while buyers act, and set forward over the hours in which little is due.

No step is taken while anything is late, so nothing waits longer than one step more than in a day of real time; over
hours in which nothing is due, here or outside, there is only one.
"""

from __future__ import annotations

import asyncio
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg

from mingzhang.app.demo import SPEED
from mingzhang.kit.clock import Clock
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.app.days", "days")
STEP_S: Final = 900.0
"""The longest step while something is due before its end, the shop's seconds; a row may be looked at so much late."""

LAG_S: Final = 2 * SPEED
"""A row is late when it is due for so long, the shop's seconds: the worker looks ten times a real second."""

LOOK_REAL_S: Final = 0.12
STUCK_REAL_S: Final = 20.0


def stepped_clock(folder: Path, begins: datetime) -> str:
    """The text of a clock that begins at a moment and can be set forward; its file is made in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / "ahead"
    path.write_bytes(struct.pack("<q", 0))
    return f"stepped:{time.time()!r}:{begins.timestamp()!r}:{SPEED!r}:{path}"


class Walker:
    """Sets the time of a run forward. ``stuck``: rows that stayed late although they had the time to be visited."""

    def __init__(
        self, http: aiohttp.ClientSession, control_url: str, pool: asyncpg.Pool, clock: Clock
    ) -> None:
        self._http, self._url, self._pool, self._clock = http, control_url, pool, clock
        self.steps = 0
        self.stuck = 0

    async def until(self, moment: datetime) -> None:
        """Let the time pass up to a moment."""
        while (now := self._clock.now()) < moment:
            due, next_at = await self._calm()
            now = self._clock.now()
            step = moment - now
            if due:
                step = min(step, timedelta(seconds=STEP_S))
            elif next_at is not None:
                step = min(step, max(next_at - now, timedelta(seconds=STEP_S)))
            if step > timedelta(0):
                await self._step(step.total_seconds())
                await asyncio.sleep(LOOK_REAL_S)

    async def _calm(self) -> tuple[int, datetime | None]:
        """Wait until nothing is late; how much is due, and when the next thing is, here or outside."""
        give_up = time.monotonic() + STUCK_REAL_S
        while True:
            now = self._clock.now()
            row = await self._pool.fetchrow(SQL.count_due, now, now - timedelta(seconds=LAG_S))
            outside = await self._time()
            if not row["late"] and not outside["busy"]:
                break
            if time.monotonic() > give_up:
                self.stuck += row["late"]
                break
            await asyncio.sleep(LOOK_REAL_S)
        told = [at for at in (row["next_at"], _moment(outside["next_at"])) if at is not None]
        return row["due"], min(told, default=None)

    async def _time(self) -> dict[str, Any]:
        async with self._http.get(f"{self._url}/time") as answer:
            answer.raise_for_status()
            told: dict[str, Any] = await answer.json()
            return told

    async def _step(self, seconds: float) -> None:
        async with self._http.post(f"{self._url}/time/step", json={"s": seconds}) as answer:
            answer.raise_for_status()
        self.steps += 1


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
