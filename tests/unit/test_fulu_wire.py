"""福禄's signature, cards and amounts, held against the vendor's own sample data."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.fulfilment.suppliers.base import Card
from mingzhang.fulfilment.suppliers.fulu_wire import (
    biz_content,
    callback_fits,
    fen_charged,
    fen_free,
    read_cards,
    read_reply,
    sign,
    signed_body,
    yuan_number,
)

VENDOR: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "fulu.json").read_text("utf-8")
)
SECRET: str = VENDOR["app_secret"]


def test_the_vendors_reply_fits_its_signature() -> None:
    reply = read_reply(json.dumps(VENDOR["reply"]).encode(), SECRET)
    assert reply is not None
    assert (reply.code, reply.genuine) == ("0", True)
    changed = {**VENDOR["reply"], "result": VENDOR["reply"]["result"].replace("344283", "944283")}
    tampered = read_reply(json.dumps(changed).encode(), SECRET)
    assert tampered is not None
    assert not tampered.genuine


def test_the_vendors_card_decrypts() -> None:
    card = Card(VENDOR["card_number"], VENDOR["card_pwd"])
    assert read_cards([VENDOR["card"]], SECRET) == (card,)
    assert read_cards([VENDOR["card"], dict(VENDOR["card"])], SECRET) == (card,)
    assert read_cards([{"card_number": None, "card_pwd": VENDOR["card"]["card_pwd"]}], SECRET) == (
        Card("", VENDOR["card_pwd"]),
    )


@pytest.mark.parametrize("value", [None, "x", {}, [], [{}], [{"card_number": "", "card_pwd": None}]])
def test_no_cards_are_no_cards(value: object) -> None:
    assert read_cards(value, SECRET) == ()


@pytest.mark.parametrize("sealed", ["plain-card-123", "AAAA", "卡", 7, VENDOR["card"]["card_pwd"][:-4]])
def test_a_card_that_does_not_decrypt_is_not_handed_out(sealed: object) -> None:
    assert read_cards([{"card_number": sealed, "card_pwd": sealed}], SECRET) is None
    assert read_cards([VENDOR["card"]], "f" * 32) is None


def test_the_signature_collides_on_anagrams() -> None:
    """Why a callback settles nothing (wire.md, the rule of the head; F4)."""
    true = json.dumps({"price": "46.30", "customer_order_no": "A12"}, separators=(",", ":"))
    false = json.dumps({"price": "43.60", "customer_order_no": "A21"}, separators=(",", ":"))
    assert sign(true, SECRET) == sign(false, SECRET)


def test_a_request_is_signed_over_its_compact_unescaped_json() -> None:
    fields = {
        "app_key": "k/1",
        "method": "m",
        "biz_content": biz_content({"a": '卡}"', "b": Decimal("27.9")}),
    }
    sent = json.loads(signed_body(fields, SECRET))
    signature = sent.pop("sign")
    text = json.dumps(sent, ensure_ascii=False, separators=(",", ":"))
    assert sent == fields
    assert signature == sign(text, SECRET)
    assert sent["biz_content"] == '{"a":"卡}\\"","b":27.9}'


def test_a_callback_is_signed_as_it_was_written() -> None:
    bare = '{"order_id":"1","price":27.9000,"note":"卡/","buy_num":1,"none":null}'
    signature = sign(bare, SECRET)
    body = bare[:-1] + f',"sign":"{signature}"}}'
    assert callback_fits(body.encode(), SECRET)
    spaced = body.replace(",", ", ").replace(":", ": ").replace("卡/", "\\u5361\\/")
    assert callback_fits(spaced.encode(), SECRET)
    assert not callback_fits(body.replace("27.9000", "27.90").encode(), SECRET)
    assert not callback_fits(bare.encode(), SECRET)


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [
        (0, 0, 0),
        (7, 700, 700),
        (Decimal("46.3"), 4630, 4630),
        ("27.9000", 2790, 2790),
        (Decimal("344283.1608"), 34428317, 34428316),
        (Decimal("-3.005"), 0, 0),
        (Decimal("1e999999999"), None, None),
        ("NaN", None, None),
        ("", None, None),
        (True, None, None),
        (None, None, None),
        ([], None, None),
    ],
)
def test_amounts_are_whole_fen_on_the_safe_side(value: object, up: int | None, down: int | None) -> None:
    assert (fen_charged(value), fen_free(value)) == (up, down)


@pytest.mark.parametrize(("fen", "text"), [(10000, "100"), (2790, "27.9"), (5, "0.05"), (0, "0")])
def test_yuan_numbers_are_short(fen: int, text: str) -> None:
    assert str(yuan_number(fen)) == text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{}", b"<html>", b'{"code":null}', b'{"code":0,"result":{"a":1}}',
        b'{"code":0,"result":"{}","sign":7}', b'{"code":1.5}', b'{"code":NaN}', b"\xff",
        b'{"code":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_reply_is_none(body: bytes) -> None:
    assert read_reply(body, SECRET) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_raise(body: bytes) -> None:
    read_reply(body, SECRET)
    callback_fits(body, SECRET)
    callback_fits(b'{"sign":' + body + b"}", SECRET)
