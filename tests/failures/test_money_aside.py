"""Money that no rule may move waits for two people, has a clock meanwhile, and then goes back (row 23)."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from test_f01_f20 import sound
from test_f15_second_payment import given_back, refunded_fen

from house import House, open_house
from mingzhang.app import desk_aside
from mingzhang.kit.errors import Problem
from mingzhang.payments.channels.base import Outcome, PaymentRequest
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model import WorkItem


def member(name: str) -> Member:
    rights = frozenset({Right.PROPOSE_MONEY, Right.DECIDE_MONEY})
    return Member(name=name, roles=(), rights=rights, session_id="s", strong=True)


async def for_a_person(house: House) -> WorkItem:
    """Wait for the one suspense item that waits for a person."""
    for _ in range(400):
        items = [item for item in await house.desk.work_list() if item.kind == "suspense"]
        if items and items[0].next_actor == "person":
            (item,) = items
            return item
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was put aside for a person")


async def employ(house: House) -> None:
    for name in ("lin", "wang"):
        await house.desk.pool.execute(
            "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, 'x', true, '{finance}', $2)",
            name,
            house.desk.clock.now(),
        )


async def two_people_send_back(house: House, item_id: str) -> None:
    await employ(house)
    ctx = house.desk.ctx
    approval = await desk_aside.propose_send_back(ctx, member("lin"), item_id, "与渠道核对无误")
    with pytest.raises(Problem, match="approval_own"):
        await desk_aside.decide_send_back(ctx, member("lin"), item_id, approval, "approve", "")
    clicks = [
        desk_aside.decide_send_back(ctx, member("wang"), item_id, approval, "approve", "") for _ in range(4)
    ]
    assert (await asyncio.gather(*clicks, return_exceptions=True)).count(None) == 1


async def test_what_the_channel_refused_to_give_back_goes_back_after_all(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "refund_refused", times=1)
        await house.buyer_pays(await house.open(order_id), pay_twice=True)
        item = await for_a_person(house)
        assert (item.reason, item.deadline_at is not None) == ("refund_refused", True)
        await sound(house)
        await two_people_send_back(house, item.subject)
        await given_back(house, order_id)
        assert await refunded_fen(house, "alipay", order_id) == 10000
        await sound(house)


@pytest.mark.parametrize("channel", ["alipay", "wechat", "epay"])
async def test_f17_a_paid_trade_under_an_unknown_number_has_a_name(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    """Another system of the same merchant, or a number we lost: found by asking, never sent back unseen."""
    async with open_house(database_url, tmp_path) as house:
        number = "OTHER00000000000001"
        opened = await house.desk.channels[channel].open(
            PaymentRequest(
                payment_no=number,
                amount_fen=4200,
                subject="other",
                method="qr",
                expires_at=house.desk.clock.now() + timedelta(hours=1),
                notify_url=f"{house.url}/hooks/channels/{channel}",
                client_ip="127.0.0.1",
            )
        )
        assert opened.outcome is Outcome.OK
        await house.buyer_pays(number)
        item = await for_a_person(house)
        assert (item.amount_fen, item.state) == (4200, "open")
        await sound(house)
        await two_people_send_back(house, item.subject)
        for _ in range(400):
            if (
                await house.desk.pool.fetchval("SELECT state FROM suspense WHERE item_id = $1", item.subject)
                == "refunded"
            ):
                break
            await asyncio.sleep(0.1)
        assert await refunded_fen(house, channel, number) == 4200
        await sound(house)
