"""Calls to 卡速售 over real sockets: success, refusal with a reason, unknown; and callbacks as hints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from mingzhang.evidence.messages import Direction, HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import (
    Card,
    GoodsKind,
    Reason,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.fulfilment.suppliers.kasushou import Kasushou, KasushouSettings
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound
from outside_party import OutsideParty, http, outside_party, refused_url

KEY = "e3yw37fe2zhb4wb6p2zzmxerpr835pjy"
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
SETTINGS = KasushouSettings(
    url="http://x",
    user_id="10000",
    api_key=KEY,
    callback_url="http://shop/in/卡",
    timeout_s=2,
    unpaid_recheck_s=0.01,
)
MOBILE = SupplyRequest(
    attempt_no="A1T1",
    kind=GoodsKind.MOBILE,
    supplier_product="1050",
    quantity=1,
    account="13800001234",
    face_value_fen=5000,
    safe_cost_fen=4999,
)
DIRECT = msgspec.structs.replace(MOBILE, kind=GoodsKind.DIRECT, quantity=3, account="888/888")
CARD = msgspec.structs.replace(MOBILE, kind=GoodsKind.CARD, quantity=2, account="", supplier_product="SK2")

ORDER: dict[str, Any] = {
    "ordersn": "D100759324935205552128",
    "external_orderno": "A1T1",
    "recharge_info": [{"n": "账号", "v": "13800001234", "k": "recharge_account"}],
    "recharge_hints": "订单处理完成，期待您的下次光临",
    "status": 3,
    "total_price": "46.300",
    "has_back_money": "0.00",
    "card_list": [],
}
CARDS = [{"card_no": f"NO-{n}", "card_password": f"secret-{n}"} for n in range(3)]

Call = Callable[[Kasushou], Awaitable[SupplyAnswer]]
SUBMIT: Call = lambda site: site.submit(MOBILE)  # noqa: E731
QUERY: Call = lambda site: site.query("A1T1", GoodsKind.MOBILE)  # noqa: E731


@asynccontextmanager
async def site_at(url: str, timeout_s: float = 2, **changes: Any) -> AsyncIterator[Kasushou]:
    outbound = Outbound()
    settings = msgspec.structs.replace(SETTINGS, url=url, timeout_s=timeout_s, **changes)
    try:
        yield Kasushou(settings, outbound, ManualClock(NOW))
    finally:
        await outbound.aclose()


def reply(code: int | str, data: object = (), msg: str = "成功") -> bytes:
    return http(json.dumps({"code": code, "msg": msg, "data": data}, ensure_ascii=False).encode())


def told(**changes: Any) -> bytes:
    return reply(200, [{**ORDER, **changes}])


def no(msg: str, code: int | str = 400) -> bytes:
    return reply(code, msg=msg)


BOUGHT = reply(200, {"ordersn": "API1", "external_orderno": "A1T1", "total_price": 46.3}, "下单成功")


async def ask(
    call: Callable[[Kasushou], Awaitable[Any]], *answers: bytes | None, **changes: Any
) -> tuple[Any, OutsideParty]:
    async with (
        outside_party(*answers) as party,
        site_at(party.url.removesuffix("/gateway") + "/", **changes) as site,
    ):
        return await call(site), party


def header(party: OutsideParty, name: str) -> str:
    lines = [line.partition(": ") for line in party.heads[0].split("\r\n")]
    return next(value for key, _, value in lines if key.lower() == name)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (MOBILE, '{"attach":{"recharge_account":"13800001234"},"external_orderno":"A1T1","id":1050,'
                 '"quantity":1,"safe_price":"49.99","url":"http://shop/in/卡"}'),
        (DIRECT, '{"attach":{"recharge_account":"888/888"},"external_orderno":"A1T1","id":1050,'
                 '"quantity":3,"safe_price":"16.66","url":"http://shop/in/卡"}'),
        (CARD, '{"external_orderno":"A1T1","id":"SK2","quantity":2,"safe_price":"24.99",'
               '"url":"http://shop/in/卡"}'),
    ],
)  # fmt: skip
async def test_a_request_is_signed_and_carries_our_number(request_: SupplyRequest, body: str) -> None:
    answer, party = await ask(lambda site: site.submit(request_), BOUGHT)
    assert party.bodies[0].decode() == body
    assert party.heads[0].startswith("POST /api/v1/order/buy ")
    time_ms = header(party, "timestamp")
    assert (time_ms, header(party, "userid")) == ("1772337600000", "10000")
    assert header(party, "sign") == hashlib.sha1((time_ms + body + KEY).encode()).hexdigest()
    assert (answer.state, answer.supplier_order_id, answer.cost_fen) == (SupplyState.PROCESSING, "API1", 4630)
    out, back = answer.messages
    assert (out.direction, out.standing, out.body) == (Direction.OUT, Standing.OWN, party.bodies[0])
    assert (back.direction, back.standing) == (Direction.IN, Standing.ANSWER)


async def test_a_site_may_compare_the_whole_price_and_name_the_account_otherwise() -> None:
    changes = {"safe_price_each": False, "account_field": "lblName1", "callback_url": "", "name": "site2"}
    answer, party = await ask(lambda site: site.submit(DIRECT), BOUGHT, **changes)
    sent = json.loads(party.bodies[0])
    assert (sent["safe_price"], sent["attach"], "url" in sent) == ("49.99", {"lblName1": "888/888"}, False)
    assert {message.party for message in answer.messages} == {"site2"}


async def test_a_query_looks_back_without_end() -> None:
    _, party = await ask(QUERY, told())
    assert party.bodies[0] == b'{"day":0,"external_orderno":"A1T1","ordersn":""}'
    assert party.heads[0].startswith("POST /api/v1/order/info ")


async def test_a_success_tells_cost_and_allowed_words_only() -> None:
    answer, _ = await ask(QUERY, told())
    assert (answer.state, answer.cost_fen, answer.credited_fen) == (SupplyState.SUCCEEDED, 4630, 0)
    assert answer.feedback == {
        "order_id": "D100759324935205552128",
        "order_state": "交易成功",
        "recharge_description": "订单处理完成，期待您的下次光临",
    }


@pytest.mark.parametrize("call", [SUBMIT, QUERY])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "broken_off"),
        (http(b"<html>not found</html>", "404 Not Found"), "http_404"),
        (http(b'{"code":400,"msg":"\xe5\xba\x93\xe5\xad\x98"}', "400 Bad Request"), "http_400"),
        (http(b"{}", "500 Internal Server Error"), "http_500"),
        (http(b"<html>busy</html>"), "not_json"),
        (http(b"{}"), "not_json"),
        (no("未知错误", 500), "500"),
        (no("系统繁忙"), "400"),
        (no("外部订单号已存在"), "400"),
        (no("something new", 7777), "7777"),
        (reply(200, {"external_orderno": "A2T1", "ordersn": "x"}), "malformed_answer"),
        (reply(200, [{**ORDER, "external_orderno": "A2T1"}]), "malformed_answer"),
        (reply(200, None), "malformed_answer"),
        (reply(200, ["x"]), "malformed_answer"),
    ],
)
async def test_unknown_is_never_a_refusal(call: Call, answer: bytes | None, code: str) -> None:
    """F9: an HTML 404, a timeout or a duplicate number says nothing about whether we were charged."""
    ended, _ = await ask(call, answer)
    assert (ended.state, ended.code, ended.cards) == (SupplyState.UNKNOWN, code, ())


async def test_a_duplicate_says_so_and_is_asked_for() -> None:
    ended, _ = await ask(SUBMIT, no("外部订单号已存在，请勿重复提交"))
    assert (ended.state, ended.reason) == (SupplyState.UNKNOWN, Reason.DUPLICATE)


async def test_two_orders_under_one_number_are_for_a_person() -> None:
    """The site may not enforce its numbers; then no one row is the answer."""
    ended, _ = await ask(QUERY, reply(200, [ORDER, {**ORDER, "ordersn": "D2", "status": 4}]))
    assert (ended.state, ended.code) == (SupplyState.UNKNOWN, "several_orders")
    among, _ = await ask(QUERY, reply(200, [{**ORDER, "external_orderno": "A9T1", "status": 4}, ORDER]))
    assert among.state is SupplyState.SUCCEEDED


async def test_silence_is_unknown_and_a_refused_connection_is_not_sent() -> None:
    async with outside_party(b"") as party, site_at(party.url, timeout_s=0.4) as site:
        silent, unanswered = await SUBMIT(site), await QUERY(site)
        balance = await site.balance()
    async with site_at(await refused_url()) as site:
        unsent, unasked = await SUBMIT(site), await QUERY(site)
    assert silent.state is unanswered.state is unasked.state is SupplyState.UNKNOWN
    assert unsent.state is SupplyState.NOT_SENT
    assert not balance.known
    assert [message.note for message in silent.messages] == ["timed_out"]


async def test_turned_away_at_the_door_is_not_sent() -> None:
    ended, _ = await ask(SUBMIT, http(b"slow down", "429 Too Many Requests", "text/plain"))
    assert (ended.state, ended.code) == (SupplyState.NOT_SENT, "http_429")
    asked, _ = await ask(QUERY, http(b"slow down", "429 Too Many Requests", "text/plain"))
    assert asked.state is SupplyState.UNKNOWN


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("账户余额不足，请先充值", Reason.PREFUND_SHORT),
        ("商品维护中，暂停下单", Reason.MAINTENANCE),
        ("商品库存不足", Reason.STOCK_OUT),
        ("商品不存在或已下架", Reason.OFF_SALE),
        ("安全价格小于商品售价", Reason.PRICE_CHANGED),
        ("充值账号格式错误", Reason.WRONG_ACCOUNT),
        ("该号码归属地不支持", Reason.WRONG_REGION),
        ("账号已被封禁", Reason.ACCOUNT_BANNED),
        ("下单过于频繁", Reason.VELOCITY),
        ("签名错误", Reason.SUPPLIER_ERROR),
        ("下单参数有误", Reason.SUPPLIER_ERROR),
    ],
)
async def test_refused_at_once(words: str, reason: Reason) -> None:
    """R21-R23, F10: a refusal has a reason of ours and the supplier's own words; a query refuses nothing."""
    ended, _ = await ask(SUBMIT, no(words))
    assert (ended.state, ended.reason, ended.code) == (SupplyState.REFUSED, reason, "400")
    assert (ended.text, ended.feedback) == (words, {"recharge_description": words})
    asked, _ = await ask(QUERY, no(words))
    assert asked.state is SupplyState.UNKNOWN


@pytest.mark.parametrize("status", [4, "4", 5, "5"])
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("充值账号被封禁，资金已退回商城余额！", Reason.ACCOUNT_BANNED),
        ("充值过于频繁", Reason.VELOCITY),
        ("区服不支持", Reason.WRONG_REGION),
        ("订单已取消，资金已退回商城余额！", Reason.SUPPLIER_ERROR),
        ("", Reason.SUPPLIER_ERROR),
    ],
)
async def test_failed_after_acceptance(status: int | str, words: str, reason: Reason) -> None:
    ended, _ = await ask(QUERY, told(status=status, recharge_hints=words, has_back_money="46.30"))
    assert (ended.state, ended.reason, ended.text) == (SupplyState.REFUSED, reason, words)
    assert (ended.cost_fen, ended.credited_fen) == (4630, 4630)


async def test_never_paid_is_refused_for_our_balance() -> None:
    """Status -1: the site took the order and found our prefund short (R14, F10)."""
    ended, party = await ask(QUERY, told(status=-1, recharge_hints=""))
    assert (ended.state, ended.reason, ended.code) == (SupplyState.REFUSED, Reason.PREFUND_SHORT, "unpaid")
    assert (len(party.bodies), len(ended.messages)) == (2, 4)


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (told(status=2), SupplyState.PROCESSING),
        (told(status=3), SupplyState.SUCCEEDED),
        (None, SupplyState.UNKNOWN),
        (reply(200, []), SupplyState.NOT_FOUND),
    ],
)
async def test_unpaid_for_an_instant_is_not_failed(second: bytes | None, state: SupplyState) -> None:
    """F9: an order is unpaid while the site makes it; who then buys elsewhere has bought twice."""
    ended, _ = await ask(QUERY, told(status=-1, recharge_hints=""), second)
    assert ended.state is state
    assert ended.reason is None


async def test_part_of_the_cost_back_waits_for_a_person() -> None:
    for back, credited in (("20.00", 2000), ("0", 0), (None, None), ("x", None)):
        ended, _ = await ask(QUERY, told(status=5, recharge_hints="", has_back_money=back))
        assert (ended.state, ended.code) == (SupplyState.REFUSED, "partial_credit")
        assert ended.credited_fen == credited


async def test_taken_back_after_success() -> None:
    """F19: after a complaint, or with cards that were handed out."""
    whole = {"status": 5, "has_back_money": "46.30"}
    ended, _ = await ask(QUERY, told(**whole, recharge_hints="售后处理，资金已退回商城余额！"))
    assert ended.state is SupplyState.REVERSED
    ended, _ = await ask(QUERY, told(**whole, card_list=CARDS[:1]))
    assert (ended.state, ended.cards) == (SupplyState.REVERSED, ())
    ended, _ = await ask(QUERY, told(**whole, card_list=["in no known form"]))
    assert ended.state is SupplyState.REVERSED


async def test_what_came_back_after_success_lowers_the_cost() -> None:
    ended, _ = await ask(QUERY, told(has_back_money="6.305"))
    assert (ended.state, ended.cost_fen, ended.credited_fen) == (SupplyState.SUCCEEDED, 4000, 630)
    ended, _ = await ask(
        lambda site: site.query("A1T1", GoodsKind.DIRECT, 3), told(has_back_money="15.43")
    )  # fmt: skip
    assert (ended.state, ended.code) == (SupplyState.REFUSED, "partial_credit")


async def test_no_such_order_is_no_proof() -> None:
    for answer in (reply(200, []), no("订单不存在")):
        asked, _ = await ask(QUERY, answer)
        assert asked.state is SupplyState.NOT_FOUND
        submitted, _ = await ask(SUBMIT, answer)
        assert submitted.state is SupplyState.UNKNOWN


@pytest.mark.parametrize(
    ("cards", "state"),
    [
        (None, SupplyState.PROCESSING),
        ([], SupplyState.PROCESSING),
        (CARDS[:1], SupplyState.PROCESSING),
        ([CARDS[0], CARDS[0]], SupplyState.PROCESSING),
        ([CARDS[0], "x"], SupplyState.PROCESSING),
        (CARDS[:2], SupplyState.SUCCEEDED),
    ],
)
async def test_cards_lag_run_short_or_come_twice(cards: object, state: SupplyState) -> None:
    """F7: delivered means that every card is there; and what is kept of the answer tells none of them."""
    hints = "卡号 NO-0 密码 secret-0"
    ended, _ = await ask(
        lambda site: site.query("A1T1", GoodsKind.CARD, 2), told(card_list=cards, recharge_hints=hints)
    )
    assert ended.state is state
    assert (ended.code == "cards_missing") == (state is SupplyState.PROCESSING)
    assert ended.feedback["recharge_description"].startswith("卡号")  # the supplier's own words (R40)
    if state is SupplyState.SUCCEEDED:
        assert ended.cards == (Card("NO-0", "secret-0"), Card("NO-1", "secret-1"))
        kept = repr(ended.messages) + repr(ended.feedback) + ended.text
        assert "secret-" not in kept
        assert "NO-" not in kept


async def test_cards_of_a_top_up_are_not_delivered() -> None:
    ended, _ = await ask(QUERY, told(card_list=CARDS))
    assert (ended.state, ended.cards) == (SupplyState.SUCCEEDED, ())


async def test_the_balance_is_rounded_down() -> None:
    for told_, free_fen in (("8888.88", 888888), (12.349, 1234), ("-3", 0), (7, 700)):
        answer, party = await ask(lambda site: site.balance(), reply(200, {"balance": told_}))
        assert (answer.known, answer.free_fen, party.bodies) == (True, free_fen, [b"{}"])
    for answer_ in (
        no("用户不存在"),
        reply(200, {"balance": "x"}),
        reply(200, []),
        reply(500, {"balance": 1}),
    ):
        unknown, _ = await ask(lambda site: site.balance(), answer_)
        assert not unknown.known


async def test_goods_come_page_by_page() -> None:
    row = {"id": 1, "goods_name": "Q币", "goods_type": 2, "face_value": "1.00", "goods_price": "0.9751",
           "status": 1, "stock_num": 9}  # fmt: skip
    full = reply(200, {"list": [row] * 100, "total": 101})
    rest = reply(200, {"list": [{**row, "id": 2, "goods_type": 1, "status": 2, "stock_num": None}]})
    (goods, messages), party = await ask(lambda site: site.goods(), full, rest)
    assert len(goods) == 101
    first, last = goods[0], goods[-1]
    assert (first.product_id, first.face_value_fen, first.cost_fen, first.is_card) == ("1", 100, 98, False)
    assert (first.on_sale, first.stock) == (True, 9)
    assert (last.product_id, last.on_sale, last.is_card, last.stock) == ("2", False, True, 0)
    assert [json.loads(body)["page"] for body in party.bodies] == [1, 2]
    assert len(messages) == 4
    (none, _), _ = await ask(lambda site: site.goods(), full, no("未知错误", 500))
    assert none is None


async def test_a_template_says_what_an_order_needs() -> None:
    row = {"type": "text", "name": "充值账号", "key": "recharge_account", "tip": "请填写"}
    server = {"type": "select", "name": "区服", "key": "lblName1", "options": "a,b"}
    (fields, messages), party = await ask(lambda site: site.template("1050"), reply(200, [row, server]))
    assert party.bodies == [b'{"goods_id":"1050"}']
    assert [(each.key, each.name, each.tip, each.kind) for each in fields] == [
        ("recharge_account", "充值账号", "请填写", "text"),
        ("lblName1", "区服", "", "select"),
    ]
    assert len(messages) == 2
    for answer, said in (
        (reply(200, []), ()),
        (reply(200, ["x"]), None),
        (reply(200, [{**row, "key": ""}]), None),
        (reply(200, {}), None),
        (no("商品不存在"), None),
    ):
        (template, _), _ = await ask(lambda site: site.template("1050"), answer)
        assert template == said


def hint(body: bytes, key: str = KEY) -> Any:
    site = Kasushou(msgspec.structs.replace(SETTINGS, api_key=key), Outbound(), ManualClock(NOW))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return site.read_callback(HttpMessage(method="POST", query="", headers=headers, body=body))


def called_back(**fields: str) -> bytes:
    text = json.dumps(dict(sorted(fields.items())), ensure_ascii=False, separators=(",", ":"))
    text = text.replace("/", "\\/")
    return urlencode(
        {**fields, "sign": hashlib.sha1((fields["time"] + text + KEY).encode()).hexdigest()}
    ).encode()


FIELDS = {"external_orderno": "A1T1", "status": "3", "recharge_hints": "完成 1/1", "time": "1772337600000"}


def test_a_callback_is_at_most_a_hint() -> None:
    """F4, F5: a signature that fits proves nothing more than that we should ask."""
    read = hint(called_back(**FIELDS))
    assert (read.attempt_no, read.message.standing) == ("A1T1", Standing.HINT)
    assert read.message.occurred_at == NOW
    for body in (urlencode(FIELDS).encode(), called_back(**FIELDS).replace(b"A1T1", b"A9T9"), b"", b"[]"):
        forged = hint(body)
        assert (forged.attempt_no, forged.message.standing) == ("", Standing.FORGED)
    assert hint(called_back(**FIELDS), "other").message.standing is Standing.FORGED
    large = hint(called_back(**FIELDS) + b"&card_list=" + b"9" * ANSWER_BYTES_MAX)
    assert (large.attempt_no, b"9999" in large.message.body) == ("", False)
    for number in ("x" * 33, "A1,A2", ""):
        assert hint(called_back(**{**FIELDS, "external_orderno": number})).attempt_no == ""


def test_a_callbacks_cards_are_neither_read_nor_kept() -> None:
    """They are outside of the signature: whoever passes the message on can put others in."""
    read = hint(called_back(**FIELDS) + b"&" + urlencode({"card_list": json.dumps(CARDS)}).encode())
    assert (read.attempt_no, read.message.standing) == ("A1T1", Standing.HINT)
    assert b"secret" not in read.message.body


@given(st.binary(max_size=200))
def test_no_callback_makes_it_raise(body: bytes) -> None:
    assert hint(body).message.standing is Standing.FORGED


def test_it_is_acknowledged_in_the_vendors_word() -> None:
    site = Kasushou(SETTINGS, Outbound(), ManualClock(NOW))
    assert (site.acknowledge(accepted=True).body, site.acknowledge(accepted=False).body) == (b"ok", b"fail")


async def test_our_own_mistakes_are_problems() -> None:
    async with site_at("http://127.0.0.1:9/") as site:
        for change in (
            {"attempt_no": ""}, {"attempt_no": "A1,A2"}, {"attempt_no": "x" * 33}, {"quantity": 0},
            {"safe_cost_fen": 0}, {"supplier_product": ""},
        ):  # fmt: skip
            with pytest.raises(Problem, match="supply_invalid"):
                await site.submit(msgspec.structs.replace(MOBILE, **change))
        with pytest.raises(Problem, match="supply_invalid"):
            await site.query("A1T1,A2T1", GoodsKind.MOBILE)
    for settings in ({"api_key": ""}, {"user_id": "1\r\nX: 2"}, {"user_id": "卡"}):
        with pytest.raises(Problem, match="kasushou_key_invalid"):
            Kasushou(msgspec.structs.replace(SETTINGS, **settings), Outbound(), ManualClock(NOW))


async def test_the_key_shows_nowhere() -> None:
    assert KEY not in repr(SETTINGS) + str(SETTINGS) + pretty_repr(SETTINGS)
    answer, party = await ask(SUBMIT, BOUGHT)
    assert all(KEY.encode() not in message.body for message in answer.messages)
    assert KEY not in party.heads[0]
