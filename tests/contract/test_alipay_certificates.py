"""Alipay replaces its certificate while payments are open: nothing is lost, nothing false is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from rigs import ChannelRig, new_order, open_channel

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import Clock
from mingzhang.payments.channels.base import Outcome, TradeState
from simulator_process import SimulatorProcess


@pytest.fixture
async def certified(clock: Clock) -> AsyncIterator[ChannelRig]:
    """A simulator of its own: the change stays with it."""
    with SimulatorProcess("--clock", clock.spec(), "--seed", "12") as process:
        async with open_channel("alipay-certificate", process, clock) as rig:
            yield rig


async def test_a_new_certificate_is_met_by_asking_and_then_notifies_fit(certified: ChannelRig) -> None:
    before, after = new_order(), new_order()
    first = await certified.channel.open(certified.request(before))
    second = await certified.channel.open(certified.request(after))
    await certified.world.tell("POST", "/alipay/rotate-certificate", {})
    await certified.pay(first.url)

    def of(order: str) -> HttpMessage | None:
        told = (m for m in certified.inbox.came if f"{order}P1".encode() in m.body)
        return next(told, None)

    await certified.inbox.until(lambda _message: of(before) is not None)
    early = of(before)
    assert early is not None
    assert certified.channel.read_notify(early).message.standing is Standing.FORGED  # not known yet
    trade = await certified.channel.query(f"{before}P1")
    assert (trade.state, trade.outcome) == (TradeState.PAID, Outcome.OK)
    assert certified.channel.read_notify(early).message.standing is Standing.VERIFIED  # as Alipay repeats it

    await certified.pay(second.url)
    await certified.inbox.until(lambda _message: of(after) is not None)
    late = of(after)
    assert late is not None
    assert certified.channel.read_notify(late).state is TradeState.PAID


async def test_an_unknown_serial_number_is_asked_about_once(certified: ChannelRig) -> None:
    order = new_order()
    await certified.pay((await certified.channel.open(certified.request(order))).url)
    await certified.world.fault(order, "alipay", "cert_unknown_serial", times=3)
    answers = [await certified.channel.query(f"{order}P1") for _ in range(3)]
    assert {answer.state for answer in answers} == {TradeState.UNKNOWN}
    assert [len(answer.messages) for answer in answers] == [4, 2, 2]
    assert (await certified.channel.query(f"{order}P1")).state is TradeState.PAID
