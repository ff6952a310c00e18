"""Time is passed in. One virtual time may be shared by several processes through a short text.

Everything that is *promised* (deadlines, due times, expiry) is counted in virtual seconds on a `Clock`.
Network and database timeouts are always REAL seconds and never go through here: a socket does not answer
sooner because the shop's day passes faster.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from mingzhang.kit.errors import Kind, Problem

_AHEAD: Final = struct.Struct("<q")


class Clock(Protocol):
    """What time it is (aware UTC), and waiting in virtual seconds."""

    @property
    def speed(self) -> float:
        """Virtual seconds that pass per real second."""
        ...

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of virtual time; zero or less yields once."""
        ...

    def spec(self) -> str:
        """The text (setting MINGZHANG_CLOCK) from which another process builds the same time."""
        ...


class SystemClock:
    """The machine's own time."""

    speed: float = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    def spec(self) -> str:
        return "system"


class ScaledClock:
    """Runs `speed` times as fast as the machine's time, from a common origin.

    `real_origin` and `virtual_origin` are epoch seconds; two processes given the same three numbers agree.
    """

    def __init__(self, real_origin: float, virtual_origin: float, speed: float) -> None:
        if not 0 < speed < 1e7:
            raise Problem("clock_invalid", Kind.INVALID, f"speed must be in (0, 10 million): {speed!r}")
        self.real_origin = float(real_origin)
        self.virtual_origin = float(virtual_origin)
        self.speed = float(speed)
        self.now()  # an origin that no calendar can hold is refused here, not at the first use

    def now(self) -> datetime:
        seconds = self.virtual_origin + (time.time() - self.real_origin) * self.speed
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise Problem("clock_invalid", Kind.INVALID, f"time out of range: {seconds!r}") from error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0) / self.speed)

    def spec(self) -> str:
        return f"scaled:{self.real_origin!r}:{self.virtual_origin!r}:{self.speed!r}"


class SteppedClock(ScaledClock):
    """A scaled time that can be set forward for all its processes at once, over hours in which nothing is due.

    The file at ``path`` holds how far it is ahead: microseconds, eight bytes, little-endian. Who drives the run writes
    it; here it is only read. Raises Problem `clock_invalid` when there is no such file.
    """

    def __init__(self, real_origin: float, virtual_origin: float, speed: float, path: str) -> None:
        try:
            with Path(path).open("rb") as file:
                self._ahead = mmap.mmap(file.fileno(), _AHEAD.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Problem("clock_invalid", Kind.INVALID, f"no steps in {path!r}: {error}") from error
        self.path = path
        super().__init__(real_origin, virtual_origin, speed)

    def now(self) -> datetime:
        ahead: int = _AHEAD.unpack_from(self._ahead)[0]
        return super().now() + timedelta(microseconds=ahead)

    def spec(self) -> str:
        return f"stepped:{self.real_origin!r}:{self.virtual_origin!r}:{self.speed!r}:{self.path}"


class ManualClock:
    """Stands still until told to go on; for tests. Sleepers wake in the order of their due times."""

    speed: float = 1.0

    def __init__(self, start: datetime) -> None:
        if start.utcoffset() is None:
            raise Problem("clock_invalid", Kind.INVALID, "a clock needs an aware datetime")
        self._now = start.astimezone(UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._sequence = itertools.count()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._sequence), future))
        await future

    def advance(self, by: float | timedelta) -> datetime:
        """Move time forward by seconds or a timedelta, wake whoever is due, return the new now."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise Problem("clock_invalid", Kind.INVALID, "time does not go back")
        self._now += step
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():  # the sleeper may have been cancelled meanwhile
                future.set_result(None)
        return self._now

    def spec(self) -> str:
        raise Problem("clock_invalid", Kind.INVALID, "a manual clock lives in one process only")


def clock_from_spec(spec: str) -> Clock:
    """Build the clock named by "system", "scaled:<real epoch s>:<virtual epoch s>:<speed>" or "stepped:…:<file>"."""
    if spec == "system":
        return SystemClock()
    name, *rest = spec.split(":", 4)
    if (name, len(rest)) not in (("scaled", 3), ("stepped", 4)):
        raise Problem("clock_invalid", Kind.INVALID, f"unknown clock: {spec!r}")
    try:
        real, virtual, speed = (float(number) for number in rest[:3])
    except ValueError as error:
        raise Problem("clock_invalid", Kind.INVALID, f"not three numbers: {spec!r}") from error
    return (
        ScaledClock(real, virtual, speed) if name == "scaled" else SteppedClock(real, virtual, speed, rest[3])
    )
