"""What every payment channel must do, whatever its wire: run against a party over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from mingzhang.app.check_adapters.rig import ChannelRig, new_order
from mingzhang.app.check_adapters.suite import Skipped, Suite, among, equal, holds
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.payments.channels.base import (
    Notify,
    OpenAnswer,
    Outcome,
    RefundAnswer,
    RefundRequest,
    RefundState,
    TradeAnswer,
    TradeState,
)

CHANNEL = Suite()
PENDING_OR_NONE = (TradeState.PENDING, TradeState.NOT_FOUND)


async def opened(rig: ChannelRig, order: str, method: str = "") -> OpenAnswer:
    answer = await rig.channel.open(rig.request(order, method))
    equal((answer.outcome, bool(answer.url)), (Outcome.OK, True))
    return answer


async def paid(rig: ChannelRig, order: str, method: str = "") -> TradeAnswer:
    """Open, pay, and ask."""
    await rig.pay((await opened(rig, order, method)).url)
    trade = await rig.channel.query(f"{order}P1")
    equal(trade.state, TradeState.PAID)
    return trade


def refund_of(order: str, trade: TradeAnswer, amount_fen: int, number: int = 1) -> RefundRequest:
    return RefundRequest(
        payment_no=f"{order}P1",
        transaction_id=trade.transaction_id,
        refund_no=f"{order}R{number}",
        amount_fen=amount_fen,
        total_fen=trade.amount_fen,
        reason="供应商拒绝",
    )


def notified(rig: ChannelRig, message: HttpMessage, order: str) -> Notify | None:
    """The notify as the adapter reads it, if it is about this order."""
    notify = rig.channel.read_notify(message)
    return notify if notify.payment_no == f"{order}P1" else None


async def notify_with(rig: ChannelRig, order: str, state: TradeState, refusal: str = "") -> Notify:
    def wanted(message: HttpMessage) -> bool:
        notify = notified(rig, message, order)
        return notify is not None and (notify.state, notify.refusal) == (state, refusal)

    return rig.channel.read_notify(await rig.inbox.until(wanted))


def held(messages: tuple[Message, ...], rig: ChannelRig) -> None:
    """Every answer brings its raw messages: ours first, without secrets."""
    equal(messages[0].direction, Direction.OUT)
    equal(messages[0].standing, Standing.OWN)
    holds(all(message.party == rig.channel.name for message in messages))
    holds(all(secret.encode() not in message.body for message in messages for secret in rig.secrets))


# -- the ordinary path -----------------------------------------------------------------------------


@CHANNEL.over(("method",), ["qr", "page", "wap"])
async def open_pay_notify_query(channel: ChannelRig, method: str) -> None:
    if method not in channel.methods:
        raise Skipped(f"{channel.party} has no {method}")
    order = new_order()
    answer = await opened(channel, order, method)
    held(answer.messages, channel)
    before = await channel.channel.query(f"{order}P1")
    among(before.state, PENDING_OR_NONE)
    await channel.pay(answer.url)
    notify = await notify_with(channel, order, TradeState.PAID)
    trade = await channel.channel.query(f"{order}P1")
    held(trade.messages, channel)
    equal(notify.message.standing, channel.notify_standing)
    equal((trade.state, trade.outcome, trade.amount_fen), (TradeState.PAID, Outcome.OK, 10005))
    equal((notify.amount_fen, notify.refunded_fen), (10005, 0))
    holds(notify.transaction_id == trade.transaction_id != "")
    holds(trade.paid_at is not None)
    equal(notify.paid_at, trade.paid_at if "signed" in channel.has else None)
    among("*", trade.buyer_mask)


@CHANNEL.check
async def open_again_is_the_same_trade_and_another_amount_is_refused(channel: ChannelRig) -> None:
    order = new_order()
    first = await opened(channel, order)
    again = await channel.channel.open(channel.request(order))
    equal((again.outcome, again.url), (Outcome.OK, first.url))
    other = await channel.channel.open(channel.request(order, amount_fen=1))
    equal((other.outcome, other.url), (Outcome.REFUSED, ""))
    await channel.pay(first.url)
    late = await channel.channel.open(channel.request(order))
    equal(late.outcome, Outcome.REFUSED)


@CHANNEL.check
async def a_trade_nobody_opened_is_not_found_everywhere(channel: ChannelRig) -> None:
    order = new_order()
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.NOT_FOUND)
    equal((await channel.channel.close(f"{order}P1")).outcome, Outcome.REFUSED)
    equal((await channel.channel.query_refund(f"{order}P1", f"{order}R1")).state, RefundState.NOT_FOUND)
    request = refund_of(order, TradeAnswer(state=TradeState.PAID, amount_fen=5), 5)
    equal((await channel.channel.refund(request)).state, RefundState.REFUSED)


# -- closing ---------------------------------------------------------------------------------------


@CHANNEL.check
async def close_before_anybody_paid(channel: ChannelRig) -> None:
    channel.need("close")
    order = new_order()
    await channel.look((await opened(channel, order)).url)
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PENDING)
    closed = await channel.channel.close(f"{order}P1")
    held(closed.messages, channel)
    equal(closed.outcome, Outcome.OK)
    trade = await channel.channel.query(f"{order}P1")
    equal((trade.state, trade.refunded_fen), (TradeState.CLOSED, 0))


@CHANNEL.check
async def a_paid_trade_does_not_close(channel: ChannelRig) -> None:
    order = new_order()
    await paid(channel, order)
    closed = await channel.channel.close(f"{order}P1")
    equal((closed.outcome, bool(closed.code)), (Outcome.REFUSED, True))
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


@CHANNEL.check
async def close_racing_the_payment(channel: ChannelRig) -> None:
    order = new_order()
    await channel.fault(order, "close_race_pay")
    await opened(channel, order)
    equal((await channel.channel.close(f"{order}P1")).outcome, Outcome.REFUSED)
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


@CHANNEL.check
async def the_buyer_can_pay_after_our_close_found_nothing(channel: ChannelRig) -> None:
    """F1: closing is no proof that no money comes."""
    channel.need("unopened_page")
    order = new_order()
    answer = await opened(channel, order, "page")
    equal((await channel.channel.close(f"{order}P1")).outcome, Outcome.REFUSED)
    await channel.pay(answer.url)
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


# -- refunds ---------------------------------------------------------------------------------------


@CHANNEL.check
async def refund_to_arrival_and_its_notify_is_no_payment(channel: ChannelRig) -> None:
    order = new_order()
    trade = await paid(channel, order)
    asked = await channel.channel.refund(refund_of(order, trade, 10005))
    held(asked.messages, channel)
    among(asked.state, (RefundState.ACCEPTED, RefundState.ARRIVED))
    arrived = await channel.channel.query_refund(f"{order}P1", f"{order}R1")
    equal((arrived.state, arrived.amount_fen), (RefundState.ARRIVED, 10005))
    if "refund_notify" in channel.has:
        notify = await notify_with(channel, order, TradeState.REFUNDED)
        equal(notify.refunded_fen, 10005)
    after = await channel.channel.query(f"{order}P1")
    told = 10005 if "refunded_sum" in channel.has else 0
    equal((after.state, after.refunded_fen), (TradeState.REFUNDED, told))


@CHANNEL.check
async def a_partial_refund_notifies_as_a_refund(channel: ChannelRig) -> None:
    channel.need("partial_refund", "refund_notify")
    order = new_order()
    trade = await paid(channel, order)
    equal((await channel.channel.refund(refund_of(order, trade, 5))).state, RefundState.ACCEPTED)
    notify = await notify_with(channel, order, TradeState.REFUNDED)
    equal((notify.amount_fen, notify.refunded_fen), (10005, 5))
    part = await channel.channel.query(f"{order}P1")
    equal(part.state, TradeState.PAID if "refunded_sum" in channel.has else TradeState.REFUNDED)
    await channel.channel.refund(refund_of(order, trade, 10000, 2))
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.REFUNDED)


@CHANNEL.check
async def the_same_refund_number_never_refunds_twice(channel: ChannelRig) -> None:
    """F14."""
    order = new_order()
    trade = await paid(channel, order)
    request = refund_of(order, trade, 700 if "partial_refund" in channel.has else 10005)
    answers: list[RefundAnswer] = [await channel.channel.refund(request) for _ in range(3)]
    holds({answer.state for answer in answers} <= {RefundState.ACCEPTED, RefundState.ARRIVED})
    if "refund_number" in channel.has:
        other = await channel.channel.refund(msgspec.structs.replace(request, amount_fen=701))
        equal((other.state, other.outcome), (RefundState.UNKNOWN, Outcome.UNKNOWN))
    equal(await refunds_made(channel, order), {f"{order}R1": request.amount_fen})


async def refunds_made(rig: ChannelRig, order: str) -> dict[str, int]:
    """Refunds by number as the channel's own books have them, fen; ours, where the wire carries none."""
    trades = [row for row in (await rig.books())["trades"] if row["order"] == order]
    made = {number: fen for row in trades for number, fen in row["refunds"].items()}
    if "refund_number" in rig.has:
        return made
    return {f"{order}R{count}": fen for count, fen in enumerate(made.values(), 1)}


@CHANNEL.check
async def more_than_was_paid_is_refused(channel: ChannelRig) -> None:
    order = new_order()
    trade = await paid(channel, order)
    asked = await channel.channel.refund(refund_of(order, trade, 10006))
    equal((asked.state, asked.outcome, bool(asked.code)), (RefundState.REFUSED, Outcome.REFUSED, True))
    equal(await refunds_made(channel, order), {})


@CHANNEL.over(("name",), ["refund_unknown_then_success", "refund_timeout_executed"])
async def an_unknown_refund_is_found_by_its_number(channel: ChannelRig, name: str) -> None:
    """F14."""
    order = new_order()
    trade = await paid(channel, order)
    await channel.fault(order, name)
    asked = await channel.hasty.refund(refund_of(order, trade, 10005))
    equal((asked.state, asked.outcome), (RefundState.UNKNOWN, Outcome.UNKNOWN))
    found = await channel.channel.query_refund(f"{order}P1", f"{order}R1")
    equal((found.state, found.amount_fen), (RefundState.ARRIVED, 10005))
    equal(await refunds_made(channel, order), {f"{order}R1": 10005})


@CHANNEL.check
async def a_lost_refund_may_be_sent_again_under_its_number(channel: ChannelRig) -> None:
    order = new_order()
    trade = await paid(channel, order)
    await channel.fault(order, "refund_timeout_lost")
    request = refund_of(order, trade, 10005)
    equal((await channel.hasty.refund(request)).state, RefundState.UNKNOWN)
    equal((await channel.channel.query_refund(f"{order}P1", f"{order}R1")).state, RefundState.NOT_FOUND)
    equal((await channel.channel.refund(request)).state, RefundState.ACCEPTED)
    equal(await refunds_made(channel, order), {f"{order}R1": 10005})


@CHANNEL.check
async def a_refused_refund_says_why(channel: ChannelRig) -> None:
    order = new_order()
    trade = await paid(channel, order)
    await channel.fault(order, "refund_refused")
    asked = await channel.channel.refund(refund_of(order, trade, 10005))
    equal((asked.state, asked.outcome), (RefundState.REFUSED, Outcome.REFUSED))
    holds(asked.code)
    holds(asked.text)


# -- unknown ---------------------------------------------------------------------------------------


@CHANNEL.over(("name",), ["open_timeout", "open_unknown"])
async def an_unknown_open_is_asked_for_or_opened_again(channel: ChannelRig, name: str) -> None:
    order = new_order()
    await channel.fault(order, name)
    answer = await channel.hasty.open(channel.request(order))
    held(answer.messages, channel)
    equal((answer.outcome, answer.url), (Outcome.UNKNOWN, ""))
    among((await channel.channel.query(f"{order}P1")).state, PENDING_OR_NONE)
    equal((await channel.channel.open(channel.request(order))).outcome, Outcome.OK)


@CHANNEL.over(("name",), ["query_timeout", "query_unknown"])
async def an_unknown_query_is_asked_again(channel: ChannelRig, name: str) -> None:
    """F2."""
    order = new_order()
    answer = await opened(channel, order)
    await channel.pay(answer.url)
    await channel.fault(order, name, times=1)
    first = await channel.hasty.query(f"{order}P1")
    equal((first.state, first.outcome, first.amount_fen), (TradeState.UNKNOWN, Outcome.UNKNOWN, 0))
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


@CHANNEL.check
async def answers_of_a_stranger_are_unknown(channel: ChannelRig) -> None:
    """Answers whose signature does not fit: kept as forged, believed in nothing."""
    order = new_order()
    trade = await paid(channel, order)
    stranger = channel.stranger
    open_answer = await stranger.open(channel.request(new_order()))
    query = await stranger.query(f"{order}P1")
    close = await stranger.close(f"{order}P1")
    refund = await stranger.query_refund(f"{order}P1", f"{order}R1")
    holds(open_answer.outcome is query.outcome is refund.outcome is Outcome.UNKNOWN)
    equal(close.outcome, Outcome.UNKNOWN if "close" in channel.has else Outcome.REFUSED)
    equal((query.state, refund.state), (TradeState.UNKNOWN, RefundState.UNKNOWN))
    for messages in (open_answer.messages, query.messages, close.messages, refund.messages):
        believed = Standing.FORGED if "signed" in channel.has else Standing.ANSWER
        holds(not messages or messages[1].standing is believed)
    equal(trade.messages[1].standing, channel.answer_standing)


@CHANNEL.check
async def a_party_that_is_down_raises_nothing(channel: ChannelRig) -> None:
    order = new_order()
    trade = await paid(channel, order)
    await channel.world.down(channel.party, down=True)
    try:
        outcomes = {
            (await channel.channel.open(channel.request(new_order()))).outcome,
            (await channel.channel.query(f"{order}P1")).outcome,
            (await channel.channel.refund(refund_of(order, trade, 10005))).outcome,
            (await channel.channel.query_refund(f"{order}P1", f"{order}R1")).outcome,
        }
        if "close" in channel.has:
            outcomes.add((await channel.channel.close(f"{order}P1")).outcome)
    finally:
        await channel.world.down(channel.party, down=False)
    holds(outcomes <= {Outcome.UNKNOWN, Outcome.NOT_SENT})
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


@CHANNEL.check
async def where_nobody_listens_nothing_was_sent(channel: ChannelRig) -> None:
    far, order = channel.unreachable, new_order()
    equal((await far.open(channel.request(order))).outcome, Outcome.NOT_SENT)
    equal((await far.query(f"{order}P1")).outcome, Outcome.NOT_SENT)
    if "close" in channel.has:
        equal((await far.close(f"{order}P1")).outcome, Outcome.NOT_SENT)
    request = refund_of(order, TradeAnswer(state=TradeState.PAID, amount_fen=5), 5)
    asked = await far.refund(request)
    equal((asked.outcome, asked.state), (Outcome.NOT_SENT, RefundState.UNKNOWN))


# -- notifies --------------------------------------------------------------------------------------


@CHANNEL.over(("name",), ["notify_forged", "notify_wrong_app", "notify_wrong_seller", "notify_stale"])
async def a_false_notify_is_refused_by_code(channel: ChannelRig, name: str) -> None:
    """F4, F5: kept, marked, and nothing in it can be taken for a payment."""
    order = new_order()
    await channel.fault(order, name)
    await channel.pay((await opened(channel, order)).url)
    false = await notify_with(channel, order, TradeState.UNKNOWN, channel.refusals[name])
    among(false.message.standing, (Standing.FORGED, Standing.HINT))
    equal((false.amount_fen, false.transaction_id), (0, ""))
    equal((await notify_with(channel, order, TradeState.PAID)).message.standing, channel.notify_standing)


@CHANNEL.check
async def a_refund_shaped_success_is_no_payment(channel: ChannelRig) -> None:
    order = new_order()
    await channel.fault(order, "notify_refund_shaped")
    await channel.pay((await opened(channel, order)).url)
    notify = await notify_with(channel, order, TradeState.REFUNDED)
    equal(notify.refunded_fen, 10005)
    equal((await channel.channel.query(f"{order}P1")).state, TradeState.PAID)


@CHANNEL.check
async def another_amount_is_told_as_it_stands(channel: ChannelRig) -> None:
    """F18: the adapter reports what the channel signed; the caller holds it against the order."""
    order = new_order()
    await channel.fault(order, "notify_wrong_amount", fen=1)
    await channel.pay((await opened(channel, order)).url)

    def wrong(message: HttpMessage) -> bool:
        notify = notified(channel, message, order)
        return notify is not None and notify.amount_fen == 10006

    notify = channel.channel.read_notify(await channel.inbox.until(wrong))
    equal(notify.message.standing, channel.notify_standing)


@CHANNEL.check
async def a_repeated_notify_reads_the_same(channel: ChannelRig) -> None:
    """F6."""
    order = new_order()
    await channel.fault(order, "notify_duplicate", n=3)
    await channel.pay((await opened(channel, order)).url)

    def copies() -> list[Notify]:
        read = [notified(channel, message, order) for message in list(channel.inbox.came)]
        return [notify for notify in read if notify is not None]

    await channel.inbox.until(lambda _message: len(copies()) >= 3)
    told = {(n.payment_no, n.transaction_id, n.amount_fen, n.state, n.refusal) for n in copies()}
    equal(len(told), 1)


@CHANNEL.check
async def a_changed_notify_does_not_fit(channel: ChannelRig) -> None:
    """The original with its headers, and every change of its content: never believed, never a payment."""
    order = new_order()
    await channel.pay((await opened(channel, order)).url)

    def wanted(message: HttpMessage) -> bool:
        notify = notified(channel, message, order)
        return notify is not None and notify.state is TradeState.PAID

    true = await channel.inbox.until(wanted)
    named = "body" if true.body else "query"
    text = (true.body or true.query.encode()).decode()
    at = len(text) // 2
    other = "1" if text[at] != "1" else "2"
    changes = (
        text[:at] + other + text[at + 1 :],
        text.replace("100.05", "900.05") + "1",
        text[:-4],
        text + "&x=1",
        "",
        "{}",
        text * 3,
    )
    for changed in changes:
        content: dict[str, Any] = {named: changed.encode() if named == "body" else changed}
        read = channel.channel.read_notify(msgspec.structs.replace(true, **content))
        equal(read.message.standing, Standing.FORGED)
        equal((read.state, bool(read.refusal)), (TradeState.UNKNOWN, True))
    bare = channel.channel.read_notify(msgspec.structs.replace(true, headers={}, body=true.body + b"1"))
    holds(bare.message.standing is Standing.FORGED or named == "query")
