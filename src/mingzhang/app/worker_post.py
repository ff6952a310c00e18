"""The worker's other half: turns noted events into notices and sends what is due. No order ever waits for a mail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from mingzhang.kit.database import DATABASE_AWAY, transaction
from mingzhang.kit.errors import Problem
from mingzhang.notices import flow, store, untold
from mingzhang.notices.model import Post, Route
from mingzhang.orders.context import Context
from mingzhang.orders.tell import tell

log = structlog.get_logger()
AT_ONCE_MAX: Final = 8
POLL_REAL_S: Final = 0.25


class PostOffice:
    """Looks for what is to be told and what is to be sent; of letters and of webhooks at most `AT_ONCE_MAX` each are
    under way, so that neither waits for the other.
    """

    def __init__(self, ctx: Context, post: Post) -> None:
        self._ctx = ctx
        self._post = post
        self._lanes: dict[str, set[asyncio.Task[None]]] = {"letters": set(), "webhooks": set()}

    async def round(self) -> int:
        """One look; returns how many events and letters were taken."""
        async with self._post.pool.acquire() as conn:
            noted = await untold.buckets(conn)
        taken = 0
        for bucket in noted:
            taken += await tell(self._ctx, bucket)
        for bucket in await flow.buckets(self._post):
            for lane in self._lanes:
                taken += await self._start(bucket, lane)
        return taken

    async def _start(self, bucket: int, lane: str) -> int:
        tasks = self._lanes[lane]
        free = AT_ONCE_MAX - len(tasks)
        if free <= 0:
            return 0
        keys = await flow.due(self._post, bucket, free, lane)
        for key in keys:
            task = asyncio.create_task(self._send(key))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return len(keys)

    async def _send(self, key: str) -> None:
        try:
            await flow.work(self._post, key)
        except Exception:
            log.exception("letter_failed")  # the lease ends, and another attempt follows

    async def drain(self) -> None:
        """Wait for the letters under way."""
        under_way = set[asyncio.Task[None]]().union(*self._lanes.values())
        if under_way:
            await asyncio.wait(under_way)


async def run_post(ctx: Context, post: Post, routes: Sequence[Route], stop: asyncio.Event) -> None:
    """Open the settings' routes, then tell and send until `stop`. A database that is down makes letters wait."""
    office = PostOffice(ctx, post)
    opened = False
    while not stop.is_set():
        taken = 0
        try:
            if not opened:
                async with transaction(post.pool) as conn:
                    await store.set_routes(conn, post.vault, routes, post.now())
                opened = True
            taken = await office.round()
        except (*DATABASE_AWAY, asyncpg.PostgresError, Problem) as error:
            log.warning("post_waits", error=type(error).__name__)
        if not taken:
            try:
                await asyncio.wait_for(stop.wait(), POLL_REAL_S)
            except TimeoutError:
                continue
    await office.drain()
