"""The micro-batcher on a real PostgreSQL: one answer each, after the commit, whatever breaks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from mingzhang.kit.batch_stages import BESIDE_MIN
from mingzhang.kit.batcher import Batcher, FlushReport
from mingzhang.kit.database import connect
from mingzhang.kit.errors import Kind, Problem

SCHEMA = """
CREATE TABLE thing (
    bucket int NOT NULL, key text NOT NULL, order_key text NOT NULL, number int NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT thing_key PRIMARY KEY (bucket, key), CONSTRAINT thing_number CHECK (number >= 0)
);
CREATE TABLE message (key text PRIMARY KEY);
"""
APPLY = """
INSERT INTO thing (bucket, key, order_key, number)
SELECT $1, key, order_key, number FROM unnest($2::text[], $3::text[], $4::int[]) AS t (key, order_key, number)
ON CONFLICT (bucket, key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Thing:
    key: str
    order_key: str = ""
    number: int = 0
    bucket: int = 1
    needs_record: bool = False


@dataclass
class Table:
    """An `execute` that writes things, and remembers how it was called."""

    calls: list[tuple[int, list[str]]] = field(default_factory=list)
    flying: set[str] = field(default_factory=set)
    overlaps: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def apply(
        self, connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]
    ) -> dict[str, str]:
        self.calls.append((bucket, [item.key for item in items]))
        self.called.set()
        orders = {item.order_key for item in items}
        self.overlaps += len(orders & self.flying)
        self.flying |= orders
        try:
            if self.gate is not None:
                await self.gate.wait()
            await write(connection, bucket, items)
        finally:
            self.flying -= orders
        return {item.key: f"done {item.key}" for item in items}


async def write(connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]) -> None:
    await connection.execute(
        APPLY,
        bucket,
        [item.key for item in items],
        [item.order_key for item in items],
        [item.number for item in items],
    )


def things(count: int, **changes: Any) -> list[Thing]:
    return [Thing(key=f"k{n}", **({"order_key": f"o{n}"} | changes)) for n in range(count)]


async def submit_all(batcher: Batcher[Thing, Any], items: Sequence[Thing]) -> list[Any]:
    return await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)


async def keys_in(pool: asyncpg.Pool) -> list[str]:
    return [row["key"] for row in await pool.fetch("SELECT key FROM thing ORDER BY seq")]


@pytest.fixture
async def shop(pool: asyncpg.Pool) -> asyncpg.Pool:
    await pool.execute(SCHEMA)
    return pool


async def test_many_items_share_few_calls_and_each_gets_its_own_answer(shop: asyncpg.Pool) -> None:
    table, reports = Table(), list[FlushReport]()
    async with Batcher(table.apply, pool=shop, batch_max=64, observe=reports.append) as batcher:
        answers = await submit_all(batcher, things(200))
    assert answers == [f"done k{n}" for n in range(200)]
    assert sorted(await keys_in(shop)) == sorted(item.key for item in things(200))
    assert max(len(keys) for _, keys in table.calls) == 64
    assert batcher.counts.items == sum(report.items for report in reports) == 200
    assert batcher.counts.flushes == len(reports) == 4
    assert all(report.seconds > 0 for report in reports)


async def test_one_call_per_bucket_in_the_order_submitted(shop: asyncpg.Pool) -> None:
    table, points = Table(), list[str]()
    items = [Thing(f"k{n}", f"o{n}", bucket=n % 3) for n in range(9)]
    async with Batcher(table.apply, pool=shop, crash_point=points.append) as batcher:
        await submit_all(batcher, items)
    assert table.calls == [(b, [f"k{n}" for n in range(9) if n % 3 == b]) for b in range(3)]
    assert points == [
        "commit_to_reply", "batch_half_applied", "commit_to_reply", "batch_half_applied", "commit_to_reply",
    ]  # fmt: skip


async def test_a_poisoned_item_alone_gets_its_error(shop: asyncpg.Pool) -> None:
    table, points = Table(), list[str]()
    items = things(50)
    items[17] = Thing("k17", "o17", number=-1)
    async with Batcher(table.apply, pool=shop, crash_point=points.append) as batcher:
        answers = await submit_all(batcher, items)
        assert (await submit_all(batcher, [Thing("later", "o17")])) == ["done later"]
    assert isinstance(answers[17], asyncpg.CheckViolationError)
    assert [a for a in answers if isinstance(a, str)] == [f"done k{n}" for n in range(50) if n != 17]
    assert "k17" not in await keys_in(shop)
    assert batcher.counts.failed == 1
    assert 0 < batcher.counts.bisections <= 6  # log2 of 50, rounded up
    assert "mid_bisect" in points


async def test_a_problem_returned_for_an_item_is_raised_to_it(shop: asyncpg.Pool) -> None:
    async def apply(
        connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]
    ) -> list[str | Exception]:
        await write(connection, bucket, items)
        return ["ok" if item.number == 0 else Problem("refused", Kind.CONFLICT) for item in items]

    async with Batcher[Thing, str](apply, pool=shop) as batcher:
        answers = await submit_all(batcher, [Thing("a", "a"), Thing("b", "b", number=1)])
    assert answers[0] == "ok"
    assert isinstance(answers[1], Problem)
    assert answers[1].code == "refused"
    assert batcher.counts.calls == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_connection_lost_around_the_commit_applies_each_key_once(
    shop: asyncpg.Pool, database_url: str, moment: str
) -> None:
    killed: list[int] = []
    killer = await connect(database_url)

    async def kill(connection: asyncpg.Connection) -> None:
        pid = connection.get_server_pid()
        killed.append(pid)
        await killer.execute("SELECT pg_terminate_backend($1, 5000)", pid)

    async def apply(connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]) -> list[str]:
        first = not killed
        async with connection.transaction():
            await write(connection, bucket, items)
            if first and moment == "before":
                await kill(connection)
                await connection.execute("SELECT 1")
        if first and moment == "after":
            await kill(connection)
            await connection.execute("SELECT 1")
        return [item.key for item in items]

    async with Batcher(apply, connect=lambda: connect(database_url)) as batcher:
        answers = await submit_all(batcher, things(20))
    await killer.close()
    assert answers == [item.key for item in things(20)]
    assert sorted(await keys_in(shop)) == sorted(answers)
    assert (batcher.counts.lost, batcher.counts.retries, len(killed)) == (1, 1, 1)


async def test_no_database_is_said_after_bounded_retries_and_at_once_afterwards() -> None:
    tries = 0

    async def refuse() -> asyncpg.Connection:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError("no server")

    async with Batcher(Table().apply, connect=refuse, connections=1, lost_retries_max=2) as batcher:
        first = await submit_all(batcher, things(5))
        assert tries == 3
        second = await submit_all(batcher, things(5))
        assert tries == 4
    for answer in (*first, *second):
        assert isinstance(answer, Problem)
        assert (answer.code, answer.kind) == ("database_unavailable", Kind.UNAVAILABLE)


async def test_a_deadlock_is_retried_and_a_lasting_conflict_is_said(shop: asyncpg.Pool) -> None:
    calls = 0

    async def apply(connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]) -> list[str]:
        nonlocal calls
        calls += 1
        if calls == 1 or any(item.number for item in items):
            await connection.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
        return [item.key for item in items]

    async with Batcher(apply, pool=shop, conflict_retries_max=2) as batcher:
        assert await submit_all(batcher, things(3)) == ["k0", "k1", "k2"]
        assert (calls, batcher.counts.retries, batcher.counts.bisections) == (2, 1, 0)
        answers = await submit_all(batcher, [Thing("a", "a"), Thing("b", "b", number=1)])
    assert answers[0] == "a"
    assert isinstance(answers[1], Problem)
    assert answers[1].code == "database_busy"


async def test_a_full_queue_refuses_at_once_and_the_rest_is_answered(shop: asyncpg.Pool) -> None:
    table = Table(gate=asyncio.Event())
    batcher = Batcher(table.apply, pool=shop, connections=1, batch_max=2, queue_max=3)
    flying = [asyncio.create_task(batcher.submit(item)) for item in things(2)]
    await table.called.wait()
    waiting = [asyncio.create_task(batcher.submit(Thing(f"w{n}", f"w{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    assert batcher.queue_length == 3
    with pytest.raises(Problem) as refused:
        await batcher.submit(Thing("too many", "x"))
    assert (refused.value.code, refused.value.kind) == ("busy", Kind.UNAVAILABLE)
    assert table.gate is not None
    table.gate.set()
    assert len(await asyncio.gather(*flying, *waiting)) == 5
    await batcher.close()
    assert (batcher.counts.refused, batcher.queue_length) == (1, 0)
    assert "too many" not in await keys_in(shop)


async def test_one_order_goes_in_order_and_never_in_two_flushes_at_once(shop: asyncpg.Pool) -> None:
    table = Table()
    items = [Thing(f"{order}-{n:02}", order) for n in range(20) for order in "abc"]
    async with Batcher(table.apply, pool=shop, connections=4, batch_max=2) as batcher:
        await submit_all(batcher, items)
    assert table.overlaps == 0
    applied = await keys_in(shop)
    for order in "abc":
        assert [key for key in applied if key[0] == order] == [f"{order}-{n:02}" for n in range(20)]
    assert all(len({key[0] for key in keys}) == len(keys) for _, keys in table.calls)


async def test_several_of_one_order_share_a_batch_only_where_declared(shop: asyncpg.Pool) -> None:
    table = Table()
    items = [*things(10, order_key="o"), Thing("k3", "o")]  # the last repeats a key: not in the same call
    async with Batcher(table.apply, pool=shop, one_per_order=False, batch_max=8) as batcher:
        await submit_all(batcher, items)
    assert [keys for _, keys in table.calls] == [[f"k{n}" for n in range(8)], ["k8", "k9", "k3"]]


async def test_a_busy_order_does_not_hold_up_the_others(shop: asyncpg.Pool) -> None:
    table = Table()
    hot = [Thing(f"hot{n}", "hot") for n in range(50)]
    async with Batcher(table.apply, pool=shop, connections=1, batch_max=4) as batcher:
        await submit_all(batcher, [*hot, *things(8)])
    last_cold = max(number for number, (_, keys) in enumerate(table.calls) if any(k[0] == "k" for k in keys))
    assert last_cold <= 3
    assert len(await keys_in(shop)) == 58


async def test_a_cancelled_waiter_takes_nothing_back(shop: asyncpg.Pool) -> None:
    table = Table(gate=asyncio.Event())
    async with Batcher(table.apply, pool=shop) as batcher:
        tasks = [asyncio.create_task(batcher.submit(item)) for item in things(3)]
        await table.called.wait()
        tasks[1].cancel()
        assert table.gate is not None
        table.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2]] == ["done k0", "done k2"]
    assert await keys_in(shop) == ["k0", "k1", "k2"]


async def test_close_drains_what_was_taken_in_then_refuses(shop: asyncpg.Pool) -> None:
    table = Table(gate=asyncio.Event())
    batcher = Batcher(table.apply, pool=shop, connections=1, batch_max=2)
    tasks = [asyncio.create_task(batcher.submit(item)) for item in [*things(5), *things(5, order_key="o")]]
    await table.called.wait()
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="shutting_down"):
        await batcher.submit(Thing("late", "late"))
    assert table.gate is not None
    table.gate.set()
    await closing
    assert all(task.done() for task in tasks)
    assert len(await asyncio.gather(*tasks)) == 10
    await batcher.close()


async def test_evidence_is_recorded_in_one_call_before_its_items_are_applied(shop: asyncpg.Pool) -> None:
    table, recorded = Table(), list[list[str]]()

    async def record(connection: asyncpg.Connection, items: Sequence[Thing]) -> dict[str, str]:
        await connection.executemany("INSERT INTO message VALUES ($1)", [(item.key,) for item in items])
        recorded.append([item.key for item in items])
        assert not {key for _, keys in table.calls for key in keys} & {item.key for item in items}
        return {"k2": "conflict"}

    items = [Thing(f"k{n}", f"o{n}", bucket=n % 2, needs_record=n != 1) for n in range(4)]
    async with Batcher(table.apply, record=record, pool=shop) as batcher:
        answers = await submit_all(batcher, items)
    assert answers == ["done k0", "done k1", "conflict", "done k3"]
    assert recorded == [["k0", "k2", "k3"]]
    assert sorted(key for _, keys in table.calls for key in keys) == ["k0", "k1", "k3"]
    assert batcher.queue_length == 0


async def test_while_one_batch_is_applied_the_next_is_recorded_and_an_order_waits(shop: asyncpg.Pool) -> None:
    """The stages overlap; a later item of the same order enters the first stage only after the earlier's answer."""
    table, recorded, other_recorded = Table(gate=asyncio.Event()), list[str](), asyncio.Event()

    async def record(connection: asyncpg.Connection, items: Sequence[Thing]) -> None:
        recorded.extend(item.key for item in items)
        if "b1" in recorded:
            other_recorded.set()

    first, second = Thing("a1", "a", needs_record=True), Thing("a2", "a", needs_record=True)
    async with Batcher(table.apply, record=record, pool=shop) as batcher:
        waiting = [asyncio.create_task(batcher.submit(item)) for item in (first, second)]
        await table.called.wait()
        other = asyncio.create_task(batcher.submit(Thing("b1", "b", needs_record=True)))
        await other_recorded.wait()
        await asyncio.sleep(0)
        assert recorded == ["a1", "b1"]
        assert batcher.queue_length == 2  # a2, and b1 that waits to be applied
        assert table.gate is not None
        table.gate.set()
        assert await asyncio.gather(*waiting, other) == ["done a1", "done a2", "done b1"]
    assert recorded == ["a1", "b1", "a2"]


async def test_a_call_goes_out_beside_another_one_with_enough_to_be_worth_it(shop: asyncpg.Pool) -> None:
    table, sizes, recorded = Table(gate=asyncio.Event()), list[int](), asyncio.Event()

    async def record(connection: asyncpg.Connection, items: Sequence[Thing]) -> None:
        sizes.append(len(items))
        if sum(sizes) > 1:
            recorded.set()

    async with Batcher(table.apply, record=record, pool=shop) as batcher:
        first = asyncio.create_task(batcher.submit(Thing("first", "first", needs_record=True)))
        await table.called.wait()
        others = asyncio.create_task(submit_all(batcher, things(BESIDE_MIN, needs_record=True)))
        await recorded.wait()
        assert sizes == [1, BESIDE_MIN]
        assert table.gate is not None
        table.gate.set()
        await asyncio.gather(first, others)
    assert sizes == [1, BESIDE_MIN]


async def test_a_message_that_cannot_be_stored_fails_alone_and_is_not_applied(shop: asyncpg.Pool) -> None:
    async def record(connection: asyncpg.Connection, items: Sequence[Thing]) -> None:
        await connection.executemany("INSERT INTO message VALUES ($1)", [(item.key,) for item in items])

    await shop.execute("INSERT INTO message VALUES ('k1')")
    items = things(4, needs_record=True)
    async with Batcher(Table().apply, record=record, pool=shop) as batcher:
        answers = await submit_all(batcher, items)
    assert isinstance(answers[1], asyncpg.UniqueViolationError)
    assert await keys_in(shop) == ["k0", "k2", "k3"]


async def test_a_missing_result_is_said_and_nobody_waits_for_ever(shop: asyncpg.Pool) -> None:
    async def apply(connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]) -> list[str]:
        return []

    async with Batcher[Thing, str](apply, pool=shop) as batcher:
        answers = await submit_all(batcher, things(2))
    assert [answer.code for answer in answers] == ["result_missing"] * 2


async def test_a_transaction_left_open_is_undone_and_said(shop: asyncpg.Pool) -> None:
    async def apply(connection: asyncpg.Connection, bucket: int, items: Sequence[Thing]) -> list[str]:
        await connection.execute("BEGIN")
        await write(connection, bucket, items)
        return ["wrongly told"] * len(items)

    async with Batcher(apply, pool=shop) as batcher:
        answers = await submit_all(batcher, things(2))
    assert [answer.code for answer in answers] == ["transaction_left_open"] * 2
    assert await keys_in(shop) == []


async def test_a_cancelled_lane_leaves_nobody_waiting(shop: asyncpg.Pool) -> None:
    table = Table(gate=asyncio.Event())
    batcher = Batcher(table.apply, pool=shop, connections=1, batch_max=1)
    tasks = [asyncio.create_task(batcher.submit(item)) for item in things(3)]
    await table.called.wait()
    for lane in asyncio.all_tasks():
        if lane.get_name().startswith("batcher-"):
            lane.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {answer.code for answer in answers if isinstance(answer, Problem)} == {"shutting_down"}
    await batcher.close()
    assert await keys_in(shop) == []


async def test_it_needs_one_source_of_connections() -> None:
    with pytest.raises(ValueError, match="pool or a connection factory"):
        Batcher(Table().apply)
