"""A worker whose lease ran out while it waited for an answer: what it brings back late overwrites nothing (F20).

The answer is real and its way back is slow: meanwhile a second worker visits the same row, and the order goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lifecycle_house import CLAIMS, LifecycleHouse, open_lifecycle_house

from mingzhang.orders.context import Context
from simulators.faults import Fault
from simulators.fulu.goods import PRODUCTS

READ = (
    "SELECT o.state, o.next_actor, a.state AS attempt, a.due_at, r.state AS refund "
    "FROM orders o LEFT JOIN supply_attempt a ON a.bucket = o.bucket LEFT JOIN refund r ON r.bucket = o.bucket "
    "WHERE o.bucket = $1"
)
PRODUCT = next(product for product in PRODUCTS.values() if product.product_id == 20000100)
REFUSED_ONCE = Fault("alipay", "refund_refused", {"times": 1, "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"})


class SlowWayBack:
    """A party whose answer to one kind of call arrives when the test says so; all else as it is."""

    def __init__(self, party: Any, method: str) -> None:
        self._party, self._method = party, method
        self.answered, self.arrives = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._party, name)
        if name != self._method:
            return real

        async def slowly(*arguments: Any, **named: Any) -> Any:
            answer = await real(*arguments, **named)
            self.answered.set()
            await self.arrives.wait()
            return answer

        return slowly


class SlowWorker:
    """One visit by a worker that is slow to hear. ``begin`` returns when the party has answered."""

    def __init__(self, house: LifecycleHouse, key: str, method: str) -> None:
        ctx, self._key = house.ctx, key
        if key == "attempt_no":
            self._party = SlowWayBack(ctx.suppliers["fulu"], method)
            self._ctx: Context = replace(ctx, suppliers={"fulu": self._party})
        else:
            self._party = SlowWayBack(ctx.channels["alipay"], method)
            self._ctx = replace(ctx, channels={"alipay": self._party})
        self._house = house
        self._visit: asyncio.Future[None] | None = None

    async def begin(self) -> str:
        (subject,) = await self._house.claim(self._key)
        self._visit = asyncio.ensure_future(CLAIMS[self._key][1](self._ctx, subject))
        await asyncio.wait_for(self._party.answered.wait(), 10)
        self._house.clock.advance(self._house.ctx.lease_s + 1)  # and now its lease has run out
        return subject

    async def hear(self) -> None:
        assert self._visit is not None
        self._party.arrives.set()
        await asyncio.wait_for(self._visit, 10)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[LifecycleHouse]:
    async with open_lifecycle_house(database_url, tmp_path) as opened:
        yield opened


async def paid_order(house: LifecycleHouse) -> str:
    order_id = await house.place()
    await house.parties.fault(order_id, "fulu", "silent")
    await house.parties.fault(order_id, "alipay", "notify_lost")
    panel = await house.desk.open_payment(order_id)
    await house.parties.pay(panel.url)
    await house.desk.receive_notify("alipay", house.parties.notify(panel.payment_no))
    await house.apply_next()  # plain facts are applied as they are learnt
    return order_id


async def work(house: LifecycleHouse, key: str) -> None:
    for subject in await house.claim(key):
        await house.visit(key, subject)


async def stands(house: LifecycleHouse) -> Any:
    (row,) = await house.read(READ, house.bucket)
    return row


async def test_an_old_not_found_does_not_take_back_that_the_supplier_works(house: LifecycleHouse) -> None:
    """Asked while the supplier was away; before the news arrives another worker has heard "processing"."""
    order_id = await paid_order(house)
    await house.parties.down("fulu", down=True)
    await work(house, "attempt_no")
    house.clock.advance(10)
    slow = SlowWorker(house, "attempt_no", "query")
    await slow.begin()
    await house.parties.down("fulu", down=False)
    house.parties.world.fulu.accept(f"{order_id}T1", PRODUCT, 1, "13800138000", 9850).silent = True
    await work(house, "attempt_no")
    assert (await stands(house))["attempt"] == "processing"
    await slow.hear()
    assert (await stands(house))["attempt"] == "processing"


async def test_an_old_processing_does_not_take_back_the_last_word(house: LifecycleHouse) -> None:
    order_id = await paid_order(house)
    await work(house, "attempt_no")
    house.clock.advance(10)
    slow = SlowWorker(house, "attempt_no", "query")
    await slow.begin()
    await house.parties.decide(order_id, "success")
    await work(house, "attempt_no")
    await house.apply_next()
    assert (await stands(house))["attempt"] == "succeeded"
    await slow.hear()
    row = await stands(house)
    assert (row["state"], row["attempt"], row["due_at"]) == ("delivered", "succeeded", None)


async def test_a_slow_sender_and_a_second_worker_send_once(house: LifecycleHouse) -> None:
    """The first has sent and does not know it; the second asks, by the same number, and sends nothing."""
    order_id = await paid_order(house)
    slow = SlowWorker(house, "attempt_no", "submit")
    await slow.begin()
    await work(house, "attempt_no")
    assert (await stands(house))["attempt"] == "processing"
    await house.parties.decide(order_id, "success")
    house.clock.advance(10)
    await work(house, "attempt_no")
    await house.apply_next()
    await slow.hear()
    assert (await stands(house))["state"] == "delivered"
    assert house.parties.world.fulu.topups.total() == 1


async def test_a_refund_is_not_sent_again_while_its_refusal_waits_to_be_booked(house: LifecycleHouse) -> None:
    """The refusal is known and not applied yet; the channel would accept now, and must not be asked."""
    order_id = await paid_order(house)
    await work(house, "attempt_no")
    await house.parties.decide(order_id, "failed")
    house.clock.advance(10)
    await work(house, "attempt_no")
    await house.apply_next()
    house.parties.world.world.faults.for_order(order_id, [REFUSED_ONCE])
    await work(house, "refund_no")
    house.clock.advance(60)
    await work(house, "refund_no")
    assert sum(len(trade.refunds) for trade in house.parties.world.alipay.trades.values()) == 0
    while await house.apply_next() is not None:
        pass
    row = await stands(house)
    assert (row["state"], row["refund"]) == ("needs_person", "refused")


async def test_an_old_denial_does_not_contradict_a_payment_that_came_after_the_question(
    house: LifecycleHouse,
) -> None:
    """Asked before the buyer paid; the answer arrives when the money is booked, and proves nothing (F4)."""
    order_id = await house.place()
    await house.parties.fault(order_id, "alipay", "notify_lost")
    panel = await house.desk.open_payment(order_id)
    house.clock.advance(6)
    slow = SlowWorker(house, "payment_no", "query")
    await slow.begin()
    await house.parties.pay(panel.url)
    await house.desk.receive_notify("alipay", house.parties.notify(panel.payment_no))
    assert await house.apply_next() is not None
    await slow.hear()
    assert await payment_stands(house) == ("paid", "paid")
    house.clock.advance(16)
    await work(house, "payment_no")  # the confirmation, still asked for
    assert await payment_stands(house) == ("paid", "paid")
    assert await house.claim("payment_no") == []


async def payment_stands(house: LifecycleHouse) -> tuple[str, str]:
    """The order's state, and its payment's."""
    statement = (
        "SELECT o.state, p.state AS payment FROM orders o JOIN payment p ON p.bucket = o.bucket "
        "WHERE o.bucket = $1"
    )
    (row,) = await house.read(statement, house.bucket)
    return row["state"], row["payment"]
