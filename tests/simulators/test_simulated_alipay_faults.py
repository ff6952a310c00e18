"""What the simulated Alipay does wrong when it is told to."""

from __future__ import annotations

import asyncio

import pytest
from alipay.exceptions import AliPayException
from simulated import Outside


def unknown(answer: dict[str, str]) -> bool:
    return answer["code"] == "20000" and answer["sub_code"] == "isp.unknow-error"


async def test_notify_lost_sends_nothing_for_payment_or_refund(outside: Outside) -> None:
    await outside.fault("A1", "alipay", "notify_lost")
    await outside.open("A1P1", "10")
    await outside.pay("A1P1")
    await outside.alipay("trade_refund", "10", out_trade_no="A1P1", out_request_no="A1R1")
    await outside.open("A2P1", "10")
    await outside.pay("A2P1")
    await outside.until(lambda: outside.shop.notifies)
    assert {n["out_trade_no"] for n in outside.shop.notifies} == {"A2P1"}


async def test_six_notifies_at_once_then_duplicates_under_old_and_new_ids(outside: Outside) -> None:
    await outside.fault("B1", "alipay", "notify_concurrent", n=6)
    await outside.fault("B2", "alipay", "notify_duplicate", n=3)
    await outside.fault("B3", "alipay", "notify_duplicate_new_id", n=2)
    for number, count, ids in (("B1P1", 6, 1), ("B2P1", 3, 1), ("B3P1", 2, 2)):
        outside.shop.notifies.clear()
        await outside.open(number)
        await outside.pay(number)
        await outside.until(lambda count=count: len(outside.shop.notifies) == count)
        assert len({n["notify_id"] for n in outside.shop.notifies}) == ids
        assert all(outside.genuine(n) for n in outside.shop.notifies)


@pytest.mark.parametrize(
    ("name", "field", "genuine"),
    [
        ("notify_wrong_amount", "total_amount", True),
        ("notify_wrong_app_id", "app_id", True),
        ("notify_wrong_seller", "seller_id", True),
        ("notify_stale", "notify_time", True),
        ("notify_refund_shaped", "refund_fee", True),
    ],
)
async def test_a_wrong_notify_comes_before_the_true_one(
    outside: Outside, name: str, field: str, genuine: bool
) -> None:
    await outside.fault("C1", "alipay", name)
    await outside.open("C1P1", "10")
    await outside.pay("C1P1")
    await outside.until(lambda: len(outside.shop.notifies) == 2)
    wrong, true = outside.shop.notifies
    assert wrong.get(field) != true.get(field)
    assert outside.genuine(wrong) is genuine
    assert outside.genuine(true)
    assert (true["total_amount"], true["trade_status"]) == ("10.00", "TRADE_SUCCESS")


async def test_forged_notifies_do_not_verify_and_one_for_an_unpaid_trade_does(outside: Outside) -> None:
    await outside.fault("D1", "alipay", "notify_forged")
    await outside.fault("D2", "alipay", "notify_for_unpaid")
    await outside.fault("D3", "alipay", "notify_wrong_amount", signed=False)
    await outside.open("D1P1")
    await outside.until(lambda: outside.shop.notifies)
    assert not outside.genuine(outside.shop.notifies.pop())
    await outside.open("D2P1")
    await outside.until(lambda: outside.shop.notifies)
    lie = outside.shop.notifies.pop()
    assert outside.genuine(lie)
    assert lie["trade_status"] == "TRADE_SUCCESS"
    assert (await outside.alipay("trade_query", "D2P1"))["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    await outside.open("D3P1")
    await outside.pay("D3P1")
    await outside.until(lambda: outside.shop.notifies)
    assert not outside.genuine(outside.shop.notifies[0])


async def test_paid_and_notified_before_create_answers(outside: Outside) -> None:
    await outside.fault("E1", "alipay", "notify_before_create_returns")
    await outside.open("E1P1", "10")
    assert outside.shop.notifies[0]["out_trade_no"] == "E1P1"
    assert (await outside.pay("E1P1"))["result"] == "already_paid"
    assert (await outside.trade("E1P1"))["paid_fen"] == 1000


async def test_the_refund_notify_comes_before_the_payment_notify(outside: Outside) -> None:
    await outside.fault("F1", "alipay", "notify_out_of_order", s=1_000_000)
    await outside.open("F1P1", "10")
    await outside.pay("F1P1")
    await outside.alipay("trade_refund", "10", out_trade_no="F1P1", out_request_no="F1R1")
    await outside.until(lambda: len(outside.shop.notifies) == 2)
    assert [n["trade_status"] for n in outside.shop.notifies] == ["TRADE_CLOSED", "TRADE_SUCCESS"]


async def test_a_close_can_lose_the_race_against_the_buyer(outside: Outside) -> None:
    await outside.fault("G1", "alipay", "close_race_pay")
    await outside.open("G1P1", "10")
    answer = await outside.alipay("trade_close", "G1P1")
    assert answer["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert (await outside.alipay("trade_query", "G1P1"))["trade_status"] == "TRADE_SUCCESS"


async def test_unknown_answers_and_what_a_repeat_finds(outside: Outside) -> None:
    await outside.fault("H1", "alipay", "create_unknown")
    await outside.fault("H1", "alipay", "query_unknown", times=1)
    await outside.fault("H1", "alipay", "refund_unknown_then_success")
    assert unknown(await outside.alipay("trade_precreate", "话费", "H1P1", "10"))
    await outside.open("H1P1", "10", "话费")
    await outside.pay("H1P1")
    assert unknown(await outside.alipay("trade_query", "H1P1"))
    assert (await outside.alipay("trade_query", "H1P1"))["code"] == "10000"
    assert unknown(await outside.alipay("trade_refund", "10", out_trade_no="H1P1", out_request_no="H1R1"))
    asked = await outside.alipay("trade_fastpay_refund_query", "H1R1", out_trade_no="H1P1")
    assert asked["refund_status"] == "REFUND_SUCCESS"
    again = await outside.alipay("trade_refund", "10", out_trade_no="H1P1", out_request_no="H1R1")
    assert again["fund_change"] == "N"


@pytest.mark.parametrize(
    ("name", "made"), [("refund_timeout_lost", False), ("refund_timeout_executed", True)]
)
async def test_a_refund_that_never_answers_was_made_or_not(outside: Outside, name: str, made: bool) -> None:
    await outside.fault("I1", "alipay", name)
    await outside.open("I1P1", "10")
    await outside.pay("I1P1")
    outside.sdk._config.timeout = 0.5
    with pytest.raises(TimeoutError):
        await outside.alipay("trade_refund", "10", out_trade_no="I1P1", out_request_no="I1R1")
    outside.sdk._config.timeout = 15
    asked = await outside.alipay("trade_fastpay_refund_query", "I1R1", out_trade_no="I1P1")
    assert ("refund_status" in asked) is made
    again = await outside.alipay("trade_refund", "10", out_trade_no="I1P1", out_request_no="I1R1")
    assert again["fund_change"] == ("N" if made else "Y")
    assert (await outside.trade("I1P1"))["refunded_fen"] == 1000


async def test_a_refused_refund_moves_nothing(outside: Outside) -> None:
    await outside.fault("J1", "alipay", "refund_refused")
    await outside.open("J1P1", "10")
    await outside.pay("J1P1")
    answer = await outside.alipay("trade_refund", "10", out_trade_no="J1P1", out_request_no="J1R1")
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH")
    assert (await outside.trade("J1P1"))["refunded_fen"] == 0


async def test_a_party_that_is_down_cuts_every_connection_and_catches_up_later(outside: Outside) -> None:
    await outside.open("K1P1", "10")
    await outside.control("PUT", "/party/alipay/down", {"down": True})
    await outside.pay("K1P1")
    with pytest.raises((OSError, AliPayException)):
        await outside.alipay("trade_query", "K1P1")
    await asyncio.sleep(0.05)
    assert outside.shop.notifies == []
    await outside.control("PUT", "/party/alipay/down", {"down": False})
    assert (await outside.alipay("trade_query", "K1P1"))["trade_status"] == "TRADE_SUCCESS"
    await outside.until(lambda: outside.shop.notifies)
