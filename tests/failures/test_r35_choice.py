"""R35: where a product offers it, the buyer of a refused order chooses: the refund, or another supplier (退款 / 补发)."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from test_supply_routes import PHONE, attempts, happened, sound

from house import open_house
from mingzhang.app import desk_supply
from mingzhang.app.http_kit import order_cookie
from mingzhang.kit.errors import Problem


async def test_r35_a_refused_buyer_chooses_and_the_end_of_the_clock_gives_the_money_back(
    database_url: str, tmp_path: Path
) -> None:
    """By the page, by the API, and by saying nothing; a wrong account is still corrected, not chosen about."""
    async with open_house(database_url, tmp_path) as house:
        desk = house.desk
        await desk_supply.set_routing(desk.ctx, "cli:test", PHONE, "ordered", "0", offer_choice=True)
        again, back, silent = [
            await house.buy(("kasushou", "stock_out"), product=PHONE, account=f"1380013800{n}")
            for n in range(3)
        ]
        for order_id in (again, back, silent):
            page = await house.until(order_id, lambda page: page.sentence.code == "choose_remedy")
            assert page.actions[:2] == ("choose_resupply", "choose_refund")
            assert (page.supply_badge, page.pay_badge, page.correction) == ("needs_you", "paid", None)
            assert page.choose_until == page.sentence.deadline_at
            assert [each.state for each in await attempts(house, order_id)] == ["refused"]
        with pytest.raises(Problem, match="no_choice_open"):
            await desk.choose(again, "wait")
        cookie = order_cookie(desk, again)
        async with aiohttp.ClientSession(headers={"Cookie": f"{cookie.key}={cookie.value}"}) as browser:
            async with browser.get(f"{house.url}/orders/{again}") as answer:
                html = await answer.text()
            found = re.search(r'name="csrf" value="([^"]+)"', html)
            assert found is not None
            assert "/actions/choose_resupply" in html
            async with browser.post(
                f"{house.url}/orders/{again}/actions/choose_resupply", data={"csrf": found.group(1)}
            ) as answer:
                assert answer.status == 200
        page = await house.until(again, lambda page: page.supply_badge == "arrived")
        assert [each.supplier for each in await attempts(house, again)] == ["kasushou", "fulu"]
        assert happened(page, "buyer_chose_resupply") == 1
        with pytest.raises(Problem, match="no_choice_open"):
            await desk.choose(again, "resupply")
        call, proof = f"{house.url}/api/v1/orders/{back}/choice", {"contact": "buyer@example.com"}
        async with aiohttp.ClientSession() as program:
            async with program.post(call, json={"choice": "refund"}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated")
            async with program.post(call, json={"choice": "both", **proof}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (422, "unknown_choice")
            async with program.post(call, json={"choice": "refund", **proof}) as answer:
                assert (answer.status, (await answer.json())["state"]) == (200, "refunding")
        await desk.pool.execute(
            "UPDATE orders SET due_at = $2, deadline_at = $2 WHERE order_id = $1", silent, desk.clock.now()
        )
        for order_id, kind in ((back, "buyer_chose_refund"), (silent, "choice_expired")):
            page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
            assert happened(page, kind) == 1
            assert len(await attempts(house, order_id)) == 1
        wrong = await house.buy(("kasushou", "wrong_account"), product=PHONE, account="13800138009")
        page = await house.until(wrong, lambda page: page.supply_badge in ("needs_you", "refused"))
        assert page.sentence.code != "choose_remedy"
        await sound(house)
