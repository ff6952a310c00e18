"""Notifies: who says it, for whom, and what; a refund-shaped success is no payment (F4, F5, F18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import alipay
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_alipay_wire import PRIVATE, PUBLIC, key_pair

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from mingzhang.payments.channels.base import Notify, TradeState

NOW = datetime(2026, 3, 1, 4, 0, 20, tzinfo=UTC)  # 12:00:20 in Beijing
APP, SELLER = "2021000000000001", "2088000000000001"
VECTORS = Path(__file__).resolve().parents[1] / "vectors"

SIGNING_SDK = alipay.AliPay(appid=APP, app_private_key_string=PRIVATE, alipay_public_key_string=PUBLIC)

PAID = {
    "app_id": APP,
    "seller_id": SELLER,
    "notify_id": "n1",
    "notify_time": "2026-03-01 12:00:10",
    "gmt_payment": "2026-03-01 12:00:09",
    "out_trade_no": "P1",
    "trade_no": "2026T1",
    "total_amount": "100.00",
    "trade_status": "TRADE_SUCCESS",
    "buyer_logon_id": "138****1234",
}


def channel(public_key: str = PUBLIC, at: datetime = NOW) -> Alipay:
    settings = AlipaySettings(
        gateway="http://127.0.0.1:9/gateway.do",
        app_id=APP,
        seller_id=SELLER,
        merchant_private_key=PRIVATE,
        alipay_public_key=public_key,
    )
    return Alipay(settings, Outbound(), ManualClock(at))


CHANNEL = channel()


def arrived(body: bytes) -> HttpMessage:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return HttpMessage(method="POST", query="", headers=headers, body=body)


def signed(sdk: alipay.AliPay = SIGNING_SDK, **changes: str) -> bytes:
    """A notify as Alipay's side signs it: blank values and ``sign_type`` are sent but not signed."""
    fields = {**PAID, **changes}
    present = {name: value for name, value in fields.items() if value}
    text = "&".join(f"{name}={value}" for name, value in sorted(present.items()))
    return urlencode({**fields, "sign_type": "RSA2", "sign": sdk._sign(text)}).encode()


def read(**changes: str) -> Notify:
    return CHANNEL.read_notify(arrived(signed(**changes)))


def test_a_paid_notify_is_verified_and_read() -> None:
    notify = read(passback_params="")
    assert notify.message.standing is Standing.VERIFIED
    assert (notify.payment_no, notify.transaction_id, notify.refusal) == ("P1", "2026T1", "")
    assert (notify.state, notify.amount_fen, notify.refunded_fen) == (TradeState.PAID, 10000, 0)
    assert notify.paid_at == datetime(2026, 3, 1, 4, 0, 9, tzinfo=UTC)
    assert notify.buyer_mask == "138****1234"
    assert notify.message.occurred_at == datetime(2026, 3, 1, 4, 0, 10, tzinfo=UTC)


def test_the_vector_that_openssl_signed_is_read() -> None:
    body = (VECTORS / "alipay_notify.form").read_bytes()
    notify = channel((VECTORS / "alipay_public.pem").read_text()).read_notify(arrived(body))
    assert notify.message.standing is Standing.VERIFIED
    assert (notify.state, notify.payment_no) == (TradeState.PAID, "0A1B2C3D4E5F6G7H8J9K0P1")
    assert notify.message.body == body


@pytest.mark.parametrize(
    ("changes", "state", "refunded_fen"),
    [
        ({"trade_status": "WAIT_BUYER_PAY", "gmt_payment": ""}, TradeState.PENDING, 0),
        ({"trade_status": "TRADE_FINISHED"}, TradeState.PAID, 0),
        ({"trade_status": "TRADE_CLOSED", "gmt_payment": ""}, TradeState.CLOSED, 0),
        ({"refund_fee": "0.00"}, TradeState.PAID, 0),
        ({"refund_fee": "0.01"}, TradeState.REFUNDED, 1),
        ({"refund_fee": "30.00", "gmt_refund": "2026-03-01 12:00:10.320"}, TradeState.REFUNDED, 3000),
        ({"gmt_refund": "2026-03-01 12:00:10.320"}, TradeState.REFUNDED, 0),
        ({"trade_status": "TRADE_FINISHED", "refund_fee": "1"}, TradeState.REFUNDED, 100),
        ({"trade_status": "TRADE_CLOSED", "refund_fee": "100.00"}, TradeState.REFUNDED, 10000),
        ({"trade_status": "TRADE_CLOSED", "refund_fee": ""}, TradeState.REFUNDED, 10000),
    ],
)
def test_states(changes: dict[str, str], state: TradeState, refunded_fen: int) -> None:
    notify = read(**changes)
    assert (notify.refusal, notify.message.standing) == ("", Standing.VERIFIED)
    assert (notify.state, notify.refunded_fen) == (state, refunded_fen)


@pytest.mark.parametrize(
    ("changes", "refusal", "standing"),
    [
        ({"app_id": "2021000000000002"}, "wrong_app", Standing.FORGED),
        ({"app_id": ""}, "wrong_app", Standing.FORGED),
        ({"seller_id": "2088000000000002"}, "wrong_seller", Standing.FORGED),
        ({"seller_id": ""}, "wrong_seller", Standing.FORGED),
        ({"total_amount": "100.001"}, "malformed", Standing.FORGED),
        ({"total_amount": "-1.00"}, "malformed", Standing.FORGED),
        ({"total_amount": "1e2"}, "malformed", Standing.FORGED),
        ({"total_amount": "0.00"}, "malformed", Standing.FORGED),
        ({"total_amount": ""}, "malformed", Standing.FORGED),
        ({"refund_fee": "100.01"}, "malformed", Standing.FORGED),
        ({"out_trade_no": ""}, "malformed", Standing.FORGED),
        ({"trade_no": ""}, "malformed", Standing.FORGED),
        ({"notify_time": ""}, "malformed", Standing.FORGED),
        ({"notify_time": "2026-02-28 11:00:10"}, "stale", Standing.HINT),
        ({"trade_status": "TRADE_SOMETHING"}, "unknown_state", Standing.HINT),
    ],
)
def test_refusals_move_nothing(changes: dict[str, str], refusal: str, standing: Standing) -> None:
    notify = read(**changes)
    assert (notify.refusal, notify.message.standing, notify.message.note) == (refusal, standing, refusal)
    assert (notify.state, notify.amount_fen, notify.transaction_id) == (TradeState.UNKNOWN, 0, "")


@pytest.mark.parametrize(
    ("missing", "refusal"),
    [
        ("app_id", "wrong_app"),
        ("seller_id", "wrong_seller"),
        ("out_trade_no", "malformed"),
        ("trade_no", "malformed"),
        ("total_amount", "malformed"),
        ("notify_time", "malformed"),
        ("trade_status", "unknown_state"),
    ],
)
def test_a_field_that_is_missing_is_not_taken_for_granted(missing: str, refusal: str) -> None:
    fields = {name: value for name, value in PAID.items() if name != missing}
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    body = urlencode({**fields, "sign_type": "RSA2", "sign": SIGNING_SDK._sign(text)}).encode()
    assert CHANNEL.read_notify(arrived(body)).refusal == refusal


def test_alipays_last_retry_is_not_stale() -> None:
    late = channel(at=NOW + timedelta(hours=24, minutes=24))
    assert late.read_notify(arrived(signed())).refusal == ""


def test_another_key_or_a_changed_field_is_a_bad_signature() -> None:
    private, public = key_pair()
    forger = alipay.AliPay(appid=APP, app_private_key_string=private, alipay_public_key_string=public)
    for body in (
        signed(forger),
        signed().replace(b"total_amount=100.00", b"total_amount=1.00"),
        signed() + b"&refund_fee=1.00",
        signed().replace(b"sign_type=RSA2", b"sign_type=RSA"),
        urlencode({**PAID, "sign": "AAAA"}).encode(),
    ):
        notify = CHANNEL.read_notify(arrived(body))
        assert (notify.refusal, notify.message.standing) == ("bad_signature", Standing.FORGED)
        assert notify.state is TradeState.UNKNOWN
        assert notify.message.body == body


@pytest.mark.parametrize("body", [b"", b"{}", urlencode(PAID).encode(), signed() + b"&sign=x", b"\xff" * 50])
def test_what_is_no_signed_form_is_malformed(body: bytes) -> None:
    assert CHANNEL.read_notify(arrived(body)).refusal == "malformed"


def test_too_much_is_cut_for_evidence_and_refused() -> None:
    notify = CHANNEL.read_notify(arrived(signed() + b"&a=" + b"x" * ANSWER_BYTES_MAX))
    assert notify.refusal == "too_large"
    assert len(notify.message.body) == ANSWER_BYTES_MAX


@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_no_bytes_make_it_raise(body: bytes, headers: dict[str, str]) -> None:
    notify = CHANNEL.read_notify(HttpMessage(method="POST", query="", headers=headers, body=body))
    assert notify.message.standing is Standing.FORGED


@given(st.dictionaries(st.sampled_from(list(PAID)), st.text("0123456789.-eT ñ卡", max_size=20), max_size=4))
def test_no_signed_field_makes_it_raise(changes: dict[str, str]) -> None:
    notify = read(**changes)
    assert (notify.state is TradeState.UNKNOWN) == (notify.refusal != "")


def test_it_answers_in_alipays_words() -> None:
    assert CHANNEL.acknowledge(accepted=True).body == b"success"
    assert CHANNEL.acknowledge(accepted=False).body == b"fail"
