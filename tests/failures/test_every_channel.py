"""F1–F6, F12, F17 and F18 at every channel: strongly signed (支付宝, 微信支付) and weakly signed (易支付)."""

import asyncio
from itertools import product
from pathlib import Path

import pytest
from test_f01_f20 import sound
from test_f15_second_payment import given_back, refunded_fen

from house import House, open_house
from variants import short

OTHERS = ("wechat", "epay")  # Alipay's own cases stand in test_f01_f20.py
ALL = ("alipay", *OTHERS)


async def kinds(house: House, order_id: str) -> list[str]:
    return [item.kind for item in await house.desk.events(order_id, 0)]


@pytest.mark.parametrize("channel", short(("alipay", "epay"), ("epay",)))
async def test_f01_f17_money_after_expiry_delivers(database_url: str, tmp_path: Path, channel: str) -> None:
    """The order expired, the money comes late: it is booked, the order goes on. WeChat takes no late money."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        payment_no = await house.open(order_id, channel)
        await house.until(order_id, lambda page: page.pay_badge == "closed")
        await house.buyer_pays(payment_no, late=True)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert "paid_late" in await kinds(house, order_id)
        await sound(house)


@pytest.mark.parametrize("channel", short(("alipay", "wechat"), ("wechat",)))
async def test_f01_f17_known_only_after_expiry(database_url: str, tmp_path: Path, channel: str) -> None:
    """Paid in time, but neither notify nor answer before the order was closed: CLOSED is still asked about."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, channel, "notify_lost")
        await house.world.fault(order_id, channel, "query_unknown", times=25)
        await house.buyer_pays(await house.open(order_id, channel))
        await house.until(order_id, lambda page: page.pay_badge == "closed")
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert "paid_late" in [item.kind for item in page.timeline]
        await sound(house)


@pytest.mark.parametrize("channel", short(ALL, ("epay",)))
async def test_f01_late_money_for_what_is_no_longer_sold_goes_back(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    """The price moved since: the order takes its late money, and gives all of it back."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, channel, "notify_lost")
        if channel == "epay":
            payment_no = await house.open(order_id, channel)
            await house.until(order_id, lambda page: page.pay_badge == "closed")
            await house.desk.pool.execute("UPDATE product SET price_fen = price_fen + 100")
            await house.buyer_pays(payment_no, late=True)
        else:
            await house.world.fault(order_id, channel, "query_unknown", times=25)
            await house.buyer_pays(await house.open(order_id, channel))
            await house.until(order_id, lambda page: page.pay_badge == "closed")
            await house.desk.pool.execute("UPDATE product SET price_fen = price_fen + 100")
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert [part.amount_fen for part in page.money] == [10000]
        assert await refunded_fen(house, channel, order_id) == 10000
        await sound(house)


@pytest.mark.parametrize("channel", short(OTHERS, ("wechat",)))
async def test_f02_lost_notify_is_found_by_asking(database_url: str, tmp_path: Path, channel: str) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy((channel, "notify_lost"), channel=channel)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


@pytest.mark.parametrize("channel", short(OTHERS, ("epay",)))
async def test_f03_captured_while_the_channel_answers_nothing(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy((channel, "notify_lost"), (channel, "query_unknown"), channel=channel)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


F04 = [
    *(
        ("wechat", fault)
        for fault in (
            "notify_forged",
            "notify_wrong_app_id",
            "notify_wrong_seller",
            "notify_wrong_amount",
            "notify_stale",
            "notify_signtest",
            "notify_unknown_serial",
            "notify_foreign_resource",
        )
    ),
    *(("epay", fault) for fault in ("notify_forged", "notify_wrong_app_id", "notify_wrong_amount")),
]


@pytest.mark.parametrize(("channel", "fault"), F04)
async def test_f04_a_wrong_notify_moves_nothing(
    database_url: str, tmp_path: Path, channel: str, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy((channel, fault), channel=channel)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert (await kinds(house, order_id)).count("paid") == 1
        assert not await house.desk.pool.fetchval("SELECT count(*) FROM suspense")
        await sound(house)


async def test_f04_a_weakly_signed_success_for_an_unpaid_order_moves_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """The shop's own key signs 易支付's notifies: one is kept, acknowledged, asked about, and not believed."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "notify_for_unpaid")
        await house.open(order_id, "epay")
        for _ in range(200):
            hint = await house.desk.pool.fetchrow("SELECT state, asked FROM trade_hint")
            if hint is not None and hint["state"] == "denied":
                break
            await asyncio.sleep(0.1)
        assert hint is not None
        assert (hint["state"], hint["asked"] >= 1) == ("denied", True)
        page = await house.page(order_id)
        assert (page.pay_badge, page.money) == ("awaiting", ())
        standings = await house.desk.pool.fetch("SELECT standing FROM evidence WHERE kind = 'epay.notify'")
        assert {row["standing"] for row in standings} == {"hint"}
        await sound(house)


async def test_f04_a_signed_success_that_wechat_denies(database_url: str, tmp_path: Path) -> None:
    """Nobody paid: the money goes to `missing` (待核实款项) and a person must act; the books still agree."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "wechat", "notify_for_unpaid")
        await house.world.fault(order_id, "fulu", "silent")
        await house.open(order_id, "wechat")
        page = await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
        assert page.sentence.next_actor == "person"
        await asyncio.sleep(0.5)
        assert await house.lost_fen() == 0


async def test_f05_a_refund_shaped_success_is_not_paid(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("wechat", "notify_refund_shaped"), channel="wechat")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


F06 = [
    ("wechat", "notify_concurrent"),
    ("wechat", "notify_duplicate"),
    ("wechat", "notify_duplicate_new_id"),
    ("epay", "notify_concurrent"),
    ("epay", "notify_duplicate"),
]


@pytest.mark.parametrize(("channel", "fault"), F06)
async def test_f06_many_notifies_one_card(
    database_url: str, tmp_path: Path, channel: str, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy((channel, fault), product="card-100", account="", channel=channel)
        page = await house.until(order_id, lambda page: bool(page.cards))
        assert len(page.cards) == 1
        await asyncio.sleep(0.5)
        assert len((await house.page(order_id)).cards) == 1
        await sound(house)


@pytest.mark.parametrize("channel", short(OTHERS, ("wechat",)))
async def test_f12_every_number_finds_the_order(database_url: str, tmp_path: Path, channel: str) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(channel=channel)
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert {"payment", "transaction", "attempt", "supplier"} <= {kind for kind, _ in page.numbers}
        for _, value in page.numbers:
            assert await house.desk.find(value, "buyer@example.com") == order_id


@pytest.mark.parametrize(
    ("channel", "fault"),
    short(
        product(OTHERS, ("refund_unknown_then_success", "refund_timeout_executed", "refund_timeout_lost")),
        (
            ("wechat", "refund_unknown_then_success"),
            ("epay", "refund_timeout_executed"),
            ("wechat", "refund_timeout_lost"),
        ),
    ),
)
async def test_f14_an_unknown_refund_is_asked_for_by_its_number(
    database_url: str, tmp_path: Path, channel: str, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "account_banned"), (channel, fault), channel=channel)
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert await refunded_fen(house, channel, order_id) == 10000
        await sound(house)


@pytest.mark.parametrize("channel", short(ALL, ("wechat",)))
async def test_f18_too_little_goes_back_and_the_order_can_still_be_paid(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, channel, "paid_other_amount", fen=-100)
        await house.buyer_pays(await house.open(order_id, channel))
        await given_back(house, order_id)
        assert await refunded_fen(house, channel, order_id) == 9900
        page = await house.page(order_id)
        assert [(item.amount_fen, item.state, item.cause) for item in page.aside] == [
            (9900, "refunded", "short_payment")
        ]
        other = "alipay" if channel != "alipay" else "wechat"
        await house.buyer_pays(await house.open(order_id, other))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


@pytest.mark.parametrize("channel", short(("alipay", "wechat"), ("alipay",)))
async def test_f18_too_much_delivers_and_the_rest_goes_back(
    database_url: str, tmp_path: Path, channel: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, channel, "paid_other_amount", fen=100)
        await house.buyer_pays(await house.open(order_id, channel))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await given_back(house, order_id)
        assert await refunded_fen(house, channel, order_id) == 100
        await sound(house)


async def test_f18_what_a_channel_gives_back_only_whole_waits_for_a_person(
    database_url: str, tmp_path: Path
) -> None:
    """易支付 refunds no parts: the order is delivered, the rest is a named item with a clock."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "paid_other_amount", fen=100)
        await house.buyer_pays(await house.open(order_id, "epay"))
        page = await house.until(
            order_id, lambda page: bool(page.aside) and page.aside[0].next_actor == "person"
        )
        assert (page.aside[0].amount_fen, page.aside[0].cause) == (100, "refund_refused")
        assert page.aside[0].deadline_at is not None
        (item,) = [item for item in await house.desk.work_list() if item.kind == "suspense"]
        assert (item.amount_fen, item.next_actor) == (100, "person")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_an_abnormal_refund_is_a_persons_with_what_to_do_and_ends_when_they_did_it(
    database_url: str, tmp_path: Path
) -> None:
    """退款异常: the card is dead, the money waits at WeChat. It has a person and a clock, and the end is asked for."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(
            ("fulu", "velocity_refused"), ("wechat", "refund_abnormal"), channel="wechat"
        )
        page = await house.until(
            order_id,
            lambda page: (
                page.sentence.next_actor == "person"
                and page.timeline[-1].kind in ("refund_accepted", "refund_abnormal")
            ),
        )
        assert page.sentence.deadline_at is not None
        work = {item.kind: item for item in await house.desk.work_list()}
        assert (work["refund"].reason, work["refund"].actions) == ("refund_abnormal", ("ask_refund",))
        assert work["refund"].next_actor == work["order"].next_actor == "person"
        body = {"out_refund_no": f"{order_id}R1", "status": "SUCCESS"}
        await house.world.tell("POST", "/wechat/refunds", body)
        await house.desk.staff_action("lin", "refund", f"{order_id}R1", "ask_refund")
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert await house.desk.work_list() == []
        assert (await house.audit()).ok
