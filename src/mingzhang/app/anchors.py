"""The loop that has the record's states stamped by third parties, in the worker."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import structlog

from mingzhang.app.settings import Settings
from mingzhang.app.transparency import witnesses_of
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.orders.context import Context
from mingzhang.transparency import anchors

log = structlog.get_logger()
LOOK_REAL_S: Final = 2.0


async def look(ctx: Context, settings: Settings) -> list[tuple[str, str]]:
    """Plan the period that runs, and stamp what is due; returns (anchor, outcome)."""
    witnesses = [one.key.name for one in witnesses_of(settings)]
    await anchors.plan(ctx.pool, list(ctx.anchors), ctx.now(), settings.anchor_every_s)
    return await anchors.work(
        ctx.pool, ctx.anchors, ctx.rng, ctx.now(), ctx.worker_name, ctx.lease_end(), witnesses
    )


async def run_anchors(ctx: Context, settings: Settings, stop: asyncio.Event) -> None:
    """Look every few seconds until `stop`; without an anchor there is nothing to do."""
    while ctx.anchors and not stop.is_set():
        try:
            for anchor, outcome in await look(ctx, settings):
                told = log.info if outcome in {"stamped", "nothing_new"} else log.warning
                told("anchor", anchor=anchor, outcome=outcome)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            log.warning("anchors_wait", error=type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), LOOK_REAL_S)
        except TimeoutError:
            continue
