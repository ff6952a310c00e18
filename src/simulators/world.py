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

from simulators.faults import Faults
from simulators.wrong_bills import WrongBills

BEIJING = timezone(timedelta(hours=8))
MAX_PENDING = 200_000
MAX_ROWS = 1_000_000
MAX_BODY_BYTES = 256 * 1024
MAX_UPLOAD_BYTES = 6 * 1024 * 1024
HOLD_MAX_S = 60.0
NOTIFY_TIMEOUT_S = 10.0

_SUFFIX = re.compile(r"[PTR]\d{1,2}$")


def order_prefix(number: str) -> str:
    """The order id inside a merchant's number: order id + P1 (payment), T1 (top-up), R1 (refund)."""
    return _SUFFIX.sub("", number)


@dataclass(frozen=True)
class Clock:
    """Virtual time: ``virtual_epoch + (real now - real_epoch) * speed``; seconds since 1970."""

    real_epoch: float = 0.0
    virtual_epoch: float = 0.0
    speed: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Clock:
        """``system`` or ``scaled:<real_epoch>:<virtual_epoch>:<speed>``, else ValueError."""
        if text == "system":
            return cls()
        kind, *parts = text.split(":")
        if kind != "scaled" or len(parts) != 3:
            raise ValueError(f"clock must be 'system' or 'scaled:real:virtual:speed', not {text!r}")
        real, virtual, speed = (float(part) for part in parts)
        if speed <= 0:
            raise ValueError("clock speed must be above 0")
        return cls(real, virtual, speed)

    def now(self) -> datetime:
        """Virtual now, UTC-aware."""
        return datetime.fromtimestamp(self.virtual_epoch + (time.time() - self.real_epoch) * self.speed, UTC)

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
        self._pending = 0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
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
        if self._pending >= MAX_PENDING:
            self.dropped += 1
            return
        self._pending += 1
        loop = asyncio.get_running_loop()
        handle: asyncio.TimerHandle | None = None

        def fire() -> None:
            self._pending -= 1
            if handle is not None:
                self._timers.discard(handle)
            task = loop.create_task(self._guarded(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        real = self.clock.real_s(virtual_s)
        if real <= 0:
            fire()
            return
        handle = loop.call_later(real, fire)
        self._timers.add(handle)

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
        for handle in self._timers:
            handle.cancel()
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
