"""The hot path writes what the general way writes, once, and leaves alone what is not plain (stack.md, scale rule 5)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from general_way import GeneralOnly
from mingzhang.app import wiring
from mingzhang.app.bench.core_steps import exchange, message, ready_attempt, run_order
from mingzhang.app.settings import Settings
from mingzhang.app.worker import Worker
from mingzhang.catalogue import store as catalogue
from mingzhang.evidence.messages import Standing
from mingzhang.fulfilment.suppliers.base import SupplyAnswer, SupplyState
from mingzhang.kit import statistics
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.orders import pay, supply
from mingzhang.orders.batch import OrderBatch, Step, step_row
from mingzhang.orders.context import Context
from mingzhang.orders.place import PlaceRequest, place_order
from mingzhang.orders.store import Order
from mingzhang.payments.channels.base import Notify, OpenAnswer, Outcome, PaymentRequest, TradeState
from mingzhang.payments.store import Payment

REQUEST = PlaceRequest(product_id="phone-100", account="13800138000", contact="buyer@example.com")


@asynccontextmanager
async def context(pool: asyncpg.Pool, kind: type[OrderBatch] = OrderBatch) -> AsyncIterator[Context]:
    """Everything an order needs but outside parties."""
    settings = Settings(database_url="unused", secret_key=b"k" * 32, limits="off")
    http = Outbound()
    ctx = wiring.build_context(settings, pool, http)
    ctx = dataclasses.replace(ctx, batch=kind(pool), rng=random.Random(7))
    async with pool.acquire() as conn:
        await catalogue.add_rules(conn, wiring.sample_rules(), ctx.now())
        for product in wiring.sample_products():
            await catalogue.add_product(conn, product)
    try:
        yield ctx
    finally:
        await ctx.batch.close()
        await ctx.reader.close()
        await http.aclose()


async def the_order(ctx: Context, order_id: str) -> Order:
    order = await ctx.reader.order(order_id)
    assert order is not None
    return order


def notify(payment: Payment, amount_fen: int | None = None) -> Notify:
    return Notify(
        message=message("alipay", "notify", Standing.VERIFIED, 1200),
        payment_no=payment.payment_no,
        state=TradeState.PAID,
        transaction_id=f"20261122{payment.order_id}",
        amount_fen=payment.amount_fen if amount_fen is None else amount_fen,
        buyer_mask="138****8000",
    )


async def opened(ctx: Context, key: str = "key-00000001") -> Payment:
    placed = await place_order(ctx, "test", key, REQUEST, buckets=1)
    snapshot = await ctx.reader.snapshot(placed.order_id)
    assert snapshot is not None
    intent = await pay.intend_payment(ctx, snapshot, "alipay", "qr")
    answer = OpenAnswer(
        outcome=Outcome.OK,
        url="https://qr.example.com/bax0123456789abcdefghij",
        code="10000",
        messages=exchange("alipay", "precreate", 900, 600),
    )
    return await pay.record_opening(ctx, intent, answer)


async def whole_order(ctx: Context, key: str) -> str:
    """One ordinary order by the use cases themselves; facts that are left wait for the worker's look."""
    payment = await opened(ctx, key)
    order_id = payment.order_id
    await pay.learn_paid(ctx, payment, notify(payment))
    await look(ctx, order_id)
    order = await the_order(ctx, order_id)
    attempt = await supply.begin_supply(ctx, order, ready_attempt(order, ctx.now()))
    assert attempt is not None
    working = SupplyAnswer(
        state=SupplyState.PROCESSING,
        code="0",
        supplier_order_id="F1",
        messages=exchange("fulu", "mobile.add", 450, 500),
    )
    await supply.record_answer(ctx, attempt, working)
    arrived = SupplyAnswer(
        state=SupplyState.SUCCEEDED,
        code="0",
        supplier_order_id="F1",
        cost_fen=attempt.cost_fen,
        serial="S1",
        feedback={"text": "充值成功"},
        messages=exchange("fulu", "order.info.get", 350, 600),
    )
    await supply.record_answer(ctx, attempt, arrived)
    await look(ctx, order_id)
    return order_id


async def look(ctx: Context, order_id: str) -> None:
    """The worker's look at the facts that wait, once they are due."""
    waits = "UPDATE inbox SET due_at = known_at WHERE subject = $1"
    await ctx.pool.execute(waits, order_id)
    await Worker(ctx).apply_facts(0)


def told(row: Mapping[str, Any], order_id: str, cited: Mapping[str, str]) -> dict[str, Any]:
    """A row without what differs between any two orders: numbers, moments, sealed bytes, leases."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith(("_at", "_until", "_enc", "_hash")) or name == "at":
            plain[name] = value is None
        elif name == "evidence_id":
            plain[name] = cited.get(value, value)
        elif not name.startswith("lease_"):
            plain[name] = json.loads(json.dumps(value).replace(order_id, "ORDER"))
    return plain


async def rows_of(pool: asyncpg.Pool, order_id: str) -> dict[str, list[Any]]:
    """Everything an order wrote, made comparable."""
    heads = await pool.fetch("SELECT evidence_id, party, kind, direction FROM evidence")
    cited = {row["evidence_id"]: f"{row['party']}/{row['kind']}/{row['direction']}" for row in heads}
    found: dict[str, list[Any]] = {}
    for table in ("orders", "event", "leg", "payment", "supply_attempt", "fact", "inbox", "number"):
        owner = "subject" if table in {"leg", "fact", "inbox"} else "order_id"
        rows = await pool.fetch(f"SELECT * FROM {table} WHERE {owner} = $1", order_id)
        found[table] = sorted((told(row, order_id, cited) for row in rows), key=str)
    keys = await pool.fetch("SELECT key FROM applied WHERE key LIKE '%' || $1 || '%'", order_id)
    # The intents of the hot path are remembered, too; the general way has its lock instead.
    facts = [row["key"] for row in keys if not row["key"].startswith(("open:", "send:"))]
    found["applied"] = sorted(key.replace(order_id, "ORDER") for key in facts)
    return found


async def test_the_hot_path_writes_what_the_general_way_writes(pool: asyncpg.Pool) -> None:
    written, messages = [], []
    for kind in (OrderBatch, GeneralOnly):
        async with context(pool, kind) as ctx:
            order_id = await whole_order(ctx, f"key-{kind.__name__}")
            assert (await the_order(ctx, order_id)).state == "delivered"
            written.append(await rows_of(pool, order_id))
            messages.append(await pool.fetchval("SELECT count(*) FROM evidence"))
    hot, general = written
    hot["inbox"] = []  # completed with the next recording, or by the worker's next look
    for table, rows in general.items():
        assert hot[table] == rows, table
    assert messages[1] == 2 * messages[0]


async def test_a_step_submitted_twice_is_done_once(pool: asyncpg.Pool) -> None:
    """A lost connection is not an answer: the same key again reads its result from `applied`."""
    async with context(pool) as ctx:
        payment = await opened(ctx)
        for _ in range(2):
            await pay.learn_paid(ctx, payment, notify(payment))
        order = await the_order(ctx, payment.order_id)
        attempt = ready_attempt(order, ctx.now())
        step = Step(
            kind="send",
            key="send:once",
            request_hash=b"h" * 32,
            order_id=order.order_id,
            row=step_row(attempt_no=attempt.attempt_no, until_at=ctx.soon(), due_at=ctx.soon(), at=ctx.now()),
        )
        assert [(await ctx.batch.submit(step)).result for _ in range(2)] == ["done", "done"]
        other = Step(
            **{name: getattr(step, name) for name in step.__struct_fields__} | {"request_hash": b"x" * 32}
        )
        assert (await ctx.batch.submit(other)).result == "key_reused"
        postings = await pool.fetch(
            "SELECT DISTINCT posting FROM leg WHERE subject = $1 ORDER BY 1", order.order_id
        )
        assert [row["posting"] for row in postings] == ["dispatched", "paid"]
        assert await pool.fetchval("SELECT count(*) FROM leg WHERE subject = $1", order.order_id) == 6


async def test_two_sends_of_one_attempt_go_out_once(pool: asyncpg.Pool) -> None:
    async with context(pool) as ctx:
        payment = await opened(ctx)
        await pay.learn_paid(ctx, payment, notify(payment))
        order = await the_order(ctx, payment.order_id)
        attempt = ready_attempt(order, ctx.now())
        sent = await asyncio.gather(*(supply.begin_supply(ctx, order, attempt) for _ in range(6)))
        assert sum(each is not None for each in sent) == 1


async def test_placing_again_by_the_same_key(pool: asyncpg.Pool) -> None:
    async with context(pool) as ctx:
        first = await place_order(ctx, "test", "key-00000001", REQUEST, buckets=8)
        second = await place_order(ctx, "test", "key-00000001", REQUEST, buckets=1)
        assert (second.order_id, second.token, second.repeated) == (first.order_id, first.token, True)
        changed = PlaceRequest(product_id="phone-50", account="13800138000", contact="buyer@example.com")
        with pytest.raises(Problem, match="key_reused"):
            await place_order(ctx, "test", "key-00000001", changed, buckets=8)


async def test_a_placement_without_its_order_is_finished_by_the_retry(pool: asyncpg.Pool) -> None:
    """Scale rule 13: a crash came between the two commits, and the setting was changed meanwhile."""
    async with context(pool) as ctx:
        first = await place_order(ctx, "test", "key-00000001", REQUEST, buckets=8)
        for table in ("orders", "event"):
            await pool.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            await pool.execute(f"DELETE FROM {table} WHERE order_id = $1", first.order_id)
            await pool.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        second = await place_order(ctx, "test", "key-00000001", REQUEST, buckets=1)
        assert (second.order_id, second.repeated) == (first.order_id, True)
        assert (await the_order(ctx, first.order_id)).state == "awaiting_payment"


async def test_what_is_not_plain_is_left_to_the_general_way(pool: asyncpg.Pool) -> None:
    """Paid with another amount: recorded, and nothing of the order moved by the batch."""
    async with context(pool) as ctx:
        payment = await opened(ctx)
        await pay.learn_paid(ctx, payment, notify(payment, 9999))
        assert (await the_order(ctx, payment.order_id)).state == "awaiting_payment"
        assert await pool.fetchval("SELECT count(*) FROM leg") == 0
        await look(ctx, payment.order_id)
        assert await pool.fetchval("SELECT amount_fen FROM suspense") == 9999
        assert await pool.fetchval("SELECT count(*) FROM inbox") == 0


async def test_after_a_change_of_connections_no_fact_leaves_the_inbox_unseen(pool: asyncpg.Pool) -> None:
    """The new ones may lead to a restored server, where what this process had applied is not applied (R13)."""
    async with context(pool) as ctx:
        payment = await opened(ctx)
        await pay.learn_paid(ctx, payment, notify(payment))
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await place_order(ctx, "test", "key-00000002", REQUEST, buckets=1)
        assert await pool.fetchval("SELECT subject FROM inbox") == payment.order_id


async def test_many_orders_at_once_are_all_whole(pool: asyncpg.Pool) -> None:
    async with context(pool) as ctx:
        took: dict[str, list[float]] = defaultdict(list)
        ids = await asyncio.gather(*(run_order(ctx, f"many-{n:08d}", took) for n in range(200)))
        assert len(set(ids)) == 200
        states = await pool.fetch("SELECT state, count(*) AS n FROM orders GROUP BY state")
        assert [(row["state"], row["n"]) for row in states] == [("delivered", 200)]
        legs = await pool.fetch("SELECT posting, count(*) AS n FROM leg GROUP BY posting ORDER BY posting")
        assert {row["posting"]: row["n"] for row in legs} == {
            "paid": 400,
            "dispatched": 800,
            "supplier_succeeded": 400,
        }


async def test_a_cold_start_with_a_bulk_load_keeps_to_the_keys(pool: asyncpg.Pool) -> None:
    """Plans made for empty tables do not survive their growth (stack.md, traps)."""
    async with context(pool) as ctx:
        took: dict[str, list[float]] = defaultdict(list)
        await asyncio.gather(*(run_order(ctx, f"cold-{n:08d}", took) for n in range(400)))
        assert {"event", "leg", "orders"} <= set(await statistics.refresh(pool))
        assert await statistics.refresh(pool) == []
        numbers = [row["payment_no"] for row in await pool.fetch("SELECT payment_no FROM payment LIMIT 8")]
        plan = await pool.fetch(
            "EXPLAIN SELECT * FROM payment WHERE bucket = 0 AND payment_no = ANY ($1::text[])", numbers
        )
        assert any("payment_pk" in row[0] for row in plan), plan


class _Signing:
    """A channel that signs addresses and asks nobody."""

    methods = frozenset({"page"})
    payer_methods: frozenset[str] = frozenset()
    signed_methods = frozenset({"page"})

    def __init__(self) -> None:
        self.signed = 0

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        self.signed += 1
        url = f"https://pay.example.com/{request.payment_no}"
        asked = message("alipay", "page", Standing.OWN, 900)
        return OpenAnswer(outcome=Outcome.OK, url=url, messages=(asked,))


@pytest.mark.parametrize("kind", [OrderBatch, GeneralOnly])
async def test_a_signed_address_is_open_at_once_and_once(pool: asyncpg.Pool, kind: type[OrderBatch]) -> None:
    """R2: the same rows by either way, also when the buyer asks again and for another way to pay."""
    channel = _Signing()
    async with context(pool, kind) as made:
        ctx = dataclasses.replace(made, channels={"alipay": channel})
        placed = await place_order(ctx, "test", "key-00000001", REQUEST, buckets=1)
        first = (await pay.open_payment(ctx, placed.order_id, "alipay", "page")).payment
        again = (await pay.open_payment(ctx, placed.order_id, "alipay", "page")).payment
        assert (first.payment_no, first.state, first.url) == (again.payment_no, "open", again.url)
        await pay.learn_paid(ctx, first, notify(first))
        await look(ctx, placed.order_id)
        found = await rows_of(pool, placed.order_id)
    [payment] = found["payment"]
    stands = (payment["state"], payment["n"], payment["method"], payment["url"].count("https://"))
    assert stands == ("paid", 1, "page", 1)
    assert [row["kind"] for row in found["event"]].count("payment_opened") == 2
    assert found["orders"][0]["state"] == "paid"
    assert channel.signed == (1 if kind is OrderBatch else 2)
