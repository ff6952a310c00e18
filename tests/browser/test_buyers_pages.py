"""Every page a buyer meets, in both languages and widths: readable for everybody (WCAG 2.2 AA), nothing from other
hosts, nothing sideways; and a whole purchase with JavaScript switched off.

With UPDATE_SCREENS=1 the pictures of docs/screens are taken on the way.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from accessible import require_axe, violations
from playwright.async_api import Browser, Page, expect
from test_claims_and_staff import screenshot, staff
from visitor import HEIGHTS, WAIT_MS, Visitor, visiting

from house import House, open_house
from mingzhang.staff.rights import Role

pytestmark = [pytest.mark.browser]

EVERYWHERE = [
    ("zh", 390),
    pytest.param("en", 1440, marks=pytest.mark.long),
    pytest.param("en", 390, marks=pytest.mark.long),
    pytest.param("zh", 1440, marks=pytest.mark.long),
]
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126 Mobile Safari/537.36"
CONTACT = "buyer@example.com"
ARRIVED = {"zh": "到账成功", "en": "Delivered"}
REFUNDED = {"zh": "已退款", "en": "Refunded"}
ASKED = {"zh": "最晚", "en": "answers you by"}


class Looker:
    """Looks at pages with axe and the camera; tells of all that is wrong at the end."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.wrong: list[str] = []

    async def sees(self, name: str) -> None:
        """The page as it stands now."""
        self.wrong += [f"{name}: {each}" for each in await violations(self.visitor.page)]
        await self.visitor.shoot(name)

    async def visits(self, name: str, path: str) -> None:
        """Go there and look."""
        await self.visitor.visit(path)
        await self.sees(name)


async def tap_the_supplier(page: Page) -> None:
    """A tap on the last stop of the picture opens the hop that came there."""
    canvas = page.locator("#money-chart canvas").first
    box = await canvas.bounding_box()
    assert box is not None
    await canvas.click(position={"x": box["width"] - 44, "y": 62})
    await expect(page.locator(".mz-hops details[open]")).to_have_count(1, timeout=WAIT_MS)


async def enter(house: House, visitor: Visitor, order_id: str) -> None:
    """Open the order by its link, as from the buyer's mail, and scroll to the picture, which then is drawn."""
    token = house.desk.ctx.vault.token(order_id)
    page = visitor.page
    await page.goto(f"{house.url}/orders/{order_id}?lang={visitor.lang}#t={token}")
    await expect(page.locator("#live")).to_be_visible(timeout=WAIT_MS)
    if await page.locator("#money-chart").count():
        await page.evaluate("document.getElementById('money-title').scrollIntoView()")
        await expect(page.locator("#money-chart[data-ready=yes] canvas")).to_be_visible(timeout=WAIT_MS)
        await page.evaluate("window.scrollTo(0, 0)")


async def prepared(house: House) -> tuple[str, str, str]:
    """An order that arrived, one that was refunded, and one whose account its buyer must correct."""
    arrived = await house.buy()
    refused = await house.buy(("fulu", "account_banned"))
    wrong = await house.buy(("fulu", "wrong_account"))
    await house.until(arrived, lambda page: page.supply_badge == "arrived")
    await house.until(refused, lambda page: page.pay_badge == "refunded")
    await house.until(wrong, lambda page: page.supply_badge == "needs_you")
    return arrived, refused, wrong


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_every_buyer_page_is_readable_for_everybody(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    require_axe()
    async with (
        open_house(database_url, tmp_path, support="wx: mingzhang-kf", demo=True) as house,
        visiting(browser, house.url, lang, width, PHONE if width < 600 else None) as visitor,
    ):
        arrived, refused, wrong = await prepared(house)
        look, page = Looker(visitor), visitor.page
        await look.visits("front", "/")
        await look.visits("front-empty", "/?q=nothing-like-it")
        await look.visits("product", "/products/phone-100")
        await page.click("form.mz-form button[type=submit]")
        await look.sees("product-errors")
        visitor.faults.clear()  # the browser tells of the refused form's status
        await page.fill("[name=account]", "13800138000")
        await page.fill("[name=contact]", CONTACT)
        await page.click("form.mz-form button[type=submit]")
        await look.sees("confirm")
        await look.visits("my", "/my")
        await page.fill("#f-contact", CONTACT)
        await page.click("form[action='/my/code'] button")
        await look.sees("my-code")
        await page.fill("#f-code", await page.inner_text(".mz-digits-small"))
        await page.click("form[action='/my/enter'] button")
        await expect(page.locator(".mz-orders li")).to_have_count(3, timeout=WAIT_MS)
        await look.sees("my-orders")
        await look.visits("find", "/find")
        await visitor.visit(f"/orders/{refused}")
        await look.sees("order-locked")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await enter(house, visitor, refused)
        await visitor.sees(".mz-badges", REFUNDED[lang])
        drawn_at = next(n for n, url in enumerate(asked) if "echarts" in url)
        assert asked.index(f"{house.url}/orders/{refused}?lang={lang}") < drawn_at  # the sentence comes first
        await look.sees("order-refunded-whole")
        await enter(house, visitor, arrived)
        await tap_the_supplier(page)
        await look.sees("order-arrived-whole")
        await look.visits("request", f"/orders/{arrived}/request")
        await page.check("[name=wish][value=resupply]")
        await page.check("[name=cause][value=not_received]")
        await page.click("form.mz-form button[type=submit]")
        await visitor.sees("#requests", ASKED[lang])
        await look.sees("order-request")
        await look.visits("help", f"/orders/{arrived}/help")
        await look.visits("letter", f"/orders/{arrived}/letters/complaint")
        await look.visits("proof", f"/orders/{arrived}/proof")
        await page.goto(f"{house.url}/nowhere")
        await look.sees("error")
        visitor.faults.clear()
        unpaid = await house.place()
        await house.open(unpaid)
        await enter(house, visitor, unpaid)
        await look.sees("order-pay")
        await look.visits("claim-form", f"/orders/{unpaid}/claim")
        await enter(house, visitor, wrong)
        await look.sees("order-needs-you")
        await look.visits("correction", f"/orders/{wrong}/correction")
        assert look.wrong == []


async def first_visible(page: Page, selector: str) -> None:
    await expect(page.locator(selector).first).to_be_visible(timeout=WAIT_MS)


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.long)])
async def test_a_whole_purchase_without_javascript(
    browser: Browser, database_url: str, tmp_path: Path, lang: str
) -> None:
    async with open_house(database_url, tmp_path) as house:
        window = await browser.new_context(
            viewport={"width": 390, "height": HEIGHTS[390]}, java_script_enabled=False, user_agent=PHONE
        )
        page = await window.new_page()
        others: list[str] = []
        page.on("request", lambda asked: others.append(asked.url) if house.url not in asked.url else None)
        await page.goto(f"{house.url}/?lang={lang}&q=100")
        await page.click("a[href='/products/phone-100']")
        await page.fill("[name=account]", "13800138000")
        await page.fill("[name=contact]", CONTACT)
        await page.check("[name=method][value='alipay.qr']")
        await page.click("form.mz-form button[type=submit]")
        await page.click("form:has([name=step][value=place]) button[type=submit]")
        await page.wait_for_url(re.compile(r"/orders/\w+"))
        order_id = await page.get_attribute("#live", "data-order")
        assert order_id is not None
        await first_visible(page, ".mz-pay-here a")
        panel = (await house.page(order_id)).payment
        assert panel is not None
        await house.buyer_pays(panel.payment_no)
        await house.until(order_id, lambda shown: shown.supply_badge == "arrived")
        await page.goto(f"{house.url}/orders/{order_id}")
        await expect(page.locator(".mz-badges")).to_contain_text(ARRIVED[lang])
        await page.click("#hop-1 > summary")
        await expect(page.locator("#hop-1 .mz-hash")).to_be_visible()
        await expect(page.locator("#money-chart")).to_be_hidden()
        await page.click(f".mz-shortcut[href='/orders/{order_id}/request']")
        await page.check("[name=wish][value=refund]")
        await page.check("[name=cause][value=not_received]")
        await page.click("form.mz-form button[type=submit]")
        await expect(page.locator("#requests")).to_contain_text(ASKED[lang])
        await page.click(f".mz-shortcut[href='/orders/{order_id}/proof']")
        await expect(page.locator(".mz-proof-list .mz-hash").first).to_be_visible()
        assert others == []
        await window.close()


@pytest.mark.long
@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1440)])
async def test_the_shops_own_colour_and_logo_are_readable(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    require_axe()
    async with (
        open_house(database_url, tmp_path) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        await staff(house, visitor, "wu", Role.ADMIN, Role.SUPPORT)
        look, page = Looker(visitor), visitor.page
        await visitor.visit("/staff/settings")
        await page.fill("[name=name_zh]", "清风小店")
        await page.fill("[name=name_en]", "Breeze Shop")
        await page.fill("[name=accent]", "#8a2f6b")
        await page.fill("[name=notice_zh]", "国庆照常营业，人工客服 10:00–18:00")
        await page.fill("[name=notice_en]", "Open on the holidays; support from 10:00 to 18:00")
        await page.fill("[name=licence]", "清风有限公司 91310000MA1K00000X")
        await page.set_input_files("[name=logo]", screenshot())
        await page.click("button.mz-btn-primary[type=submit]")
        await expect(page.locator(".mz-form-ok")).to_be_visible(timeout=WAIT_MS)
        await visitor.shoot("settings")
        await look.visits("front-coloured", "/")
        await look.visits("product-coloured", "/products/phone-100")
        order_id = await house.buy(("fulu", "account_banned"))
        await house.until(order_id, lambda shown: shown.pay_badge == "refunded")
        await enter(house, visitor, order_id)
        await look.sees("order-coloured")
        assert look.wrong == []
