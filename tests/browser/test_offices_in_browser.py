"""Pages of the console that no other journey opens: the set-up wizard step by step, rules in two steps, reconciliation,
people and licences. Readable for everybody at both widths and in both languages, nothing sideways, nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from accessible import require_axe, violations
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import Visitor, visiting

from house import House, open_house
from mingzhang.kit.clock import ManualClock
from mingzhang.reconciliation import flow
from mingzhang.staff.rights import Role
from mingzhang.web.words_setup import STEPS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
]  # four readers of sixteen pages

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
PAGES = (
    ("papers", "/staff/papers"),
    ("team", "/staff/team"),
    ("me", "/staff/me"),
    ("reconcile", "/staff/reconcile"),
    ("figures-care", "/staff/figures?board=care"),
    ("licences", "/staff/licences"),
    *((f"setup-{step}", f"/staff/setup/{step}") for step in STEPS),
)


async def difference(house: House) -> str:
    """A payment that the channel's bill lacks; returns the difference's number."""
    order_id = await house.buy(("alipay", "bill_row_missing"))
    await house.until(order_id, lambda page: page.supply_badge == "arrived")
    end = (NOON + timedelta(days=1)).replace(hour=3)  # eleven in the morning in Beijing: the bill is there
    ctx = dataclasses.replace(house.desk.ctx, clock=ManualClock(end))
    await flow.fetch_day(ctx, "alipay.trade", NOON.date())
    found = await house.desk.pool.fetchval("SELECT break_id FROM recon_break")
    assert isinstance(found, str)
    return found


async def walk(visitor: Visitor, break_id: str) -> list[str]:
    """What is wrong on the way."""
    wrong: list[str] = []

    async def look(name: str) -> None:
        found = await violations(visitor.page)
        wrong.extend(f"{name} {visitor.lang} {visitor.width}: {each}" for each in found)
        try:
            await visitor.shoot(f"office-{name}")
        except AssertionError as sideways:
            wrong.append(f"{name} {visitor.lang}: {sideways}")
        if folder := os.environ.get("SHOTS"):
            file = f"{folder}/office-{name}-{visitor.lang}-{visitor.width}.png"
            await visitor.page.screenshot(path=file, full_page=True)

    for name, path in (*PAGES, ("difference", f"/staff/reconcile/{break_id}")):
        await visitor.visit(path)
        await asyncio.sleep(0.2)
        await look(name)
    await visitor.visit("/staff/papers?kind=rules")
    await visitor.page.fill("#p-text_zh", "订单提交成功即合同成立。新的一条。")
    await visitor.page.fill("#p-text_en", "The contract is made when your order is submitted. A new rule.")
    await look("paper-draft")
    await visitor.page.click("button[value=preview]")
    await visitor.page.wait_for_selector("button[value=publish]")
    await look("paper-preview")
    return wrong


async def test_offices_are_readable_for_everybody(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    require_axe()
    wrong: list[str] = []
    async with open_house(database_url, tmp_path, begins=NOON.timestamp()) as house:
        break_id = await difference(house)
        for lang, width in (("zh", 390), ("en", 390), ("zh", 1440), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"wu-{lang}-{width}", Role.ADMIN, Role.OPERATOR, Role.FINANCE)
                wrong += await walk(visitor, break_id)
    assert not wrong, "\n".join(wrong)
