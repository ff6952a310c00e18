"""The API's description in a real browser: drawn from our own files, tried against our own address (R47)."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from visitor import WAIT_MS, visiting

from house import open_house

pytestmark = [pytest.mark.browser]


async def test_an_order_is_placed_from_the_description_and_no_other_host_is_asked(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with (
        open_house(database_url, tmp_path) as house,
        visiting(browser, house.url, "en", 1440) as visitor,
    ):
        page = visitor.page
        await visitor.visit("/api/schema/docs")
        calls = page.locator(".opblock")
        async with house.http.get(f"{house.url}/api/schema/openapi.json") as answer:
            described = sum(len(path) for path in (await answer.json())["paths"].values())
        await expect(calls).to_have_count(described, timeout=WAIT_MS)
        await page.click(".opblock-summary-control:has-text('/api/v1/orders'):has-text('Place an order')")
        await page.click(".try-out__btn")
        await page.fill("[placeholder='Idempotency-Key']", "placed-by-hand-1")
        body = '{"product_id": "phone-100", "account": "13800138000", "contact": "buyer@example.com"}'
        await page.fill(".body-param__text", body)
        await page.click("button.execute")
        await expect(page.locator(".live-responses-table").first).to_contain_text(
            '"repeated": false', timeout=WAIT_MS
        )
