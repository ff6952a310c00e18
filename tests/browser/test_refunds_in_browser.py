"""A partial refund's preview, the buyer's panel and the ages of refunds, on a phone and a desktop, in both languages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import visiting

from house import open_house
from mingzhang.staff.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.long]


async def test_refund_pages_fit(browser: Browser, database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        late = await house.buy(("fulu", "velocity_refused"), ("wechat", "refund_abnormal"), channel="wechat")
        await house.until(late, lambda page: page.sentence.next_actor == "person")
        paths = (f"/staff/orders/{order_id}?part=30", "/staff/refund-ageing")
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"wang-{lang}-{width}", Role.FINANCE)
                for n, path in enumerate(paths):
                    await visitor.visit(path)
                    await visitor.shoot(f"refunds-{n}")
                    if folder := os.environ.get("SHOTS"):
                        file = f"{folder}/refunds-{n}-{lang}-{width}.png"
                        await visitor.page.screenshot(path=file, full_page=True)
