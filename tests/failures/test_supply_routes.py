"""Several suppliers behind one product: who is tried when, and what comes after the last word (F9, F10, F19, F20)."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from house import House, open_house
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.clock import ManualClock
from mingzhang.orders.supply import work_attempt
from mingzhang.web.model import OrderPage
from variants import short

PHONE = "phone-30"  # 卡速售, then 福禄, then DT One
MENDABLE = ("stock_out", "maintenance", "price_above_safe", "velocity_refused")
BY_SUPPLIER = {"fulu": "steam-100", "kasushou": "phone-30", "dtone": "phone-10"}
ACCOUNTS = {"steam-100": "76561198000000001", "phone-30": "13800138000", "phone-10": "13800138000"}


async def attempts(house: House, order_id: str) -> list[Attempt]:
    """Oldest first."""
    async with house.desk.pool.acquire() as conn:
        return list(reversed(await list_attempts(conn, order_id)))


def happened(page: OrderPage, kind: str) -> int:
    return [item.kind for item in page.timeline].count(kind)


async def sound(house: House) -> None:
    """Nothing lost, nothing doubled, no finding."""
    await house.until_applied()
    outside = await house.outside()
    assert outside.differences == ()
    assert outside.double_topups == 0
    report = await house.audit()
    assert report.ok, report.findings


async def buy(house: House, product: str, *faults: tuple[str, str], **more: Any) -> str:
    return await house.buy(*faults, product=product, account=ACCOUNTS.get(product, ""), **more)


@pytest.mark.parametrize("fault", short(MENDABLE, ("price_above_safe", "velocity_refused")))
async def test_a_mendable_refusal_goes_to_the_next_supplier(
    database_url: str, tmp_path: Path, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(house, PHONE, ("kasushou", fault))
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        first, second = await attempts(house, order_id)
        assert (first.supplier, first.state, second.supplier, second.state) == (
            "kasushou",
            "refused",
            "fulu",
            "succeeded",
        )
        assert first.choice == {"why": "first"}
        assert second.choice == {
            "why": "refused",
            "after": first.attempt_no,
            "reason": first.reason,
            "passed": [{"supplier": "kasushou", "why": "tried"}],
        }
        assert (happened(page, "rerouted"), page.pay_badge, page.sentence.party) == (1, "paid", "fulu")
        await sound(house)


async def test_what_nobody_can_mend_is_refunded_at_once(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(house, PHONE, ("kasushou", "account_banned"))
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert [each.supplier for each in await attempts(house, order_id)] == ["kasushou"]
        await sound(house)


async def test_an_exhausted_list_is_refunded_once(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(
            house, PHONE, ("kasushou", "stock_out"), ("fulu", "maintenance"), ("dtone", "declined")
        )
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        tried = [(each.supplier, each.state) for each in await attempts(house, order_id)]
        assert tried == [("kasushou", "refused"), ("fulu", "refused"), ("dtone", "refused")]
        assert [part.amount_fen for part in page.money] == [3000]
        await sound(house)


async def test_unknown_routes_nowhere(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await buy(house, PHONE, ("kasushou", "silent"))
        await house.until(order_id, lambda page: "choose_refund" in page.actions)
        assert [each.supplier for each in await attempts(house, order_id)] == ["kasushou"]


async def test_what_was_not_sent_goes_to_the_same_supplier(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(house, PHONE, ("kasushou", "rate_limited_429"))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert [(a.n, a.supplier) for a in await attempts(house, order_id)] == [(1, "kasushou")]
        await sound(house)


@pytest.mark.parametrize(
    ("supplier", "fault"),
    short(
        product(
            BY_SUPPLIER,
            (
                "timeout_after_acceptance",
                "unknown_http500",
                "unknown_html404_after_acceptance",
                "duplicate_number",
            ),
        ),
        (
            ("fulu", "timeout_after_acceptance"),
            ("kasushou", "unknown_http500"),
            ("fulu", "unknown_html404_after_acceptance"),
            ("dtone", "duplicate_number"),
        ),
    ),
)
async def test_f09_charged_but_did_not_say_so_at_every_supplier(
    database_url: str, tmp_path: Path, supplier: str, fault: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(house, BY_SUPPLIER[supplier], (supplier, fault))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert [each.supplier for each in await attempts(house, order_id)] == [supplier]
        await sound(house)


async def test_f10_short_prefund_goes_to_the_next_supplier(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        await house.world.tell("PUT", "/kasushou/balance", {"fen": 100})
        order_id = await buy(house, PHONE)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert [each.supplier for each in await attempts(house, order_id)] == ["kasushou", "fulu"]


async def test_f10_a_paid_order_waits_visibly_for_prefund(database_url: str, tmp_path: Path) -> None:
    """One supplier and its balance is short: paid, waiting, with a clock and an alarm; money mends it."""
    async with open_house(database_url, tmp_path) as house:
        full = (await house.world.books())["fulu"]["balance_fen"]
        await house.world.tell("PUT", "/fulu/balance", {"fen": 100})
        order_id = await house.buy()
        page = await house.until(order_id, lambda page: page.sentence.code == "waiting_prefund")
        assert (page.pay_badge, page.sentence.next_actor, page.sentence.place) == ("paid", "shop", "channel")
        assert page.sentence.due_at is not None
        assert page.sentence.deadline_at is not None
        assert order_id in {item.subject for item in await house.desk.work_list()}
        await house.world.tell("PUT", "/fulu/balance", {"fen": full})
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f10_prefund_that_never_comes_ends_in_a_refund(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=300.0) as house:
        order_id = await house.buy(("fulu", "insufficient_balance"))
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        await sound(house)


@pytest.mark.parametrize(
    ("supplier", "hint"),
    short(product(BY_SUPPLIER, ("told", "found")), (("dtone", "told"), ("fulu", "found"))),
)
async def test_f19_a_success_taken_back_is_refunded(
    database_url: str, tmp_path: Path, supplier: str, hint: str
) -> None:
    """By the supplier's callback, or, when that is lost, by asking again ten minutes after its last word."""
    async with open_house(database_url, tmp_path, speed=120.0) as house:
        faults = [(supplier, "success_then_reversed")]
        if hint == "found":
            faults.append((supplier, "callback_lost"))
        order_id = await buy(house, BY_SUPPLIER[supplier], *faults)
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert happened(page, "delivered") == happened(page, "supplier_reversed") == 1
        assert (page.supply_badge, page.reason) == ("refused", "supplier_reversed")
        assert [each.state for each in await attempts(house, order_id)] == ["reversed"]
        await sound(house)


@pytest.mark.parametrize("supplier", short(BY_SUPPLIER, ("kasushou",)))
async def test_a_success_after_the_refusal_is_the_shops_loss(
    database_url: str, tmp_path: Path, supplier: str
) -> None:
    """Row 19: refunded, and delivered after all. The buyer's page says both, and the books carry the loss."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await buy(
            house, BY_SUPPLIER[supplier], (supplier, "account_banned"), (supplier, "success_after_failure")
        )
        page = await house.until(
            order_id, lambda page: page.pay_badge == "refunded" and page.supply_badge == "arrived"
        )
        assert happened(page, "late_success") == 1
        loss = await house.desk.pool.fetchval(
            "SELECT sum(amount_fen) FROM leg WHERE subject = $1 AND place = 'spent.loss'", order_id
        )
        (attempt,) = await attempts(house, order_id)
        assert loss == attempt.cost_fen
        await sound(house)
        # Past the window in which a word may be taken back it is asked a last time, and never again.
        over = ManualClock(house.desk.ctx.now() + timedelta(hours=73))
        await work_attempt(dataclasses.replace(house.desk.ctx, clock=over), attempt.attempt_no)
        assert [each.due_at for each in await attempts(house, order_id)] == [None]


@pytest.mark.parametrize("product", short(("card-50", "steam-100"), ("card-50",)))
async def test_a_part_is_delivered_and_the_rest_refunded(
    database_url: str, tmp_path: Path, product: str
) -> None:
    """Row 10 (部分到账): two of three came; a third of the price goes back, the cards that came are handed over."""
    async with open_house(database_url, tmp_path) as house:
        faults = [("kasushou", "part_delivered")]
        if product == "steam-100":
            faults.append(("fulu", "maintenance"))
        order_id = await buy(house, product, *faults, quantity=3)
        page = await house.until(order_id, lambda page: page.pay_badge == "partly_refunded")
        assert page.supply_badge == "partly_arrived"
        assert page.refund is not None
        assert page.refund.amount_fen == page.price_fen // 3
        assert len(page.cards) == (2 if product == "card-50" else 0)
        await sound(house)


@pytest.mark.parametrize("supplier", short(BY_SUPPLIER, ("dtone",)))
async def test_f11_a_paid_order_whose_purchase_was_never_made_resumes(
    database_url: str, tmp_path: Path, supplier: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        order_id = await buy(house, BY_SUPPLIER[supplier])
        await asyncio.sleep(0.3)
        house.start_worker()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f20_two_workers_and_many_suppliers(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        first = house._worker
        house.start_worker()
        orders = []
        for n in range(4):
            for supplier, product in BY_SUPPLIER.items():
                fault = [(supplier, "stock_out")] if n % 2 else []
                account = f"7656119800000{n:04d}" if product == "steam-100" else f"138001{n:05d}"
                orders.append(await house.buy(*fault, product=product, account=account))
        for order_id in orders:
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)
        assert first is not None
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
