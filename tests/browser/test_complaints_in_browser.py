"""The staff page of complaints at channels, on a phone and a desktop, in both languages; words only after a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import visiting

from house import open_house
from mingzhang.complaints import store
from mingzhang.disputes import flow as disputes
from mingzhang.disputes.case import Said
from mingzhang.staff.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.long]

WORDS = "充值显示成功，但是一直没有收到"


async def test_complaints_fit_and_open_with_a_reason(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=60.0) as house:
        order_id = await house.buy(channel="wechat")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        for body in (
            {"out_trade_no": f"{order_id}P1", "words": WORDS, "images": 1},
            {"out_trade_no": "OTHER-SHOPS-1", "party": "alipay", "words": "扣错钱了", "kind": "other"},
        ):
            await house.world.tell("POST", "/complaints", body)
        while not (rows := await store.list_of_order(house.desk.pool, order_id)) or not rows[0].dispute_id:
            await house.desk.wait_change(order_id, 10**6, 0.2)
        case = rows[0].dispute_id
        await disputes.add_message(house.desk.ctx, case, Said(speaker="shop", by="lin", text="正在核实"))
        while (await store.list_of_order(house.desk.pool, order_id))[0].answered_at is None:
            await house.desk.wait_change(order_id, 10**6, 0.2)
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"lin-{lang}-{width}", Role.SUPPORT)
                await visitor.visit("/staff/complaints")
                assert WORDS not in await visitor.page.content()
                await visitor.shoot("complaints")
                if folder := os.environ.get("SHOTS"):
                    await visitor.page.screenshot(path=f"{folder}/{lang}-{width}.png", full_page=True)
                await visitor.visit(f"/staff/disputes/{case}")
                await visitor.shoot("complaint-case")
                if folder := os.environ.get("SHOTS"):
                    await visitor.page.screenshot(path=f"{folder}/{lang}-{width}-case.png", full_page=True)
                await visitor.visit("/staff/complaints")
                form = visitor.page.locator("form[action*='/wechat/'][action$='/words']")
                await form.locator("xpath=..").locator("summary").click()
                await form.locator("input[name=reason]").fill("核实投诉内容")
                await form.locator("button").click()
                await visitor.sees("blockquote >> nth=0", WORDS)
                await visitor.fits()
                if folder := os.environ.get("SHOTS"):
                    await visitor.page.screenshot(path=f"{folder}/{lang}-{width}-open.png", full_page=True)
