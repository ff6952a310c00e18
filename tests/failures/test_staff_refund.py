"""An order that waits for a person is given back whole by two people: row 13, or row 20 with its risk told (R27, R35)."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_f01_f20 import sound
from test_money_aside import employ, member

from house import open_house
from mingzhang.app import desk_money
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.store import open_turn


@pytest.mark.parametrize("silent", [False, True])
async def test_an_order_with_a_person_is_given_back(database_url: str, tmp_path: Path, silent: bool) -> None:
    """Never while a supplier is unknown by the plain decision: that one has another name, and its risk in words."""
    async with open_house(database_url, tmp_path) as house:
        await employ(house)
        order_id = await house.buy(("fulu", "silent"))
        await house.until(order_id, lambda page: page.supply_badge in {"processing", "confirming"})
        if not silent:
            await house.world.tell("POST", "/decide", {"order": order_id, "outcome": "success"})
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        ctx = house.desk.ctx
        with pytest.raises(Problem, match="refund_not_open"):
            await desk_money.propose(ctx, member("lin"), order_id, "refund_order", "买家要求退款")
        async with transaction(house.desk.pool) as conn:
            turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
            turn.event("needs_person", reason="resupply_refused")
            turn.move(
                "needs_person", holder=turn.order.holder, next_actor="person", reason="resupply_refused"
            )
            await turn.finish()
        right, wrong, why = (
            ("refund_at_risk", "refund_order", "supply_open")
            if silent
            else ("refund_order", "refund_at_risk", "supply_not_open")
        )
        assert (await desk_money.list_open(ctx, order_id)) & {right, wrong} == {right}
        with pytest.raises(Problem, match=why):
            await desk_money.propose(ctx, member("lin"), order_id, wrong, "买家要求退款")
        approval = await desk_money.propose(ctx, member("lin"), order_id, right, "买家要求退款")
        await desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "")
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert "refund_decided" in [line.kind for line in page.timeline]
        with pytest.raises(Problem):
            await desk_money.propose(ctx, member("lin"), order_id, right, "再退一次看看")
        await sound(house)
