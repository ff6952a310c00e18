"""F15: one order, several payments. The first pays it; every further one has a name and goes back by itself."""

import asyncio
from pathlib import Path

import pytest
from test_f01_f20 import sound

from house import House, open_house

TWO_TRADES = ("alipay", "epay")  # WeChat takes one payment for a number


async def given_back(house: House, order_id: str, count: int = 1) -> None:
    """Wait until everything put aside beside the order has gone back, as its page tells."""
    await house.until(
        order_id,
        lambda page: [item.kind for item in page.timeline].count("excess_refunded") == count,
    )
    rows = await house.desk.pool.fetch("SELECT state, next_actor FROM suspense WHERE order_id = $1", order_id)
    assert [tuple(row) for row in rows] == [("refunded", "")] * count


async def refunded_fen(house: House, channel: str, order_id: str) -> int:
    """What the channel's own books say went back for this order."""
    book = (await house.world.books())[channel]
    return sum(
        trade["refunded_fen"] for trade in book["trades"] if trade["out_trade_no"].startswith(order_id)
    )


@pytest.mark.parametrize("channel", TWO_TRADES)
async def test_f15_two_trades_on_one_number(database_url: str, tmp_path: Path, channel: str) -> None:
    """The buyer's one action makes two trades; the second never overwrites the first."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        payment_no = await house.open(order_id, channel)
        await house.buyer_pays(payment_no, pay_twice=True)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await given_back(house, order_id)
        assert await refunded_fen(house, channel, order_id) == 10000
        first = await house.desk.pool.fetchval(
            "SELECT transaction_id FROM payment WHERE payment_no = $1", payment_no
        )
        second = await house.desk.pool.fetchval(
            "SELECT transaction_id FROM suspense WHERE order_id = $1", order_id
        )
        assert first != second
        for number in (first, second):
            assert await house.desk.find(number, "buyer@example.com") == order_id
        await sound(house)


@pytest.mark.parametrize(("first", "second"), [("alipay", "wechat"), ("wechat", "epay"), ("epay", "alipay")])
async def test_f15_paid_through_two_channels(
    database_url: str, tmp_path: Path, first: str, second: str
) -> None:
    """The buyer switched the channel and paid both; whichever was evidence first pays the order."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        numbers = [await house.open(order_id, channel) for channel in (first, second)]
        await asyncio.gather(*(house.buyer_pays(number) for number in numbers))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await given_back(house, order_id)
        back = [await refunded_fen(house, channel, order_id) for channel in (first, second)]
        assert sorted(back) == [0, 10000]
        await sound(house)
