"""Calls to 福禄 over real sockets: success, refusal with a reason, unknown; and callbacks as hints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr
from test_fulu_wire import SECRET, VENDOR

from mingzhang.evidence.messages import Direction, HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState
from mingzhang.fulfilment.suppliers.fulu import Fulu, FuluSettings
from mingzhang.fulfilment.suppliers.fulu_wire import sign
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound
from outside_party import OutsideParty, http, outside_party, refused_url

MOBILE = SupplyRequest(
    attempt_no="A1T1",
    kind=GoodsKind.MOBILE,
    supplier_product="18221081",
    quantity=1,
    account="13800001234",
    face_value_fen=5000,
    safe_cost_fen=4999,
)
DIRECT = msgspec.structs.replace(MOBILE, kind=GoodsKind.DIRECT, quantity=3, account="888888")
CARD = msgspec.structs.replace(MOBILE, kind=GoodsKind.CARD, quantity=2, account="")

ORDER: dict[str, Any] = {
    "order_id": "22113019210922951925",
    "product_id": 18221081,
    "customer_order_no": "A1T1",
    "order_price": 46.3,
    "order_state": "success",
    "finish_time": "2026-03-01 12:09:00",
    "operator_serial_number": "asix1101",
    "recharge_description": "充值成功",
    "buy_num": 1,
    "cards": None,
}
OTHER_CARD = {"card_number": VENDOR["card"]["card_pwd"], "card_pwd": VENDOR["card"]["card_number"]}

Call = Callable[[Fulu], Awaitable[SupplyAnswer]]
SUBMIT: Call = lambda fulu: fulu.submit(MOBILE)  # noqa: E731
QUERY: Call = lambda fulu: fulu.query("A1T1", GoodsKind.MOBILE)  # noqa: E731


@asynccontextmanager
async def fulu_at(url: str, timeout_s: float = 2) -> AsyncIterator[Fulu]:
    outbound = Outbound()
    clock = ManualClock(datetime(2026, 3, 1, 4, tzinfo=UTC))
    try:
        yield Fulu(
            FuluSettings(url=url, app_key="key", app_secret=SECRET, timeout_s=timeout_s), outbound, clock
        )
    finally:
        await outbound.aclose()


def ok(result: object, secret: str = SECRET) -> bytes:
    text = json.dumps(result, ensure_ascii=False)
    reply = {"code": 0, "message": "接口调用成功", "result": text, "sign": sign(text, secret)}
    return http(json.dumps(reply).encode())


def no(code: int | str, message: str = "", *, signed: bool = True) -> bytes:
    reply = {"code": code, "message": message, "result": "", "sign": sign("", SECRET) if signed else ""}
    return http(json.dumps(reply).encode())


async def ask(call: Callable[[Fulu], Awaitable[Any]], *answers: bytes | None) -> tuple[Any, OutsideParty]:
    async with outside_party(*answers) as party, fulu_at(party.url) as fulu:
        return await call(fulu), party


@pytest.mark.parametrize(
    ("request_", "method", "biz"),
    [
        (MOBILE, "fulu.order.mobile.add", {"charge_phone": "13800001234", "charge_value": 50}),
        (DIRECT, "fulu.order.direct.add",
         {"product_id": 18221081, "buy_num": 3, "charge_account": "888888"}),
        (CARD, "fulu.order.card.add", {"product_id": 18221081, "buy_num": 2}),
    ],
)  # fmt: skip
async def test_a_request_is_signed_and_carries_our_number(
    request_: SupplyRequest, method: str, biz: dict[str, Any]
) -> None:
    answer, party = await ask(lambda fulu: fulu.submit(request_), ok({**ORDER, "order_state": "untreated"}))
    assert (answer.state, answer.supplier_order_id) == (SupplyState.PROCESSING, ORDER["order_id"])
    sent = json.loads(party.bodies[0])
    signature = sent.pop("sign")
    assert signature == sign(json.dumps(sent, ensure_ascii=False, separators=(",", ":")), SECRET)
    assert (sent["method"], sent["timestamp"]) == (method, "2026-03-01 12:00:00")
    read = json.loads(sent["biz_content"])
    assert read.pop("customer_order_no") == "A1T1"
    assert read.pop("customer_price") == {MOBILE: 49.99, DIRECT: 16.66, CARD: 24.99}[request_]
    assert read == biz
    out, back = answer.messages
    assert (out.direction, out.standing, out.body) == (Direction.OUT, Standing.OWN, party.bodies[0])
    assert (back.direction, back.standing) == (Direction.IN, Standing.ANSWER)


async def test_a_success_tells_cost_serial_and_allowed_words_only() -> None:
    answer, _ = await ask(QUERY, ok(ORDER))
    assert answer.state is SupplyState.SUCCEEDED
    assert (answer.cost_fen, answer.serial) == (4630, "asix1101")
    assert answer.finished_at == datetime(2026, 3, 1, 4, 9, tzinfo=UTC)
    assert answer.feedback == {
        "order_id": "22113019210922951925",
        "order_state": "success",
        "recharge_description": "充值成功",
        "operator_serial_number": "asix1101",
        "finish_time": "2026-03-01 12:09:00",
    }


@pytest.mark.parametrize("call", [SUBMIT, QUERY])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "broken_off"),
        (http(b"<html>not found</html>", "404 Not Found"), "http_404"),
        (http(b"{}", "500 Internal Server Error"), "http_500"),
        (http(b"<html>busy</html>"), "not_json"),
        (ok(ORDER, "x" * 32), "bad_signature"),
        (http(json.dumps({**VENDOR["reply"], "sign": ""}).encode()), "bad_signature"),
        (no(9999, "未知异常"), "9999"),
        (no(5000, "系统异常"), "5000"),
        (no(4008, "添加订单失败"), "4008"),
        (no(4009, "执行下单超时，请查单确认下单结果"), "4009"),
        (no(4010, "外部订单号已存在"), "4010"),
        (no(7777, "something new"), "7777"),
        (ok({**ORDER, "customer_order_no": "A2"}), "malformed_answer"),
        (ok([ORDER]), "malformed_answer"),
        (ok({**ORDER, "order_state": "refunding"}), "0"),
    ],
)
async def test_unknown_is_never_a_refusal(call: Call, answer: bytes | None, code: str) -> None:
    """F9: an HTML 404, a timeout or a duplicate number says nothing about whether we were charged."""
    ended, _ = await ask(call, answer)
    assert (ended.state, ended.code) == (SupplyState.UNKNOWN, code)
    assert ended.cards == ()


async def test_a_wrong_signature_is_kept_as_forged_even_on_a_refusal() -> None:
    body = json.dumps({"code": 3003, "message": "商品维护中", "result": "", "sign": "0" * 32}).encode()
    ended, _ = await ask(SUBMIT, http(body))
    assert (ended.state, ended.code) == (SupplyState.UNKNOWN, "bad_signature")
    assert ended.messages[1].standing is Standing.FORGED


async def test_silence_is_unknown_and_a_refused_connection_is_not_sent() -> None:
    async with outside_party(b"") as party, fulu_at(party.url, timeout_s=0.4) as fulu:
        silent = await SUBMIT(fulu)
        unanswered = await QUERY(fulu)
        balance = await fulu.balance()
    async with fulu_at(await refused_url()) as fulu:
        unsent, unasked = await SUBMIT(fulu), await QUERY(fulu)
    assert silent.state is unanswered.state is unasked.state is SupplyState.UNKNOWN
    assert unsent.state is SupplyState.NOT_SENT
    assert not balance.known
    assert [message.note for message in silent.messages] == ["timed_out"]


async def test_turned_away_at_the_door_is_not_sent() -> None:
    ended, _ = await ask(SUBMIT, http(b"slow down", "429 Too Many Requests", "text/plain"))
    assert (ended.state, ended.code) == (SupplyState.NOT_SENT, "http_429")
    asked, _ = await ask(QUERY, http(b"slow down", "429 Too Many Requests", "text/plain"))
    assert asked.state is SupplyState.UNKNOWN


REFUSALS = [
    (3003, "商品维护中", Reason.MAINTENANCE),
    (3004, "商品在维护期内", Reason.MAINTENANCE),
    (3005, "商品库存不足", Reason.STOCK_OUT),
    (3002, "商品已下架", Reason.OFF_SALE),
    (4004, "充值账号在黑名单中", Reason.ACCOUNT_BANNED),
    (1016, "签名错误", Reason.SUPPLIER_ERROR),
    (2002, "无效的商户或应用", Reason.SUPPLIER_ERROR),
    (6001, "商户余额不足", Reason.PREFUND_SHORT),
    (6002, "商品价格高于外部销售价", Reason.PRICE_CHANGED),
    (6003, "充值过于频繁", Reason.VELOCITY),
    ("3003", "", Reason.MAINTENANCE),
]


@pytest.mark.parametrize(("code", "message", "reason"), REFUSALS)
@pytest.mark.parametrize("signed", [True, False])
async def test_refused_at_once(code: int | str, message: str, reason: Reason, signed: bool) -> None:
    """R21-R23: a refusal has a reason of ours and the supplier's own words."""
    ended, _ = await ask(SUBMIT, no(code, message, signed=signed))
    assert (ended.state, ended.reason, ended.code) == (SupplyState.REFUSED, reason, str(code))
    assert ended.text == message
    asked, _ = await ask(QUERY, no(code, message, signed=signed))
    assert asked.state is SupplyState.UNKNOWN


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("充值账号被封禁", Reason.ACCOUNT_BANNED),
        ("充值过于频繁，请稍后再试", Reason.VELOCITY),
        ("充值账号错误", Reason.WRONG_ACCOUNT),
        ("区服不支持", Reason.WRONG_REGION),
        ("号码归属地不符", Reason.WRONG_REGION),
        ("运营商系统维护", Reason.MAINTENANCE),
        ("", Reason.SUPPLIER_ERROR),
    ],
)
async def test_failed_after_acceptance(words: str, reason: Reason) -> None:
    failed = {**ORDER, "order_state": "failed", "recharge_description": words}
    ended, _ = await ask(QUERY, ok(failed))
    assert (ended.state, ended.reason, ended.text) == (SupplyState.REFUSED, reason, words)


async def test_a_success_taken_back_and_a_part_that_came_back() -> None:
    """F19. The wire tells no amount of a partial credit; the code says that the cost is not all back."""
    words = {"order_state": "failed", "recharge_description": "充值失败：运营商冲正"}
    ended, _ = await ask(QUERY, ok({**ORDER, **words}))
    assert (ended.state, ended.reason) == (SupplyState.REVERSED, Reason.SUPPLIER_ERROR)
    ended, _ = await ask(QUERY, ok({**ORDER, **words, "recharge_description": "充值失败：部分退款"}))
    assert (ended.state, ended.code) == (SupplyState.REFUSED, "partial_credit")


async def test_the_price_is_per_unit() -> None:
    ended, _ = await ask(QUERY, ok({**ORDER, "order_price": 9.6501, "buy_num": 3}))
    assert ended.cost_fen == 2896


async def test_no_such_order_is_no_proof() -> None:
    asked, _ = await ask(QUERY, no(4011, "订单不存在"))
    assert asked.state is SupplyState.NOT_FOUND
    submitted, _ = await ask(SUBMIT, no(4011, "订单不存在"))
    assert submitted.state is SupplyState.UNKNOWN


@pytest.mark.parametrize(
    ("cards", "state"),
    [
        (None, SupplyState.PROCESSING),
        ([], SupplyState.PROCESSING),
        ([VENDOR["card"]], SupplyState.PROCESSING),
        ([VENDOR["card"], VENDOR["card"]], SupplyState.PROCESSING),
        ([VENDOR["card"], {"card_number": "plain", "card_pwd": "plain"}], SupplyState.PROCESSING),
        ([VENDOR["card"], OTHER_CARD], SupplyState.SUCCEEDED),
        ([VENDOR["card"], OTHER_CARD, OTHER_CARD], SupplyState.SUCCEEDED),
    ],
)
async def test_cards_lag_run_short_or_come_twice(cards: object, state: SupplyState) -> None:
    """F7: delivered means that every card is there."""
    ended, _ = await ask(lambda fulu: fulu.query("A1T1", GoodsKind.CARD, 2), ok({**ORDER, "cards": cards}))
    assert ended.state is state
    assert len(ended.cards) == (2 if state is SupplyState.SUCCEEDED else 0)
    assert (ended.code == "cards_missing") == (state is SupplyState.PROCESSING)
    plain = VENDOR["card_number"].encode()
    assert all(plain not in message.body for message in ended.messages)


async def test_the_balance_is_rounded_down() -> None:
    answer, _ = await ask(lambda fulu: fulu.balance(), http(json.dumps(VENDOR["reply"]).encode()))
    assert (answer.known, answer.free_fen) == (True, 34428316)
    for reply in (no(2002, "无效的商户"), ok({"balance": "x"}), ok([])):
        unknown, _ = await ask(lambda fulu: fulu.balance(), reply)
        assert not unknown.known


async def test_goods_and_maintenance() -> None:
    row = {
        "product_id": 1,
        "product_name": "Q币",
        "face_value": 1,
        "purchase_price": 0.975,
        "sales_status": "上架",
    }
    (goods, messages), _ = await ask(lambda fulu: fulu.goods(), ok([row, {**row, "sales_status": "下架"}]))
    assert [(one.product_id, one.face_value_fen, one.cost_fen, one.on_sale) for one in goods] == [
        ("1", 100, 98, True), ("1", 100, 98, False),
    ]  # fmt: skip
    assert len(messages) == 2
    for answer, said in (
        (ok({"is_maintain": 1}), True),
        (ok({"is_maintain": 0}), False),
        (no(3003, "维护"), True),
        (no(9999), None),
        (http(b"x"), None),
    ):
        (maintained, _), _ = await ask(lambda fulu: fulu.in_maintenance("13800001234", 5000), answer)
        assert maintained is said


def hint(body: bytes) -> Any:
    fulu = Fulu(
        FuluSettings(url="http://x", app_key="k", app_secret=SECRET),
        Outbound(),
        ManualClock(datetime.now(UTC)),
    )
    return fulu.read_callback(HttpMessage(method="POST", query="", headers={}, body=body))


def called_back(**fields: str) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return json.dumps({**fields, "sign": sign(text, SECRET)}).encode()


def test_a_callback_is_at_most_a_hint() -> None:
    """F4, F5: a signature that fits proves nothing more than that we should ask."""
    fields = {
        "customer_order_no": "A1T1",
        "order_status": "success",
        "charge_finish_time": "2026-03-01 12:09:00",
    }
    read = hint(called_back(**fields))
    assert (read.attempt_no, read.message.standing) == ("A1T1", Standing.HINT)
    assert read.message.occurred_at == datetime(2026, 3, 1, 4, 9, tzinfo=UTC)
    for body in (json.dumps(fields).encode(), called_back(**fields).replace(b"A1T1", b"A9T9"), b"", b"[]"):
        forged = hint(body)
        assert (forged.attempt_no, forged.message.standing) == ("", Standing.FORGED)
    large = hint(b" " * ANSWER_BYTES_MAX + called_back(**fields))
    assert (large.attempt_no, len(large.message.body)) == ("", ANSWER_BYTES_MAX)
    assert hint(called_back(customer_order_no="x" * 51)).attempt_no == ""


@given(st.binary(max_size=200))
def test_no_callback_makes_it_raise(body: bytes) -> None:
    assert hint(body).message.standing is Standing.FORGED


async def test_our_own_mistakes_are_problems() -> None:
    async with fulu_at("http://127.0.0.1:9/") as fulu:
        for change in ({"attempt_no": ""}, {"attempt_no": "x" * 51}, {"quantity": 0}, {"safe_cost_fen": 0}):
            with pytest.raises(Problem, match="supply_invalid"):
                await fulu.submit(msgspec.structs.replace(MOBILE, **change))
    with pytest.raises(Problem, match="fulu_key_invalid"):
        Fulu(FuluSettings(url="", app_key="", app_secret="short"), Outbound(), ManualClock(datetime.now(UTC)))


async def test_the_secret_shows_nowhere() -> None:
    settings = FuluSettings(url="http://x", app_key="k", app_secret=SECRET)
    assert SECRET not in repr(settings) + str(settings) + pretty_repr(settings)
    answer, party = await ask(SUBMIT, ok(ORDER))
    assert all(SECRET.encode() not in message.body for message in answer.messages)
    assert SECRET not in party.heads[0]
