"""The low-stock alarm: the shop is told once when a product's own cards fall to their threshold (issue 4)."""

from __future__ import annotations

from mingzhang.fulfilment.stock import store
from mingzhang.kit.database import transaction
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Facts, Template
from mingzhang.orders.context import Context


async def watch_stock(ctx: Context) -> int:
    """One look; returns how many crossings were told. Over again (more cards came) makes the next one a new one."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        crossings = await store.list_crossings(conn, now)
    told = 0
    for product, left, low in crossings:
        async with transaction(ctx.pool) as conn:
            if await store.set_low(conn, product, now if low else None) and low:
                facts = Facts(order_id=product, title_zh=str(left), title_en=str(left))
                occasion = f"stock_low:{now:%Y%m%d%H%M%S%f}"
                await notices.enqueue(conn, ctx.rng, now, Template.STOCK_LOW, occasion, facts)
                told += 1
    return told
