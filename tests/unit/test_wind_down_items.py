"""Winding down: money put aside is returned item by item, and a page of refusals hides none behind it (R29)."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import asyncpg

from mingzhang.kit.database import transaction
from mingzhang.kit.ids import new_suspense_id
from mingzhang.orders import wind_down
from mingzhang.payments.store import SQL

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)


async def test_every_item_is_reached_however_many_wait(pool: asyncpg.Pool) -> None:
    rng = Random(3)
    items = sorted(new_suspense_id(0, NOW, rng) for _ in range(wind_down.PAGE_MAX + 30))
    async with transaction(pool) as conn:
        for n, item_id in enumerate(items):
            told = ("nobodys", "alipay", f"T{n}", "", "", 100, 100, "person", NOW, NOW, NOW)
            await conn.execute(SQL.insert_suspense, 0, item_id, *told)
    async with pool.acquire() as conn:
        assert [item_id async for item_id in wind_down.list_items(conn, 0)] == items
