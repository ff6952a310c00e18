"""Rare but rightful endings, in which state and money only look as if they disagreed: the audit finds nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from house import House, open_house
from mingzhang.app.audit import run_audit


async def until_event(house: House, order_id: str, kind: str) -> None:
    await house.until(order_id, lambda page: any(item.kind == kind for item in page.timeline))


async def test_a_refund_at_the_shops_risk_may_leave_money_reserved(database_url: str, tmp_path: Path) -> None:
    """Row 20: refunded while the supplier is silent, then the supplier succeeds after all (row 7)."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.buy(("fulu", "silent"))
        await house.until(order_id, lambda page: "choose_refund" in page.actions)
        await house.desk.choose(order_id, "refund")
        await until_event(house, order_id, "refund_arrived")
        report = await house.audit()
        assert report.ok, report.lines
        await house.world.tell("POST", "/decide", {"order": order_id, "outcome": "success"})
        await until_event(house, order_id, "late_success")
        report = await house.audit()
        assert report.ok, report.lines


async def test_money_in_doubt_that_was_delivered_all_the_same(database_url: str, tmp_path: Path) -> None:
    """F4 with a supplier that is faster than the channel's denial: a loss with a name, but no disagreement."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_for_unpaid")
        await house.open(order_id)
        await until_event(house, order_id, "payment_contradicted")
        await asyncio.sleep(1)
        report = await house.audit()
        assert report.ok, report.lines
        assert report.missing_fen == 10000


async def test_audits_beside_running_orders_find_nothing(database_url: str, tmp_path: Path) -> None:
    """Whatever a snapshot shows between two commits of an order is no disagreement."""
    async with open_house(database_url, tmp_path) as house:
        faults = [
            (),
            (("alipay", "notify_lost"),),
            (("fulu", "account_banned"),),
            (("fulu", "unknown_9999"),),
        ]
        orders = [await house.buy(*faults[n % 4], account=f"1380013{n:04d}") for n in range(12)]
        running, audits = True, 0
        while running:
            report = await run_audit(house.desk.ctx, full=audits % 2 == 0)
            assert report.ok, report.lines
            audits += 1
            running = not all([(await house.page(order_id)).final for order_id in orders])
        assert audits > 1
