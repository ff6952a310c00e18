"""卡速售's signature held against the vendor's published sample and sha1sum; cards never stay in what is kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.fulfilment.suppliers.base import Card, GoodsKind, SupplyState
from mingzhang.fulfilment.suppliers.kasushou_codes import end_of, refusal_of, status_of
from mingzhang.fulfilment.suppliers.kasushou_wire import (
    callback_fits,
    php_json,
    read_callback,
    read_cards,
    read_reply,
    read_time,
    request_text,
    sign,
    without_cards,
)

KEY = "H0YnuPpcVtx7rQdMTbjN6932s5oDOqFa"  # published in the vendor's documentation, with the first sample
CALLBACK = {
    "status": "3",
    "ordersn": "API0919",
    "external_orderno": "D0919T1",
    "total_price": "3.05",
    "has_back_money": "0.00",
    "recharge_hints": '处理完成 http://a.cn/b "卡}"',
    "time": "1695072521534",
    "sign": "b9f23a1be55693b720dff52989871a348d074897",
}


def test_the_vendors_request_fits_its_signature() -> None:
    text = request_text({"ordersn": "D100759082558859640832", "day": 10, "external_orderno": ""})
    assert text == '{"day":10,"external_orderno":"","ordersn":"D100759082558859640832"}'
    assert sign("1696645385740", text, KEY) == "15b8f541eb10e3fbb33efd92c8d52d50ddca0784"


def test_only_the_top_level_is_sorted_and_nothing_is_escaped() -> None:
    """Signatures made with sha1sum over the text written by hand."""
    body = {
        "url": "http://demo.kasushou.com/notify",
        "safe_price": "2.20",
        "quantity": 1,
        "id": 1,
        "external_orderno": "D1",
        "attach": {"recharge_account": "卡/1", "lblName1": "2"},
    }
    assert sign("1696644296195", request_text(body), KEY) == "3feb4717eb9165a63e4b2e458e6226823f071a5c"
    assert sign("1696644296195", request_text({}), KEY) == "421cb283b476a67aeeda02ad0da8b774cf3fa301"


def test_php_escapes_line_separators_and_slashes() -> None:
    assert php_json("卡\u2028/\x1f") == '"卡\\u2028/\\u001f"'
    assert php_json("a/b", slashes=False) == '"a\\/b"'


def form(**changes: str) -> bytes:
    return urlencode({**CALLBACK, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        form(),
        json.dumps(CALLBACK).encode(),
        json.dumps(CALLBACK, ensure_ascii=False, indent=1).encode(),
        form(card_list='[{"card_no":"1","card_password":"whatever"}]', express_list="x"),
        form(**{"card_list[0][card_password]": "whatever"}),
        json.dumps({**CALLBACK, "card_list": [{"card_password": "whatever"}]}).encode(),
    ],
)
def test_a_callback_fits_as_form_or_json_and_cards_are_not_bound(body: bytes) -> None:
    """The hole in the vendor's signature: so a callback's cards are never read."""
    fields = read_callback(body)
    assert fields is not None
    assert callback_fits(fields, KEY)
    assert not callback_fits(fields, KEY[::-1])
    assert set(fields) == set(CALLBACK)


@pytest.mark.parametrize(
    "body",
    [
        form(status="5"), form(time="1695072521535"), form(more="1"), form(sign=""), form(sign="é"),
        json.dumps({**CALLBACK, "status": 3}).encode(), json.dumps({**CALLBACK, "x": [1]}).encode(),
        json.dumps({**CALLBACK, "total_price": 3.05}).encode(),
        form() + b"&" + form(), form()[:-3], b"", b"{}", b"[]", b"null", b"a", b"\xff=1", b"{" * 100_000,
        b'{"time":"1","sign":"a","x":"\\ud800"}',
    ],
)  # fmt: skip
def test_a_changed_callback_does_not_fit(body: bytes) -> None:
    fields = read_callback(body)
    assert fields is None or not callback_fits(fields, KEY)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_raise(body: bytes) -> None:
    for each in (body, b"{" + body, b'{"sign":"","time":"' + body + b'"}', b"card_no=" + body):
        read_reply(each)
        without_cards(each)
        fields = read_callback(each)
        assert fields is None or not callback_fits(fields, KEY)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b"<html>", b'{"code":null}', b'{"code":true}', b'{"code":1.5}', b"\xff"],
)
def test_what_is_no_reply_is_none(body: bytes) -> None:
    assert read_reply(body) is None


def test_cards_are_distinct_and_whole() -> None:
    one, other = {"card_no": "", "card_password": "a"}, {"card_no": "7", "card_password": "b"}
    assert read_cards([one, other, one]) == (Card("", "a"), Card("7", "b"))
    assert read_cards([{"card_no": None, "card_password": ""}, {}]) == ()
    nothing: tuple[object, ...] = (None, "x", {}, [])
    for none in nothing:
        assert read_cards(none) == ()
    for wrong in (["x"], [{"card_no": 7, "card_password": "b"}]):
        assert read_cards(wrong) is None


SECRET = "yT7B1t50HRURMGN"
ROWS = [{"card_no": "NO-12345", "card_password": SECRET, "end_time": ""}]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"code": 200, "data": [{"card_list": ROWS, "recharge_hints": f"密码 {SECRET}/NO-12345"}]}),
        json.dumps({"data": {"deep": [{"card_list": [SECRET, "NO-12345"]}]}}),
        json.dumps({"card_list": json.dumps(ROWS)}),
        json.dumps({"card_no": "NO-12345", "card_password": SECRET}),
        urlencode({**CALLBACK, "card_list": json.dumps(ROWS), "recharge_hints": SECRET}),
        urlencode({**CALLBACK, "card_list[0][card_no]": "NO-12345", "card_list[0][card_password]": SECRET}),
        json.dumps({"card_list": ROWS})[:-1],
        f"<p>card {SECRET} NO-12345</p>",
        f"card_list={SECRET}&card_list=NO-12345",
        '{"card_password":' * 100_000 + f'"{SECRET}NO-12345"',
    ],
)  # fmt: skip
def test_what_is_kept_tells_no_card(body: str) -> None:
    kept = without_cards(body.encode())
    assert SECRET.encode() not in kept
    assert b"NO-12345" not in kept


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", form(), b'{ "code":200, "data":[{"card_list":[], "x":1.50}]}']
)
def test_what_tells_no_card_is_kept_byte_for_byte(body: bytes) -> None:
    assert without_cards(body) == body


def test_times() -> None:
    at = read_time("1696645385740")
    assert at is not None
    assert at.isoformat() == "2023-10-07T02:23:05.740000+00:00"
    assert [read_time(text) for text in ("", "169664538574", "16966453857401", "x", None)] == [None] * 5


@pytest.mark.parametrize(
    ("value", "status"),
    [(3, 3), ("3", 3), (-1, -1), ("-1", -1), (0, None), ("6", None), (True, None), ("٣", None), (None, None)],
)
def test_statuses(value: object, status: int | None) -> None:
    assert status_of(value) == status


R, V, S, U = SupplyState.REFUSED, SupplyState.REVERSED, SupplyState.SUCCEEDED, SupplyState.UNKNOWN


@pytest.mark.parametrize(
    ("status", "total", "back", "words", "quantity", "cards", "state", "code"),
    [
        (1, "2", "0", "", 1, 0, SupplyState.PROCESSING, "200"),
        (2, "2", "0", "", 1, 0, SupplyState.PROCESSING, "200"),
        (3, "2", "0", "", 2, 0, S, "200"),
        (3, "2", None, "", 2, 0, S, "200"),
        (3, "2", "1", "", 1, 0, S, "200"),  # one unit: a price mended afterwards
        (3, "2", "1", "", 2, 0, R, "partial_credit"),  # perhaps one of two units came
        (3, "2", "2", "", 1, 0, V, "200"),
        (4, "2", "2", "", 1, 0, R, "200"),
        (5, "2", "2.000", "", 1, 0, R, "200"),
        (5, "2.0000", "2", "", 1, 0, R, "200"),
        (4, "2", "1.9999", "", 1, 0, R, "partial_credit"),
        (4, "2", "0", "", 1, 0, R, "partial_credit"),
        (5, None, "2", "", 1, 0, R, "partial_credit"),
        (5, "2", None, "", 1, 0, R, "partial_credit"),
        (5, "2", "2", "售后处理", 1, 0, V, "200"),
        (5, "2", "2", "", 1, 1, V, "200"),  # it had handed out cards
        (-1, "2", "0", "", 1, 0, R, "unpaid"),
        (None, "2", "2", "", 1, 0, U, "status_unknown"),
    ],
)
def test_a_status_with_its_money(
    status: int | None, total: str | None, back: str | None, words: str, quantity: int, cards: int,
    state: SupplyState, code: str,
) -> None:  # fmt: skip
    """F19 and partial refunds: nothing is freed or sent elsewhere unless the whole cost is back."""
    money: dict[str, Any] = {
        "total": Decimal(total) if total else None, "back": Decimal(back) if back else None,
    }  # fmt: skip
    end = end_of(status, **money, words=words, kind=GoodsKind.DIRECT, quantity=quantity, cards=cards)
    assert (end.state, end.code) == (state, code)


def test_all_cards_there_are_a_success_whatever_came_back() -> None:
    money = {"total": Decimal(2), "back": Decimal(1)}
    for cards, state, units in ((2, S, None), (1, S, 1), (0, R, None)):
        end = end_of(3, **money, words="", kind=GoodsKind.CARD, quantity=2, cards=cards)
        assert (end.state, end.units) == (state, units)


def test_a_part_is_one_only_when_the_words_and_the_money_say_so() -> None:
    for back, words, units in (("1", "部分到账", 2), ("1.5", "部分到账", None), ("1", "", None)):
        money = {"total": Decimal(3), "back": Decimal(back)}
        end = end_of(3, **money, words=words, kind=GoodsKind.DIRECT, quantity=3, cards=0)
        assert (end.state, end.units) == ((S if units else R), units)


def test_only_listed_words_refuse() -> None:
    assert refusal_of("400", "系统错误") is None
    assert refusal_of("400", "商品库存不足，请勿重复提交") is None
    assert refusal_of("500", "商品库存不足") is None
    assert refusal_of("200", "商品库存不足") is None
