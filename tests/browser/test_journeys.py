"""What a buyer sees in a real browser, from the shop front to the arrival or the refund (R9, R16, R39, R47).

With UPDATE_SCREENS=1 the pictures of docs/screens are taken on the way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from visitor import WAIT_MS, Visitor, visiting

from house import House, open_house
from variants import short

pytestmark = [
    pytest.mark.browser,
]

SPEED = 30.0
PAY, SUPPLY = ".mz-badges .mz-badge:first-child", ".mz-badges .mz-badge:last-child"
WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "awaiting": "待支付",
        "in_hand": "¥100.00 还在您手里。",
        "paid": "已支付",
        "confirming": "支付确认中",
        "processing": "供应商处理中",
        "arrived": "到账成功",
        "refused": "充值失败（供应商拒绝）",
        "refunded": "已退款",
        "why": "拒绝原因：",
        "scenario": "正常充值",
    },
    "en": {
        "awaiting": "Awaiting payment",
        "in_hand": "¥100.00 is still with you.",
        "paid": "Paid",
        "confirming": "Confirming payment",
        "processing": "Supplier processing",
        "arrived": "Delivered",
        "refused": "Top-up failed (refused by supplier)",
        "refunded": "Refunded",
        "why": "Reason for refusal: ",
        "scenario": "Normal top-up",
    },
}
EVERYWHERE = [
    ("zh", 390),
    ("en", 1440),
    pytest.param("en", 390, marks=pytest.mark.long),
    pytest.param("zh", 1440, marks=pytest.mark.long),
]


async def order_by_hand(house: House, visitor: Visitor) -> tuple[str, str]:
    """Place an order through the pages up to the QR code; returns its number and the payment's."""
    order_id = await visitor.place("phone-100", "13800138000", "buyer@example.com")
    await visitor.sees(PAY, WORDS[visitor.lang]["awaiting"])
    await visitor.sees("#sentence", WORDS[visitor.lang]["in_hand"])
    await expect(visitor.page.locator(".mz-qr-box svg")).to_be_visible(timeout=WAIT_MS)
    panel = (await house.page(order_id)).payment
    assert panel is not None
    await visitor.mark()
    return order_id, panel.payment_no


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_paid_and_arrived_without_reload(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    words = WORDS[lang]
    async with (
        open_house(database_url, tmp_path, speed=SPEED) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        order_id, payment_no = await order_by_hand(house, visitor)
        await visitor.shoot("order-awaiting")
        await house.world.fault(order_id, "fulu", "silent")  # it stays "processing" until told otherwise
        await house.buyer_pays(payment_no)
        await visitor.sees(PAY, words["paid"])
        await visitor.sees(SUPPLY, words["processing"])
        await visitor.shoot("order-processing")
        await house.world.tell("POST", "/decide", {"order": order_id, "outcome": "success"})
        await visitor.sees(SUPPLY, words["arrived"])
        await expect(visitor.page).to_have_title(re.compile(words["paid"]))
        await visitor.shoot("order-arrived")
        assert await visitor.was_never_reloaded()


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_refused_with_the_reason_and_refunded_to_the_end(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    words = WORDS[lang]
    async with (
        open_house(database_url, tmp_path, speed=SPEED) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        order_id, payment_no = await order_by_hand(house, visitor)
        await house.world.fault(order_id, "fulu", "account_banned")
        await house.buyer_pays(payment_no)
        await visitor.sees(SUPPLY, words["refused"])
        await visitor.sees(".mz-why", words["why"])
        await visitor.sees(PAY, words["refunded"])
        await visitor.sees(".mz-refund", "¥100.00")
        await expect(visitor.page.locator(".mz-refund .mz-lane-done")).to_have_count(3, timeout=WAIT_MS)
        await visitor.shoot("order-refunded")
        assert await visitor.was_never_reloaded()


@pytest.mark.parametrize(("lang", "width"), short([("zh", 1440), ("en", 390)], [("en", 390)]))
async def test_the_demo_starts_an_order_by_itself(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    shop: dict[str, Any] = {"demo": True}
    async with (
        open_house(database_url, tmp_path, **shop) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        await visitor.visit("/demo")
        await visitor.sees("[data-run=normal]", WORDS[lang]["scenario"])
        phone = visitor.page.frame_locator("#frame")
        await expect(phone.locator(SUPPLY)).to_contain_text(WORDS[lang]["arrived"], timeout=WAIT_MS)
        await visitor.page.click("#audit")
        await expect(visitor.page.locator("#proof-state.mz-proof-ok")).to_be_visible(timeout=WAIT_MS)
        await expect(visitor.page.locator("#audit")).to_be_enabled(timeout=WAIT_MS)
        await visitor.shoot("demo")


@pytest.mark.long
@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1440)])
async def test_a_lost_callback_is_seen_and_then_found_by_asking(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    """Slower than the demo itself, so that a slow machine sees 支付确认中 as well (F2)."""
    shop: dict[str, Any] = {"demo": True}
    async with (
        open_house(database_url, tmp_path, speed=15.0, **shop) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        await visitor.visit("/demo")
        await visitor.page.click("[data-run=callback_lost]")
        phone = visitor.page.frame_locator("#frame")
        await expect(phone.locator(PAY)).to_contain_text(WORDS[lang]["confirming"], timeout=WAIT_MS)
        await expect(phone.locator(PAY)).to_contain_text(WORDS[lang]["paid"], timeout=3 * WAIT_MS)
        await expect(phone.locator(SUPPLY)).to_contain_text(WORDS[lang]["arrived"], timeout=3 * WAIT_MS)
