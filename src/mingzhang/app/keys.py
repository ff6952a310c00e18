"""Keys that change while the shop is open: files read again, the other side's keys fetched; in every process.

Web and worker hold keys of their own, because both read what the channels say. Real seconds throughout: files and
networks know nothing of the shop's clock.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from mingzhang.kit.database import transaction
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Facts, Template
from mingzhang.orders.context import Context
from mingzhang.payments import key_store
from mingzhang.payments.channels.base import HasKeyTerms, RefreshesKeys
from mingzhang.payments.key_store import WATCH_EVERY, WATCH_RETRY, Ending, warning_due

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


async def watch_terms(ctx: Context) -> int:
    """Once a day: put every key's end on record and tell the shop of those that end soon; returns 1 when it was due.

    Each warning (30, 14, 7, 1 days before, and at the end) is told once for each end, whoever looks how often.
    """
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        await conn.execute(key_store.SQL.ensure_watch, now)
        claimed = await conn.fetchval(key_store.SQL.claim_watch, now, ctx.worker_name, ctx.lease_end())
    if claimed is None:
        return 0
    endings, unread, wait = [], [], WATCH_EVERY
    for name, channel in ctx.channels.items():
        if isinstance(channel, HasKeyTerms):
            try:
                endings += [
                    Ending(party=name, key=term.key, ends_at=term.ends_at) for term in channel.key_terms()
                ]
            except Exception:
                log.exception("key_terms_unread", channel=name)
                unread.append(name)
                wait = WATCH_RETRY
    async with transaction(ctx.pool) as conn:
        await key_store.set_terms(conn, endings, now, unread)
        for ending in endings:
            days = warning_due(ending.ends_at, now)
            if days is not None:
                occasion = f"key_ends:{ending.ends_at:%Y%m%d}:{days}"
                facts = Facts(order_id=ending.name, until=ending.ends_at)
                await notices.enqueue(conn, ctx.rng, now, Template.KEY_ENDS, occasion, facts)
        await conn.execute(key_store.SQL.set_watch, now, now + wait)
    return 1
