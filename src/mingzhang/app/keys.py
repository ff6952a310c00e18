"""Keys that change while the shop is open: files read again, the other side's keys fetched; in every process.

Web and worker hold keys of their own, because both read what the channels say. Real seconds throughout: files and
networks know nothing of the shop's clock.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import RefreshesKeys

log = structlog.get_logger()
LOOK_REAL_S: Final = 2.0
REFRESH_REAL_S: Final = 60.0
FETCH_REAL_S: Final = 30.0  # for all channels together


async def keep_keys(ctx: Context, stop: asyncio.Event, look_real_s: float = LOOK_REAL_S) -> None:
    """Until `stop`: look at key files every few seconds, and about once a minute at what channels fetch."""
    fetched = -REFRESH_REAL_S
    while not stop.is_set():
        anew = await asyncio.to_thread(ctx.reread_keys)
        if anew or time.monotonic() - fetched >= REFRESH_REAL_S:
            await refresh_keys(ctx)
            fetched = time.monotonic()
        try:
            await asyncio.wait_for(stop.wait(), look_real_s)
        except TimeoutError:
            continue


async def refresh_keys(ctx: Context) -> None:
    """Let every channel that fetches keys look whether it is time to; bounded, and nothing stops the process."""
    fetching = [channel for channel in ctx.channels.values() if isinstance(channel, RefreshesKeys)]
    try:
        async with asyncio.timeout(FETCH_REAL_S):
            for channel in fetching:
                await channel.refresh_keys()
    except TimeoutError:
        log.warning("keys_not_fetched", why="timed_out")
    except Exception:
        log.exception("keys_not_fetched")
