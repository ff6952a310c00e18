"""Calls to WeChat Pay over real sockets: what each answer means, and that no answer makes anything raise."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr
from test_wechat_notify import APP, OPENID, PAID
from test_wechat_wire import API_KEY, MCHID, MERCHANT, MERCHANT_SERIAL, WECHAT, Witness

from mingzhang.evidence.messages import Direction, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import Outcome, PaymentRequest, RefundRequest, RefundState, TradeState
from mingzhang.payments.channels.wechat import Wechat, WechatKey, WechatSettings
from outside_party import OutsideParty, http, outside_party, refused_url

FORGER, STRANGER = Witness(WECHAT.serial), Witness("PUB_KEY_ID_2")
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
TRANSACTION = "4200000001202603011234567890"
PAYMENT = PaymentRequest(
    payment_no="P1",
    amount_fen=10005,
    subject='卡}100 "x"',
    method="qr",
    expires_at=datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
    notify_url="http://shop.example/notify",
    return_url="http://shop.example/o/1?a=1&b=2",
    client_ip="203.0.113.7",
    payer_id=OPENID,
)
REFUND = RefundRequest(
    payment_no="P1", transaction_id=TRANSACTION, refund_no="R1", amount_fen=5, total_fen=10005, reason="拒绝"
)
CALLS: dict[str, Callable[[Wechat], Awaitable[Any]]] = {
    "open": lambda channel: channel.open(PAYMENT),
    "query": lambda channel: channel.query("P1"),
    "query_transaction": lambda channel: channel.query_transaction(TRANSACTION),
    "close": lambda channel: channel.close("P1"),
    "refund": lambda channel: channel.refund(REFUND),
    "query_refund": lambda channel: channel.query_refund("P1", "R1"),
}
TRADE = {**PAID, "transaction_id": TRANSACTION, "trade_state_desc": "支付成功"}
REFUNDED = {
    "refund_id": "50300000012026",
    "out_refund_no": "R1",
    "transaction_id": TRANSACTION,
    "out_trade_no": "P1",
    "user_received_account": "招商银行信用卡0403",
    "status": "SUCCESS",
    "amount": {"total": 10005, "refund": 5, "payer_total": 10005, "payer_refund": 5, "currency": "CNY"},
}


def settings(gateway: str, timeout_s: float = 2) -> WechatSettings:
    return WechatSettings(
        mchid=MCHID,
        app_id=APP,
        merchant_serial=MERCHANT_SERIAL,
        merchant_private_key=MERCHANT.private,
        api_v3_keys=(API_KEY,),
        gateway=gateway.removesuffix("/gateway"),
        platform_keys=(WechatKey(pem=WECHAT.public, serial=WECHAT.serial),),
        reply_serial=WECHAT.serial,
        refund_notify_url="http://shop.example/notify",
        timeout_s=timeout_s,
    )


@asynccontextmanager
async def channel_at(gateway: str, timeout_s: float = 2) -> AsyncIterator[Wechat]:
    outbound = Outbound()
    channel = Wechat(settings(gateway, timeout_s), outbound, ManualClock(NOW), lambda: "NONCE")
    try:
        yield channel
    finally:
        await channel.aclose()
        await outbound.aclose()


def sealed(body: bytes, status: str, headers: dict[str, str]) -> bytes:
    """A whole HTTP answer with the headers of a seal."""
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in headers.items() if name != "content-type"
    ).encode()
    return http(body, status).replace(b"\r\n", b"\r\n" + lines, 1)


def said(
    fields: dict[str, Any] | None, status: str = "200 OK", witness: Witness = WECHAT, at: datetime = NOW
) -> bytes:
    """An answer under WeChat's seal."""
    body = b"" if fields is None else json.dumps(fields, ensure_ascii=False).encode()
    return sealed(body, status, witness.seal(body, at))


def failed(code: str, status: str = "400 Bad Request") -> bytes:
    return said({"code": code, "message": "说明"}, status)


async def ask(call: str, *answers: bytes | None) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, channel_at(party.url) as channel:
        return await CALLS[call](channel), party


async def opening(method: str, *answers: bytes) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, channel_at(party.url) as channel:
        return await channel.open(msgspec.structs.replace(PAYMENT, method=method)), party


async def test_a_request_is_signed_so_that_wechats_side_verifies_it() -> None:
    opened, party = await ask("open", said({"code_url": "weixin://wxpay/bizpayurl?pr=x"}))
    assert (opened.outcome, opened.url) == (Outcome.OK, "weixin://wxpay/bizpayurl?pr=x")
    head = party.heads[0]
    assert head.startswith("POST /v3/pay/transactions/native HTTP/1.1\r\n")
    (given,) = re.findall(r"Authorization: WECHATPAY2-SHA256-RSA2048 (.+)\r\n", head)
    fields = dict(re.findall(r'(\w+)="([^"]+)"', given))
    text = f"POST\n/v3/pay/transactions/native\n{fields['timestamp']}\nNONCE\n".encode()
    assert MERCHANT.made(text + party.bodies[0] + b"\n", fields["signature"])
    assert (fields["mchid"], fields["serial_no"], fields["nonce_str"]) == (MCHID, MERCHANT_SERIAL, "NONCE")
    assert fields["timestamp"] == str(int(NOW.timestamp()))
    assert f"Wechatpay-Serial: {WECHAT.serial}\r\n" in head
    assert "Accept: application/json\r\n" in head
    assert "User-Agent: mingzhang\r\n" in head
    assert json.loads(party.bodies[0]) == {
        "appid": APP,
        "mchid": MCHID,
        "description": '卡}100 "x"',
        "out_trade_no": "P1",
        "time_expire": "2026-03-01T12:30:00+08:00",
        "notify_url": "http://shop.example/notify",
        "amount": {"total": 10005, "currency": "CNY"},
    }
    sent, received = opened.messages
    assert (sent.direction, sent.standing) == (Direction.OUT, Standing.OWN)
    assert sent.body == text + party.bodies[0] + b"\n"
    assert (received.direction, received.standing) == (Direction.IN, Standing.VERIFIED)


@pytest.mark.parametrize("method", ["h5", "wap"])
async def test_h5_brings_the_buyer_back(method: str) -> None:
    url = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx1"
    opened, party = await opening(method, said({"h5_url": url}))
    back = "http%3A%2F%2Fshop.example%2Fo%2F1%3Fa%3D1%26b%3D2"
    assert opened.url == f"{url}&redirect_url={back}"
    assert party.heads[0].startswith("POST /v3/pay/transactions/h5 ")
    scene = json.loads(party.bodies[0])["scene_info"]
    assert scene == {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}


async def test_jsapi_gives_the_page_what_it_hands_to_wechat() -> None:
    opened, party = await opening("jsapi", said({"prepay_id": "wx201410272009395522657a690389285100"}))
    assert (opened.outcome, opened.url) == (Outcome.OK, "")
    assert json.loads(party.bodies[0])["payer"] == {"openid": OPENID}
    invoke = dict(opened.invoke)
    signature = invoke.pop("paySign")
    assert invoke == {
        "appId": APP,
        "timeStamp": str(int(NOW.timestamp())),
        "nonceStr": "NONCE",
        "package": "prepay_id=wx201410272009395522657a690389285100",
        "signType": "RSA",
    }
    text = f"{APP}\n{invoke['timeStamp']}\nNONCE\n{invoke['package']}\n".encode()
    assert MERCHANT.made(text, signature)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "broken_off"),
        (http(b"<html>", "502 Bad Gateway"), "http_502"),
        (http(b'{"code":"SIGN_ERROR","message":"x"}', "401 Unauthorized"), "http_401"),
        (http(b"<html>busy</html>"), "unsigned"),
        (http(json.dumps({**TRADE, "code_url": "x"}).encode()), "unsigned"),
        (http(b"", "204 No Content"), "unsigned"),
    ],
)
async def test_without_a_seal_it_is_unknown(call: str, answer: bytes | None, code: str) -> None:
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
async def test_a_doubtful_seal_is_unknown(call: str) -> None:
    fields = {**TRADE, **REFUNDED, "code_url": "x"}
    body = json.dumps(fields).encode()
    probe = WECHAT.seal(body, NOW, **{"wechatpay-signature": "WECHATPAY/SIGNTEST/x"})
    cases = [
        (said(fields, witness=FORGER), "bad_signature", Standing.FORGED),
        (sealed(body, "200 OK", probe), "signature_probe", Standing.FORGED),
        (said(fields, witness=STRANGER), "unknown_serial", Standing.HINT),
        (said(fields, at=NOW - timedelta(hours=1)), "stale", Standing.HINT),
        (said(fields, at=NOW + timedelta(seconds=301)), "stale", Standing.HINT),
    ]
    for answer, code, standing in cases:
        ended, party = await ask(call, answer)
        assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, code)
        assert ended.messages[1].standing is standing
        assert len(party.heads) == 1  # public-key mode fetches nothing


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SYSTEM_ERROR", "500 Internal Server Error"),
        ("SYSTEM_ERROR", "400 Bad Request"),
        ("FREQUENCY_LIMITED", "429 Too Many Requests"),
        ("RATELIMIT_EXCEEDED", "403 Forbidden"),
        ("SOMETHING_ELSE", "429 Too Many Requests"),
        ("SIGN_ERROR", "401 Unauthorized"),
        ("NO_AUTH", "403 Forbidden"),
        ("MCH_NOT_EXISTS", "400 Bad Request"),
        ("", "400 Bad Request"),
        ("FOUND", "302 Found"),
    ],
)
async def test_what_is_neither_success_nor_refusal_is_unknown(call: str, code: str, status: str) -> None:
    ended, party = await ask(call, failed(code, status))
    assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, code or f"http_{status[:3]}")
    assert getattr(ended, "state", "unknown") == "unknown"
    assert len(party.heads) == 1


async def test_refusals() -> None:
    opened, _ = await ask("open", failed("ORDERPAID"))
    assert (opened.outcome, opened.code, opened.url) == (Outcome.REFUSED, "ORDERPAID", "")
    closed, _ = await ask("close", failed("ORDERPAID"))
    assert (closed.outcome, closed.code, closed.text) == (Outcome.REFUSED, "ORDERPAID", "说明")
    for call in ("query", "query_transaction"):
        asked, _ = await ask(call, failed("ORDER_NOT_EXIST", "404 Not Found"))
        assert (asked.outcome, asked.state) == (Outcome.OK, TradeState.NOT_FOUND)
        odd, _ = await ask(call, failed("INVALID_REQUEST"))
        assert (odd.outcome, odd.state) == (Outcome.UNKNOWN, TradeState.UNKNOWN)
    found, _ = await ask("query_refund", failed("RESOURCE_NOT_EXISTS", "404 Not Found"))
    assert (found.outcome, found.state) == (Outcome.OK, RefundState.NOT_FOUND)


async def test_close_is_204_and_closed_is_closed() -> None:
    for answer in (said(None, "204 No Content"), failed("ORDER_CLOSED")):
        closed, party = await ask("close", answer)
        assert closed.outcome is Outcome.OK
        assert json.loads(party.bodies[0]) == {"mchid": MCHID}
        assert "/v3/pay/transactions/out-trade-no/P1/close" in party.heads[0]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, TradeState.PAID),
        ({"trade_state": "REFUND"}, TradeState.REFUNDED),
        ({"trade_state": "NOTPAY", "transaction_id": "", "success_time": ""}, TradeState.PENDING),
        ({"trade_state": "USERPAYING", "success_time": ""}, TradeState.PENDING),
        (
            {"trade_state": "CLOSED", "transaction_id": "", "success_time": "", "amount": {}},
            TradeState.CLOSED,
        ),
    ],
)
async def test_trade_states(changes: dict[str, Any], state: TradeState) -> None:
    asked, party = await ask("query", said({**TRADE, **changes}))
    assert (asked.outcome, asked.state, asked.refunded_fen) == (Outcome.OK, state, 0)
    assert party.heads[0].startswith(f"GET /v3/pay/transactions/out-trade-no/P1?mchid={MCHID} ")
    if state is TradeState.PAID:
        assert (asked.transaction_id, asked.amount_fen, asked.payment_no) == (TRANSACTION, 10005, "P1")
        assert (asked.paid_at, asked.buyer_mask) == (datetime(2026, 3, 1, 4, 0, 9, tzinfo=UTC), "oUpF8u***")


@pytest.mark.parametrize("call", ["query", "query_transaction"])
@pytest.mark.parametrize(
    "changes",
    [
        {"mchid": "1"},
        {"appid": "wx1"},
        {"trade_state": "PAYERROR"},
        {"success_time": ""},
        {"amount": {"total": 10005, "currency": "USD"}},
        {"amount": {"total": "10005", "currency": "CNY"}},
        {"out_trade_no": ""},
    ],
)
async def test_a_genuine_answer_about_something_else_is_unknown(call: str, changes: dict[str, Any]) -> None:
    asked, _ = await ask(call, said({**TRADE, **changes}))
    assert (asked.outcome, asked.state) == (Outcome.UNKNOWN, TradeState.UNKNOWN)
    assert asked.messages[1].standing is Standing.VERIFIED


async def test_another_currency_is_named_as_the_reason() -> None:
    asked, _ = await ask("query", said({**TRADE, "amount": {"total": 10005, "currency": "USD"}}))
    assert (asked.outcome, asked.code, asked.amount_fen) == (Outcome.UNKNOWN, "wrong_currency", 0)


async def test_an_answer_about_another_number_is_unknown() -> None:
    for call, changes in (
        ("query", {"out_trade_no": "P2"}),
        ("query_transaction", {"transaction_id": "4" * 20}),
    ):
        asked, _ = await ask(call, said({**TRADE, **changes}))
        assert (asked.outcome, asked.state, asked.code) == (
            Outcome.UNKNOWN,
            TradeState.UNKNOWN,
            "malformed_answer",
        )


@pytest.mark.parametrize("number", ["", "4200", "../close", "４" * 28, "4" * 33, f"{TRANSACTION}?x=1"])
async def test_what_is_no_transaction_number_is_not_asked_for(number: str) -> None:
    async with channel_at("http://127.0.0.1:9") as channel:
        asked = await channel.query_transaction(number)
    assert (asked.state, asked.messages) == (TradeState.NOT_FOUND, ())


async def test_our_numbers_cannot_leave_their_place_in_the_path() -> None:
    async with channel_at("http://127.0.0.1:9") as channel:
        for number in ("P1/../id/1", "P1?a=b", "", "P" * 33, "Ｐ1"):
            for call in (channel.query, channel.close):
                with pytest.raises(Problem, match="number_invalid"):
                    await call(number)
            with pytest.raises(Problem, match="number_invalid"):
                await channel.query_refund("P1", number * 3)


@pytest.mark.parametrize(
    "fields", [{}, {"code_url": ""}, {"code_url": 5}, {"h5_url": "x"}, {"code_url": "x" * 2000}]
)
async def test_an_open_without_its_code_is_unknown(fields: dict[str, Any]) -> None:
    opened, _ = await ask("open", said(fields))
    assert (opened.outcome, opened.url, opened.code) == (Outcome.UNKNOWN, "", "malformed_answer")


async def test_a_refund_is_taken_on_and_then_arrives() -> None:
    taken, party = await ask("refund", said({**REFUNDED, "status": "PROCESSING"}))
    assert (taken.state, taken.outcome, taken.amount_fen) == (RefundState.ACCEPTED, Outcome.OK, 5)
    assert (taken.reference, taken.destination) == ("50300000012026", "招商银行信用卡0403")
    assert json.loads(party.bodies[0]) == {
        "transaction_id": TRANSACTION,
        "out_refund_no": "R1",
        "reason": "拒绝",
        "amount": {"refund": 5, "total": 10005, "currency": "CNY"},
        "notify_url": "http://shop.example/notify",
    }
    arrived, party = await ask("query_refund", said(REFUNDED))
    assert (arrived.state, arrived.amount_fen) == (RefundState.ARRIVED, 5)
    assert party.heads[0].startswith("GET /v3/refund/domestic/refunds/R1 ")


async def test_a_refusal_is_believed_only_when_the_number_holds_no_refund() -> None:
    """F14: the code for 'more than is left' is also that for 'another amount under a used number'."""
    refusal, none = failed("INVALID_REQUEST"), failed("RESOURCE_NOT_EXISTS", "404 Not Found")
    refused, party = await ask("refund", refusal, none)
    assert (refused.state, refused.outcome) == (RefundState.REFUSED, Outcome.REFUSED)
    assert (refused.code, len(refused.messages), len(party.heads)) == ("INVALID_REQUEST", 4, 2)
    made, _ = await ask("refund", refusal, said(REFUNDED))
    assert (made.state, made.outcome) == (RefundState.ARRIVED, Outcome.OK)
    other = {**REFUNDED, "amount": {"total": 10005, "refund": 6, "currency": "CNY"}}
    for second in (said(other), failed("SYSTEM_ERROR", "500 x"), http(b"", "502 x"), None):
        doubtful, _ = await ask("refund", refusal, second)
        assert (doubtful.state, doubtful.outcome) == (RefundState.UNKNOWN, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "state", "outcome"),
    [
        ({}, RefundState.ARRIVED, Outcome.OK),
        ({"status": "PROCESSING"}, RefundState.ACCEPTED, Outcome.OK),
        ({"status": "ABNORMAL"}, RefundState.ACCEPTED, Outcome.OK),
        ({"status": "CLOSED"}, RefundState.REFUSED, Outcome.REFUSED),
        ({"status": "NEW"}, RefundState.UNKNOWN, Outcome.UNKNOWN),
        ({"out_refund_no": "R2"}, RefundState.UNKNOWN, Outcome.UNKNOWN),
        ({"out_trade_no": "P2"}, RefundState.UNKNOWN, Outcome.UNKNOWN),
        ({"amount": {"total": 10005, "refund": 5, "currency": "USD"}}, RefundState.UNKNOWN, Outcome.UNKNOWN),
        ({"amount": None}, RefundState.UNKNOWN, Outcome.UNKNOWN),
    ],
)
async def test_refund_states(changes: dict[str, Any], state: RefundState, outcome: Outcome) -> None:
    asked, _ = await ask("query_refund", said({**REFUNDED, **changes}))
    assert (asked.state, asked.outcome) == (state, outcome)
    if asked.state is RefundState.ACCEPTED:
        assert asked.code == changes["status"]


async def test_our_own_mistakes_are_problems() -> None:
    async with channel_at("http://127.0.0.1:9/") as channel:
        for change in (
            {"amount_fen": 0},
            {"amount_fen": -1},
            {"method": "page"},
            {"method": "h5", "client_ip": ""},
            {"method": "jsapi", "payer_id": ""},
        ):
            with pytest.raises(Problem, match="payment_invalid"):
                await channel.open(msgspec.structs.replace(PAYMENT, **change))
    for lack in ({"platform_keys": ()}, {"api_v3_keys": ()}):
        with pytest.raises(Problem, match="wechat_key_invalid"):
            Wechat(msgspec.structs.replace(settings("http://x"), **lack), Outbound(), ManualClock(NOW))


async def test_no_key_shows_in_settings_or_messages() -> None:
    shown = repr(settings("http://x")) + str(settings("http://x")) + pretty_repr(settings("http://x"))
    ended, _ = await ask("query", said(TRADE))
    inside = MERCHANT.private.splitlines()[1]
    assert inside not in shown
    assert API_KEY not in shown
    for message in ended.messages:
        assert inside.encode() not in message.body
        assert API_KEY.encode() not in message.body
