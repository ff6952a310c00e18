"""The world both parties live in: clock, seed, ids, scheduling and outbound HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from simulators.ahead import Ahead
from simulators.faults import Faults
from simulators.wrong_bills import WrongBills

BEIJING = timezone(timedelta(hours=8))
MAX_PENDING = 200_000
MAX_ROWS = 1_000_000
MAX_BODY_BYTES = 256 * 1024
MAX_UPLOAD_BYTES = 6 * 1024 * 1024
HOLD_MAX_S = 60.0
NOTIFY_TIMEOUT_S = 10.0
STEP_MAX_S = 40 * 86400.0

_SUFFIX = re.compile(r"[PTR]\d{1,2}$")


def order_prefix(number: str) -> str:
    """The order id inside a merchant's number: order id + P1 (payment), T1 (top-up), R1 (refund)."""
    return _SUFFIX.sub("", number)


@dataclass(frozen=True)
class Clock:
    """Virtual time: ``virtual_epoch + (real now - real_epoch) * speed``; seconds since 1970. ``ahead``: further on."""

    real_epoch: float = 0.0
    virtual_epoch: float = 0.0
    speed: float = 1.0
    ahead: Ahead | None = None

    @classmethod
    def parse(cls, text: str) -> Clock:
        """``system``, ``scaled:<real_epoch>:<virtual_epoch>:<speed>`` or ``stepped:…:<file>``, else ValueError."""
        if text == "system":
            return cls()
        kind, *parts = text.split(":", 4)
        if (kind, len(parts)) not in (("scaled", 3), ("stepped", 4)):
            raise ValueError(f"clock must be 'system' or 'scaled:real:virtual:speed', not {text!r}")
        real, virtual, speed = (float(part) for part in parts[:3])
        if speed <= 0:
            raise ValueError("clock speed must be above 0")
        return cls(real, virtual, speed, Ahead(parts[3]) if kind == "stepped" else None)

    def now(self) -> datetime:
        """Virtual now, UTC-aware."""
        seconds = self.virtual_epoch + (time.time() - self.real_epoch) * self.speed
        return datetime.fromtimestamp(seconds + (self.ahead.seconds if self.ahead else 0.0), UTC)

    def real_s(self, virtual_s: float) -> float:
        """How many real seconds a virtual span lasts."""
        return max(0.0, virtual_s) / self.speed


def beijing(moment: datetime | None) -> str:
    """``yyyy-MM-dd HH:mm:ss`` in Beijing time, the way both parties write it; empty for None."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def read_beijing(text: str) -> datetime | None:
    """The reverse of ``beijing``, seconds optional; None when it is not a time."""
    for form in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M %z"):
        with contextlib.suppress(ValueError):
            return datetime.strptime(f"{text} +0800", form).astimezone(BEIJING)
    return None


@dataclass(frozen=True)
class Payout:
    """What a channel paid out to the merchant's bank, fen."""

    at: datetime
    reference: str
    fen: int


@dataclass
class Timer:
    """Something that happens by itself at a virtual time."""

    due_at: datetime
    work: Callable[[], Awaitable[None]]
    handle: asyncio.TimerHandle | None = None


class World:
    """Shared by both parties. One event loop, one outbound HTTP session, bounded scheduling."""

    def __init__(self, seed: int = 0, clock: Clock | None = None) -> None:
        self.seed = seed
        self.clock = clock or Clock()
        self.faults = Faults(seed, order_prefix)
        self.bills = WrongBills(self.faults, self.digest)
        self.down: dict[str, bool] = {"alipay": False, "fulu": False, "dtone": False, "kasushou": False}
        self.dropped = 0
        self._sequence = 0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[int, Timer] = {}
        self._session: aiohttp.ClientSession | None = None
        self._sending = asyncio.Semaphore(64)

    def now(self) -> datetime:
        return self.clock.now()

    def next_number(self) -> int:
        """A sequence number, unique for this run."""
        self._sequence += 1
        return self._sequence

    def digest(self, *parts: object) -> str:
        """A hex digest fixed by the seed and the parts: the only randomness there is."""
        return hashlib.sha256("|".join(map(str, (self.seed, *parts))).encode()).hexdigest()

    def after(self, virtual_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` after a virtual span. Past MAX_PENDING waiting works it is dropped and counted."""
        if self._closing:
            return
        if len(self._timers) >= MAX_PENDING:
            self.dropped += 1
            return
        number = self.next_number()
        self._timers[number] = Timer(self.now() + timedelta(seconds=virtual_s), work)
        self._wind(number)

    def _wind(self, number: int) -> None:
        """Let a timer ring when its time has come, as time passes now."""
        timer, loop = self._timers[number], asyncio.get_running_loop()
        if timer.handle is not None:
            timer.handle.cancel()
        left = self.clock.real_s((timer.due_at - self.now()).total_seconds())
        if left <= 0:
            self._fire(number)
        else:
            timer.handle = loop.call_later(left, self._fire, number)

    def _fire(self, number: int) -> None:
        work = self._timers.pop(number).work
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def step(self, seconds: float) -> None:
        """Set the time forward; what became due by it happens at once, in its order. Raises ValueError."""
        if self.clock.ahead is None or not 0 <= seconds <= STEP_MAX_S:
            raise ValueError("this clock takes no such step")
        self.clock.ahead.add(seconds)
        for number, _ in sorted(self._timers.items(), key=lambda item: item[1].due_at):
            self._wind(number)

    @property
    def busy(self) -> int:
        """How much is being done right now."""
        return len(self._tasks)

    @property
    def next_at(self) -> datetime | None:
        """When the next thing happens by itself."""
        return min((timer.due_at for timer in self._timers.values()), default=None)

    @staticmethod
    async def _guarded(work: Callable[[], Awaitable[None]]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await work()

    async def post(
        self,
        url: str,
        *,
        form: dict[str, str] | None = None,
        json_bytes: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str | None:
        """POST a notification; the answer's text on HTTP 200 or 204, else None (refused, lost, timed out)."""
        sent = {"Content-Type": "application/json; charset=utf-8"} if json_bytes is not None else {}
        return await self._call("POST", url, form or json_bytes, {**sent, **(headers or {})})

    async def get(self, url: str) -> str | None:
        """GET a notification address as it stands, already encoded; otherwise as ``post``."""
        return await self._call("GET", url, None, None)

    async def _call(
        self, method: str, url: str, data: dict[str, str] | bytes | None, headers: dict[str, str] | None
    ) -> str | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=NOTIFY_TIMEOUT_S),
                connector=aiohttp.TCPConnector(limit=64),
                trust_env=False,
            )
        async with self._sending:
            try:
                target = URL(url, encoded=True)
                async with self._session.request(method, target, data=data, headers=headers) as answer:
                    text = (await answer.content.read(4096)).decode("utf-8", "replace")
                    return text if answer.status in (200, 204) else None
            except (aiohttp.ClientError, TimeoutError, ValueError):
                return None

    async def close(self) -> None:
        """Stop timers, tasks and the HTTP session."""
        self._closing = True
        for timer in self._timers.values():
            if timer.handle is not None:
                timer.handle.cancel()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def drop(request: web.Request) -> web.Response:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def hold(request: web.Request) -> web.Response:
    """Never answer: wait until the client gives up (60 real seconds at most), then cut the connection."""
    deadline = time.monotonic() + HOLD_MAX_S
    while time.monotonic() < deadline:
        if request.transport is None or request.transport.is_closing():
            break
        await asyncio.sleep(0.05)
    return drop(request)


def outage(world: World, party: str) -> Middleware:
    """Middleware: while the party is down every connection is cut, before and after the handler ran."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if world.down[party]:
            return drop(request)
        answer = await handler(request)
        return drop(request) if world.down[party] else answer

    return middleware
