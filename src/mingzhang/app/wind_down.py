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
REFUNDS_MAX: Final = 64  # in one look and bucket
LETTERS_MAX: Final = 200


async def look_at_wind_down(ctx: Context, _: str = "") -> None:
    """One look when it is due: a part of what is to be given back, and some letters; soon again while there is more."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        found = await wind_down.claim(conn, now, ctx.lease_end())
        if found is None:
            return
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
    more, told = False, dict(found.told)
    for bucket in buckets:
        more |= await _give_back(ctx, bucket, found)
        told[str(bucket)] = await _write(ctx, bucket, found)
    pause = timedelta(seconds=max(LOOK_S, REAL_S_MIN * ctx.clock.speed))
    if more or any(told.values()):
        pause = timedelta(seconds=REAL_S_MIN * ctx.clock.speed)
    async with transaction(ctx.pool) as conn:
        await wind_down.set_looked(conn, found.wind_down_id, told, ctx.now(), ctx.now() + pause)


async def _give_back(ctx: Context, bucket: int, found: WindDown) -> bool:
    """At most `REFUNDS_MAX` refunds of one bucket; whether there may be more."""
    word = Word(
        wind_down_id=found.wind_down_id,
        approval_id=found.approval_id,
        proposed_by=found.proposed_by,
        decided_by=found.decided_by,
        reason=found.reason,
    )
    async with ctx.pool.acquire() as conn:
        waiting = [order_id async for order_id in returning.list_waiting(conn, bucket)]
        items = [item_id async for item_id in returning.list_items(conn, bucket)]
    done = 0
    for item_id in items:
        done += await _tried(returning.give_item_back(ctx, item_id, word), item_id)
        if done >= REFUNDS_MAX:
            return True
    for order_id in waiting:
        done += await _tried(returning.give_order_back(ctx, order_id, word), order_id)
        if done >= REFUNDS_MAX:
            return True
    return False


async def _tried(work: Awaitable[bool], subject: str) -> bool:
    """One that is refused stays for a person, and holds up no other."""
    try:
        return await work
    except Problem as problem:
        log.warning("wind_down_waits", subject=subject, code=problem.code)
        return False


async def _write(ctx: Context, bucket: int, found: WindDown) -> str:
    """Letters to the buyers of some more orders, one to each contact; where to go on, or "" at the end."""
    after = found.told.get(str(bucket))
    if after == "":
        return ""
    async with transaction(ctx.pool) as conn:
        rows = await conn.fetch(returning.SQL.list_paid, bucket, after or "", LETTERS_MAX)
        for row in rows:
            await _letter(ctx, conn, row, found)
    return rows[-1]["order_id"] if len(rows) == LETTERS_MAX else ""


async def _letter(ctx: Context, conn: asyncpg.Connection, row: asyncpg.Record, found: WindDown) -> None:
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
    await notices.enqueue(conn, ctx.rng, ctx.now(), Template.WIND_DOWN, key, facts, buyer)
