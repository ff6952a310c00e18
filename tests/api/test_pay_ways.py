"""The buyer chooses how to pay, switches, and comes back to the first way; nothing but a form is needed."""

import re
from pathlib import Path

import aiohttp

from house import House, open_house

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
KEY = re.compile(r'name="idempotency_key" value="([^"]+)"')


def browser_session() -> aiohttp.ClientSession:
    """Keeps cookies of addresses without a name, too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def paid_with(house: House, order_id: str) -> str:
    panel = (await house.page(order_id)).payment
    assert panel is not None
    return f"{panel.channel}.{panel.method}"


async def test_every_channel_is_offered_and_can_be_switched_to(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house, browser_session() as browser:
        url = f"{house.url}/products/phone-100"
        async with browser.get(url) as answer:
            shown = await answer.text()
        offered = re.findall(r'name="method" value="([^"]+)"', shown)
        assert offered == ["alipay.qr", "alipay.page", "wechat.qr", "epay.qr", "epay.page"]
        assert shown.count(" checked") == 1
        key = KEY.search(shown)
        assert key is not None
        form = {
            "step": "place",
            "idempotency_key": key.group(1),
            "account": "13800138000",
            "contact": "buyer@example.com",
            "method": "wechat.qr",
        }
        async with browser.post(url, data={**form, "method": "wechat.cash"}) as answer:
            assert answer.status == 422
        async with browser.post(url, data=form, allow_redirects=False) as answer:
            assert answer.status == 303
            place = answer.headers["Location"].partition("#")[0]
        order_id = place.rpartition("/")[2]
        assert await paid_with(house, order_id) == "wechat.qr"
        for way in ("alipay.qr", "epay.page", "wechat.qr"):
            async with browser.get(f"{house.url}{place}") as answer:
                shown = await answer.text()
            assert f'value="{way}"' in shown
            token = CSRF.search(shown)
            assert token is not None
            data = {"csrf": token.group(1), "method": way}
            async with browser.post(f"{house.url}{place}/actions/pay", data=data) as answer:
                assert answer.status == 200
            assert await paid_with(house, order_id) == way
        numbers = await house.desk.pool.fetchval("SELECT count(*) FROM payment WHERE order_id = $1", order_id)
        assert numbers == 3


async def test_a_phone_is_offered_what_opens_on_it_and_jsapi_answers_with_what_to_sign(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        phone = {"User-Agent": "Mozilla/5.0 (iPhone) Mobile/15E148"}
        async with house.http.get(f"{house.url}/products/phone-100", headers=phone) as answer:
            assert 'value="wechat.h5"' in await answer.text()
        order_id = await house.place()
        headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
        url = f"{house.url}/api/v1/orders/{order_id}/payments"
        body = {"channel": "wechat", "method": "jsapi"}
        async with house.http.post(url, json=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "unknown_channel")
        async with house.http.post(url, json={**body, "payer_id": "oUpF8uMuAJO"}, headers=headers) as answer:
            told = await answer.json()
            assert (answer.status, bool(told["invoke"]["paySign"])) == (201, True)
        async with house.http.post(
            url, json={"channel": "wechat", "method": "h5"}, headers=headers
        ) as answer:
            told = await answer.json()
            assert (answer.status, told["url"].startswith("http")) == (201, True)
