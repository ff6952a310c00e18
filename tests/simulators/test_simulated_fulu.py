"""The simulated 福禄, over its wire with signatures made here."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from simulated import Outside

from simulators.keys import fulu_decrypt


async def test_a_top_up_is_accepted_then_done_charged_and_called_back(outside: Outside) -> None:
    code, told = await outside.top_up("A1T1", customer_price=98.5)
    assert (code, told["order_state"], told["order_price"]) == (0, "untreated", 98.5)
    done = await outside.until_state("A1T1", "success")
    assert (done["charge_account"], done["product_id"], done["buy_num"]) == ("13800138000", 20000100, 1)
    await outside.until(lambda: outside.shop.callbacks)
    callback = outside.shop.callbacks[0]
    sign = callback.pop("sign")
    parts = ",".join(f'"{key}":"{value}"' for key, value in callback.items())
    assert sign == outside.md5("{" + parts + "}")
    assert (callback["order_status"], callback["price"]) == ("success", "98.5000")
    code, user = await outside.fulu("fulu.user.info.get")
    assert user["balance"] == 1_000_000 - 98.5
    books = (await outside.control("GET", "/books"))["fulu"]
    assert books["topups"] == {"13800138000|A1": 1}
    assert books["opening_balance_fen"] - books["balance_fen"] == 9850


async def test_cards_come_only_from_the_query_and_are_encrypted(outside: Outside) -> None:
    await outside.fault("B1", "fulu", "done_without_cards", times=1)
    code, told = await outside.fulu(
        "fulu.order.card.add", product_id=30000050, buy_num=3, customer_order_no="B1T1"
    )
    assert (code, "cards" in told) == (0, False)
    first = await outside.until_state("B1T1", "success")
    assert first["cards"] == []
    second = await outside.until_state("B1T1", "success")
    secret = outside.ready["fulu"]["app_secret"]
    seen = [
        [fulu_decrypt(c["card_number"], secret), fulu_decrypt(c["card_pwd"], secret)] for c in second["cards"]
    ]
    assert len({tuple(card) for card in seen}) == 3
    assert seen == (await outside.order("B1T1"))["cards"]
    assert (await outside.order("B1T1"))["cost_fen"] == 3 * 4850


async def test_a_number_is_taken_once(outside: Outside) -> None:
    await outside.top_up("C1T1")
    assert (await outside.top_up("C1T1"))[0] == 4010
    await outside.until_state("C1T1", "success")
    assert (await outside.top_up("C1T1"))[0] == 4010
    await outside.top_up("C1T2")
    await outside.until_state("C1T2", "success")
    books = (await outside.control("GET", "/books"))["fulu"]
    assert books["topups"] == {"13800138000|C1": 2}


@pytest.mark.parametrize(
    ("name", "code"),
    [("wrong_account", 4007), ("stock_out", 3005), ("maintenance", 3003), ("insufficient_balance", 4005)],
)
async def test_some_refusals_come_at_once_and_cost_nothing(outside: Outside, name: str, code: int) -> None:
    await outside.fault("D1", "fulu", name)
    assert (await outside.top_up("D1T1"))[0] == code
    assert (await outside.fulu("fulu.order.info.get", customer_order_no="D1T1"))[0] == 4011
    assert (await outside.control("GET", "/books"))["fulu"]["balance_fen"] == 100_000_000


@pytest.mark.parametrize(
    ("account", "word"),
    [("13800139001", "封禁"), ("13800139002", "频繁"), ("13800139004", "归属地")],
)
async def test_other_refusals_come_later_and_the_suffix_picks_them(
    outside: Outside, account: str, word: str
) -> None:
    assert (await outside.top_up("E1T1", account))[0] == 0
    failed = await outside.until_state("E1T1", "failed")
    assert word in failed["recharge_description"]
    order = await outside.order("E1T1")
    assert (order["topups_executed"], order["charged_fen"], order["credited_fen"]) == (0, 9850, 9850)


async def test_a_price_over_the_safe_price_and_a_short_balance_are_refused(outside: Outside) -> None:
    assert (await outside.top_up("F1T1", customer_price=98.49))[0] == 4006
    await outside.fault("F2", "fulu", "price_above_safe", percent=20)
    assert (await outside.top_up("F2T1", customer_price=100))[0] == 4006
    await outside.control("PUT", "/fulu/balance", {"fen": 9849})
    assert (await outside.top_up("F3T1"))[0] == 4005


@pytest.mark.parametrize(
    ("name", "status"),
    [("unknown_http500", 500), ("unknown_non_json", 200), ("unknown_html404_after_acceptance", 404)],
)
async def test_an_unknown_answer_hides_an_order_that_was_accepted(
    outside: Outside, name: str, status: int
) -> None:
    await outside.fault("G1", "fulu", name)
    biz = {"charge_phone": "13800138000", "charge_value": 50, "customer_order_no": "G1T1"}
    body = outside.signed("fulu.order.mobile.add", biz)
    async with outside.http.post(outside.ready["fulu"]["url"], json=body) as answer:
        assert answer.status == status
        assert not (await answer.text()).startswith("{")
    await outside.until_state("G1T1", "success")
    assert (await outside.order("G1T1"))["topups_executed"] == 1


async def test_9999_and_a_number_said_to_exist_hide_one_too(outside: Outside) -> None:
    await outside.fault("H1", "fulu", "unknown_9999")
    await outside.fault("H2", "fulu", "duplicate_number")
    assert (await outside.top_up("H1T1"))[0] == 9999
    assert (await outside.top_up("H2T1"))[0] == 4010
    await outside.until_state("H1T1", "success")
    await outside.until_state("H2T1", "success")


@pytest.mark.parametrize(
    ("name", "accepted"), [("timeout_before_acceptance", False), ("timeout_after_acceptance", True)]
)
async def test_a_timeout_before_or_after_acceptance(outside: Outside, name: str, accepted: bool) -> None:
    await outside.fault("I1", "fulu", name)
    biz = {"charge_phone": "13800138000", "charge_value": 50, "customer_order_no": "I1T1"}
    body = outside.signed("fulu.order.mobile.add", biz)
    with pytest.raises(TimeoutError):
        async with outside.http.post(
            outside.ready["fulu"]["url"], json=body, timeout=aiohttp.ClientTimeout(total=0.3)
        ):
            pass
    if accepted:
        await outside.until_state("I1T1", "success")
    else:
        assert (await outside.fulu("fulu.order.info.get", customer_order_no="I1T1"))[0] == 4011


async def test_not_found_then_found_and_429(outside: Outside) -> None:
    await outside.fault("J1", "fulu", "query_not_found_then_found", times=2)
    await outside.top_up("J1T1")
    codes = [(await outside.fulu("fulu.order.info.get", customer_order_no="J1T1"))[0] for _ in range(3)]
    assert codes == [4011, 4011, 0]
    await outside.fault("J2", "fulu", "rate_limited_429")
    biz = {"charge_phone": "13800138000", "charge_value": 50, "customer_order_no": "J2T1"}
    body = outside.signed("fulu.order.mobile.add", biz)
    async with outside.http.post(outside.ready["fulu"]["url"], json=body) as answer:
        assert answer.status == 429
    assert (await outside.top_up("J2T1"))[0] == 0


@pytest.mark.parametrize(("outcome", "state"), [("success", "success"), ("failed", "failed")])
async def test_a_silent_order_waits_for_a_decision(outside: Outside, outcome: str, state: str) -> None:
    await outside.fault("K1", "fulu", "silent")
    await outside.top_up("K1T1")
    await asyncio.sleep(0.05)
    _, told = await outside.fulu("fulu.order.info.get", customer_order_no="K1T1")
    assert told["order_state"] == "processing"
    await outside.control("POST", "/decide", {"order": "K1", "outcome": outcome})
    await outside.until_state("K1T1", state)
    await outside.control("POST", "/decide", {"order": "K1", "outcome": outcome}, status=404)


async def test_a_success_reversed_and_a_failure_credited_in_part(outside: Outside) -> None:
    await outside.fault("L1", "fulu", "success_then_reversed", s=300)
    await outside.top_up("L1T1")
    await outside.until_state("L1T1", "success")
    assert "冲正" in (await outside.until_state("L1T1", "failed"))["recharge_description"]
    assert (await outside.order("L1T1"))["reversed"]
    books = (await outside.control("GET", "/books"))["fulu"]
    assert (books["topups_reversed"], books["balance_fen"]) == ({"13800138000|L1": 1}, 100_000_000)
    await outside.fault("L2", "fulu", "partial_refund", percent=50)
    await outside.top_up("L2T1")
    await outside.until_state("L2T1", "failed")
    assert (await outside.order("L2T1"))["credited_fen"] == 4925


async def test_too_few_cards_and_the_same_card_twice(outside: Outside) -> None:
    for order, name, cards, distinct in (("M1", "too_few_cards", 1, 1), ("M2", "same_card_twice", 2, 1)):
        await outside.fault(order, "fulu", name)
        await outside.fulu(
            "fulu.order.card.add", product_id=30000050, buy_num=2, customer_order_no=f"{order}T1"
        )
        told = await outside.until_state(f"{order}T1", "success")
        assert len(told["cards"]) == cards
        assert len({card["card_number"] for card in told["cards"]}) == distinct


async def test_a_forged_callback_verifies_but_the_query_tells_the_truth(outside: Outside) -> None:
    await outside.fault("N1", "fulu", "forged_callback")
    await outside.fault("N1", "fulu", "silent")
    await outside.top_up("N1T1")
    await outside.until(lambda: outside.shop.callbacks)
    assert outside.shop.callbacks[0]["order_status"] == "success"
    _, told = await outside.fulu("fulu.order.info.get", customer_order_no="N1T1")
    assert told["order_state"] == "processing"


async def test_bad_calls_are_refused_with_codes(outside: Outside) -> None:
    url = outside.ready["fulu"]["url"]
    good = outside.signed("fulu.user.info.get", {})
    cases: list[tuple[object, int]] = [
        ({**good, "sign": "0" * 32}, 1016),
        ({**good, "app_key": "x"}, 2002),
        ({**good, "biz_content": 7}, 1018),
        ([1], 1018),
        (outside.signed("fulu.user.info.get", {}, timestamp="2020-01-01 00:00:00"), 1004),
        (outside.signed("fulu.nothing", {}), 1005),
    ]
    for body, code in cases:
        async with outside.http.post(url, json=body) as answer:
            assert (answer.status, (await answer.json())["code"]) == (200, code)
    for raw in (b"", b"{", b"[" * 100_000, b"\xff"):
        async with outside.http.post(url, data=raw) as answer:
            assert (answer.status, (await answer.json())["code"]) == (200, 1018)
    assert (await outside.top_up(""))[0] == 4000
    assert (await outside.top_up("O1T1", ""))[0] == 4002
    assert (await outside.top_up("O1T1", charge_value=7))[0] == 3001
    wrong = {"product_id": 10000001, "buy_num": 1, "customer_order_no": "O1T1"}
    assert (await outside.fulu("fulu.order.card.add", **wrong))[0] == 3008


async def test_goods_templates_stock_and_maintenance(outside: Outside) -> None:
    _, goods = await outside.fulu("fulu.goods.list.get")
    phone = next(row for row in goods if row["product_id"] == 20000100)
    assert (phone["face_value"], phone["purchase_price"], phone["sales_status"]) == (100, 98.5, "上架")
    assert (await outside.fulu("fulu.goods.info.get", product_id=10000001))[1]["template_id"] == "tpl-qq"
    assert (await outside.fulu("fulu.goods.template.get", template_id="tpl-qq"))[0] == 0
    assert (await outside.fulu("fulu.goods.stock.check", product_id=30000050, buy_num=1))[0] == 0
    for number, answer in (("13800138000", 0), ("13800139006", 1)):
        _, told = await outside.fulu("fulu.mobile.maintain.check", charge_phone=number, charge_value=100)
        assert told == {"is_maintain": answer}
