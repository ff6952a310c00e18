"""Disputes under one manual clock: terms missed to the second, pauses that show, and clocks nobody can edit (R34, R43)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from lifecycle_house import LifecycleHouse, open_lifecycle_house

from mingzhang.app.audit import run_audit
from mingzhang.disputes import chargeback, flow, store
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening
from mingzhang.disputes.states import read_number
from mingzhang.disputes.store import Dispute
from mingzhang.disputes.visit import work_dispute
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders import pay
from mingzhang.orders.store import open_turn

HOUR: Final = 3600


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[LifecycleHouse]:
    async with open_lifecycle_house(database_url, tmp_path) as opened:
        yield opened


async def paid(house: LifecycleHouse) -> str:
    """An order that its buyer paid; nothing was sent yet."""
    order_id = await house.place()
    payment = (await pay.open_payment(house.ctx, order_id, "alipay", "page")).payment
    await house.parties.pay(payment.url)
    house.clock.advance(6)
    for payment_no in await house.claim("payment_no"):
        await house.visit("payment_no", payment_no)
    while await house.apply_next():
        pass
    return order_id


async def sent(house: LifecycleHouse) -> str:
    """… and that went to a supplier who says nothing."""
    order_id = await paid(house)
    await house.parties.fault(order_id, "fulu", "silent")
    for attempt_no in await house.claim("attempt_no"):
        await house.visit("attempt_no", attempt_no)
    return order_id


async def read(house: LifecycleHouse, dispute_id: str) -> Dispute:
    async with house.ctx.pool.acquire() as conn:
        return await store.read_dispute(conn, dispute_id)


async def at(house: LifecycleHouse, moment: datetime) -> None:
    """Go there, and visit what is due of disputes and refunds."""
    house.clock.advance((moment - house.ctx.now()).total_seconds())
    for _ in range(3):
        for key in ("dispute_id", "refund_no"):
            for subject in await house.claim(key):
                await house.visit(key, subject)
        while await house.apply_next():
            pass


async def breaches(house: LifecycleHouse) -> list[tuple[str, datetime, datetime]]:
    rows = await house.read(
        "SELECT state, deadline_at, at FROM breach WHERE kind = 'dispute' ORDER BY at, state"
    )
    return [(row["state"], row["deadline_at"], row["at"]) for row in rows]


async def test_a_silent_shop_is_late_to_the_second_and_the_policy_refunds(house: LifecycleHouse) -> None:
    order_id = await sent(house)
    dispute = (
        await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="not_arrived", wish="refund"))
    ).dispute_id
    row = await read(house, dispute)
    opened = row.opened_at
    day, last = opened + timedelta(hours=24), opened + timedelta(hours=72)
    assert (row.first_by, row.solution_by, row.final_by) == (opened + timedelta(hours=12), day, last)
    assert (row.deadline_at, row.due_at) == (row.first_by, opened + timedelta(hours=10))
    await at(house, row.first_by - timedelta(seconds=1))
    assert await breaches(house) == []
    assert (await read(house, dispute)).reminded_at is not None
    await at(house, row.first_by)
    await at(house, day - timedelta(seconds=1))
    assert [stage for stage, _, _ in await breaches(house)] == ["first"]
    await at(house, day)
    assert (await breaches(house))[-1] == ("solution", day, day)
    row = await read(house, dispute)
    assert (row.missed, row.role, row.state, row.deadline_at) == (
        ["first", "solution"],
        "operator",
        "open",
        last,
    )
    await at(house, last - timedelta(seconds=1))
    assert len(await breaches(house)) == 2
    assert not await house.read("SELECT FROM refund")
    await at(house, last)
    assert (await breaches(house))[-1] == ("final", last, last)
    row = await read(house, dispute)
    assert (row.state, row.next_actor, row.remedy, row.amount_fen) == ("remedy", "channel", "refund", 10_000)
    postings = [it["posting"] for it in await house.read("SELECT DISTINCT posting FROM leg ORDER BY posting")]
    assert "risk_refund" in postings  # row 20: the supplier is still unknown, and it is the shop's risk
    for _ in range(6):
        await at(house, house.ctx.now() + timedelta(seconds=40))
    row = await read(house, dispute)
    assert (row.state, row.outcome) == ("closed", "refunded")
    async with house.ctx.pool.acquire() as conn:
        counts = await store.public_counts(conn, opened)
    assert counts.breaches == {"final": 1, "first": 1, "solution": 1}
    assert (counts.opened, counts.closed, counts.outcomes) == (1, 1, {"refunded": 1})
    assert len(await house.read("SELECT FROM dispute_report")) == 3
    (order,) = await house.read("SELECT state FROM orders")
    assert order["state"] == "refunded"
    assert len(await house.read("SELECT FROM supply_attempt")) == 1  # never a second top-up


async def test_a_pause_is_the_buyers_own_action_and_moves_the_terms_by_its_length(
    house: LifecycleHouse,
) -> None:
    order_id = await sent(house)
    ctx = house.ctx
    dispute = (await flow.open_dispute(ctx, Opening(order_id=order_id, kind="not_arrived"))).dispute_id
    before = await read(house, dispute)
    house.clock.advance(2 * HOUR)
    await flow.ask_buyer(ctx, dispute, "lin", "请发一张话费余额截图")
    row = await read(house, dispute)
    assert (row.state, row.next_actor, row.first_at, row.paused_at) == (
        "asked",
        "buyer",
        ctx.now(),
        ctx.now(),
    )
    await at(house, ctx.now() + timedelta(hours=30))
    assert await breaches(house) == []
    await flow.add_message(ctx, dispute, Said(speaker="buyer", text="没有变化"))
    row = await read(house, dispute)
    assert (row.state, row.paused, row.paused_at) == ("working", timedelta(hours=30), None)
    assert (row.solution_by - before.solution_by, row.final_by - before.final_by) == (row.paused, row.paused)
    for n in range(2):
        await flow.ask_buyer(ctx, dispute, "lin", f"再问一次 {n}")
        await flow.add_message(ctx, dispute, Said(speaker="buyer", text="答"))
    with pytest.raises(Problem, match="too_many_pauses"):
        await flow.ask_buyer(ctx, dispute, "lin", "第四次")
    await at(house, (await read(house, dispute)).solution_by)
    assert [stage for stage, _, _ in await breaches(house)] == ["solution"]


async def test_a_silent_buyer_ends_it_and_may_open_it_once_more(house: LifecycleHouse) -> None:
    order_id = await sent(house)
    ctx = house.ctx
    dispute = (await flow.open_dispute(ctx, Opening(order_id=order_id, kind="not_arrived"))).dispute_id
    await flow.ask_buyer(ctx, dispute, "lin", "请补充")
    row = await read(house, dispute)
    assert row.deadline_at == ctx.now() + timedelta(hours=72)
    await at(house, row.deadline_at)
    row = await read(house, dispute)
    assert (row.state, row.outcome) == ("closed", "lapsed")
    async with ctx.pool.acquire() as conn:
        assert not (
            await store.public_counts(conn, row.opened_at)
        ).breaches  # the buyer's silence is not the shop's
    await flow.reopen(ctx, dispute, "我回来了")
    row = await read(house, dispute)
    assert (row.state, row.round, row.first_by) == ("open", 2, ctx.now() + timedelta(hours=12))
    await flow.withdraw(ctx, dispute)
    with pytest.raises(Problem, match="reopen_not_open"):
        await flow.reopen(ctx, dispute, "又来")


EDITS: Final = (
    "solution_by = solution_by + interval '1 hour'",
    "final_by = final_by - interval '1 second'",
    "round_at = round_at + interval '1 day'",
    "paused = interval '1 hour'",
    "paused_at = since",
    "state = 'asked', next_actor = 'buyer', paused_at = since, first_by = first_by + interval '1 hour'",
    "outside_by = NULL",
    "missed = '{}'",
    "opened_at = opened_at + interval '1 hour'",
    "deadline_at = final_by + interval '1 second'",
)


async def test_no_statement_edits_a_clock(house: LifecycleHouse) -> None:
    order_id = await sent(house)
    opening = Opening(
        order_id=order_id, kind="not_arrived", source="channel", channel="wechat", complaint_no="C1"
    )
    dispute = (await flow.open_dispute(house.ctx, opening)).dispute_id
    await at(house, (await read(house, dispute)).first_by)
    for change in EDITS:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
            await house.ctx.pool.execute(f"UPDATE dispute SET {change}")
    for statement in ("DELETE FROM dispute", "TRUNCATE dispute"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.ctx.pool.execute(statement)


async def test_a_dispute_about_the_money_holds_it_until_its_outcome(house: LifecycleHouse) -> None:
    """Row 21: nothing goes out meanwhile; without a remedy the order is supplied after all."""
    order_id, ctx = await paid(house), house.ctx
    dispute = (
        await flow.open_dispute(ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    ).dispute_id
    (order,) = await house.read("SELECT state, holder, reason FROM orders")
    assert tuple(order) == ("needs_person", "hold", "dispute_open")
    places = "SELECT place, sum(amount_fen)::int AS fen FROM leg WHERE owner = 'o' GROUP BY place HAVING sum(amount_fen) > 0"
    assert [tuple(row) for row in await house.read(places)] == [("hold", 10_000)]
    await flow.withdraw(ctx, dispute)
    assert [tuple(row) for row in await house.read(places)] == [("channel", 10_000)]
    (order,) = await house.read("SELECT state, next_actor FROM orders")
    assert tuple(order) == ("supplying", "shop")
    again = (await flow.open_dispute(ctx, Opening(order_id=order_id, kind="unauthorised_payment"))).dispute_id
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg")
        decided = {"approval": "A", "proposed_by": "lin", "decided_by": "wang", "reason": "属实"}
        await flow.solve_in(ctx, turn, again, "refund", None, cited, decided)
        await turn.finish()
    for _ in range(6):
        await at(house, ctx.now() + timedelta(seconds=40))
    assert (await read(house, again)).outcome == "refunded"
    with pytest.raises(Problem, match="dispute_not_open"):
        await flow.open_dispute(ctx, Opening(order_id=order_id, kind="not_arrived"))


async def test_one_open_dispute_of_a_kind_and_a_channels_complaint_joins_it(house: LifecycleHouse) -> None:
    order_id, ctx = await sent(house), house.ctx
    own = await flow.open_dispute(ctx, Opening(order_id=order_id, kind="not_arrived"))
    with pytest.raises(Problem, match="dispute_already_open"):
        await flow.open_dispute(ctx, Opening(order_id=order_id, kind="not_arrived"))
    told = Opening(
        order_id=order_id,
        kind="wrong_product",
        source="channel",
        channel="wechat",
        complaint_no="C1",
        words="没到",
    )
    joined = await flow.open_dispute(ctx, told)
    assert (joined.dispute_id, joined.joined) == (own.dispute_id, True)
    assert await flow.open_dispute(ctx, told) == joined
    row = await read(house, own.dispute_id)
    assert (row.complaint_no, row.outside_by) == ("C1", ctx.now() + timedelta(hours=72))
    said = Said(speaker="channel", text="请尽快处理", external_id="m1")
    assert await flow.add_message(ctx, own.dispute_id, said) == await flow.add_message(
        ctx, own.dispute_id, said
    )
    await work_dispute(ctx, own.dispute_id)
    assert (await read(house, own.dispute_id)).state == "open"


def told(order_id: str) -> Message:
    return Message(
        party="alipay",
        kind="alipay.chargeback",
        direction=Direction.IN,
        standing=Standing.ANSWER,
        body=f"{order_id} was charged back".encode(),
    )


async def charge_back(house: LifecycleHouse, order_id: str, number: str, fen: int, kind: str) -> None:
    await chargeback.tell_chargeback(house.ctx, "alipay", order_id, number, fen, [told(order_id)], kind)
    while await house.apply_next():
        pass


async def placed(house: LifecycleHouse) -> dict[str, int]:
    rows = await house.read(
        "SELECT place, sum(amount_fen)::int AS fen FROM leg WHERE owner = 'o' GROUP BY place HAVING sum(amount_fen) > 0"
    )
    return {row["place"]: row["fen"] for row in rows}


@pytest.mark.parametrize("first", ["refund", "chargeback"])
async def test_a_chargeback_racing_a_refund_gives_the_money_back_once(
    house: LifecycleHouse, first: str
) -> None:
    """Row 22, decided under the order's lock: what is planned and not sent yet is not sent."""
    order_id, ctx = await paid(house), house.ctx
    opening = Opening(order_id=order_id, kind="unauthorised_payment", wish="refund")
    dispute = (await flow.open_dispute(ctx, opening)).dispute_id
    if first == "refund":
        await solve(house, dispute)
        await charge_back(house, order_id, "CB1", 10_000, "charged_back")
    else:
        await charge_back(house, order_id, "CB1", 10_000, "charged_back")
        with pytest.raises(Problem, match="dispute_closed"):
            await solve(house, dispute)
    await charge_back(house, order_id, "CB1", 10_000, "charged_back")  # told again: the same fact
    for _ in range(4):
        await at(house, ctx.now() + timedelta(seconds=60))
    row = await read(house, dispute)
    assert (row.state, row.outcome) == ("closed", "charged_back")
    assert await placed(house) == {"refund.chargeback": 10_000}
    states = [it["state"] for it in await house.read("SELECT state FROM refund")]
    assert states == (["dropped"] if first == "refund" else [])
    (order,) = await house.read("SELECT state, due_at FROM orders")
    assert tuple(order) == ("refunded", None)
    assert (await run_audit(ctx, full=True)).lines == []
    await charge_back(house, order_id, "CB1-won", 10_000, "chargeback_won")
    assert await placed(house) == {"channel": 10_000}


async def solve(house: LifecycleHouse, dispute_id: str) -> None:
    ctx = house.ctx
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, read_number(dispute_id)[0], ctx.now(), ctx.rng)
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg")
        decided = {"approval": "A", "proposed_by": "lin", "decided_by": "wang", "reason": "属实"}
        await flow.solve_in(ctx, turn, dispute_id, "refund", None, cited, decided)
        await turn.finish()
