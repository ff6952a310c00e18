"""Money that no rule may move waits for two people, has a clock meanwhile, and then goes back (row 23)."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from test_f01_f20 import sound
from test_f15_second_payment import refunded_fen

from house import House, open_house
from mingzhang.app import desk_money
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
    approval = await desk_money.propose(ctx, member("lin"), item_id, "refund_suspense", "与渠道核对无误")
    with pytest.raises(Problem, match="approval_own"):
        await desk_money.decide(ctx, member("lin"), item_id, approval, "approve", "")
    clicks = [desk_money.decide(ctx, member("wang"), item_id, approval, "approve", "") for _ in range(4)]
    assert (await asyncio.gather(*clicks, return_exceptions=True)).count(None) == 1


async def test_what_the_channel_refuses_to_give_back_waits_for_a_person_each_time(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault("S", "alipay", "refund_refused")  # refunds of items, not of orders
        await house.buyer_pays(await house.open(order_id), pay_twice=True)
        item = await for_a_person(house)
        assert item.deadline_at is not None
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert [(one.amount_fen, one.cause) for one in page.aside] == [(10000, "refund_refused")]
        await sound(house)
        await two_people_send_back(house, item.subject)
        for _ in range(400):
            if await house.desk.pool.fetchval("SELECT count(*) FROM refund WHERE state = 'refused'") == 2:
                break
            await asyncio.sleep(0.1)
        again = await for_a_person(house)
        assert (again.subject, again.amount_fen) == (item.subject, 10000)
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
