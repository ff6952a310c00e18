"""Low stock is told once a crossing; the sale stops where own stock is the only source and has too little."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import asyncpg
import pytest
from test_orders_batch import context

from mingzhang.app.stock_watch import watch_stock
from mingzhang.catalogue import store as catalogue
from mingzhang.catalogue.store import Product, Route
from mingzhang.fulfilment.stock import store
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.stock.shelf import withdraw
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.orders.place import PlaceRequest, place_order

OWN = Product(
    product_id="own",
    kind="card",
    title_zh="卡",
    title_en="card",
    face_value_fen=200,
    price_fen=200,
    cost_fen=100,
    max_quantity=5,
    supplier="stock",
    supplier_product="mine",
    account_template="none",
    promise_s=900,
    position=90,
)


async def bring(ctx: Context, batch_id: str, count: int) -> None:
    batch = NewBatch(
        batch_id=batch_id, product="mine", unit_cost_fen=100, expires_at=None, source="f", added_by="keeper"
    )
    lines = [CardLine(n, "", f"{batch_id}-{n}") for n in range(1, count + 1)]
    await import_cards(ctx.pool, ctx.vault, batch, lines, ctx.now())


async def told(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT facts ->> 'title_zh' AS n FROM notice WHERE template = 'stock_low' ORDER BY queued_at"
    )
    return [row["n"] for row in rows]


async def test_each_crossing_is_told_once(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """INSERT INTO notice_route (route_id, audience, channel, address_enc, address_mask, address_hash,
             language, active, set_at)
           VALUES ('r', 'shop', 'bark', '', 'b***', '', 'zh', true, $1)""",
        *[(await pool.fetchval("SELECT now() - interval '1 day'"))],
    )
    async with context(pool) as ctx:
        with pytest.raises(Problem, match="unknown_product"):
            await store.set_alarm(pool, "mine", 3)
        await bring(ctx, "b1", 5)
        assert await watch_stock(ctx) == 0  # no threshold, no alarm
        await store.set_alarm(pool, "mine", 3)
        assert await watch_stock(ctx) == 0
        await withdraw(pool, "b1", [1, 2], reason="gone", by="keeper", now=ctx.now())
        assert sorted(await asyncio.gather(*(watch_stock(ctx) for _ in range(4)))) == [0, 0, 0, 1]
        await withdraw(pool, "b1", [3], reason="gone", by="keeper", now=ctx.now())
        assert await watch_stock(ctx) == 0  # still the same crossing
        async with pool.acquire() as conn:
            (level,) = await store.read_levels(conn, ctx.now())
        assert (level.available, level.low_at, level.low) == (2, 3, True)
        await bring(ctx, "b2", 5)
        assert await watch_stock(ctx) == 0
        await withdraw(pool, "b2", None, reason="gone", by="keeper", now=ctx.now())
        assert await watch_stock(ctx) == 1
        assert await told(pool) == ["3", "2"]
        await ctx.suppliers["stock"].aclose()


async def test_what_is_sold_out_cannot_be_ordered(pool: asyncpg.Pool) -> None:
    async with context(pool) as ctx:
        async with pool.acquire() as conn:
            await catalogue.add_product(conn, OWN)
        request = PlaceRequest(product_id="own", account="", contact="buyer@example.com")
        with pytest.raises(Problem, match="sold_out"):
            await place_order(ctx, "test", "key-00000001", request, buckets=1)
        await bring(ctx, "b1", 2)
        await ctx.suppliers["stock"].aclose()
        async with context(pool) as later:  # another process: nothing is remembered
            three = PlaceRequest(product_id="own", account="", contact="buyer@example.com", quantity=3)
            with pytest.raises(Problem, match="sold_out"):
                await place_order(later, "test", "key-00000002", three, buckets=1)
            placed = await place_order(later, "test", "key-00000003", request, buckets=1)
            await later.suppliers["stock"].aclose()
        await withdraw(pool, "b1", None, reason="gone", by="keeper", now=ctx.now() + timedelta(seconds=1))
        async with context(pool) as later:
            again = await place_order(later, "test", "key-00000003", request, buckets=1)
            assert (again.order_id, again.repeated) == (placed.order_id, True)
            with pytest.raises(Problem, match="sold_out"):
                await place_order(later, "test", "key-00000004", request, buckets=1)
            # Somebody else sells it as well: then it can be ordered.
            route = Route(product_id="own", position=1, supplier="other", supplier_product="x", cost_fen=150)
            async with pool.acquire() as conn:
                await catalogue.add_route(conn, route)
            both = dataclasses.replace(
                later, suppliers={**later.suppliers, "other": later.suppliers["stock"]}
            )
            assert (await place_order(both, "test", "key-00000005", request, buckets=1)).order_id
            await later.suppliers["stock"].aclose()
