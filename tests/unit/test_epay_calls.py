"""Calls to an aggregator over real sockets: what each answer means, and that the key shows nowhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
import pytest
from rich.pretty import pretty_repr
from test_epay_wire import KEY, OTHER

from mingzhang.evidence.messages import Direction, Standing
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import (
    AsksByTransaction,
    Channel,
    ListsTrades,
    Outcome,
    PaymentRequest,
    RefundRequest,
    RefundState,
    TradeState,
)
from mingzhang.payments.channels.epay import Epay, EpaySettings
from mingzhang.payments.channels.epay_wire import Signing
from outside_party import OutsideParty, http, outside_party, refused_url

PAYMENT = PaymentRequest(
    payment_no="P1",
    amount_fen=10005,
    subject="话费" * 40,
    method="qr",
    expires_at=datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
    notify_url="http://shop.example/notify",
    return_url="http://shop.example/o/1",
    client_ip="203.0.113.7",
)
REFUND = RefundRequest(
    payment_no="P1", transaction_id="T1", refund_no="R1", amount_fen=10005, total_fen=10005, reason="拒绝"
)
CALLS: dict[str, Callable[[Epay], Awaitable[Any]]] = {
    "open": lambda channel: channel.open(PAYMENT),
    "query": lambda channel: channel.query("P1"),
    "query_transaction": lambda channel: channel.query_transaction("T1"),
    "list_trades": lambda channel: channel.list_trades(0, 50),
    "refund": lambda channel: channel.refund(REFUND),
    "query_refund": lambda channel: channel.query_refund("P1", "R1"),
}
ROW: dict[str, Any] = {
    "code": 1,
    "msg": "succ",
    "trade_no": "T1",
    "out_trade_no": "P1",
    "api_trade_no": "4200",
    "type": "alipay",
    "pid": 1001,
    "addtime": "2026-03-01 12:00:00",
    "endtime": "2026-03-01 12:00:09",
    "name": "话费",
    "money": "100.05",
    "param": None,
    "buyer": "2088123412341234",
    "status": "1",
}
NOT_FOUND = {"code": -1, "msg": "订单号不存在"}


def settings(base_url: str, **changes: Any) -> EpaySettings:
    given = EpaySettings(base_url=base_url, pid="1001", key=KEY, timeout_s=2)
    return msgspec.structs.replace(given, **changes)


@asynccontextmanager
async def channel_at(base_url: str, **changes: Any) -> AsyncIterator[Epay]:
    outbound = Outbound()
    try:
        yield Epay(settings(base_url, **changes), outbound)
    finally:
        await outbound.aclose()


def said(**fields: Any) -> bytes:
    return http(json.dumps(fields, ensure_ascii=False).encode())


async def ask(call: str, *answers: bytes | None, **changes: Any) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, channel_at(party.url, **changes) as channel:
        return await CALLS[call](channel), party


def asked_of(party: OutsideParty, index: int = 0) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(party.heads[index].split()[1]).query))


# -- opening


async def test_qr_posts_signed_fields_and_takes_the_code() -> None:
    answer, party = await ask("open", said(code=1, trade_no="T1", qrcode="https://qr.example/x"))
    assert (answer.outcome, answer.url) == (Outcome.OK, "https://qr.example/x")
    assert party.heads[0].startswith("POST /gateway/mapi.php ")
    sent = dict(parse_qsl(party.bodies[0].decode()))
    assert Signing(KEY).fits(sent)
    assert (sent["money"], sent["clientip"], sent["device"]) == ("100.05", "203.0.113.7", "pc")
    assert len(sent["name"].encode()) <= 127
    assert sent["name"] == "话费" * 21
    assert KEY.encode() not in party.bodies[0]
    assert answer.messages[0].body == party.bodies[0]
    assert [message.standing for message in answer.messages] == [Standing.OWN, Standing.ANSWER]


@pytest.mark.parametrize(
    ("method", "fields", "url"),
    [
        ("qr", {"payurl": "https://p.example/1"}, "https://p.example/1"),
        ("qr", {"qrcode": "wxp://f2f0", "payurl": "https://p.example/1"}, "wxp://f2f0"),
        ("h5", {"qrcode": "wxp://f2f0", "payurl": "https://p.example/1"}, "https://p.example/1"),
        ("h5", {"urlscheme": "weixin://dl/business/?t=1"}, "weixin://dl/business/?t=1"),
        ("jsapi", {"payurl": "https://p.example/1"}, "https://p.example/1"),
    ],
)
async def test_the_address_that_suits_the_method(method: str, fields: dict[str, str], url: str) -> None:
    async with outside_party(said(code="1", **fields)) as party, channel_at(party.url) as channel:
        answer = await channel.open(msgspec.structs.replace(PAYMENT, method=method))
    assert (answer.outcome, answer.url) == (Outcome.OK, url)


@pytest.mark.parametrize(
    "fields", [{}, {"qrcode": "javascript:alert(1)"}, {"payurl": ""}, {"html": "<form>"}, {"qrcode": 1}]
)
async def test_no_address_that_a_buyer_could_use_is_unknown(fields: dict[str, Any]) -> None:
    answer, _ = await ask("open", said(code=1, trade_no="T1", **fields))
    assert (answer.outcome, answer.url, answer.code) == (Outcome.UNKNOWN, "", "malformed_answer")


async def test_page_and_wap_are_addresses_without_a_call() -> None:
    async with channel_at("https://pay.example/x/") as channel:
        for method in ("page", "wap"):
            answer = await channel.open(msgspec.structs.replace(PAYMENT, method=method, return_url=""))
            parts = urlsplit(answer.url)
            assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://pay.example/x/submit.php"
            sent = {name: values[0] for name, values in parse_qs(parts.query).items()}
            assert Signing(KEY).fits(sent)
            assert sent["return_url"] == "http://shop.example/"
            assert KEY not in answer.url


@pytest.mark.parametrize(
    "changes", [{"amount_fen": 0}, {"method": "app"}, {"notify_url": "http://shop.example/n?a=1"}]
)
async def test_our_own_mistakes_raise(changes: dict[str, Any]) -> None:
    async with channel_at("https://pay.example") as channel:
        with pytest.raises(Problem, match="payment_invalid"):
            await channel.open(msgspec.structs.replace(PAYMENT, **changes))


def test_an_address_that_anyone_could_answer_for_is_refused() -> None:
    with pytest.raises(Problem, match="epay_address_insecure"):
        Epay(settings("http://pay.example"), Outbound())
    Epay(settings("http://127.0.0.1:80"), Outbound())


# -- asking


@pytest.mark.parametrize(
    ("changes", "state", "refunded_fen", "code"),
    [
        ({"status": "1"}, TradeState.PAID, 0, "epay_1"),
        ({"status": 1, "money": 100.05, "code": "1"}, TradeState.PAID, 0, "epay_1"),
        ({"status": "3"}, TradeState.PAID, 0, "frozen"),
        ({"status": "2"}, TradeState.REFUNDED, 10005, "epay_1"),
        ({"status": "2", "refundmoney": "0.05"}, TradeState.PAID, 5, "epay_1"),
        ({"status": "2", "refundmoney": "100.05"}, TradeState.REFUNDED, 10005, "epay_1"),
    ],
)
async def test_a_paid_row_is_read(
    changes: dict[str, Any], state: TradeState, refunded_fen: int, code: str
) -> None:
    answer, party = await ask("query", said(**{**ROW, **changes}))
    assert (answer.state, answer.outcome, answer.amount_fen) == (state, Outcome.OK, 10005)
    assert (answer.refunded_fen, answer.code, answer.transaction_id) == (refunded_fen, code, "T1")
    assert answer.paid_at == datetime(2026, 3, 1, 4, 0, 9, tzinfo=UTC)
    assert answer.buyer_mask == "208***"
    assert asked_of(party) == {"act": "order", "pid": "1001", "out_trade_no": "P1", "key": KEY}
    assert answer.messages[1].standing is Standing.ANSWER


@pytest.mark.parametrize("first", [{**ROW, "status": "0", "endtime": None, "buyer": None}, NOT_FOUND])
async def test_what_looks_unpaid_is_looked_for_among_the_paid(first: dict[str, Any]) -> None:
    """wire.md: one number may have two trades, and the one that is asked for first need not be the paid one."""
    other = {**ROW, "out_trade_no": "P2", "trade_no": "T9"}
    paid = {**ROW, "trade_no": "T2"}
    answer, party = await ask("query", said(**first), said(code=1, data=[other, paid]))
    assert (answer.state, answer.transaction_id, len(answer.messages)) == (TradeState.PAID, "T2", 4)
    assert asked_of(party, 1)["act"] == "orders"
    alone, _ = await ask("query", said(**first), said(code=1, data=[other]))
    assert alone.state in (TradeState.PENDING, TradeState.NOT_FOUND)
    assert alone.transaction_id == ("T1" if alone.state is TradeState.PENDING else "")
    assert (alone.messages[3].body, alone.messages[3].note[:18]) == (b"", "not_listed sha256=")
    unasked, party = await ask("query", said(**first), list_searched=False)
    assert (unasked.state, len(party.heads)) == (alone.state, 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({**ROW, "out_trade_no": "P2"}, "malformed_answer"),
        ({**ROW, "pid": 1002}, "malformed_answer"),
        ({**ROW, "money": "1e2"}, "malformed_answer"),
        ({**ROW, "money": "0"}, "malformed_answer"),
        ({**ROW, "status": "7"}, "malformed_answer"),
        ({**ROW, "trade_no": ""}, "malformed_answer"),
        ({**ROW, "refundmoney": "x", "status": "2"}, "malformed_answer"),
        ({"code": -3, "msg": "商户ID不存在"}, "epay_-3"),
        ({"code": -3, "msg": "商户密钥错误"}, "epay_-3"),
        ({"code": -1, "msg": "系统繁忙"}, "epay_-1"),
        ({"code": 0, "msg": "succ", **{k: v for k, v in ROW.items() if k not in ("code", "msg")}}, "epay_0"),
        ({}, "epay_"),
    ],
)
async def test_an_answer_that_proves_nothing_is_unknown(answer: dict[str, Any], code: str) -> None:
    got, _ = await ask("query", said(**answer))
    assert (got.state, got.outcome, got.code) == (TradeState.UNKNOWN, Outcome.UNKNOWN, code)
    assert (got.amount_fen, got.transaction_id, got.payment_no) == (0, "", "")


async def test_asked_by_its_own_number_the_trade_says_whose_it_is() -> None:
    answer, party = await ask("query_transaction", said(**{**ROW, "out_trade_no": "P7"}))
    assert (answer.state, answer.payment_no) == (TradeState.PAID, "P7")
    assert asked_of(party)["trade_no"] == "T1"
    other, _ = await ask("query_transaction", said(**{**ROW, "trade_no": "T2"}))
    assert (other.state, other.outcome) == (TradeState.UNKNOWN, Outcome.UNKNOWN)


async def test_the_list_gives_paid_trades_and_is_spoilt_by_a_row_it_cannot_read() -> None:
    unpaid = {**ROW, "status": "0", "trade_no": "T3"}
    answer, party = await ask("list_trades", said(code=1, data=[ROW, unpaid]))
    assert [trade.payment_no for trade in answer.trades] == ["P1"]
    assert asked_of(party)["page"] == "1"
    for data in ([ROW, {}], [ROW, 1], {"a": 1}, "x"):
        spoilt, _ = await ask("list_trades", said(code=1, data=data))
        assert (spoilt.outcome, spoilt.trades) == (Outcome.UNKNOWN, ())
    empty, _ = await ask("list_trades", said(code=1, data=None))
    assert (empty.outcome, empty.trades) == (Outcome.OK, ())


async def test_there_is_no_call_to_close() -> None:
    async with channel_at(await refused_url()) as channel:
        answer = await channel.close("P1")
    assert (answer.outcome, answer.code, answer.messages) == (Outcome.REFUSED, "close_not_supported", ())


# -- giving back


@pytest.mark.parametrize("code", [0, 1, "0", "1"])
async def test_a_refund_is_accepted_by_either_code(code: int | str) -> None:
    answer, party = await ask("refund", said(code=code, msg="退款成功"))
    assert (answer.state, answer.outcome, answer.amount_fen) == (RefundState.ACCEPTED, Outcome.OK, 10005)
    sent = dict(parse_qsl(party.bodies[0].decode()))
    assert sent == {"act": "refund", "pid": "1001", "key": KEY, "trade_no": "T1", "money": "100.05"}
    assert party.heads[0].startswith("POST /gateway/api.php?act=refund ")


async def test_part_of_an_amount_is_refused_here() -> None:
    """No refund number on this wire: a part asked for twice would go back twice (F14)."""
    async with channel_at(await refused_url()) as channel:
        answer = await channel.refund(msgspec.structs.replace(REFUND, amount_fen=5))
    assert (answer.state, answer.outcome, answer.code) == (
        RefundState.REFUSED,
        Outcome.REFUSED,
        "whole_amounts_only",
    )
    assert answer.text


@pytest.mark.parametrize(
    ("msg", "state"),
    [
        ("商户余额不足，请先充值", RefundState.REFUSED),
        ("当前支付通道不支持API退款", RefundState.REFUSED),
        ("当前订单不存在！", RefundState.REFUSED),
        ("退款失败：卖家余额不足", RefundState.REFUSED),
        ("退款失败：系统超时", RefundState.UNKNOWN),
        ("退款失败：交易不存在", RefundState.UNKNOWN),
        ("", RefundState.UNKNOWN),
    ],
)
async def test_only_words_that_prove_it_are_a_refusal(msg: str, state: RefundState) -> None:
    answer, _ = await ask("refund", said(code=-1, msg=msg))
    assert answer.state is state
    assert answer.outcome is (Outcome.REFUSED if state is RefundState.REFUSED else Outcome.UNKNOWN)


async def test_refunded_before_was_our_own_asking() -> None:
    """F14: the answer to the first request was lost; the repeat finds it made."""
    refunded = {**ROW, "status": "2"}
    answer, party = await ask("refund", said(code=-1, msg="该订单已全额退款！"), said(**refunded))
    assert (answer.state, answer.outcome, answer.amount_fen) == (RefundState.ARRIVED, Outcome.OK, 10005)
    assert asked_of(party, 1)["trade_no"] == "T1"
    doubtful, _ = await ask("refund", said(code=-1, msg="该订单已退款！"), said(**ROW))
    assert (doubtful.state, doubtful.outcome) == (RefundState.UNKNOWN, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({**ROW, "status": "2"}, RefundState.ARRIVED),
        (ROW, RefundState.NOT_FOUND),
        (NOT_FOUND, RefundState.NOT_FOUND),
        ({**ROW, "status": "2", "refundmoney": "0.05"}, RefundState.UNKNOWN),
        ({**ROW, "out_trade_no": "P2", "status": "2"}, RefundState.UNKNOWN),
        ({"code": -3, "msg": "商户密钥错误"}, RefundState.UNKNOWN),
    ],
)
async def test_the_trade_tells_of_its_refund(answer: dict[str, Any], state: RefundState) -> None:
    got, _ = await ask("query_refund", said(**answer))
    assert got.state is state
    assert got.amount_fen == (10005 if state is RefundState.ARRIVED else 0)


# -- every call


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http(b'{"code":1}', "502 Bad Gateway"), "http_502"),
        (http(b'{"code":1}', "302 Found"), "http_302"),
        (http(b"<html>"), "not_json"),
        (http(b""), "not_json"),
        (None, "broken_off"),
        (b"", "timed_out"),
        (http(b"x" * 300_000), "too_large"),
    ],
)
async def test_whatever_comes_back_nothing_raises(call: str, answer: bytes | None, code: str) -> None:
    got, _ = await ask(call, answer, timeout_s=0.5 if answer == b"" else 5)
    assert (got.outcome, got.code) == (Outcome.UNKNOWN, code)
    assert got.messages[0].direction is Direction.OUT


@pytest.mark.parametrize("call", CALLS)
async def test_where_nobody_listens_nothing_was_sent(call: str) -> None:
    async with channel_at(await refused_url()) as channel:
        got = await CALLS[call](channel)
    assert (got.outcome, got.code) == (Outcome.NOT_SENT, "never_connected")


@pytest.mark.parametrize("call", CALLS)
async def test_the_key_is_in_no_message(call: str) -> None:
    """It travels in the address, and an answer may repeat it; evidence holds neither."""
    echo = said(code=1, msg=f"key={KEY}", key=KEY, data=[{"key": KEY, "old": OTHER}])
    got, party = await ask(call, echo, previous_key=OTHER)
    held = b"".join(message.body + message.note.encode() for message in got.messages)
    assert KEY.encode() not in held
    assert OTHER.encode() not in held
    if call != "open":
        assert KEY in party.heads[0] + party.bodies[0].decode()


def test_settings_show_no_key() -> None:
    shown = settings("https://pay.example", previous_key=OTHER)
    for text in (repr(shown), pretty_repr(shown), str(shown)):
        assert KEY not in text
        assert OTHER not in text


def test_the_adapter_is_a_channel_that_lists_and_asks_by_transaction() -> None:
    channel: Channel = Epay(settings("https://pay.example", name="epay_two"), Outbound())
    assert isinstance(channel, AsksByTransaction)
    assert isinstance(channel, ListsTrades)
    assert channel.name == "epay_two"
    assert channel.acknowledge(accepted=True).body == b"success"
    assert channel.acknowledge(accepted=False).body != b"success"
