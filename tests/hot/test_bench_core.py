"""The benchmark compares like with like: one order writes the same rows by the product and by the floor's script."""

from __future__ import annotations

from collections import defaultdict

import asyncpg
import pytest
from test_orders_batch import context

from mingzhang.app.bench.core_steps import run_order
from mingzhang.app.bench.floor import Floor, make_schema

ORDERS = 3
# A table's rows, and where they are updated the columns that show it.
COUNTED = (
    "placement", "orders", "event", "leg", "payment", "supply_attempt", "evidence", "fact", "number", "applied", "inbox",
)  # fmt: skip


async def counts(pool: asyncpg.Pool, schema: str) -> dict[str, int]:
    return {
        table: await pool.fetchval(f"SELECT count(*) FROM {schema}.{table}")
        for table in COUNTED
        if table != "inbox"
    }


async def texts(pool: asyncpg.Pool, schema: str) -> dict[str, list[str]]:
    """What an order, its payment and its attempt end as, and the events and postings on the way."""
    found = {}
    for name, query in {
        "order": "SELECT state || ' ' || seq || ' ' || holder FROM {}.orders",
        "payment": "SELECT state || ' ' || holder || ' ' || next_actor FROM {}.payment",
        "attempt": "SELECT state || ' ' || asked FROM {}.supply_attempt",
        "events": "SELECT seq || ' ' || kind || ' ' || data::text FROM {}.event",
        "legs": "SELECT concat_ws(' ', seq, n, posting, place, party, owner, amount_fen) FROM {}.leg",
        "evidence": "SELECT concat_ws(' ', party, kind, direction, standing) FROM {}.evidence",
        "facts": "SELECT party || ' ' || kind FROM {}.fact",
        "numbers": "SELECT kind FROM {}.number",
    }.items():
        rows = await pool.fetch(query.format(schema))
        found[name] = sorted(row[0] for row in rows)
    return found


async def test_the_floor_writes_the_rows_that_the_product_writes(
    pool: asyncpg.Pool, database_url: str
) -> None:
    floor = Floor(database_url, "core_floor.sql")
    if not floor.possible:
        pytest.skip("no pgbench on this machine")
    await make_schema(database_url)
    await floor.run(orders=ORDERS, clients=1, threads=1)
    async with context(pool) as ctx:
        for n in range(ORDERS):
            await run_order(ctx, f"floor-{n:08d}", defaultdict(list))
        assert await counts(pool, "public") == await counts(pool, "floor")
        assert await texts(pool, "public") == await texts(pool, "floor")
    assert await pool.fetchval("SELECT count(*) FROM floor.inbox") == 0
    # The last fact's row goes with the next recording, or with a worker's next look.
    assert await pool.fetchval("SELECT count(*) FROM inbox") <= 2


async def test_the_floor_writes_as_many_bytes_of_evidence(pool: asyncpg.Pool, database_url: str) -> None:
    """Within a tenth: bodies of the sizes that real messages have."""
    floor = Floor(database_url, "core_floor.sql")
    if not floor.possible:
        pytest.skip("no pgbench on this machine")
    await make_schema(database_url)
    await floor.run(orders=1, clients=1, threads=1)
    async with context(pool) as ctx:
        await run_order(ctx, "bytes-00000001", defaultdict(list))
        ours = await pool.fetchval("SELECT sum(length(body)) FROM evidence")
        theirs = await pool.fetchval("SELECT sum(length(body)) FROM floor.evidence")
    assert ours == pytest.approx(theirs, rel=0.1)
