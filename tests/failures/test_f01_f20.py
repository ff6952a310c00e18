"""Real cases to survive (failures.md): each drives real HTTP against the simulators, then checks page, books, audit."""

import asyncio
from pathlib import Path

import pytest

from house import House, open_house


async def sound(house: House) -> None:
    """No fen lost or doubled, no invariant broken, nothing topped up twice."""
    assert await house.lost_fen() == 0
    report = await house.audit()
    assert report.ok, report.findings
    for order in (await house.world.books())["fulu"]["orders"]:
        assert order["topups_executed"] <= 1, order


async def test_f01_notify_after_expiry_still_delivers(database_url: str, tmp_path: Path) -> None:
    """The order expired, the money comes late: it is booked, the order goes on (also F17)."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        payment_no = await house.open(order_id)
        await house.until(order_id, lambda page: page.pay_badge == "closed")
        await house.buyer_pays(payment_no, late=True)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        kinds = [item.kind for item in await house.desk.events(order_id, 0)]
        assert "paid_late" in kinds
        await sound(house)


async def test_f02_lost_notify_is_found_by_asking(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("alipay", "notify_lost"))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f03_captured_while_the_channel_answers_nothing(database_url: str, tmp_path: Path) -> None:
    """Query and notify both fail for a while; every answer is kept and the order still arrives."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("alipay", "notify_lost"), ("alipay", "query_unknown"))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        unknown = await house.desk.pool.fetchval(
            "SELECT count(*) FROM evidence WHERE convert_from(body, 'UTF8') LIKE '%unknow-error%'"
        )
        assert unknown >= 1
        await sound(house)


@pytest.mark.parametrize(
    "fault", ["notify_forged", "notify_wrong_app_id", "notify_wrong_seller", "notify_wrong_amount"]
)
async def test_f04_a_wrong_notify_moves_nothing(database_url: str, tmp_path: Path, fault: str) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("alipay", fault))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        paid = [item.kind for item in await house.desk.events(order_id, 0)].count("paid")
        forged = await house.desk.pool.fetchval("SELECT count(*) FROM evidence WHERE standing = 'forged'")
        assert (paid, forged >= 1) == (1, True)
        await sound(house)


async def test_f04_a_signed_success_that_the_channel_denies(database_url: str, tmp_path: Path) -> None:
    """Nobody paid: the money goes to `missing` (待核实款项) and a person must act; the books still agree."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_for_unpaid")
        await house.open(order_id)
        page = await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
        assert page.sentence.next_actor == "person"
        await asyncio.sleep(0.5)
        assert await house.lost_fen() == 0


async def test_f05_a_refund_shaped_success_is_not_paid(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("alipay", "notify_refund_shaped"))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


@pytest.mark.parametrize("fault", ["notify_concurrent", "notify_duplicate", "notify_duplicate_new_id"])
async def test_f06_many_notifies_one_card(database_url: str, tmp_path: Path, fault: str) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("alipay", fault), product="card-100", account="")
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert len(page.cards) == 1
        await asyncio.sleep(0.5)
        assert len((await house.page(order_id)).cards) == 1
        await sound(house)


@pytest.mark.parametrize(
    "fault", ["unknown_html404_after_acceptance", "timeout_after_acceptance", "unknown_9999"]
)
async def test_f09_supplier_charged_but_did_not_say_so(database_url: str, tmp_path: Path, fault: str) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", fault))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f11_a_paid_order_without_a_worker_resumes(database_url: str, tmp_path: Path) -> None:
    """Paid while nobody works: the row waits with its clock, and the order goes on when the worker is back."""
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        order_id = await house.buy()
        await asyncio.sleep(0.5)
        house.start_worker()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f12_every_number_finds_the_order(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        kinds = {kind for kind, _ in page.numbers}
        assert {"payment", "transaction", "attempt", "supplier"} <= kinds
        for _, value in page.numbers:
            assert await house.desk.find(value, "buyer@example.com") == order_id


@pytest.mark.parametrize(
    "fault", ["refund_unknown_then_success", "refund_timeout_executed", "refund_timeout_lost"]
)
async def test_f14_an_unknown_refund_is_asked_for_by_its_number(
    database_url: str, tmp_path: Path, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "account_banned"), ("alipay", fault))
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert [part.amount_fen for part in page.money] == [10000]
        await sound(house)


async def test_f20_two_workers_one_order(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        first = house._worker
        house.start_worker()
        orders = [await house.buy(account=f"1380013{n:04d}") for n in range(8)]
        for order_id in orders:
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)
        assert first is not None
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_silence_opens_the_buyers_choice_and_a_refund_at_the_shops_risk(
    database_url: str, tmp_path: Path
) -> None:
    """Unknown never refunds by itself; after the promised time the buyer may choose it (row 20)."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.buy(("fulu", "silent"))
        await house.until(order_id, lambda page: "choose_refund" in page.actions)
        await house.desk.choose(order_id, "refund")
        await house.until(order_id, lambda page: page.pay_badge in {"refunded", "refunding"})
        assert await house.lost_fen() == 0
