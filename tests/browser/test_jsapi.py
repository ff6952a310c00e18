"""Inside WeChat: the page hands what was signed to WeChat's own script, and the order's page tells the rest."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from visitor import WAIT_MS

from house import open_house

pytestmark = pytest.mark.browser
# WeChat's browser as far as the page sees it; the script comes a moment later than the page.
BRIDGE = """
setTimeout(() => {
  window.WeixinJSBridge = { invoke: (name, told, done) => {
    window.tellTheTest(JSON.stringify([name, told]));
    setTimeout(() => done({ err_msg: "get_brand_wcpay_request:ok" }), 50);
  } };
  document.dispatchEvent(new Event("WeixinJSBridgeReady"));
}, 200);
"""


async def test_the_signed_parameters_reach_wechats_script(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.open(order_id)
        window = await browser.new_context(
            user_agent="Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0",
            viewport={"width": 390, "height": 844},
        )
        await window.add_cookies([{"name": "mz_payer", "value": "oUpF8uMuAJO_M2pxb1Q9", "url": house.url}])
        await window.add_init_script(BRIDGE)
        page = await window.new_page()
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def take(said: str) -> None:
            asked.set_result(said)

        await page.expose_function("tellTheTest", take)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        await page.goto(f"{house.url}/orders/{order_id}#t={house.desk.ctx.vault.token(order_id)}")
        await expect(page.locator("#other-ways")).to_be_visible(timeout=WAIT_MS)
        await page.locator("#other-ways summary").click()
        await page.locator("form:has([name=method][value='wechat.jsapi']) button[type=submit]").last.click()
        name, told = json.loads(await asyncio.wait_for(asked, WAIT_MS / 1000))
        await page.wait_for_url(re.compile(rf"/orders/{order_id}$"), timeout=WAIT_MS)
        assert name == "getBrandWCPayRequest"
        assert {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"} == set(told)
        await house.world.tell("POST", "/buyers/pay", {"pay_url": told["package"]})
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        assert faults == []
        await window.close()
