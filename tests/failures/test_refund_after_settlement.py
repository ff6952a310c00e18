"""An order settled into custody is still given back: it waits in sight until the channel can carry it (row 13)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from test_money_aside import employ, member
from test_settlement import FLOAT_FEN, places, settle, sound, until, use_bank

from house import open_house
from mingzhang.app import desk_ageing, desk_money, desk_refunds
from mingzhang.custody import instructions
from mingzhang.custody.instructions import Wish
from mingzhang.kit.database import transaction


async def test_a_settled_order_waits_for_the_channels_reserve_and_is_refunded(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=600.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        await employ(house)
        ctx = house.desk.ctx
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await settle(house)
        await until(house, "SELECT state FROM settlement_batch", "closed")
        assert ("channel", "o") not in await places(house)
        shown = await desk_refunds.preview_part(ctx, order_id, "40")
        assert (shown.left_fen, shown.refusal) == (10_000, "float_short")
        terms = {"amount_fen": 4_000}
        approval = await desk_money.propose(
            ctx, member("lin"), order_id, "refund_part", "少充了一部分", terms
        )
        await desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "")
        await until(house, "SELECT state FROM refund", "waiting_float")
        work = [item.state for item in await house.desk.work_list() if item.kind == "refund"]
        assert work == ["waiting_float"]
        events = "SELECT count(*) FROM event WHERE kind = 'refund_waiting_float'"
        await asyncio.sleep(1)  # tried again every half second, told once
        assert await house.desk.pool.fetchval(events) == 1
        aged = await desk_ageing.read_ageing(ctx, "float")
        assert [(row.order_id, row.amount_fen, row.workdays) for row in aged.rows] == [(order_id, 4_000, 0)]
        assert {row.age: row.amount_fen for row in aged.ages}["float"] == 4_000

        wish = Wish(
            purpose="reserve",
            bank="bank",
            party="alipay",
            payee_name="支付宝",
            payee_account="ALIPAY-RESERVE",
            amount_fen=4_000,
        )
        async with transaction(house.desk.pool) as conn:
            number = await instructions.plan(
                conn, ctx.rng, ctx.now(), wish, approval_id="A1", proposed_by="lin", decided_by="wang"
            )
        await until(house, "SELECT state FROM instruction", "booked")
        cited = await house.desk.pool.fetchval("SELECT line_evidence_id FROM instruction")
        async with transaction(house.desk.pool) as conn:
            assert await instructions.arrive(conn, ctx.now(), number, cited)
        page = await house.until(order_id, lambda page: page.pay_badge == "partly_refunded")
        assert page.refund is not None
        assert page.refund.arranged
        assert (await places(house))["refund.arrived", "o"] == 4_000
        assert (await desk_ageing.read_ageing(ctx)).rows == ()
        await sound(house)
