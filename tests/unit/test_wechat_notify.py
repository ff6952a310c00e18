"""Notifies: who says it, for whom, how fresh, and what; a refund's notify is no payment (F4, F5, F18)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_wechat_wire import API_KEY, MCHID, MERCHANT, MERCHANT_SERIAL, WECHAT, Witness, notify_body

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound
from mingzhang.payments.channels.base import Notify, RefundState, TradeState
from mingzhang.payments.channels.wechat import Wechat, WechatKey, WechatSettings

NOW = datetime(2026, 3, 1, 4, 0, 20, tzinfo=UTC)  # 12:00:20 in Beijing
APP = "wxd678efh567hg6787"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
NEXT = Witness("PUB_KEY_ID_0119000091912027")

PAID: dict[str, Any] = {
    "mchid": MCHID,
    "appid": APP,
    "out_trade_no": "P1",
    "transaction_id": "4200000001",
    "trade_state": "SUCCESS",
    "success_time": "2026-03-01T12:00:09+08:00",
    "payer": {"openid": OPENID},
    "amount": {"total": 10005, "payer_total": 10000, "currency": "CNY", "payer_currency": "CNY"},
}
REFUNDED: dict[str, Any] = {
    "mchid": MCHID,
    "out_trade_no": "P1",
    "transaction_id": "4200000001",
    "out_refund_no": "R1",
    "refund_id": "5030000001",
    "refund_status": "SUCCESS",
    "success_time": "2026-03-01T12:00:09+08:00",
    "user_received_account": "招商银行信用卡0403",
    "amount": {"total": 10005, "refund": 5, "payer_total": 10005, "payer_refund": 5},
}


def channel(*witnesses: Witness, at: datetime = NOW, secrets: tuple[str, ...] = (API_KEY,)) -> Wechat:
    settings = WechatSettings(
        mchid=MCHID,
        app_id=APP,
        merchant_serial=MERCHANT_SERIAL,
        merchant_private_key=MERCHANT.private,
        api_v3_keys=secrets,
        gateway="http://127.0.0.1:9",
        platform_keys=tuple(WechatKey(pem=w.public, serial=w.serial) for w in witnesses or (WECHAT,)),
    )
    return Wechat(settings, Outbound(), ManualClock(at))


CHANNEL = channel()


def arrived(body: bytes, witness: Witness = WECHAT, at: datetime = NOW, **headers: str) -> HttpMessage:
    return HttpMessage(method="POST", query="", headers=witness.seal(body, at, **headers), body=body)


def read(resource: dict[str, Any], event: str = "TRANSACTION.SUCCESS", **options: str) -> Notify:
    return CHANNEL.read_notify(arrived(notify_body(resource, event, **options)))


def refused(notify: Notify, refusal: str, standing: Standing) -> None:
    assert (notify.refusal, notify.message.note, notify.message.standing) == (refusal, refusal, standing)
    assert (notify.state, notify.amount_fen, notify.transaction_id) == (TradeState.UNKNOWN, 0, "")
    assert (notify.refunded_fen, notify.refund_no, notify.refund_state) == (0, "", RefundState.UNKNOWN)


def test_a_payment_is_told() -> None:
    body = notify_body(PAID)
    notify = CHANNEL.read_notify(arrived(body))
    assert (notify.payment_no, notify.state, notify.transaction_id) == ("P1", TradeState.PAID, "4200000001")
    assert (notify.amount_fen, notify.refunded_fen, notify.refusal) == (10005, 0, "")
    assert notify.paid_at == datetime(2026, 3, 1, 4, 0, 9, tzinfo=UTC)
    assert notify.buyer_mask == "oUpF8u***"
    message = notify.message
    assert (message.party, message.standing, message.occurred_at) == ("wechat", Standing.VERIFIED, NOW)
    head, _, kept = message.body.partition(b"\r\n\r\n")
    assert kept == body
    assert {line.split(b":")[0] for line in head.split(b"\r\n")} == {
        b"wechatpay-timestamp", b"wechatpay-nonce", b"wechatpay-serial", b"wechatpay-signature",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "state", "refunded_fen"),
    [
        ("SUCCESS", RefundState.ARRIVED, 5),
        ("ABNORMAL", RefundState.ACCEPTED, 0),
        ("CLOSED", RefundState.REFUSED, 0),
    ],
)
def test_a_refund_is_told_as_a_refund(word: str, state: RefundState, refunded_fen: int) -> None:
    notify = read({**REFUNDED, "refund_status": word}, f"REFUND.{word}")
    assert (notify.state, notify.refunded_fen) == (TradeState.REFUNDED, refunded_fen)
    assert (notify.payment_no, notify.refund_no, notify.refund_state) == ("P1", "R1", state)
    assert (notify.amount_fen, notify.message.standing) == (10005, Standing.VERIFIED)


def test_two_keys_and_two_secrets_are_good_at_once() -> None:
    both = channel(WECHAT, NEXT, secrets=("f" * 32, API_KEY))
    for witness in (WECHAT, NEXT):
        body = notify_body(PAID)
        assert both.read_notify(arrived(body, witness)).state is TradeState.PAID
        other = notify_body(PAID, key="f" * 32)
        assert both.read_notify(arrived(other, witness)).state is TradeState.PAID
    assert [facts.serial for facts in both.key_facts()] == [WECHAT.serial, NEXT.serial]


def test_a_foreign_signature_is_forged_though_the_order_can_be_read() -> None:
    body = notify_body(PAID)
    forged = CHANNEL.read_notify(arrived(body, Witness(WECHAT.serial)))
    refused(forged, "bad_signature", Standing.FORGED)
    assert forged.payment_no == "P1"
    swapped = arrived(notify_body({**PAID, "out_trade_no": "P2"}))
    mixed = HttpMessage(method="POST", query="", headers=arrived(body).headers, body=swapped.body)
    refused(CHANNEL.read_notify(mixed), "bad_signature", Standing.FORGED)
    algorithm = arrived(body, **{"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"})
    refused(CHANNEL.read_notify(algorithm), "bad_signature", Standing.FORGED)


def test_a_missing_signature_type_is_the_usual_one() -> None:
    message = arrived(notify_body(PAID))
    headers = {name: value for name, value in message.headers.items() if "type" not in name}
    bare = HttpMessage(method="POST", query="", headers=headers, body=message.body)
    assert CHANNEL.read_notify(bare).state is TradeState.PAID


def test_a_probe_is_refused() -> None:
    probe = arrived(notify_body(PAID), **{"wechatpay-signature": "WECHATPAY/SIGNTEST/abcdef=="})
    refused(CHANNEL.read_notify(probe), "signature_probe", Standing.FORGED)
    assert CHANNEL.acknowledge(accepted=False).status == 400
    assert b'"FAIL"' in CHANNEL.acknowledge(accepted=False).body
    assert CHANNEL.acknowledge(accepted=True).status == 200


@pytest.mark.parametrize("serial", ["PUB_KEY_ID_9", "00", "../../etc", "x" * 900, "中"])
def test_an_unknown_serial_is_refused(serial: str) -> None:
    unknown = arrived(notify_body(PAID), **{"wechatpay-serial": serial})
    refused(CHANNEL.read_notify(unknown), "unknown_serial", Standing.HINT)


@pytest.mark.parametrize("off", [-301, 301, -3600, 86400])
def test_beyond_five_minutes_it_is_stale(off: int) -> None:
    old = CHANNEL.read_notify(arrived(notify_body(PAID), at=NOW + timedelta(seconds=off)))
    refused(old, "stale", Standing.HINT)
    assert old.payment_no == "P1"


@pytest.mark.parametrize("off", [-300, 300, 0])
def test_within_five_minutes_it_is_fresh(off: int) -> None:
    message = arrived(notify_body(PAID), at=NOW + timedelta(seconds=off))
    assert CHANNEL.read_notify(message).state is TradeState.PAID


@pytest.mark.parametrize(
    ("change", "refusal", "standing"),
    [
        ({"mchid": "1900000001"}, "wrong_merchant", Standing.FORGED),
        ({"mchid": None}, "wrong_merchant", Standing.FORGED),
        ({"appid": "wx1"}, "wrong_app", Standing.FORGED),
        ({"appid": ""}, "wrong_app", Standing.FORGED),
        ({"trade_state": "NEW"}, "unknown_state", Standing.HINT),
        ({"out_trade_no": ""}, "unreadable", Standing.HINT),
        ({"transaction_id": ""}, "unreadable", Standing.HINT),
        ({"success_time": "yesterday"}, "unreadable", Standing.HINT),
        ({"success_time": "2026-03-01T12:00:09"}, "unreadable", Standing.HINT),
        ({"amount": {"total": 10005, "currency": "USD"}}, "wrong_currency", Standing.HINT),
        ({"amount": {"total": 0, "currency": "CNY"}}, "unreadable", Standing.HINT),
        ({"amount": {"total": True, "currency": "CNY"}}, "unreadable", Standing.HINT),
        ({"amount": {"total": 100.5, "currency": "CNY"}}, "unreadable", Standing.HINT),
        ({"amount": {"total": "10005", "currency": "CNY"}}, "unreadable", Standing.HINT),
        ({"amount": []}, "unreadable", Standing.HINT),
    ],
)
def test_what_is_wrong_inside_is_refused(change: dict[str, Any], refusal: str, standing: Standing) -> None:
    refused(read({**PAID, **change}), refusal, standing)


@pytest.mark.parametrize(
    "change",
    [
        {"refund_status": "NEW"},
        {"out_refund_no": ""},
        {"amount": {"total": 5, "refund": 6}},
        {"amount": {"total": 10005}},
        {"appid": "wx1"},
    ],
)
def test_a_refund_that_says_nothing_usable_is_refused(change: dict[str, Any]) -> None:
    notify = read({**REFUNDED, **change}, "REFUND.SUCCESS")
    assert notify.refusal in ("unreadable", "unknown_state", "wrong_app")
    assert notify.state is TradeState.UNKNOWN


@pytest.mark.parametrize(
    ("word", "state"),
    [("NOTPAY", TradeState.PENDING), ("CLOSED", TradeState.CLOSED), ("REFUND", TradeState.REFUNDED)],
)
def test_a_success_that_is_none_is_no_payment(word: str, state: TradeState) -> None:
    """F5: the event's name does not count, the trade's own state does."""
    assert read({**PAID, "trade_state": word}).state is state


def test_other_events_are_refused() -> None:
    refused(read(PAID, "PAYSCORE.USER_PAID"), "unknown_event", Standing.HINT)


def test_another_merchants_encryption_is_refused() -> None:
    refused(read(PAID, key="0" * 32), "not_decrypted", Standing.FORGED)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 50_000])
def test_a_body_that_is_no_notify_is_refused(body: bytes) -> None:
    notify = CHANNEL.read_notify(arrived(body))
    refused(notify, "malformed", Standing.FORGED)


def test_an_unsigned_one_and_a_huge_one_are_refused_and_kept_short() -> None:
    bare = HttpMessage(method="POST", query="", headers={}, body=notify_body(PAID))
    refused(CHANNEL.read_notify(bare), "unsigned", Standing.FORGED)
    huge = CHANNEL.read_notify(HttpMessage(method="POST", query="", headers={}, body=b"x" * 1_000_000))
    refused(huge, "too_large", Standing.FORGED)
    assert len(huge.message.body) == ANSWER_BYTES_MAX


any_header = st.text(st.characters(codec="utf-8"), max_size=60)


@given(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(sorted(WECHAT.seal(b"", NOW))), any_header | st.just(WECHAT.serial), max_size=6
    ),
)
def test_whatever_comes_it_raises_nothing_and_moves_nothing(body: bytes, headers: dict[str, str]) -> None:
    notify = CHANNEL.read_notify(HttpMessage(method="POST", query="a=b", headers=headers, body=body))
    assert notify.refusal
    assert notify.state is TradeState.UNKNOWN
    assert notify.message.standing is not Standing.VERIFIED


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted({*PAID, *REFUNDED})), json_values, max_size=4), st.booleans())
def test_a_genuine_one_with_any_content_raises_nothing(changes: dict[str, Any], refund: bool) -> None:
    resource, event = (REFUNDED, "REFUND.SUCCESS") if refund else (PAID, "TRANSACTION.SUCCESS")
    notify = read({**resource, **changes}, event)
    if notify.state is TradeState.PAID:
        assert not refund
        assert (notify.amount_fen > 0, bool(notify.transaction_id)) == (True, True)


def test_only_a_post_is_believed() -> None:
    message = arrived(notify_body(PAID))
    told = HttpMessage(method="PUT", query="", headers=message.headers, body=message.body)
    assert (CHANNEL.read_notify(message).refusal, CHANNEL.read_notify(told).refusal) == ("", "wrong_method")
