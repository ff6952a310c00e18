"""Showing a payment, and what staff see and do, in a real browser (R26, R33; F16).

With UPDATE_SCREENS=1 the pictures of docs/screens are taken on the way.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, expect
from visitor import WAIT_MS, Visitor, visiting

from house import House, open_house
from mingzhang.kit.clock import SystemClock
from mingzhang.orders.claims import make_claim
from mingzhang.staff import accounts
from mingzhang.staff.model import Office
from mingzhang.staff.rights import Role
from notice_sinks import mail_sink

pytestmark = [pytest.mark.browser]

EVERYWHERE = [
    ("zh", 390),
    pytest.param("en", 1440, marks=pytest.mark.long),
    pytest.param("en", 390, marks=pytest.mark.long),
    pytest.param("zh", 1440, marks=pytest.mark.long),
]
NOBODYS = "2026112322001400000000000001"
PASSWORD = "correct horse 电池"
WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "waiting": "还没查到，继续查",
        "said": "渠道说本单没有成功的付款。",
        "found": "已查到",
        "flag": "这个单号属于另一张订单",
        "sent": "对方已接收",
        "proposed": "等第二个人决定",
        "empty": "请填交易号，或者选一张截图",
    },
    "en": {
        "waiting": "Not found yet, still checking",
        "said": "no successful payment",
        "found": "Found",
        "flag": "This number belongs to another order",
        "sent": "Accepted by the other side",
        "proposed": "Waits for the second person",
        "empty": "Please enter a transaction number or choose a screenshot",
    },
}


def screenshot() -> FilePayload:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((540, 1100)).convert("RGB").save(out, "PNG")
    return {"name": "付款.png", "mimeType": "image/png", "buffer": out.getvalue()}


async def enter(house: House, visitor: Visitor, order_id: str) -> None:
    """Open the order by its link, as from the buyer's mail."""
    token = house.desk.ctx.vault.token(order_id)
    await visitor.page.goto(f"{house.url}/orders/{order_id}?lang={visitor.lang}#t={token}")
    await expect(visitor.page.locator("#live")).to_be_visible(timeout=WAIT_MS)


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_a_buyer_shows_a_payment_and_it_is_found(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    words = WORDS[lang]
    async with (
        open_house(database_url, tmp_path, speed=1.0) as house,
        visiting(browser, house.url, lang, width) as visitor,
    ):
        page = visitor.page
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_lost")
        payment_no = await house.open(order_id)
        await enter(house, visitor, order_id)
        await page.click(".mz-claim-link a")
        await visitor.shoot("claim-form")
        await page.click("form.mz-form button[type=submit]")
        await visitor.sees(".mz-form-error", words["empty"])
        visitor.faults.clear()  # the browser tells of the refused form's status
        await page.fill("[name=number]", NOBODYS)
        await page.set_input_files("[name=picture]", screenshot())
        await page.click("form.mz-form button[type=submit]")
        await visitor.sees("#claims", words["waiting"])
        await visitor.sees("#claims", words["said"])
        await visitor.shoot("order-claim")
        await visitor.mark()
        await house.buyer_pays(payment_no)
        await visitor.sees("#claims", words["found"])
        assert await visitor.was_never_reloaded()


async def staff(house: House, visitor: Visitor, name: str, *roles: Role) -> None:
    """A new account with a second factor, signed in through the form."""
    ctx = house.desk.ctx
    office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
    await accounts.add(office, name, PASSWORD, list(roles))
    secret = pyotp.random_base32()
    app = pyotp.TOTP(secret)
    await accounts.set_totp(office, name, secret, app.at(SystemClock().now()))
    await house.desk.pool.execute("UPDATE staff SET totp_step = totp_step - 1 WHERE name = $1", name)
    await visitor.visit("/staff/sign-in")
    await visitor.page.fill("[name=name]", name)
    await visitor.page.fill("[name=password]", PASSWORD)
    await visitor.page.fill("[name=code]", app.at(SystemClock().now()))
    await visitor.page.click("form.mz-form button[type=submit]")
    await visitor.page.wait_for_url(re.compile(r"/staff(?!/sign-in)"))


@pytest.mark.parametrize(("lang", "width"), EVERYWHERE)
async def test_staff_find_the_claim_the_notices_and_decide_in_two(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    words = WORDS[lang]
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(
            f'[email]\nhost = "127.0.0.1"\nport = {sink.port}\nsender = "s@shop.test"\ntls = "none"\n'
            '[[route]]\naudience = "buyer"\nchannel = "email"\n'
            '[[route]]\naudience = "shop"\nchannel = "email"\naddress = "owner@shop.test"\n',
            encoding="utf-8",
        )
        shop: dict[str, Any] = {"notices_path": str(path)}
        async with (
            open_house(database_url, tmp_path, **shop) as house,
            visiting(browser, house.url, lang, width) as lin,
            visiting(browser, house.url, lang, width) as wang,
        ):
            order_id, other = await house.buy(), await house.place()
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
            await make_claim(house.desk.ctx, other, order_id, screenshot()["buffer"])
            await staff(house, lin, "lin", Role.SUPPORT)
            await staff(house, wang, "wang", Role.FINANCE)
            await lin.visit("/staff/work")
            await lin.shoot("staff-work")
            await lin.page.click(".mz-filters a[href*='kind=claim']")
            await lin.sees(".mz-work", f"{other}C1")
            await lin.visit("/staff/suspense")
            await lin.shoot("staff-suspense")
            await lin.visit("/staff/claims")
            await lin.sees(".mz-flag", words["flag"])
            await lin.shoot("staff-claims")
            await lin.page.click(f"a[href*='/staff/orders/{other}']")
            await lin.page.fill(f"#why-{other}C1", "电话核实身份")
            await lin.page.click("form[action$='/picture'] button")
            await expect(lin.page.locator(".mz-picture")).to_be_visible(timeout=WAIT_MS)
            await lin.shoot("staff-picture")
            await lin.visit("/staff/work")
            await lin.page.fill("[name=q]", order_id)
            await lin.page.press("[name=q]", "Enter")
            await lin.sees("#notices", words["sent"])
            await lin.page.click("#deliver_at_shop_cost > summary")
            await lin.page.fill("#deliver_at_shop_cost-reason", "运营商查无此笔,买家已截图")
            await lin.page.click("#deliver_at_shop_cost button[type=submit]")
            await lin.sees("#money", words["proposed"])
            await lin.shoot("staff-order")
            await wang.visit(f"/staff/orders/{order_id}")
            await wang.shoot("staff-order-decide")
            await wang.page.click("#money button[value=approve]")
            await wang.page.wait_for_url("**done=1**")
            await house.until(
                order_id,
                lambda page: [item.kind for item in page.timeline].count("delivered") == 2,
            )
            await lin.visit("/staff/claims")
            await lin.fits()
