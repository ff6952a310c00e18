"""待您处理 (R19): a wrong account is corrected by its buyer and arrives, or all of the money goes back."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from test_supply_routes import attempts, happened, sound

from house import House, open_house
from mingzhang.kit.errors import Problem
from mingzhang.orders import correct
from mingzhang.web.model import OrderPage

RIGHT = "13900139000"
CONTACT = "buyer@example.com"


def waits_for_buyer(page: OrderPage) -> bool:
    return page.supply_badge == "needs_you"


async def call(house: House, order_id: str, body: dict[str, Any], token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{house.url}/api/v1/orders/{order_id}/correction"
    async with house.http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_refused_for_its_account_then_corrected_arrives(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(f"{order_id}T1", "fulu", "wrong_account")
        payment_no = await house.open(order_id)
        early = await call(house, order_id, {"account": RIGHT, "contact": CONTACT})
        assert (early[0], early[1]["code"]) == (409, "correction_not_open")
        await house.buyer_pays(payment_no)
        page = await house.until(order_id, waits_for_buyer)
        assert (page.pay_badge, page.sentence.code, page.sentence.next_actor) == (
            "paid",
            "needs_buyer",
            "buyer",
        )
        assert (page.reason, page.reason_party, page.reason_then) == ("wrong_account", "buyer", "correct")
        assert page.actions == ("change_account", "choose_refund")
        assert [(part.place, part.amount_fen) for part in page.money] == [("channel", page.price_fen)]
        assert page.correction is not None
        assert page.correction.deadline_at == page.sentence.deadline_at
        # Nobody else: a wrong contact, no contact, a wrong token and an order that never was answer alike.
        strangers = [
            await call(house, order_id, {"account": RIGHT, "contact": "somebody@example.com"}),
            await call(house, order_id, {"account": RIGHT}),
            await call(house, order_id, {"account": RIGHT}, "wrong-token"),
            await call(house, "M0000000000000000AB", {"account": RIGHT, "contact": CONTACT}),
        ]
        assert strangers == [strangers[0]] * 4
        assert (strangers[0][0], strangers[0][1]["code"]) == (401, "unauthenticated")
        # Its buyer, but no correction.
        for account, code in (("12345", "bad_account"), ("13800138000", "account_unchanged")):
            status, told = await call(house, order_id, {"account": account, "contact": CONTACT})
            assert (status, told["code"]) == (422, code)
        status, told = await call(house, order_id, {"account": RIGHT, "contact": CONTACT})
        assert (status, told["state"], told["next_actor"]) == (200, "supplying", "shop")
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        first, second = await attempts(house, order_id)
        assert (first.state, second.state, second.attempt_no) == ("refused", "succeeded", f"{order_id}T2")
        assert second.choice["why"] == "corrected"
        assert page.account_mask == "139****9000"
        (line,) = [item for item in page.timeline if item.kind == "account_corrected"]
        assert line.params["account"] == "139****9000"
        (row,) = await house.desk.pool.fetch("SELECT * FROM account_correction")
        assert (row["old_mask"], row["new_mask"], row["reason"]) == (
            "138****8000",
            "139****9000",
            "wrong_account",
        )
        assert house.desk.ctx.vault.open(row["old_enc"]) == "13800138000"
        assert RIGHT.encode() not in row["new_enc"]
        told = (await house.world.books())["fulu"]["orders"]
        assert [order["account"] for order in told if order["state"] == "success"] == [RIGHT]
        await sound(house)


async def test_the_clock_ends_or_the_buyer_gives_up_and_all_goes_back(
    database_url: str, tmp_path: Path
) -> None:
    """R19: 24 hours. The form works without a script."""
    async with open_house(database_url, tmp_path) as house:
        late = await house.buy(("fulu", "wrong_account"))
        page = await house.until(late, waits_for_buyer)
        assert page.correction is not None
        assert page.correction.deadline_at is not None
        assert timedelta(hours=23) < page.correction.deadline_at - page.now <= timedelta(hours=24)
        await house.desk.pool.execute(
            "UPDATE orders SET due_at = $2, deadline_at = $2 WHERE order_id = $1", late, page.now
        )
        page = await house.until(late, lambda page: happened(page, "correction_expired") == 1)
        page = await house.until(late, lambda page: page.pay_badge == "refunded")
        assert page.refund is not None
        assert (page.refund.cause, page.refund.amount_fen) == ("wrong_account", page.price_fen)
        given_up = await house.buy(("fulu", "region_refused"))
        await house.until(given_up, waits_for_buyer)
        await house.desk.choose(given_up, "refund")
        await house.until(given_up, lambda page: page.pay_badge == "refunded")
        await sound(house)


async def test_no_correction_while_a_supplier_may_have_acted(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "unknown_http500"), ("fulu", "silent"))
        await house.until(order_id, lambda page: page.supply_badge in ("confirming", "processing"))
        status, told = await call(house, order_id, {"account": RIGHT, "contact": CONTACT})
        assert (status, told["code"]) == (409, "correction_not_open")
        with pytest.raises(Problem, match="cannot_stop"):
            await correct.stop(house.desk.ctx, order_id, "wrong_account")
        assert [attempt.n for attempt in await attempts(house, order_id)] == [1]


async def test_an_incomplete_account_never_reaches_the_supplier(database_url: str, tmp_path: Path) -> None:
    """Checked again at dispatch: the product has come to ask for more than the order holds. Corrected on the page."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place("qq-10", "123456789")
        await house.desk.pool.execute(
            """UPDATE product SET fields = '[{"name": "account", "kind": "qq"}, {"name": "region", "kind": "text"}]'
               WHERE product_id = 'qq-10'"""
        )
        house.desk.ctx.catalogue.forget()
        await house.buyer_pays(await house.open(order_id))
        page = await house.until(order_id, waits_for_buyer)
        assert (page.reason, page.numbers[-1][0]) == ("account_incomplete", "attempt")
        assert not (await house.world.books())["fulu"]["orders"]
        token = house.desk.ctx.vault.token(order_id)
        url = f"{house.url}/orders/{order_id}"
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.post(f"{url}/session", json={"token": token}) as answer:
                assert answer.status == 200
            async with browser.get(f"{url}/correction") as answer:
                csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', await answer.text())
            assert csrf is not None
            sent = {"csrf": csrf[1], "account": "123456789", "again": "123456780", "region": "华东一区"}
            async with browser.post(f"{url}/correction", data=sent) as answer:
                assert (answer.status, "两次输入的账号不一样" in await answer.text()) == (422, True)
            sent["again"] = sent["account"]
            async with browser.post(f"{url}/correction", data=sent, allow_redirects=False) as answer:
                assert answer.status == 303
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert page.account_mask == "123****6789 · 华东一区"
        await sound(house)
