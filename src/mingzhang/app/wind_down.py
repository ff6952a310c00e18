"""The worker's look at a winding down: gives back what can be given back, and writes to every buyer once (R29)."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

import asyncpg
import structlog

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Buyer, Facts, Template
from mingzhang.orders import store as orders
from mingzhang.orders import wind_down as returning
from mingzhang.orders.context import Context
from mingzhang.orders.wind_down import Word
from mingzhang.shop import wind_down
from mingzhang.shop.wind_down import WindDown

log = structlog.get_logger()
LOOK_S: Final = 60.0
REAL_S_MIN: Final = 1.0
LETTERS_MAX: Final = 200  # in one look and bucket


async def look_at_wind_down(ctx: Context) -> int:
    """One look when it is due; returns how many orders, items and letters it brought on their way."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        found = await wind_down.claim(conn, now, ctx.lease_end())
        if found is None:
            return 0
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
    done, told = 0, dict(found.told)
    for bucket in buckets:
        done += await _give_back(ctx, bucket, found)
        written, told[str(bucket)] = await _write(ctx, bucket, found)
        done += written
    pause = timedelta(seconds=max(LOOK_S, REAL_S_MIN * ctx.clock.speed))
    if any(told.values()):  # buyers are still to be written to
        pause = timedelta(seconds=REAL_S_MIN * ctx.clock.speed)
    async with transaction(ctx.pool) as conn:
        await wind_down.set_looked(conn, found.wind_down_id, told, ctx.now(), ctx.now() + pause)
    return done


async def _give_back(ctx: Context, bucket: int, found: WindDown) -> int:
    word = Word(
        wind_down_id=found.wind_down_id,
        approval_id=found.approval_id,
        proposed_by=found.proposed_by,
        decided_by=found.decided_by,
        reason=found.reason,
    )
    async with ctx.pool.acquire() as conn:
        waiting = [order_id async for order_id in returning.list_waiting(conn, bucket)]
        items = await returning.list_items(conn, bucket)
    done = 0
    for order_id in waiting:
        done += await _tried(returning.give_order_back(ctx, order_id, word), order_id)
    for item_id in items:
        done += await _tried(returning.give_item_back(ctx, item_id, word), item_id)
    return done


async def _tried(work: Awaitable[bool], subject: str) -> bool:
    """One that is refused stays for a person, and holds up no other."""
    try:
        return await work
    except Problem as problem:
        log.warning("wind_down_waits", subject=subject, code=problem.code)
        return False


async def _write(ctx: Context, bucket: int, found: WindDown) -> tuple[int, str]:
    """Letters to the buyers of some more orders, one to each contact; how many, and where to go on ("": at the end)."""
    after = found.told.get(str(bucket))
    if after == "":
        return 0, ""
    async with transaction(ctx.pool) as conn:
        rows = await conn.fetch(returning.SQL.list_paid, bucket, after or "", LETTERS_MAX)
        written = 0
        for row in rows:
            written += await _letter(ctx, conn, row, found)
    return written, rows[-1]["order_id"] if len(rows) == LETTERS_MAX else ""


async def _letter(ctx: Context, conn: asyncpg.Connection, row: asyncpg.Record, found: WindDown) -> int:
    facts = Facts(
        order_id=f"contact:{row['contact_hash'].hex()[:32]}", page=row["order_id"], until=found.closes_at
    )
    buyer = Buyer(
        contact_enc=row["contact_enc"],
        contact_mask=row["contact_mask"],
        contact_hash=row["contact_hash"],
        language=row["language"],
    )
    key = f"wind_down:{found.wind_down_id}"
    return await notices.enqueue(conn, ctx.rng, ctx.now(), Template.WIND_DOWN, key, facts, buyer)
