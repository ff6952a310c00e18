"""The benchmark of card stock compares like with like, and would notice a card given twice or lost (F7, F8)."""

from __future__ import annotations

import asyncpg
import pytest
from test_orders_batch import context

from mingzhang.app.bench.cards import Shelf, exactly_once
from mingzhang.app.bench.cards_steps import Sold, add_stock, sell_slice
from mingzhang.app.bench.floor import Floor
from mingzhang.kit.errors import Problem

CARDS = 5


async def rows(pool: asyncpg.Pool, schema: str) -> list[list[tuple[object, ...]]]:
    """What a sale leaves behind, but the ids and the time; ids by their length."""
    claims = await pool.fetch(
        f"""SELECT length(attempt_no), quantity, state, reason, cost_fen FROM {schema}.card_claim
            WHERE state = 'claimed' ORDER BY attempt_no"""
    )
    items = await pool.fetch(
        f"""SELECT length(i.attempt_no), i.k, i.n, i.reusable, length(c.card_enc) FROM {schema}.card_claim_item i
            JOIN {schema}.card c USING (batch_id, n) ORDER BY i.n"""
    )
    return [[tuple(row) for row in found] for found in (claims, items)]


async def test_the_floor_writes_the_rows_that_a_sale_writes(pool: asyncpg.Pool, database_url: str) -> None:
    floor = Floor(database_url, "cards_floor.sql")
    if not floor.possible:
        pytest.skip("no pgbench on this machine")
    shelf = Shelf(database_url)
    await shelf.fill(CARDS)
    await floor.run(orders=CARDS, clients=1, threads=1)
    async with context(pool) as ctx:
        await add_stock(ctx, "bench", CARDS)
        part = await sell_slice(ctx, 1, 60.0, "bench-0")
        await ctx.suppliers["stock"].aclose()
    exactly_once([part], CARDS)
    assert await rows(pool, "public") == await rows(pool, "floor")
    assert await pool.fetchval("SELECT count(*) FROM floor.card_mark WHERE attempt_no IS NULL") == 0
    await shelf.fill(CARDS)
    assert await pool.fetchval("SELECT count(*) FROM floor.card_mark WHERE attempt_no IS NULL") == CARDS


@pytest.mark.parametrize("given", [[1, 2, 3, 3], [1, 2, 3], [1, 2, 3, 5]])
def test_a_card_given_twice_or_lost_fails_the_benchmark(given: list[int]) -> None:
    part = Sold(orders=len(given), seconds=1.0, cpu_s=0.0, took={}, given=given)
    with pytest.raises(Problem, match="bench_failed"):
        exactly_once([part], 4)
