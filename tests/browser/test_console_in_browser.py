"""The console in a real browser: found by the keyboard, charts drawn under the strict policy, rows picked, nothing cut off.

With UPDATE_SCREENS=1 the pictures of docs/screens are taken on the way.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from test_claims_and_staff import staff
from visitor import WAIT_MS, visiting

from house import House, open_house
from mingzhang.app.console.fill import fill
from mingzhang.staff.rights import Role

pytestmark = [pytest.mark.browser]
EVERYWHERE = [
    ("zh", 390),
    pytest.param("en", 1440, marks=pytest.mark.long),
    pytest.param("en", 390, marks=pytest.mark.long),
    pytest.param("zh", 1440, marks=pytest.mark.long),
]


async def _filled(house: House) -> None:
    give_up = time.monotonic() + 30
    arrived = "SELECT count(*) FROM outcome_span WHERE outcome = 'delivered'"
    while not await house.desk.pool.fetchval(arrived):
        assert time.monotonic() < give_up
        now = house.desk.clock.now()
        await house.desk.pool.execute("UPDATE console_mark SET due_at = $1, lease_until = NULL", now)
        await fill(house.desk.ctx, margin_real_s=0)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_staff_run_the_day_in_the_console(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    async with (
        open_house(database_url, tmp_path, speed=600.0) as house,
        visiting(browser, house.url, lang, width) as lin,
    ):
        page = lin.page
        arrived = await house.buy()
        await house.buy(("fulu", "account_banned"), account="13900139000", channel="wechat")
        silent = await house.buy(("fulu", "silent"), product="phone-50")
        await house.until(arrived, lambda shown: shown.supply_badge == "arrived")
        await _filled(house)
        await staff(house, lin, "lin", Role.SUPPORT, Role.FINANCE, Role.OPERATOR)
        await lin.visit("/staff/today")
        await expect(page.locator("#tile-ages + ul li")).not_to_have_count(0, timeout=WAIT_MS)
        await lin.fits()
        await lin.shoot("staff-today")
        for board in ("flow", "money", "care", "risk"):
            await page.goto(f"{house.url}/staff/figures?board={board}&lang={lang}")
            if board not in ("care", "risk"):  # where all is well there are sentences only
                await expect(page.locator(".mz-c-chart canvas").first).to_be_visible(timeout=WAIT_MS)
            await lin.fits()
            await lin.shoot(f"staff-figures-{board}")
        await lin.visit("/staff/orders")
        await lin.fits()
        await lin.shoot("staff-orders")
        await page.goto(f"{house.url}/staff/attempts?open=1&lang={lang}")
        await page.check(f"input[value='{silent}T1']")
        await page.click("button[value=ask_supplier]")
        await lin.sees(".mz-dense", f"{silent}T1")
        await lin.shoot("staff-bulk")
        await page.click("form[action$='/start'] button")
        await page.wait_for_url(re.compile("/staff/runs/"))
        await lin.sees("progress", "1")
        if width >= 900:
            await page.keyboard.press("/")
            await page.keyboard.type("buyer@example.com")
            await page.keyboard.press("Enter")
        else:
            await page.fill("#console-q", "buyer@example.com")
            await page.press("#console-q", "Enter")
        await lin.sees("#found-people + ul", "bu***@example.com")
        await lin.fits()
        await lin.shoot("staff-search")
