"""SIGKILL inside a flush: between the halves of a failed batch, and between the buckets of one flush.

What was committed stays and is found again by its key, what was not is done by the retry, nothing is done twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from mingzhang.app import wiring
from mingzhang.catalogue import store as catalogue
from mingzhang.kit.clock import SystemClock

pytestmark = pytest.mark.crash

ORDERS = 40
CHILD = Path(__file__).with_name("batch_child.py")


def run_child(dsn: str, buckets: int, kind: str, point: str = "") -> subprocess.CompletedProcess[str]:
    """Place the same orders under the same keys; `point` is where it shall die."""
    environ = {**os.environ, "MINGZHANG_CRASH_POINT": point}
    command = [sys.executable, str(CHILD), dsn, str(buckets), str(ORDERS), kind]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


async def stock(pool: asyncpg.Pool) -> None:
    """The sample shop, and a product of which many cost more than the database can hold."""
    poison = wiring.sample_products()[0]
    fields = {name: getattr(poison, name) for name in poison.__struct_fields__}
    async with pool.acquire() as conn:
        await catalogue.add_rules(conn, wiring.sample_rules(), SystemClock().now())
        for product in wiring.sample_products():
            await catalogue.add_product(conn, product)
        fields |= {"product_id": "poison", "max_quantity": 2**31 - 1, "price_fen": 10**13}
        await catalogue.add_product(conn, type(poison)(**fields))


async def sound_orders(pool: asyncpg.Pool) -> list[str]:
    """Every order with exactly its one event, sorted."""
    rows = await pool.fetch(
        "SELECT o.order_id, count(e.seq) AS events FROM orders o LEFT JOIN event e USING (bucket, order_id) "
        "GROUP BY o.order_id ORDER BY o.order_id"
    )
    assert {row["events"] for row in rows} <= {1}
    return [row["order_id"] for row in rows]


@pytest.mark.parametrize(
    ("point", "buckets", "kind"),
    [("mid_bisect:1", 1, "poisoned"), ("mid_bisect:3", 1, "poisoned"), ("batch_half_applied:1", 8, "sound")],
)
async def test_a_flush_that_dies_half_way_is_finished_by_the_retry(
    pool: asyncpg.Pool, database_url: str, point: str, buckets: int, kind: str
) -> None:
    await stock(pool)
    died = run_child(database_url, buckets, kind, point)
    assert died.returncode == -signal.SIGKILL, died.stderr
    before = await sound_orders(pool)
    assert 0 < len(before) < ORDERS  # half-way indeed
    again = run_child(database_url, buckets, kind)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    poisoned = 1 if kind == "poisoned" else 0
    numbers = sorted(number for number in told if number.startswith("M"))
    assert len(numbers) == ORDERS - poisoned
    assert await sound_orders(pool) == numbers
    assert set(before) <= set(numbers)
