"""The simulated 卡速售, over its wire with signatures made here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from typing import Any

import aiohttp
import pytest
from simulated import WAIT_S, Outside, fast, outside_world

from simulators.catalogue import CATALOGUE
from simulators.server import Options

MOBILE, QQ, CARD = 1100, 2010, 3050


class Site:
    """A client of the simulated site; its callbacks go to the shop's form listener."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.ready: dict[str, str] = outside.ready["kasushou"]
        self.callback_url = f"{outside.shop.url}/alipay"
        outside.shop.answers = ["ok"]

    def headers(self, text: str, time_ms: str = "") -> dict[str, str]:
        time_ms = time_ms or str(int(self.outside.world.world.now().timestamp() * 1000))
        sign = hashlib.sha1((time_ms + text + self.ready["api_key"]).encode()).hexdigest()
        return {"UserId": self.ready["user_id"], "Timestamp": time_ms, "Sign": sign}

    def request(self, path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        text = json.dumps(dict(sorted(body.items())), ensure_ascii=False, separators=(",", ":"))
        return f"{self.ready['url']}/api/v1/{path}", {"data": text.encode(), "headers": self.headers(text)}

    async def call(self, path: str, **body: Any) -> tuple[int, Any]:
        """Code, and the data of a success or the words of anything else."""
        url, sent = self.request(path, body)
        async with self.outside.http.post(url, **sent) as answer:
            assert answer.status == 200
            reply = json.loads(await answer.text())
        return reply["code"], reply["data"] if reply["code"] == 200 else reply["msg"]

    def order(
        self, number: str, product: int = MOBILE, account: str = "13800138000", **more: Any
    ) -> dict[str, Any]:
        attach = {} if product == CARD else {"attach": {"recharge_account": account}}
        base = {"id": product, "external_orderno": number, "quantity": 1, "url": self.callback_url}
        return {**base, **attach, **more}

    async def buy(self, number: str, product: int = MOBILE, **more: Any) -> tuple[int, Any]:
        return await self.call("order/buy", **self.order(number, product, **more))

    async def info(self, number: str) -> Any:
        code, rows = await self.call("order/info", external_orderno=number, day=0)
        assert code == 200
        return rows

    async def until_status(self, number: str, *wanted: int) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while True:
            rows = await self.info(number)
            if rows and rows[0]["status"] in wanted:
                return dict(rows[0])
            assert time.monotonic() < deadline, rows
            await asyncio.sleep(0.01)

    async def books(self, number: str = "") -> Any:
        return (await self.outside.control("GET", f"/books?order={number}&party=kasushou"))["kasushou"]

    async def row(self, number: str) -> dict[str, Any]:
        return dict((await self.books(number))["orders"][0])

    async def fault(self, order: str, name: str, **params: Any) -> None:
        await self.outside.fault(order, "kasushou", name, **params)


@pytest.fixture
def site(outside: Outside) -> Site:
    return Site(outside)


async def test_a_top_up_is_accepted_then_done_charged_and_called_back(site: Site) -> None:
    code, told = await site.buy("A1T1", safe_price="98.40")
    assert (code, told["external_orderno"], told["total_price"]) == (200, "A1T1", "98.40")
    done = await site.until_status("A1T1", 3)
    assert (done["ordersn"], done["has_back_money"], done["card_list"]) == (told["ordersn"], "0.00", [])
    assert done["recharge_info"][0]["v"] == "13800138000"
    shop = site.outside.shop
    await site.outside.until(lambda: shop.notifies)
    callback = dict(shop.notifies[0])
    sign = callback.pop("sign")
    text = ",".join(f'"{key}":"{callback[key]}"' for key in sorted(callback))
    expected = callback["time"] + "{" + text + "}" + site.ready["api_key"]
    assert sign == hashlib.sha1(expected.encode()).hexdigest()
    assert (callback["status"], callback["total_price"]) == ("3", "98.40")
    assert (await site.call("user/info"))[1] == {"balance": f"{1_000_000 - 98.4:.2f}"}
    books = await site.books()
    assert books["topups"] == {"13800138000|A1": 1}
    assert books["opening_balance_fen"] - books["balance_fen"] == 9840


async def test_cards_lag_and_ride_unsigned_in_the_callback(site: Site) -> None:
    await site.fault("B1", "done_without_cards", times=1)
    await site.fault("B1", "callback_cards_swapped")
    assert (await site.buy("B1T1", CARD, quantity=3))[0] == 200
    assert (await site.until_status("B1T1", 3))["card_list"] == []
    second = (await site.info("B1T1"))[0]["card_list"]
    assert len({(card["card_no"], card["card_password"]) for card in second}) == 3
    row = await site.row("B1T1")
    assert [[card["card_no"], card["card_password"]] for card in second] == row["cards"]
    shop = site.outside.shop
    await site.outside.until(lambda: shop.notifies)
    callback = dict(shop.notifies[0])
    swapped = json.loads(callback.pop("card_list"))
    assert [card["card_no"] for card in swapped] == ["FALSE0", "FALSE1", "FALSE2"]
    sign = callback.pop("sign")
    text = json.dumps(dict(sorted(callback.items())), ensure_ascii=False, separators=(",", ":"))
    assert sign == hashlib.sha1((callback["time"] + text + site.ready["api_key"]).encode()).hexdigest()


async def test_a_number_is_taken_once_unless_it_is_empty(site: Site) -> None:
    assert [(await site.buy("C1T1"))[0] for _ in range(2)] == [200, 400]
    assert "已存在" in (await site.buy("C1T1"))[1]
    await site.until_status("C1T1", 3)
    await site.buy("C1T2")
    await site.until_status("C1T2", 3)
    assert (await site.books())["topups"] == {"13800138000|C1": 2}
    first, second = (await site.buy(""))[1], (await site.buy(""))[1]
    assert first["ordersn"] != second["ordersn"]
    code, both = await site.call("order/info", ordersn=f"{first['ordersn']},{second['ordersn']}")
    assert (code, len(both)) == (200, 2)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("wrong_account", "账号"),
        ("stock_out", "库存"),
        ("maintenance", "维护"),
        ("insufficient_balance", "余额不足"),
    ],
)
async def test_some_refusals_come_at_once_and_cost_nothing(site: Site, name: str, word: str) -> None:
    await site.fault("D1", name)
    code, words = await site.buy("D1T1")
    assert (code, word in words) == (400, True)
    assert await site.info("D1T1") == []
    assert (await site.books())["balance_fen"] == 100_000_000


@pytest.mark.parametrize(
    ("account", "word"), [("13800139001", "封禁"), ("13800139002", "频繁"), ("13800139004", "归属地")]
)
async def test_other_refusals_come_later_and_the_suffix_picks_them(
    site: Site, account: str, word: str
) -> None:
    assert (await site.buy("E1T1", account=account))[0] == 200
    failed = await site.until_status("E1T1", 4)
    assert word in failed["recharge_hints"]
    assert failed["has_back_money"] == failed["total_price"] == "98.40"
    row = await site.row("E1T1")
    assert (row["topups_executed"], row["charged_fen"], row["credited_fen"]) == (0, 9840, 9840)


async def test_a_price_over_the_safe_price_and_a_short_balance_are_refused(site: Site) -> None:
    assert "安全价格" in (await site.buy("F1T1", safe_price="98.39"))[1]
    await site.fault("F2", "price_above_safe", percent=20)
    assert (await site.buy("F2T1", safe_price="100"))[0] == 400
    await site.outside.control("PUT", "/kasushou/balance", {"fen": 9839})
    assert "余额不足" in (await site.buy("F3T1"))[1]
    books = await site.books()
    assert books["opening_balance_fen"] == books["balance_fen"] == 9839


@pytest.mark.parametrize(
    ("name", "status"),
    [("unknown_http500", 500), ("unknown_non_json", 200), ("unknown_html404_after_acceptance", 404)],
)
async def test_an_unknown_answer_hides_an_order_that_was_accepted(site: Site, name: str, status: int) -> None:
    await site.fault("G1", name)
    url, sent = site.request("order/buy", site.order("G1T1"))
    async with site.outside.http.post(url, **sent) as answer:
        assert answer.status == status
        assert not (await answer.text()).startswith("{")
    await site.until_status("G1T1", 3)
    assert (await site.row("G1T1"))["topups_executed"] == 1


async def test_500_and_a_number_said_to_exist_hide_one_too(site: Site) -> None:
    await site.fault("H1", "unknown_9999")
    await site.fault("H2", "duplicate_number")
    assert (await site.buy("H1T1"))[0] == 500
    assert (await site.buy("H2T1"))[0] == 400
    await site.until_status("H1T1", 3)
    await site.until_status("H2T1", 3)


@pytest.mark.parametrize(
    ("name", "accepted"), [("timeout_before_acceptance", False), ("timeout_after_acceptance", True)]
)
async def test_a_timeout_before_or_after_acceptance(site: Site, name: str, accepted: bool) -> None:
    await site.fault("I1", name)
    url, sent = site.request("order/buy", site.order("I1T1"))
    with pytest.raises(TimeoutError):
        async with site.outside.http.post(url, timeout=aiohttp.ClientTimeout(total=0.3), **sent):
            pass
    if accepted:
        await site.until_status("I1T1", 3)
    else:
        assert await site.info("I1T1") == []


async def test_not_found_then_found_an_unknown_query_and_429(site: Site) -> None:
    await site.fault("J1", "query_not_found_then_found", times=2)
    await site.buy("J1T1")
    assert [len(await site.info("J1T1")) for _ in range(3)] == [0, 0, 1]
    await site.fault("J1", "query_unknown", times=1)
    assert (await site.call("order/info", external_orderno="J1T1"))[0] == 500
    await site.fault("J2", "rate_limited_429")
    url, sent = site.request("order/buy", site.order("J2T1"))
    async with site.outside.http.post(url, **sent) as answer:
        assert answer.status == 429
    assert (await site.buy("J2T1"))[0] == 200


@pytest.mark.parametrize(("outcome", "status"), [("success", 3), ("failed", 4)])
async def test_a_silent_order_waits_for_a_decision(site: Site, outcome: str, status: int) -> None:
    await site.fault("K1", "silent")
    await site.buy("K1T1")
    await site.until_status("K1T1", 2)
    decision = {"order": "K1", "outcome": outcome}
    assert (await site.outside.control("POST", "/decide", decision))["decided"] == ["K1T1"]
    await site.until_status("K1T1", status)
    await site.outside.control("POST", "/decide", decision, status=404)


async def test_a_success_taken_back_and_a_failure_credited_in_part(site: Site) -> None:
    await site.fault("L1", "success_then_reversed", s=300)
    await site.buy("L1T1")
    await site.until_status("L1T1", 3)
    assert "售后" in (await site.until_status("L1T1", 5))["recharge_hints"]
    assert (await site.row("L1T1"))["reversed"]
    books = await site.books()
    assert (books["topups_reversed"], books["balance_fen"]) == ({"13800138000|L1": 1}, 100_000_000)
    await site.fault("L2", "partial_refund", percent=50)
    await site.buy("L2T1")
    part = await site.until_status("L2T1", 4)
    assert (part["has_back_money"], part["total_price"]) == ("49.20", "98.40")


async def test_some_units_of_an_order_may_not_come(site: Site) -> None:
    await site.fault("M0", "part_delivered")
    await site.buy("M0T1", QQ, quantity=3)
    part = await site.until_status("M0T1", 3)
    assert (part["has_back_money"], part["total_price"]) == ("9.60", "28.80")
    assert (await site.row("M0T1"))["topups_executed"] == 1


async def test_an_accepted_order_may_never_be_paid(site: Site) -> None:
    await site.fault("M1", "accepted_unpaid")
    assert (await site.buy("M1T1"))[0] == 200
    assert (await site.until_status("M1T1", -1))["has_back_money"] == "0.00"
    row = await site.row("M1T1")
    assert (row["charged_fen"], row["topups_executed"]) == (0, 0)
    assert (await site.books())["balance_fen"] == 100_000_000


async def test_an_order_may_look_unpaid_for_an_instant(site: Site) -> None:
    await site.fault("M2", "unpaid_at_first", times=2)
    await site.buy("M2T1")
    assert [(await site.info("M2T1"))[0]["status"] for _ in range(2)] == [-1, -1]
    await site.until_status("M2T1", 3)


async def test_too_few_cards_and_the_same_card_twice(site: Site) -> None:
    for order, name, cards, distinct in (("N1", "too_few_cards", 1, 1), ("N2", "same_card_twice", 2, 1)):
        await site.fault(order, name)
        await site.buy(f"{order}T1", CARD, quantity=2)
        told = (await site.until_status(f"{order}T1", 3))["card_list"]
        assert (len(told), len({card["card_no"] for card in told})) == (cards, distinct)


async def test_a_forged_callback_verifies_but_the_query_tells_the_truth(site: Site) -> None:
    await site.fault("O1", "forged_callback")
    await site.fault("O1", "silent")
    await site.buy("O1T1")
    await site.outside.until(lambda: site.outside.shop.notifies)
    lie = site.outside.shop.notifies[0]
    assert (lie["status"], "FALSE" in lie["card_list"], set(lie["sign"]) != {"0"}) == ("3", True, True)
    assert (await site.info("O1T1"))[0]["status"] in (1, 2)


async def test_callbacks_repeat_until_ok_or_never_come(site: Site) -> None:
    shop = site.outside.shop
    shop.answers = ["fail", "success", "ok"]
    await site.buy("P1T1")
    await site.outside.until(lambda: len(shop.notifies) == 3)
    await site.fault("P2", "callback_duplicate", n=3)
    await site.buy("P2T1")
    await site.outside.until(lambda: len(shop.notifies) == 6)
    await site.fault("P3", "callback_lost")
    await site.buy("P3T1")
    await site.until_status("P3T1", 3)
    assert (await site.row("P3T1"))["callbacks"] == {"sent": 0, "acked": 0}


async def test_bad_calls_are_refused_with_words(site: Site) -> None:
    url, good = site.request("user/info", {})
    heads = good["headers"]
    cases: list[tuple[bytes, dict[str, str], str]] = [
        (b"{}", {**heads, "Sign": "0" * 40}, "签名"),
        (b'{"a":1}', heads, "签名"),
        (b"{}", {**heads, "UserId": "x"}, "用户"),
        (b"{}", site.headers("{}", "1600000000000"), "时间戳"),
        (b"{}", {**heads, "Timestamp": "now"}, "时间戳"),
        (b"[1]", heads, "参数"),
        (b"[" * 100_000, heads, "参数"),
        (b"\xff", heads, "参数"),
        (b'{"a":"\\ud800"}', heads, "参数"),
    ]
    for data, headers, word in cases:
        async with site.outside.http.post(url, data=data, headers=headers) as answer:
            reply = await answer.json()
            assert (answer.status, reply["code"], word in reply["msg"]) == (200, 400, True), data[:20]
    assert "接口不存在" in (await site.call("order/nothing"))[1]
    assert "商品不存在" in (await site.buy("Q1T1", 7))[1]
    assert "数量" in (await site.buy("Q1T1", quantity=0))[1]
    assert "账号" in (await site.buy("Q1T1", account=""))[1]
    assert (await site.call("order/info"))[0] == 400


async def test_goods_and_templates(site: Site) -> None:
    _, page = await site.call("goods/list", limit=4, page=2)
    assert ([row["id"] for row in page["list"]], page["total"]) == ([2001, 2010, 2030, 2100], 11)
    _, good = await site.call("goods/info", id=MOBILE)
    assert (good["face_value"], good["goods_price"], good["goods_type"], good["status"]) == (
        "100.00", "98.40", 2, 1,
    )  # fmt: skip
    assert good["attach"][0]["key"] == "recharge_account"
    assert (await site.call("goods/attach", goods_id=str(CARD)))[1] == []


async def test_an_old_order_is_told_only_when_all_days_are_asked_for() -> None:
    """The vendor looks back 30 days by itself."""
    async with outside_world(Options(seed=2, clock=fast(20_000_000))) as outside:
        site = Site(outside)
        await site.buy("R1T1")
        await asyncio.sleep(0.2)
        code, rows = await site.call("order/info", external_orderno="R1T1")
        assert (code, rows) == (200, [])
        assert len(await site.info("R1T1")) == 1


def test_it_knows_every_fault_that_the_first_supplier_knows() -> None:
    names = {party: {name for at, name in CATALOGUE if at == party} for party in ("fulu", "kasushou")}
    assert names["fulu"] <= names["kasushou"]
