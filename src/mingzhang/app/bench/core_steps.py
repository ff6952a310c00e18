"""An ordinary order's steps in process: what `bench core` times and tests compare with the floor."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import datetime
from typing import Any, Final

import msgspec

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment.store import Attempt
from mingzhang.fulfilment.suppliers.base import SupplyAnswer, SupplyState
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import attempt_number
from mingzhang.orders import pay, supply
from mingzhang.orders.context import Context
from mingzhang.orders.place import PlaceRequest, place_order
from mingzhang.orders.store import Order
from mingzhang.payments.channels.base import Notify, OpenAnswer, Outcome, TradeState
from mingzhang.payments.store import Payment

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
    """One process's part of a run: CPU seconds are its own, `took` has seconds by step."""

    orders: int
    seconds: float
    cpu_s: float
    took: dict[str, list[float]]


async def run_slice(ctx: Context, callers: int, seconds: float, name: str) -> Slice:
    """Callers place and follow orders until the time is up; those begun are finished and counted."""
    took: dict[str, list[float]] = defaultdict(list)
    cpu, begun = time.process_time(), time.perf_counter()
    counts = [0] * callers

    async def caller(number: int) -> None:
        while time.perf_counter() - begun < seconds:
            await run_order(ctx, f"{name}-{number}-{counts[number]:08d}", took)
            counts[number] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            group.create_task(caller(number))
    return Slice(
        orders=sum(counts),
        seconds=time.perf_counter() - begun,
        cpu_s=time.process_time() - cpu,
        took=dict(took),
    )
