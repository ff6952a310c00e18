"""Calls to Alipay over real sockets: what each answer means, and that no answer makes anything raise."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import alipay
import msgspec
import pytest
from rich.pretty import pretty_repr
from test_alipay_wire import PRIVATE, PUBLIC, key_pair

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from mingzhang.payments.channels.base import (
    Outcome,
    PaymentRequest,
    RefundRequest,
    RefundState,
    TradeState,
)
from outside_party import OutsideParty, http, outside_party, refused_url

MERCHANT_PRIVATE, MERCHANT_PUBLIC = key_pair()
# The SDK plays Alipay: it signs answers with Alipay's key and verifies requests with the merchant's.
ALIPAY_SIDE = alipay.AliPay(
    appid="1", app_private_key_string=PRIVATE, alipay_public_key_string=MERCHANT_PUBLIC
)

PAYMENT = PaymentRequest(
    payment_no="P1",
    amount_fen=10005,
    subject='卡}100 "x"',
    method="qr",
    expires_at=datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
    notify_url="http://shop.example/notify?a=1",
    return_url="http://shop.example/o/1",
)
REFUND = RefundRequest(
    payment_no="P1", transaction_id="T1", refund_no="R1", amount_fen=5, total_fen=10005, reason="拒绝"
)
METHODS = {
    "open": "alipay.trade.precreate",
    "query": "alipay.trade.query",
    "close": "alipay.trade.close",
    "refund": "alipay.trade.refund",
    "query_refund": "alipay.trade.fastpay.refund.query",
}
CALLS: dict[str, Callable[[Alipay], Awaitable[Any]]] = {
    "open": lambda channel: channel.open(PAYMENT),
    "query": lambda channel: channel.query("P1"),
    "close": lambda channel: channel.close("P1"),
    "refund": lambda channel: channel.refund(REFUND),
    "query_refund": lambda channel: channel.query_refund("P1", "R1"),
}


def settings(gateway: str, timeout_s: float = 2) -> AlipaySettings:
    return AlipaySettings(
        gateway=gateway,
        app_id="2021",
        seller_id="2088",
        merchant_private_key=MERCHANT_PRIVATE,
        alipay_public_key=PUBLIC,
        timeout_s=timeout_s,
    )


@asynccontextmanager
async def channel_at(gateway: str, timeout_s: float = 2) -> AsyncIterator[Alipay]:
    outbound = Outbound()
    clock = ManualClock(datetime(2026, 3, 1, 4, tzinfo=UTC))
    channel = Alipay(settings(gateway, timeout_s), outbound, clock)
    try:
        yield channel
    finally:
        await channel.aclose()
        await outbound.aclose()


def said(call: str, sdk: alipay.AliPay = ALIPAY_SIDE, **fields: Any) -> bytes:
    """A signed answer of Alipay's to one of our calls."""
    node = json.dumps(fields, ensure_ascii=False)
    name = METHODS[call].replace(".", "_") + "_response"
    return http(f'{{"{name}":{node},"sign":"{sdk._sign(node)}"}}'.encode())


async def ask(call: str, *answers: bytes | None) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, channel_at(party.url) as channel:
        return await CALLS[call](channel), party


def failed(call: str, sub_code: str, code: str = "40004") -> bytes:
    return said(call, code=code, msg="Business Failed", sub_code=sub_code, sub_msg="说明")


TRADE = {
    "code": "10000",
    "msg": "Success",
    "out_trade_no": "P1",
    "trade_no": "T1",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "100.05",
    "send_pay_date": "2026-03-01 12:00:09",
    "buyer_logon_id": "138****1234",
    "subject": '卡}100 "x"',
}
REFUNDED = {
    "code": "10000",
    "msg": "Success",
    "out_trade_no": "P1",
    "trade_no": "T1",
    "out_request_no": "R1",
    "refund_amount": "0.05",
    "refund_status": "REFUND_SUCCESS",
}


async def test_a_request_is_signed_so_that_alipays_side_verifies_it() -> None:
    opened, party = await ask("open", said("open", code="10000", out_trade_no="P1", qr_code="https://qr/x"))
    assert (opened.outcome, opened.url) == (Outcome.OK, "https://qr/x")
    fields = {"charset": "utf-8", **dict(parse_qsl(party.bodies[0].decode(), keep_blank_values=True))}
    assert party.heads[0].startswith("POST /gateway?charset=utf-8 ")
    sign = fields.pop("sign")
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    assert ALIPAY_SIDE._verify(message, sign)
    assert (fields["app_id"], fields["sign_type"], fields["charset"]) == ("2021", "RSA2", "utf-8")
    assert fields["timestamp"] == "2026-03-01 12:00:00"
    assert fields["notify_url"] == PAYMENT.notify_url
    assert json.loads(fields["biz_content"]) == {
        "out_trade_no": "P1",
        "total_amount": "100.05",
        "subject": '卡}100 "x"',
        "time_expire": "2026-03-01 12:30:00",
    }
    sent, received = opened.messages
    assert (sent.direction, sent.standing, sent.body) == (Direction.OUT, Standing.OWN, party.bodies[0])
    assert (received.direction, received.standing) == (Direction.IN, Standing.VERIFIED)


@pytest.mark.parametrize(
    ("method", "gateway_method", "product"),
    [
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ],
)
async def test_page_and_wap_are_signed_addresses_without_a_call(
    method: str, gateway_method: str, product: str
) -> None:
    async with channel_at("http://127.0.0.1:9/gateway.do") as channel:
        opened = await channel.open(msgspec.structs.replace(PAYMENT, method=method))
    assert opened.outcome is Outcome.OK
    fields = dict(parse_qsl(urlsplit(opened.url).query))
    sign = fields.pop("sign")
    assert ALIPAY_SIDE._verify("&".join(f"{k}={v}" for k, v in sorted(fields.items())), sign)
    assert (fields["method"], fields["return_url"]) == (gateway_method, PAYMENT.return_url)
    assert json.loads(fields["biz_content"])["product_code"] == product
    assert [message.direction for message in opened.messages] == [Direction.OUT]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "broken_off"),
        (http(b"<html>", "500 Internal Server Error"), "http_500"),
        (http(b"<html>busy</html>"), "not_json"),
        (http(b'{"alipay_trade_query_response":{}'), "not_json"),
        (http(b""), "not_json"),
    ],
)
async def test_without_a_signed_answer_it_is_unknown(call: str, answer: bytes | None, code: str) -> None:
    ended, _ = await ask(call, answer)
    assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, code)
    assert getattr(ended, "state", "unknown") == "unknown"
    assert [message.standing for message in ended.messages][1:] in ([], [Standing.HINT])


@pytest.mark.parametrize("call", CALLS)
async def test_silence_is_unknown_and_refused_connections_are_not_sent(call: str) -> None:
    async with outside_party(b"") as party, channel_at(party.url, timeout_s=0.4) as channel:
        silent = await CALLS[call](channel)
    async with channel_at(await refused_url()) as channel:
        refused = await CALLS[call](channel)
    assert (silent.outcome, silent.code) == (Outcome.UNKNOWN, "timed_out")
    assert (refused.outcome, refused.code) == (Outcome.NOT_SENT, "never_connected")
    for ended in (silent, refused):
        assert getattr(ended, "state", "unknown") == "unknown"
        assert [message.direction for message in ended.messages] == [Direction.OUT]


@pytest.mark.parametrize("call", CALLS)
async def test_a_bad_signature_is_unknown_and_kept_as_forged(call: str) -> None:
    private, public = key_pair()
    forger = alipay.AliPay(appid="1", app_private_key_string=private, alipay_public_key_string=public)
    node = {**TRADE, **REFUNDED, "qr_code": "x", "fund_change": "Y"}
    unsigned = json.dumps({METHODS[call].replace(".", "_") + "_response": node}).encode()
    for answer in (said(call, forger, **node), http(unsigned)):
        ended, _ = await ask(call, answer)
        assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, "bad_signature")
        assert ended.messages[1].standing is Standing.FORGED


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "sub_code"),
    [
        ("20000", "isp.unknow-error"),
        ("40004", "ACQ.SYSTEM_ERROR"),
        ("40004", "isv.something"),
        ("40002", "isv.invalid-signature"),
        ("40006", "isv.insufficient-isv-permissions"),
        ("99999", ""),
    ],
)
async def test_what_is_neither_success_nor_business_failure_is_unknown(
    call: str, code: str, sub_code: str
) -> None:
    ended, _ = await ask(call, failed(call, sub_code, code))
    assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, sub_code or code)
    assert getattr(ended, "state", "unknown") == "unknown"


async def test_business_failures() -> None:
    opened, _ = await ask("open", failed("open", "ACQ.TRADE_HAS_SUCCESS"))
    assert (opened.outcome, opened.code, opened.url) == (Outcome.REFUSED, "ACQ.TRADE_HAS_SUCCESS", "")
    closed, _ = await ask("close", failed("close", "ACQ.TRADE_NOT_EXIST"))
    assert (closed.outcome, closed.code, closed.text) == (Outcome.REFUSED, "ACQ.TRADE_NOT_EXIST", "说明")
    asked, _ = await ask("query", failed("query", "ACQ.TRADE_NOT_EXIST"))
    assert (asked.outcome, asked.state) == (Outcome.OK, TradeState.NOT_FOUND)
    refunded, _ = await ask("refund", failed("refund", "ACQ.SELLER_BALANCE_NOT_ENOUGH"))
    assert (refunded.outcome, refunded.state) == (Outcome.REFUSED, RefundState.REFUSED)
    repeated, _ = await ask("refund", failed("refund", "ACQ.DISCORDANT_REPEAT_REQUEST"))
    assert (repeated.outcome, repeated.state) == (Outcome.UNKNOWN, RefundState.UNKNOWN)
    found, _ = await ask("query_refund", failed("query_refund", "ACQ.TRADE_NOT_EXIST"))
    assert (found.outcome, found.state) == (Outcome.OK, RefundState.NOT_FOUND)


@pytest.mark.parametrize(
    ("changes", "state", "refunded_fen"),
    [
        ({}, TradeState.PAID, 0),
        ({"trade_status": "TRADE_FINISHED"}, TradeState.PAID, 0),
        ({"trade_status": "WAIT_BUYER_PAY", "send_pay_date": ""}, TradeState.PENDING, 0),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": ""}, TradeState.CLOSED, 0),
        ({"trade_status": "TRADE_CLOSED"}, TradeState.REFUNDED, 10005),
        ({"refund_fee": "0.05"}, TradeState.PAID, 5),
    ],
)
async def test_trade_states(changes: dict[str, str], state: TradeState, refunded_fen: int) -> None:
    asked, _ = await ask("query", said("query", **{**TRADE, **changes}))
    assert (asked.outcome, asked.state, asked.refunded_fen) == (Outcome.OK, state, refunded_fen)
    assert (asked.transaction_id, asked.amount_fen, asked.buyer_mask) == ("T1", 10005, "138****1234")


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "P2"},
        {"out_trade_no": ""},
        {"trade_no": ""},
        {"total_amount": "1e3"},
        {"total_amount": 100.05},
        {"trade_status": "TRADE_NEW"},
        {"refund_fee": "200.00"},
    ],
)
async def test_a_genuine_answer_about_something_else_is_unknown(changes: dict[str, Any]) -> None:
    asked, _ = await ask("query", said("query", **{**TRADE, **changes}))
    assert (asked.outcome, asked.state) == (Outcome.UNKNOWN, TradeState.UNKNOWN)
    assert asked.messages[1].standing is Standing.VERIFIED


@pytest.mark.parametrize("fields", [{}, {"qr_code": "x", "out_trade_no": "P2"}, {"out_trade_no": "P1"}])
async def test_an_open_without_its_code_is_unknown(fields: dict[str, str]) -> None:
    opened, _ = await ask("open", said("open", code="10000", **fields))
    assert (opened.outcome, opened.url, opened.code) == (Outcome.UNKNOWN, "", "malformed_answer")


async def test_a_refund_is_accepted_and_arrives_only_by_a_query() -> None:
    made = said("refund", code="10000", out_trade_no="P1", trade_no="T1", fund_change="Y", refund_fee="0.05")
    refunded, party = await ask("refund", made)
    assert (refunded.state, refunded.amount_fen, refunded.reference) == (RefundState.ACCEPTED, 5, "T1")
    biz = json.loads(dict(parse_qsl(party.bodies[0].decode()))["biz_content"])
    assert biz == {
        "out_trade_no": "P1", "trade_no": "T1", "refund_amount": "0.05", "out_request_no": "R1",
        "refund_reason": "拒绝",
    }  # fmt: skip
    asked, _ = await ask("query_refund", said("query_refund", **REFUNDED))
    assert (asked.state, asked.amount_fen) == (RefundState.ARRIVED, 5)


async def test_a_refund_that_moved_no_money_is_asked_for_at_once() -> None:
    """F14: a repeat of the same number answers success with fund_change N."""
    unmoved = said("refund", code="10000", out_trade_no="P1", fund_change="N")
    arrived, party = await ask("refund", unmoved, said("query_refund", **REFUNDED))
    assert (arrived.state, arrived.outcome, len(arrived.messages)) == (RefundState.ARRIVED, Outcome.OK, 4)
    assert len(party.bodies) == 2
    for second in (said("query_refund", code="10000"), http(b"", "502 Bad Gateway")):
        doubtful, _ = await ask("refund", unmoved, second)
        assert (doubtful.state, doubtful.outcome) == (RefundState.UNKNOWN, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, RefundState.ARRIVED),
        ({"refund_status": "REFUND_PROCESSING"}, RefundState.ACCEPTED),
        ({"refund_status": ""}, RefundState.NOT_FOUND),
        ({"refund_status": "REFUND_NEW"}, RefundState.UNKNOWN),
        ({"out_request_no": "R2"}, RefundState.UNKNOWN),
        ({"out_trade_no": "P2"}, RefundState.UNKNOWN),
        ({"refund_amount": "x"}, RefundState.UNKNOWN),
    ],
)
async def test_refund_states(changes: dict[str, str], state: RefundState) -> None:
    asked, _ = await ask("query_refund", said("query_refund", **{**REFUNDED, **changes}))
    assert asked.state is state
    assert asked.outcome is (Outcome.UNKNOWN if state is RefundState.UNKNOWN else Outcome.OK)


async def test_our_own_mistakes_are_problems() -> None:
    async with channel_at("http://127.0.0.1:9/") as channel:
        for change in ({"amount_fen": 0}, {"amount_fen": -1}, {"method": "card"}):
            with pytest.raises(Problem, match="payment_invalid"):
                await channel.open(msgspec.structs.replace(PAYMENT, **change))


async def test_no_key_shows_in_settings_or_messages() -> None:
    shown = repr(settings("http://x")) + str(settings("http://x")) + pretty_repr(settings("http://x"))
    ended, _ = await ask("query", said("query", **TRADE))
    messages: tuple[Message, ...] = ended.messages
    inside = MERCHANT_PRIVATE.splitlines()[1]
    assert inside not in shown
    assert all(inside.encode() not in message.body for message in messages)
