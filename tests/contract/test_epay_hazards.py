"""What an aggregator may do to a payment, and that the adapter never loses or invents one (wire.md, 易支付)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from rigs import ChannelRig, new_order, open_channel

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import FROZEN, Notify, Outcome, RefundRequest, RefundState, TradeState
from mingzhang.payments.channels.epay import Epay
from simulator_process import SimulatorProcess


@pytest.fixture
async def rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[ChannelRig]:
    async with open_channel("epay", simulator, clock) as rig:
        yield rig


def adapter(rig: ChannelRig) -> Epay:
    assert isinstance(rig.channel, Epay)
    return rig.channel


async def hazard(rig: ChannelRig, order: str, name: str, **params: object) -> None:
    await rig.world.fault(order, "epay", name, **params)


async def opened(rig: ChannelRig, order: str) -> str:
    answer = await rig.channel.open(rig.request(order))
    assert answer.outcome is Outcome.OK
    return answer.url


async def told(rig: ChannelRig, order: str, wanted: Callable[[Notify], bool]) -> Notify:
    def about(message: HttpMessage) -> bool:
        notify = rig.channel.read_notify(message)
        return notify.payment_no == f"{order}P1" and wanted(notify)

    return rig.channel.read_notify(await rig.inbox.until(about))


def whole(order: str, transaction_id: str) -> RefundRequest:
    return RefundRequest(
        payment_no=f"{order}P1",
        transaction_id=transaction_id,
        refund_no=f"{order}R1",
        amount_fen=10005,
        total_fen=10005,
        reason="重复支付",
    )


async def test_the_paid_one_of_two_trades_is_found_though_the_query_shows_the_other(rig: ChannelRig) -> None:
    order = new_order()
    await hazard(rig, order, "number_not_unique")
    first, second = await opened(rig, order), await opened(rig, order)
    assert first != second
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.PENDING
    await rig.pay(second)
    trade = await rig.channel.query(f"{order}P1")
    assert (trade.state, trade.amount_fen, trade.transaction_id in second) == (TradeState.PAID, 10005, True)


async def test_a_second_payment_has_its_own_name_and_goes_back_alone(rig: ChannelRig) -> None:
    """F15: both notifies name their trade, each is asked for, and the refund of one leaves the other."""
    order = new_order()
    await hazard(rig, order, "two_payments")
    await rig.pay(await opened(rig, order))
    shown = (await rig.channel.query(f"{order}P1")).transaction_id
    hidden = (await told(rig, order, lambda notify: notify.transaction_id != shown)).transaction_id
    asked = await adapter(rig).query_transaction(hidden)
    assert (asked.state, asked.payment_no, asked.amount_fen) == (TradeState.PAID, f"{order}P1", 10005)
    listed = await adapter(rig).list_trades(0, 50)
    assert {shown, hidden} <= {trade.transaction_id for trade in listed.trades}

    assert (await rig.channel.refund(whole(order, hidden))).state is RefundState.ACCEPTED
    back = await rig.channel.query_refund(f"{order}P1", f"{order}R1", hidden)
    assert (back.state, back.reference) == (RefundState.ARRIVED, hidden)
    assert (await rig.channel.query_refund(f"{order}P1", f"{order}R1", shown)).state is RefundState.NOT_FOUND
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.PAID


async def test_an_order_that_the_aggregator_forgot_may_still_be_paid(rig: ChannelRig) -> None:
    """F1: 不存在 is no proof; the money that comes after it is found by the same question."""
    order = new_order()
    await hazard(rig, order, "unpaid_deleted", s=0)
    await opened(rig, order)
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.NOT_FOUND
    pay = {"out_trade_no": f"{order}P1", "late": True}
    assert (await rig.world.tell("POST", "/buyers/pay", pay))["result"] == "paid"
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.PAID


async def test_not_found_then_found(rig: ChannelRig) -> None:
    order = new_order()
    await hazard(rig, order, "query_not_found_then_found", times=2)
    await rig.pay(await opened(rig, order))
    states = [(await rig.channel.query(f"{order}P1")).state for _ in range(3)]
    assert states == [TradeState.NOT_FOUND, TradeState.NOT_FOUND, TradeState.PAID]


async def test_a_lost_notify_is_found_by_asking(rig: ChannelRig) -> None:
    """F2."""
    order = new_order()
    await hazard(rig, order, "notify_lost")
    await rig.pay(await opened(rig, order))
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.PAID
    assert [m for m in rig.inbox.came if f"{order}P1" in m.query] == []


async def test_a_fitting_success_that_nobody_paid_is_contradicted_by_the_query(rig: ChannelRig) -> None:
    """F4: the weak signature fits; it stays a hint, and the question says no."""
    order = new_order()
    await hazard(rig, order, "notify_for_unpaid")
    await opened(rig, order)
    notify = await told(rig, order, lambda notify: notify.state is TradeState.PAID)
    assert notify.message.standing is Standing.HINT
    assert (await rig.channel.query(f"{order}P1")).state is TradeState.PENDING
    assert (await adapter(rig).query_transaction(notify.transaction_id)).state is TradeState.PENDING


async def test_the_books_hold_what_is_told_and_not_what_was_paid(rig: ChannelRig) -> None:
    order = new_order()
    await hazard(rig, order, "realmoney_differs", fen=7)
    await rig.pay(await opened(rig, order))
    assert (await told(rig, order, lambda _notify: True)).amount_fen == 10005
    assert (await rig.channel.query(f"{order}P1")).amount_fen == 10005
    row = next(row for row in (await rig.books())["trades"] if row["order"] == order)
    assert (row["paid_fen"], row["real_fen"]) == (10005, 10012)


async def test_a_frozen_trade_is_paid_by_name(rig: ChannelRig) -> None:
    order = new_order()
    await hazard(rig, order, "trade_frozen")
    await rig.pay(await opened(rig, order))
    trade = await rig.channel.query(f"{order}P1")
    assert (trade.state, trade.code) == (TradeState.PAID, FROZEN)


async def test_while_the_key_changes_the_old_one_is_still_heard(rig: ChannelRig) -> None:
    order = new_order()
    await hazard(rig, order, "notify_old_key")
    await rig.pay(await opened(rig, order))
    await rig.inbox.until(lambda message: f"{order}P1" in message.query)
    came = next(message for message in rig.inbox.came if f"{order}P1" in message.query)
    assert rig.channel.read_notify(came).refusal == "bad_signature"
    both = msgspec.structs.replace(
        adapter(rig)._settings, previous_key=rig.world.ready["epay"]["previous_key"]
    )
    assert Epay(both, Outbound()).read_notify(came).state is TradeState.PAID
