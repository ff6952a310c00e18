"""Random callers, buckets, faults and cancellations: one answer each, applied exactly once, in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mingzhang.kit.batcher import Batcher
from mingzhang.kit.database import connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    bucket int NOT NULL, key text NOT NULL, seq bigint GENERATED ALWAYS AS IDENTITY, poisoned bool NOT NULL,
    CONSTRAINT thing_key PRIMARY KEY (bucket, key), CONSTRAINT thing_good CHECK (NOT poisoned)
);
TRUNCATE thing;
"""
APPLY = """
INSERT INTO thing (bucket, key, poisoned)
SELECT $1, key, poisoned FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS t (key, poisoned, place)
ORDER BY place
ON CONFLICT (bucket, key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Thing:
    key: str
    order_key: int
    bucket: int
    poisoned: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Plan:
    orders: list[
        tuple[int, bool, bool, int]
    ]  # order, poisoned, submitter cancelled, loop turns before the next
    faults: list[str]  # one for each call, in turn; then none
    connections: int
    batch_max: int
    buckets: int
    one_per_order: bool


PLANS = st.builds(
    Plan,
    orders=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from([False] * 7 + [True]),
            st.sampled_from([False] * 5 + [True]),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=40,
    ),
    faults=st.lists(
        st.sampled_from(["none", "none", "lost_before", "lost_after", "deadlock", "slow"]), max_size=12
    ).filter(lambda faults: sum(fault.startswith("lost") for fault in faults) <= 4),
    connections=st.integers(1, 3),
    batch_max=st.integers(1, 9),
    buckets=st.integers(1, 3),
    one_per_order=st.booleans(),
)


class World:
    """An `execute` with faults. It counts what the model forbids: one order in two calls at once."""

    def __init__(self, plan: Plan) -> None:
        self.faults = list(reversed(plan.faults))
        self.flying: set[int] = set()
        self.overlaps = 0

    async def apply(
        self, connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]
    ) -> dict[str, str]:
        orders = {item.order_key for item in items}
        self.overlaps += len(orders & self.flying)
        self.flying |= orders
        try:
            fault = self.faults.pop() if self.faults else "none"
            if fault == "lost_before":
                connection.terminate()
            if fault == "deadlock":
                raise asyncpg.DeadlockDetectedError("victim")
            if fault == "slow":
                await connection.execute("SELECT pg_sleep(0.003)")
            keys, poisoned = [item.key for item in items], [item.poisoned for item in items]
            await connection.execute(APPLY, bucket, keys, poisoned)
            if fault == "lost_after":
                connection.terminate()
                await connection.execute("SELECT 1")
            return {item.key: item.key for item in items}
        finally:
            self.flying -= orders


async def run(plan: Plan, dsn: str) -> None:
    observer = await connect(dsn)
    await observer.execute(SCHEMA)
    items = [
        Thing(f"{number:03}", order, order % plan.buckets, poisoned, cancelled)
        for number, (order, poisoned, cancelled, _) in enumerate(plan.orders)
    ]
    world = World(plan)
    batcher: Batcher[Thing, str] = Batcher(
        world.apply,
        connect=lambda: connect(dsn),
        connections=plan.connections,
        batch_max=plan.batch_max,
        one_per_order=plan.one_per_order,
        conflict_retries_max=12,
    )
    tasks = []
    for item, (_, _, cancelled, turns) in zip(items, plan.orders, strict=True):
        tasks.append(asyncio.create_task(batcher.submit(item)))
        await asyncio.sleep(0)  # let it be taken in; a task cancelled before its first step submits nothing
        if cancelled:
            tasks[-1].cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
    await batcher.close()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for item, answer in zip(items, answers, strict=True):
        if item.cancelled:
            assert isinstance(answer, asyncio.CancelledError) or answer == item.key
        elif item.poisoned:
            assert isinstance(answer, asyncpg.CheckViolationError)
        else:
            assert answer == item.key
    hold_against_model(items, await observer.fetch("SELECT bucket, key FROM thing ORDER BY seq"))
    await observer.close()
    assert world.overlaps == 0
    assert (batcher.counts.items, batcher.queue_length) == (len(items), 0)


def hold_against_model(items: list[Thing], rows: Sequence[asyncpg.Record]) -> None:
    """The model: every good item once, and each order's in the sequence of submission."""
    orders = {item.key: item.order_key for item in items}
    expected, found = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    for item in items:
        if not item.poisoned:
            expected[item.order_key].append(item.key)
    for row in rows:
        found[orders[row["key"]]].append(row["key"])
    assert found == expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS)
@example(
    Plan([(0, False, False, 0)] * 9 + [(1, True, False, 0)], ["lost_after"] * 3, 3, 4, 2, one_per_order=False)
)
@example(
    Plan(
        [(n % 4, n == 5, n == 7, n % 3) for n in range(30)],
        ["deadlock", "lost_before"],
        2,
        8,
        3,
        one_per_order=True,
    )
)
def test_every_item_gets_one_answer_and_is_applied_once_in_order(empty_database_url: str, plan: Plan) -> None:
    asyncio.run(asyncio.wait_for(run(plan, empty_database_url), 60))
