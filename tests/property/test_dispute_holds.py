"""Money that disputes hold: let go with the last of them, told from a channel's freeze; no term is hidden by it (row 21)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from lifecycle_house import LifecycleHouse, open_lifecycle_house
from test_dispute_clocks import at, breaches, paid, read

from mingzhang.disputes import flow
from mingzhang.disputes.flow import Opening
from mingzhang.kit.database import transaction
from mingzhang.orders import freeze, unbooked
from mingzhang.orders.store import open_turn

HELD: Final = (
    "SELECT coalesce(sum(amount_fen), 0)::int FROM leg WHERE place = 'hold' AND owner = 'o' AND subject = $1"
)
READY: Final = "SELECT count(*) FROM supply_attempt WHERE order_id = $1 AND state = 'ready'"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[LifecycleHouse]:
    async with open_lifecycle_house(database_url, tmp_path) as opened:
        yield opened


async def test_money_that_two_disputes_hold_is_let_go_with_the_last_of_them(house: LifecycleHouse) -> None:
    """The end of one neither lets the other's money go nor has the order supplied (row 21)."""
    order_id = await paid(house)
    buyers = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    called = Opening(order_id=order_id, kind="wrong_amount", source="staff", by="ann")
    staffs = await flow.open_dispute(house.ctx, called)
    held = await house.ctx.pool.fetchval(HELD, order_id)
    assert held > 0
    await flow.decline(house.ctx, staffs.dispute_id, "ann", "金额与订单一致")
    assert await house.ctx.pool.fetchval(HELD, order_id) == held
    assert await house.ctx.pool.fetchval(READY, order_id) == 0
    await flow.withdraw(house.ctx, buyers.dispute_id)
    assert await house.ctx.pool.fetchval(HELD, order_id) == 0
    assert await house.ctx.pool.fetchval(READY, order_id) == 1


async def test_a_channel_that_confirms_a_payment_lets_no_disputed_money_go(house: LifecycleHouse) -> None:
    """A dispute's hold is not the channel's freeze, and a freeze that ends supplies no order that is disputed (row 21)."""
    order_id = await paid(house)

    async def turned(change: str) -> None:
        async with transaction(house.ctx.pool) as conn:
            turn = await open_turn(conn, order_id, house.ctx.now(), house.ctx.rng)
            cited = await conn.fetchval("SELECT min(evidence_id) FROM leg WHERE evidence_id <> ''")
            if change == "freeze":
                await freeze.freeze(turn, "alipay", cited)
            else:
                await freeze.unfreeze(house.ctx, turn, "alipay", cited)
            await turn.finish()

    opened = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    held = await house.ctx.pool.fetchval(HELD, order_id)
    await turned("unfreeze")
    assert await house.ctx.pool.fetchval(HELD, order_id) == held > 0
    await flow.withdraw(house.ctx, opened.dispute_id)
    assert await house.ctx.pool.fetchval(READY, order_id) == 1
    await turned("freeze")
    opened = await flow.open_dispute(
        house.ctx, Opening(order_id=order_id, kind="wrong_amount", source="staff")
    )
    await turned("unfreeze")
    assert await house.ctx.pool.fetchval(READY, order_id) == 0
    await flow.withdraw(house.ctx, opened.dispute_id)
    assert await house.ctx.pool.fetchval(HELD, order_id) == 0
    assert await house.ctx.pool.fetchval(READY, order_id) == 1


async def test_another_dispute_that_ends_supplies_no_order_whose_money_is_held(house: LifecycleHouse) -> None:
    order_id = await paid(house)
    await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    beside = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="not_arrived"))
    await flow.withdraw(house.ctx, beside.dispute_id)
    assert await house.ctx.pool.fetchval(READY, order_id) == 0


async def test_a_fact_that_waits_to_be_booked_hides_no_missed_term(house: LifecycleHouse) -> None:
    """Its order takes no other posting until then: the terms are missed on record, and the refund follows."""
    order_id = await paid(house)
    opened = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    async with transaction(house.ctx.pool) as conn:
        await unbooked.put(conn, house.ctx.now(), order_id, "alipay/charged_back/CB9", "float_short")
    row = await read(house, opened.dispute_id)
    for moment in (row.first_by, row.solution_by, row.final_by):
        await at(house, moment)
    assert [stage for stage, _, _ in await breaches(house)] == ["first", "solution", "final"]
    assert not await house.read("SELECT FROM refund")
    async with transaction(house.ctx.pool) as conn:
        await unbooked.clear(conn, order_id, "alipay/charged_back/CB9")
    await at(house, row.final_by + timedelta(hours=24))
    assert await house.read("SELECT FROM refund")


async def test_an_agreed_part_that_does_not_arrive_never_becomes_all_of_it(house: LifecycleHouse) -> None:
    """What both agreed to is under way: a late person is on record, and nothing more is given back by itself (R35)."""
    order_id = await paid(house)
    opened = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="not_arrived", wish="refund"))
    async with transaction(house.ctx.pool) as conn:
        turn = await open_turn(conn, order_id, house.ctx.now(), house.ctx.rng)
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg WHERE evidence_id <> ''")
        await flow.solve_in(house.ctx, turn, opened.dispute_id, "refund", 100, cited, {"proposed_by": "ann"})
        await turn.finish()
    for _ in range(3):
        row = await read(house, opened.dispute_id)
        assert (row.state, row.deadline_at is not None) == ("remedy", True)
        house.clock.advance((row.deadline_at - house.ctx.now()).total_seconds() + 1)
        for subject in await house.claim("dispute_id"):
            await house.visit("dispute_id", subject)
    row = await read(house, opened.dispute_id)
    assert row.next_actor == "person"
    assert [found["amount_fen"] for found in await house.read("SELECT amount_fen FROM refund")] == [100]


@pytest.mark.parametrize("end", ["withdrawn", "declined", "lapsed"])
async def test_a_dispute_ends_while_a_fact_waits_and_its_money_is_let_go_after_it(
    house: LifecycleHouse, end: str
) -> None:
    """Nobody is kept in a dispute by a fact that waits: the end is on record, the order goes on once it is booked."""
    order_id, ctx = await paid(house), house.ctx
    opened = await flow.open_dispute(ctx, Opening(order_id=order_id, kind="unauthorised_payment"))
    async with transaction(ctx.pool) as conn:
        await unbooked.put(conn, ctx.now(), order_id, "alipay/charged_back/CB9", "float_short")
    held = await ctx.pool.fetchval(HELD, order_id)
    if end == "withdrawn":
        await flow.withdraw(ctx, opened.dispute_id)
    elif end == "declined":
        await flow.decline(ctx, opened.dispute_id, "ann", "付款已核实")
    else:
        await flow.ask_buyer(ctx, opened.dispute_id, "ann", "请补充")
        await at(house, ctx.now() + timedelta(hours=72))
    row = await read(house, opened.dispute_id)
    assert (row.state, row.outcome) == ("closed", end)
    await at(house, ctx.now() + timedelta(hours=1))
    assert await ctx.pool.fetchval(HELD, order_id) == held > 0
    assert await ctx.pool.fetchval(READY, order_id) == 0
    async with transaction(ctx.pool) as conn:
        await unbooked.clear(conn, order_id, "alipay/charged_back/CB9")
    await at(house, ctx.now() + timedelta(hours=1))
    assert await ctx.pool.fetchval(HELD, order_id) == 0
    assert await ctx.pool.fetchval(READY, order_id) == 1
    row = await read(house, opened.dispute_id)
    assert (row.state, row.held, row.due_at) == ("closed", False, None)
