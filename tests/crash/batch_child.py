"""A process that places orders by the batch, one of them poisoned, and dies at the named point if it is told to.

Arguments: DSN, number of buckets, number of orders, `poisoned` or `sound`. Prints what it was told, key by key.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from mingzhang.app import wiring
from mingzhang.app.settings import Settings
from mingzhang.kit.database import open_pool
from mingzhang.kit.outbound import Outbound
from mingzhang.orders.context import Context
from mingzhang.orders.place import PlaceRequest, place_order

KEYS = "batch-{:06d}"


async def place(ctx: Context, n: int, buckets: int, poisoned: bool) -> str:
    """One order; the poisoned one costs more than the database can hold."""
    request = PlaceRequest(
        product_id="poison" if poisoned else "phone-100",
        quantity=2 * 10**9 if poisoned else 1,
        account="13800138000",
        contact="buyer@example.com",
    )
    try:
        placed = await place_order(ctx, "batch", KEYS.format(n), request, buckets=buckets)
    except Exception as error:  # noqa: BLE001 - whatever it is told is what the test wants to see
        return type(error).__name__
    return placed.order_id


async def main(dsn: str, buckets: int, orders: int, poisoned: bool) -> None:
    pool = await open_pool(dsn, 1, 6)
    http = Outbound()
    ctx = wiring.build_context(Settings(database_url=dsn, secret_key=b"k" * 32, limits="off"), pool, http)
    ctx.rng.seed(int(datetime.now(UTC).timestamp() * 1000))
    await ctx.catalogue.product("phone-100", ctx.now())  # so that all submit at once
    random.seed(1)
    told = await asyncio.gather(
        *(place(ctx, n, buckets, poisoned and n == orders // 2) for n in range(orders))
    )
    sys.stdout.write(json.dumps(told))
    await ctx.batch.close()
    await ctx.reader.close()
    await http.aclose()
    await pool.close()


if __name__ == "__main__":
    assert Path(__file__).is_file()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "poisoned"))
