"""F13: partial refunds asked for at once never exceed what was paid; several parts of one order each arrive (R26)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from test_f01_f20 import sound
from test_f15_second_payment import refunded_fen
from test_money_aside import employ, member

from house import House, open_house
from mingzhang.app import desk_money, desk_refunds
from mingzhang.kit.errors import Problem

PARTS = 10


async def arrived(house: House, order_id: str, n: int) -> None:
    for _ in range(800):
        told = await house.desk.pool.fetch("SELECT state FROM refund WHERE order_id = $1", order_id)
        if len(told) == n and all(row["state"] == "arrived" for row in told):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(told)


async def test_f13_ten_partial_refunds_at_once_never_exceed_the_payment(
    database_url: str, tmp_path: Path
) -> None:
    """Ten times ¥30 of ¥100, approved at the same moment over ten connections: three go, seven are refused."""
    async with open_house(database_url, tmp_path) as house:
        await employ(house)
        order_id = await house.buy(channel="wechat")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        ctx = house.desk.ctx
        terms = {"amount_fen": 10_001}
        with pytest.raises(Problem, match="over_refund"):
            await desk_money.propose(ctx, member("lin"), order_id, "refund_part", "多退一分", terms)
        ids = [
            await desk_money.propose(
                ctx, member("lin"), order_id, "refund_part", "少充了一部分", {"amount_fen": 3_000}
            )
            for _ in range(PARTS)
        ]
        shown = await desk_refunds.preview_part(ctx, order_id, "30.00")
        assert (shown.left_fen, shown.refusal) == (10_000, "")
        assert sum(row.order_fen + row.shop_fen for row in shown.moves) == 0
        said = await asyncio.gather(
            *(desk_money.decide(ctx, member("wang"), order_id, each, "approve", "") for each in ids),
            return_exceptions=True,
        )
        refusals = [each for each in said if each is not None]
        assert len(refusals) == PARTS - 3
        assert {each.code for each in refusals if isinstance(each, Problem)} == {"over_refund"}
        await arrived(house, order_id, 3)
        page = await house.until(order_id, lambda page: page.pay_badge == "partly_refunded")
        assert page.sentence.code == "part_refund_arrived"
        assert page.sentence.amount_fen == 9_000
        # A shop that gave a channel up still reads its old orders; no part goes by a channel that is not there.
        channels: Any = ctx.channels
        gone = channels.pop("wechat")
        assert "refund_part" not in await desk_money.list_open(ctx, order_id)
        channels["wechat"] = gone
        assert len(page.earlier_refunds) == 2
        assert page.supply_badge == "arrived"
        (payment_no,) = [value for kind, value in page.numbers if kind == "payment"]
        assert await refunded_fen(house, "wechat", payment_no) == 9_000
        assert (await desk_refunds.preview_part(ctx, order_id, "10.01")).refusal == "over_refund"
        last = await desk_money.propose(
            ctx, member("lin"), order_id, "refund_part", "余下的也退", {"amount_fen": 1_000}
        )
        await desk_money.decide(ctx, member("wang"), order_id, last, "approve", "")
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert await refunded_fen(house, "wechat", payment_no) == 10_000
        await sound(house)


async def test_a_channel_that_gives_back_whole_amounts_is_not_asked_for_a_part(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await employ(house)
        order_id = await house.buy(channel="epay")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        with pytest.raises(Problem, match="refund_whole_only"):
            await desk_money.propose(
                house.desk.ctx,
                member("lin"),
                order_id,
                "refund_part",
                "少充了一部分",
                {"amount_fen": 3_000},
            )
