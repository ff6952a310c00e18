"""DT One's wire: exact decimals, the account's own currency, PINs kept out, and callback addresses that bind."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.fulfilment.suppliers import dtone_codes as codes
from mingzhang.fulfilment.suppliers import dtone_wire as wire
from mingzhang.fulfilment.suppliers.base import Card, Reason, SupplyState
from mingzhang.fulfilment.suppliers.dtone_wire import Price

RATE = Decimal("712.35")
SECRET = "s" * 32

# The vendor's table of statuses, class by class, as published; DUPLICATED is a repeat turned away in time.
STATUSES = {
    "REJECTED": Reason.SUPPLIER_ERROR,
    "REJECTED-INVALID-CREDIT-PARTY": Reason.WRONG_ACCOUNT,
    "REJECTED-BARRED-CREDIT-PARTY": Reason.ACCOUNT_BANNED,
    "REJECTED-INELIGIBLE-CREDIT-PARTY": Reason.WRONG_REGION,
    "REJECTED-INVALID-DEBIT-PARTY": Reason.SUPPLIER_ERROR,
    "REJECTED-LIMITATIONS-ON-CREDIT-PARTY-AMOUNT": Reason.VELOCITY,
    "REJECTED-OPERATOR-CURRENTLY-UNAVAILABLE": Reason.MAINTENANCE,
    "REJECTED-INSUFFICIENT-BALANCE": Reason.PREFUND_SHORT,
    "CANCELLED": Reason.SUPPLIER_ERROR,
    "DECLINED": Reason.SUPPLIER_ERROR,
    "DECLINED-BARRED-DEBIT-PARTY": Reason.SUPPLIER_ERROR,
    "DECLINED-LIMITATIONS-ON-OPERATOR-QUANTITY": Reason.VELOCITY,
    "DECLINED-DUPLICATED-TRANSACTION": Reason.VELOCITY,
    "DECLINED-EXCEPTION": Reason.SUPPLIER_ERROR,
}


def test_basic_auth_is_that_of_rfc_7617() -> None:
    assert wire.basic_auth("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert wire.basic_auth("test", "123\u00a3") == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize(
    ("account", "number"),
    [
        ("13800001234", "+8613800001234"),
        ("+6595123100", "+6595123100"),
        ("0065 9512-3100", "+6595123100"),
        ("(138) 0000.1234", "+8613800001234"),
        ("+0123456789", None),
        ("+65", None),
        ("138000012345678901", None),
        ("１３８００００１２３４", None),
        ("abc", None),
        ("", None),
    ],
)
def test_numbers_are_sent_with_their_country(account: str, number: str | None) -> None:
    assert wire.e164(account, "+86") == number


@pytest.mark.parametrize(
    ("amount", "fee", "fen"),
    [
        ("7.05", "0", 5023),  # 5022.0675: a cost is rounded up
        ("7.05", "0.02", 5037),  # 5036.3145: the fee is paid too
        ("0.1", "0.2", 214),  # 213.705, and 0.1 + 0.2 stays 0.3
        ("1", "0", 713),
        ("0", "0", 0),
        ("10.0000", "0", 7124),
    ],
)
def test_a_cost_is_exact_and_rounded_up(amount: str, fee: str, fen: int) -> None:
    prices = wire.read_json(
        f'{{"wholesale":{{"amount":{amount},"fee":{fee},"unit":"USD"}},"retail":null}}'.encode()
    )
    assert wire.fen_charged(wire.read_price(prices), "USD", RATE) == fen


@pytest.mark.parametrize(
    "wholesale",
    [
        {"amount": 7, "fee": 0},
        {"amount": 7, "fee": 0, "unit": 840},
        {"amount": "7", "fee": 0, "unit": "USD"},
        {"amount": True, "fee": 0, "unit": "USD"},
        {"amount": 7, "fee": None, "unit": "USD"},
        {"amount": 10**30, "fee": 0, "unit": "USD"},
        {"amount": -7, "fee": 0, "unit": "USD"},
        None,
        [],
    ],
)
def test_an_amount_that_is_none_is_no_price(wholesale: object) -> None:
    assert wire.fen_charged(wire.read_price({"wholesale": wholesale}), "USD", RATE) is None


def test_another_currency_is_no_price() -> None:
    """A quote in euro, or in yuan, is not so many dollars."""
    assert wire.fen_charged(Price(Decimal(7), "EUR"), "USD", RATE) is None
    assert wire.fen_charged(Price(Decimal(7), "CNY"), "USD", RATE) is None


@pytest.mark.parametrize(
    ("rows", "fen"),
    [
        ([{"unit_type": "CURRENCY", "unit": "USD", "available": Decimal("100.01"), "holding": 50}], 71242),
        ([{"unit_type": "CURRENCY", "unit": "EUR", "available": 5}], None),
        ([{"unit_type": "CURRENCY", "unit": "USD", "available": "5"}], None),
        ([{"unit_type": "CURRENCY", "unit": "USD", "available": -5}], 0),
        (
            [
                {"unit_type": "CURRENCY", "unit": "EUR", "available": 5},
                {"unit_type": "CURRENCY", "unit": "USD", "available": 1},
                {"unit_type": "CURRENCY", "unit": "USD", "available": 2},
            ],
            2137,
        ),
        ([], None),
        ({}, None),
    ],
)
def test_what_may_be_spent_is_rounded_down(rows: object, fen: int | None) -> None:
    """What is held for transactions under way can't be spent (R14)."""
    assert wire.read_balance(rows, "USD", RATE) == fen


def test_nan_and_endless_numbers_are_no_json() -> None:
    for text in (b'{"a":NaN}', b'{"a":Infinity}', b"[" * 100_000, b"\xff", b"", b"{"):
        assert wire.read_json(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T04:09:00.123456789Z", datetime(2026, 3, 1, 4, 9, 0, 123456, UTC)),
        ("2026-03-01T12:09:00+08:00", datetime(2026, 3, 1, 4, 9, tzinfo=UTC)),
        ("2026-03-01T04:09:00", None),
        ("soon", None),
        (5, None),
        (None, None),
    ],
)
def test_times_carry_nine_decimals_and_an_offset(text: object, moment: datetime | None) -> None:
    assert wire.read_time(text) == moment


def transaction(**changes: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "external_id": "A1T1",
        "status": {"id": 70000, "message": "COMPLETED", "class": {"id": 7, "message": "COMPLETED"}},
        "operator_reference": "R-1",
        "pin": {"serial": "SN1", "code": "1234-5678"},
        "product": {"id": 63010},
        "prices": {"wholesale": {"amount": 7, "fee": 0, "unit": "USD"}},
        "creation_date": "2026-03-01T04:09:00.000000000Z",
        **changes,
    }


def test_a_transaction_is_read() -> None:
    read = wire.read_transaction(transaction())
    assert read is not None
    assert (read.id, read.external_id, read.class_id, read.status) == (5, "A1T1", 7, "COMPLETED")
    assert (read.card, read.product_id, read.reference) == (Card("SN1", "1234-5678"), 63010, "R-1")
    bare = wire.read_transaction(transaction(pin={"serial": None, "code": 77}, product=None))
    assert bare is not None
    assert (bare.card, bare.product_id) == (Card("", "77"), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "5"},
        {"id": True},
        {"external_id": None},
        {"status": "COMPLETED"},
        {"status": {"message": "COMPLETED"}},
        {"status": {"message": "COMPLETED", "class": {"id": "7", "message": "COMPLETED"}}},
    ],
)
def test_without_identity_or_class_there_is_no_transaction(changes: dict[str, Any]) -> None:
    assert wire.read_transaction(transaction(**changes)) is None


@pytest.mark.parametrize(
    ("class_id", "name", "state"),
    [
        (1, "CREATED", SupplyState.PROCESSING),
        (2, "CONFIRMED", SupplyState.PROCESSING),
        (3, "REJECTED", SupplyState.REFUSED),
        (4, "CANCELLED", SupplyState.REFUSED),
        (5, "SUBMITTED", SupplyState.PROCESSING),
        (7, "COMPLETED", SupplyState.SUCCEEDED),
        (8, "REVERSED", SupplyState.REVERSED),
        (9, "DECLINED", SupplyState.REFUSED),
        (6, "COMPLETED", SupplyState.UNKNOWN),
        (7, "DECLINED", SupplyState.UNKNOWN),
        (9, "COMPLETED", SupplyState.UNKNOWN),
        (10, "", SupplyState.UNKNOWN),
        ("7", "COMPLETED", SupplyState.UNKNOWN),
    ],
)
def test_states_are_decided_by_class_and_only_by_a_known_pair(
    class_id: object, name: str, state: SupplyState
) -> None:
    """F19 among them: REVERSED is a state of its own."""
    assert codes.state_of(class_id, name) is state


@pytest.mark.parametrize(("status", "reason"), STATUSES.items())
def test_every_published_status_has_a_reason(status: str, reason: Reason) -> None:
    assert codes.reason_of(status) is reason


def test_codes_that_prove_nothing_are_no_refusals() -> None:
    for code in ("1007001", "1007002", "1007004", "1009001", "1008004", "1000429", "", "5"):
        assert codes.refusal_of(code) is None


# -- PINs ------------------------------------------------------------------------------------------


def test_pins_are_taken_out_of_what_is_kept() -> None:
    body = json.dumps([transaction(), transaction(pin=None)]).encode()
    kept = wire.without_pins(body)
    assert b"1234-5678" not in kept
    assert b"SN1" not in kept
    rows = json.loads(kept)
    assert rows[0]["pin"] == {"serial": "(removed)", "code": "(removed)"}
    assert rows[1] == json.loads(body)[1]
    assert {**rows[0], "pin": None} == {**json.loads(body)[0], "pin": None}


@pytest.mark.parametrize(
    "body",
    [
        b'{"pin":{"code":"1234-5678"',
        b'{"pin":{"code":"\\u0031234-5678"}}',
        b'{"pin":{"code":12345678}}',
        b'{"a":{"pin":[{"deep":{"code":"1234-5678"}}]},"note":"your code is 1234-5678"}',
    ],
)
def test_a_pin_that_is_written_oddly_does_not_slip_through(body: bytes) -> None:
    kept = wire.without_pins(body)
    if b"note" not in body:
        assert b"234-5678" not in kept
        assert b"12345678" not in kept
    else:
        assert b'"1234-5678"' not in kept


@given(st.text(min_size=4), st.text(min_size=4), st.booleans())
def test_no_text_makes_a_pin_survive(serial: str, code: str, ascii_only: bool) -> None:
    body = json.dumps(transaction(pin={"serial": serial, "code": code}), ensure_ascii=ascii_only)
    try:
        sent = body.encode()
    except UnicodeEncodeError:
        return
    kept = wire.without_pins(sent)
    values = list(wire._leaves(wire.read_json(kept)))
    assert code not in values
    assert serial not in values


@given(st.binary(max_size=300))
def test_whatever_comes_is_kept_without_an_error(body: bytes) -> None:
    wire.without_pins(body)
    wire.read_transaction(wire.read_json(body))
    wire.read_error(body)


# -- callback addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["https://shop/hook", "https://shop/hook?x=1"])
def test_a_callback_address_names_its_attempt_and_no_other(base: str) -> None:
    query = urlsplit(wire.callback_address(base, "A1T1", SECRET)).query
    assert wire.attempt_of_query(query, SECRET) == "A1T1"
    assert wire.attempt_of_query(query.replace("A1T1", "A1T2"), SECRET) == ""
    assert wire.attempt_of_query(query, "t" * 32) == ""
    assert wire.attempt_of_query("", SECRET) == ""
    assert wire.attempt_of_query(query + "0", SECRET) == ""
    assert wire.attempt_of_query("&".join(["a=1"] * 50), SECRET) == ""


@given(st.text(max_size=80))
def test_no_query_makes_it_stumble(query: str) -> None:
    assert wire.attempt_of_query(query, SECRET) == ""
