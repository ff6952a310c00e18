"""Read one Alipay notify (异步通知): signature first, then for whom it is, then what it says.

Pure; never raises. Ordered refusals, a closed list (F4, F5, F18). Amount and order are held against the
payment by the caller, who alone knows them. A refused notify is kept as evidence and moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.kit.beijing import read_beijing
from mingzhang.kit.outbound import ANSWER_BYTES_MAX
from mingzhang.payments.channels.alipay_states import mask_of, payer_of, read_trade
from mingzhang.payments.channels.alipay_wire import Verifier, read_form, signed_text
from mingzhang.payments.channels.base import Notify, TradeState

PARTY: Final = "alipay"
KIND: Final = "alipay.notify"

STALE_AFTER: Final = timedelta(hours=24, minutes=30)
"""Alipay's last retry comes 24 h 24 min after the first notify; an older one is a replay, at best a hint."""


class Refusal(StrEnum):
    """Why a notify is not believed."""

    WRONG_METHOD = "wrong_method"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    WRONG_APP = "wrong_app"
    WRONG_SELLER = "wrong_seller"
    STALE = "stale"
    UNKNOWN_STATE = "unknown_state"


# What was signed by Alipay itself but says nothing usable may still be a reason to ask; the rest is forged.
_HINTS: Final = frozenset({Refusal.STALE, Refusal.UNKNOWN_STATE})


def read_notify(
    http: HttpMessage, verifier: Verifier, *, app_id: str, seller_id: str, now: datetime
) -> Notify:
    """Say what the notify claims and how far it may be believed (R4)."""
    if len(http.body) > ANSWER_BYTES_MAX:
        return _refused(http, Refusal.TOO_LARGE, {})
    if http.method != "POST":
        return _refused(http, Refusal.WRONG_METHOD, {})
    fields = read_form(http.body)
    if fields is None or not fields.get("sign"):
        return _refused(http, Refusal.MALFORMED, fields or {})
    sign = fields.pop("sign")
    sign_type = fields.pop("sign_type", "RSA2")
    if sign_type != "RSA2" or not verifier.fits(
        signed_text(fields).encode(), sign, fields.get("alipay_cert_sn", "")
    ):
        return _refused(http, Refusal.BAD_SIGNATURE, fields)
    if fields.get("app_id") != app_id:
        return _refused(http, Refusal.WRONG_APP, fields)
    if fields.get("seller_id") != seller_id:
        return _refused(http, Refusal.WRONG_SELLER, fields)
    return _read_genuine(http, fields, now)


def _read_genuine(http: HttpMessage, fields: Mapping[str, str], now: datetime) -> Notify:
    trade = read_trade(fields, "gmt_payment")
    sent_at = read_beijing(fields.get("notify_time"))
    if trade is None or sent_at is None or not fields.get("out_trade_no") or not fields.get("trade_no"):
        return _refused(http, Refusal.MALFORMED, fields)
    if now - sent_at > STALE_AFTER:
        return _refused(http, Refusal.STALE, fields, sent_at)
    if trade.state is TradeState.UNKNOWN:
        return _refused(http, Refusal.UNKNOWN_STATE, fields, sent_at)
    # A success that carries a refund tells of the refund, not of a payment.
    refund_shaped = trade.refunded_fen > 0 or bool(fields.get("gmt_refund"))
    return Notify(
        message=_message(http, Standing.VERIFIED, sent_at, ""),
        payment_no=fields["out_trade_no"],
        state=TradeState.REFUNDED if refund_shaped else trade.state,
        transaction_id=fields["trade_no"],
        amount_fen=trade.amount_fen,
        refunded_fen=trade.refunded_fen,
        paid_at=read_beijing(fields.get("gmt_payment")),
        buyer_mask=mask_of(fields),
        payer=payer_of(fields),
    )


def _refused(
    http: HttpMessage, refusal: Refusal, fields: Mapping[str, str], sent_at: datetime | None = None
) -> Notify:
    standing = Standing.HINT if refusal in _HINTS else Standing.FORGED
    return Notify(
        message=_message(http, standing, sent_at, refusal.value),
        payment_no=fields.get("out_trade_no", ""),
        refusal=refusal.value,
    )


def _message(http: HttpMessage, standing: Standing, sent_at: datetime | None, note: str) -> Message:
    return Message(
        party=PARTY,
        kind=KIND,
        direction=Direction.IN,
        standing=standing,
        body=http.body[:ANSWER_BYTES_MAX],
        content_type=http.headers.get("content-type", "")[:200] or "application/octet-stream",
        occurred_at=sent_at,
        note=note,
    )
