"""R27: a paid order that is not sent yet goes ahead of new ones after a contact check (核实用户身份)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
from test_f01_f20 import sound

from house import open_house
from mingzhang.app.http_kit import order_cookie
from mingzhang.app.worker import ROUNDS
from mingzhang.fulfilment import store as fulfilment
from mingzhang.orders.claims import make_claim


async def test_r27_who_proves_the_contact_is_served_before_new_orders(
    database_url: str, tmp_path: Path
) -> None:
    """By the order's page or by a claim; a wrong contact changes nothing; everybody reads it on the timeline."""
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        orders = [await house.buy(account=f"1380013{n:04d}") for n in range(4)]
        for order_id in orders:
            await house.until(order_id, lambda page: page.pay_badge == "paid")
        newest, claimed = orders[3], orders[2]
        page = await house.until(newest, lambda page: page.ahead == "open")  # a minute after it was paid
        cookie = order_cookie(house.desk, newest)
        headers = {"Cookie": f"{cookie.key}={cookie.value}"}
        async with aiohttp.ClientSession(headers=headers) as browser:
            async with browser.get(f"{house.url}/orders/{newest}") as answer:
                html = await answer.text()
            found = re.search(r'name="csrf" value="([^"]+)"', html)
            assert found is not None
            assert "/actions/go_ahead" in html
            url, form = f"{house.url}/orders/{newest}/actions/go_ahead", {"csrf": found.group(1)}
            async with browser.post(url, data={**form, "contact": "nobody@example.com"}) as answer:
                assert answer.status == 422
            assert await house.desk.pool.fetchval("SELECT count(*) FROM supply_attempt WHERE ahead") == 0
            for _ in range(2):  # once more changes nothing
                async with browser.post(url, data={**form, "contact": "buyer@example.com"}) as answer:
                    assert answer.status == 200
        page = await house.page(newest)
        assert page.ahead == "done"
        call = f"{house.url}/api/v1/orders/{orders[1]}/ahead"  # the same for a program, by the contact alone
        async with aiohttp.ClientSession() as program:
            async with program.post(call, json={"contact": "nobody@example.com"}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated")
            async with program.post(call, json={"contact": "buyer@example.com"}) as answer:
                assert (answer.status, (await answer.json())["state"]) == (200, "paid")
        assert [line.kind for line in page.timeline].count("went_ahead") == 1
        await make_claim(house.desk.ctx, claimed, "2026112422001400000001")
        assert (await house.page(claimed)).ahead == "done"
        assert ROUNDS[0][:2] == (fulfilment.SQL.claim_ahead, "ahead_no")  # the worker asks for these first
        ctx = house.desk.ctx
        async with house.desk.pool.acquire() as conn:
            bucket = await conn.fetchval("SELECT bucket FROM supply_attempt LIMIT 1")
            rows = await conn.fetch(ROUNDS[0][0], bucket, ctx.now(), 10, "test", ctx.now())
        assert {row["ahead_no"] for row in rows} == {f"{newest}T1", f"{claimed}T1", f"{orders[1]}T1"}
        await asyncio.sleep(0.05)
        house.start_worker()
        for order_id in orders:
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)
