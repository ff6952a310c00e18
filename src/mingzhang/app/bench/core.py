"""`bench core`: an ordinary order's steps in process, beside plain transactions writing the same rows."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.machine import Usage, percentile_ms, read_usage
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.app.settings import Settings
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment.store import Attempt
from mingzhang.fulfilment.suppliers.base import SupplyAnswer, SupplyState
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number
from mingzhang.kit.migrations import migrate
from mingzhang.kit.statistics import keep_fresh
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import FREE
from mingzhang.orders import pay, supply
from mingzhang.orders.context import Context
from mingzhang.orders.place import PlaceRequest, place_order
from mingzhang.orders.store import Order
from mingzhang.payments.channels.base import Notify, OpenAnswer, Outcome, TradeState
from mingzhang.payments.store import Payment

CALLERS: Final = (64, 128, 256)
HELD_AGAINST: Final = 128
ROUNDS: Final = 3
STEPS: Final = ("place", "open", "opened", "paid", "send", "heard", "delivered")

_REQUEST: Final = PlaceRequest(product_id="phone-100", account="13800138000", contact="buyer@example.com")


def message(party: str, kind: str, standing: Standing, size: int) -> Message:
    """A message of an ordinary size; what it says does not matter here."""
    direction = Direction.OUT if standing is Standing.OWN else Direction.IN
    return Message(
        party=party,
        kind=kind,
        direction=direction,
        standing=standing,
        body=b"x" * size,
        content_type="application/json",
    )


def exchange(party: str, kind: str, asked: int, answered: int) -> tuple[Message, ...]:
    """A call of ours and its answer."""
    return message(party, kind, Standing.OWN, asked), message(party, kind, Standing.ANSWER, answered)


async def run_order(ctx: Context, key: str, took: dict[str, list[float]]) -> str:
    """One ordinary order from placing to arrival, by the product's own steps; network answers are given."""
    clock = time.perf_counter
    begun = clock()

    def lap(step: str) -> None:
        nonlocal begun
        now = clock()
        took[step].append(now - begun)
        begun = now

    placed = await place_order(ctx, "bench", key, _REQUEST, buckets=1)
    lap("place")
    snapshot = await ctx.reader.snapshot(placed.order_id)
    assert snapshot is not None
    intent = await pay.intend_payment(ctx, snapshot, "alipay", "qr")
    lap("open")
    opened = OpenAnswer(
        outcome=Outcome.OK,
        url="https://qr.example.com/bax0123456789abcdefghij",
        code="10000",
        messages=exchange("alipay", "precreate", 900, 600),
    )
    await pay.record_opening(ctx, intent, opened)
    lap("opened")
    payment = await ctx.reader.opened_payment(placed.order_id, intent.payment_no)
    await _pay(ctx, payment)
    lap("paid")
    order = await _order(ctx, placed.order_id)
    attempt = await supply.intend_supply(ctx, order, ready_attempt(order, ctx.now()))
    _expect(attempt is not None, "send")
    lap("send")
    assert attempt is not None
    await _supply(ctx, attempt, lap)
    return placed.order_id


async def _order(ctx: Context, order_id: str) -> Order:
    order = await ctx.reader.order(order_id)
    if order is None:
        raise Problem("bench_failed", Kind.INTERNAL, "an order is not there")
    return order


async def _pay(ctx: Context, payment: Payment | None) -> None:
    if payment is None:
        raise Problem("bench_failed", Kind.INTERNAL, "a payment is not there")
    notify = Notify(
        message=message("alipay", "notify", Standing.VERIFIED, 1200),
        payment_no=payment.payment_no,
        state=TradeState.PAID,
        transaction_id=f"20261122{payment.order_id}",
        amount_fen=payment.amount_fen,
        buyer_mask="138****8000",
    )
    await pay.learn_paid(ctx, payment, notify)


async def _supply(ctx: Context, attempt: Attempt, lap: Any) -> None:
    working = SupplyAnswer(
        state=SupplyState.PROCESSING,
        code="0",
        supplier_order_id=f"F{attempt.order_id}",
        messages=exchange("fulu", "mobile.add", 450, 500),
    )
    _expect(await supply.hear(ctx, attempt, working) is None, "heard")
    lap("heard")
    arrived = SupplyAnswer(
        state=SupplyState.SUCCEEDED,
        code="0",
        supplier_order_id=f"F{attempt.order_id}",
        cost_fen=attempt.cost_fen,
        serial=f"S{attempt.order_id}",
        messages=exchange("fulu", "order.info.get", 350, 600),
    )
    await supply.learn_delivered(ctx, attempt, arrived)
    lap("delivered")


def _expect(plain: bool, step: str) -> None:
    if not plain:
        raise Problem("bench_failed", Kind.INTERNAL, f"an ordinary order was not plain at {step}")


def ready_attempt(order: Order, now: datetime) -> Attempt:
    """The attempt as the worker's claim gives it."""
    return Attempt(
        bucket=order.bucket,
        attempt_no=attempt_number(order.order_id, 1),
        order_id=order.order_id,
        n=1,
        supplier=order.supplier,
        supplier_product=order.supplier_product,
        kind=order.kind,
        quantity=order.quantity,
        cost_fen=order.cost_fen,
        state="ready",
        reason="",
        code="",
        supplier_order_id="",
        serial="",
        feedback={},
        asked=0,
        asked_at=None,
        answered_at=None,
        due_at=now,
        deadline_at=order.deadline_at,
        planned_at=now,
        sent_at=None,
        finished_at=None,
    )


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of a run: so many callers for so long."""

    callers: int
    orders: int
    seconds: float
    usage: Usage
    took: dict[str, list[float]]

    @property
    def per_s(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


async def run_slice(ctx: Context, callers: int, seconds: float, name: str, server_pid: int | None) -> Slice:
    """Callers place and follow orders until the time is up; those begun are finished and counted."""
    took: dict[str, list[float]] = defaultdict(list)
    before = read_usage(server_pid)
    begun = time.perf_counter()
    counts = [0] * callers

    async def caller(number: int) -> None:
        while time.perf_counter() - begun < seconds:
            await run_order(ctx, f"{name}-{number}-{counts[number]:08d}", took)
            counts[number] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            group.create_task(caller(number))
    return Slice(
        callers=callers,
        orders=sum(counts),
        seconds=time.perf_counter() - begun,
        usage=read_usage(server_pid).since(before),
        took=dict(took),
    )


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[tuple[Desk, EmbeddedPostgres]]:
    """A durable database of its own with the sample shop; no outside party is called."""
    server = EmbeddedPostgres(folder / "database")
    dsn = await asyncio.to_thread(server.start)
    try:
        await migrate(dsn)
        desk = await open_desk(Settings(database_url=dsn, secret_key=os.urandom(32)))
        try:
            await desk.set_up_sample_shop()
            await _capital(desk.ctx)
            stop = asyncio.Event()
            statistics = asyncio.create_task(keep_fresh(desk.pool, stop))
            try:
                yield desk, server
            finally:
                stop.set()
                await statistics
        finally:
            await desk.aclose()
    finally:
        await asyncio.to_thread(server.stop)


async def _capital(ctx: Context) -> None:
    """Row 1: enough prefund for any number of orders, citing the operator's own statement."""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        note = message("fulu", "opening_balance", Standing.OWN, 100)
        cited = await evidence.keep(conn, ctx.rng, now, note)
        posting = postings.capital_in("CAPITAL-fulu", party="fulu", place=FREE, amount_fen=10**14)
        await ledger.write_shared(conn, posting, evidence_id=cited, now=now)


async def run_core(folder: Path, seconds: int, say: Any) -> dict[str, Any]:
    """The whole benchmark; `say(text, done)` hears of the progress, done from 0 to 1."""
    async with open_bench(folder) as (desk, server):
        floor = Floor(desk.settings.database_url, "core_floor.sql")
        if floor.possible:
            await make_schema(desk.settings.database_url)
            await floor.run(seconds=2)
        await run_slice(desk.ctx, 64, 2, "warm", server.pid)
        slices: dict[int, list[Slice]] = defaultdict(list)
        floors: dict[int, list[float]] = defaultdict(list)
        for round_ in range(ROUNDS):
            for n, callers in enumerate(CALLERS):
                say(
                    f"{callers} callers, round {round_ + 1}",
                    (round_ * len(CALLERS) + n) / ROUNDS / len(CALLERS),
                )
                slices[callers].append(
                    await run_slice(desk.ctx, callers, seconds, f"{round_}-{callers}", server.pid)
                )
                if floor.possible:
                    floors[callers].append(await floor.run(seconds=seconds))
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
        return _result(slices, floors, report.ok)


def _result(slices: dict[int, list[Slice]], floors: dict[int, list[float]], ok: bool) -> dict[str, Any]:
    runs = [_run(callers, slices[callers], floors.get(callers, [])) for callers in slices]
    held = next(run for run in runs if run["callers"] == HELD_AGAINST)
    return {
        "bench": "core",
        "ratio": held["ratio"],
        "orders_per_s": held["orders_per_s"],
        "floor_orders_per_s": held["floor_orders_per_s"],
        "cpu_us_per_order": held["cpu_us_per_order"],
        "steps": held["steps"],
        "audit": "ok" if ok else "failed",
        "cores": os.cpu_count(),
        "other_load": held["other_load"],
        "note": "" if floors else "no pgbench on this machine: ratio unknown",
        "runs": runs,
    }


def _run(callers: int, done: list[Slice], floors: list[float]) -> dict[str, Any]:
    """One setting: medians over the rounds; the ratio is the median of the rounds' own ratios."""
    per_s = [each.per_s for each in done]
    orders = sum(each.orders for each in done)
    took = {step: [lap for each in done for lap in each.took.get(step, [])] for step in STEPS}
    ratios = [ours / floor for ours, floor in zip(per_s, floors, strict=False)]
    return {
        "callers": callers,
        "ratio": round(statistics.median(ratios), 2) if ratios else None,
        "orders_per_s": round(statistics.median(per_s)),
        "floor_orders_per_s": round(statistics.median(floors)) if floors else None,
        "cpu_us_per_order": {
            "python": round(sum(each.usage.own for each in done) / orders * 1e6),
            "postgres": round(sum(each.usage.server for each in done) / orders * 1e6),
        },
        "steps": {
            step: {"p50": percentile_ms(laps, 0.5), "p99": percentile_ms(laps, 0.99)}
            for step, laps in took.items()
        },
        "other_load": round(statistics.mean(each.usage.other_load for each in done), 2),
        "orders": orders,
    }
