"""Read one WeChat Pay notify (回调通知): the seal first, then for whom it is, then what it says.

Pure but for noting an unknown serial; never raises. Ordered refusals, a closed list (F4, F5, F18). Amount and
order are held against the payment by the caller, who alone knows them. Payments and refunds come to the same
address; a refund's notify tells of one refund, never of a payment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.kit.outbound import ANSWER_BYTES_MAX
from mingzhang.payments.channels.base import Notify, RefundState, TradeState
from mingzhang.payments.channels.wechat_keys import PlatformKeys, standing_of
from mingzhang.payments.channels.wechat_states import (
    Refund,
    Trade,
    in_other_currency,
    read_refund,
    read_trade,
    text_of,
)
from mingzhang.payments.channels.wechat_wire import (
    SEALED_TYPE,
    open_resource,
    read_json,
    read_seal,
    with_seal,
)

PARTY: Final = "wechat"
KIND: Final = "wechat.notify"

_PAID: Final = "TRANSACTION.SUCCESS"
_REFUNDS: Final = frozenset({"REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"})


class Refusal(StrEnum):
    """Why a notify with a good seal is not believed; the seal's own reasons are `wechat_keys.Doubt`."""

    WRONG_METHOD = "wrong_method"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_DECRYPTED = "not_decrypted"
    WRONG_MERCHANT = "wrong_merchant"
    WRONG_APP = "wrong_app"
    UNKNOWN_EVENT = "unknown_event"
    WRONG_CURRENCY = "wrong_currency"
    UNREADABLE = "unreadable"
    UNKNOWN_STATE = "unknown_state"


# What WeChat itself signed but says nothing usable may still be a reason to ask; the rest is forged.
_HINTS: Final = frozenset(
    {Refusal.UNKNOWN_EVENT, Refusal.WRONG_CURRENCY, Refusal.UNREADABLE, Refusal.UNKNOWN_STATE}
)


def read_notify(
    http: HttpMessage, keys: PlatformKeys, secrets: Sequence[bytes], *, mchid: str, app_id: str, now: datetime
) -> Notify:
    """Say what the notify claims and how far it may be believed (R4)."""
    if len(http.body) > ANSWER_BYTES_MAX:
        return _refused(http, Refusal.TOO_LARGE, Standing.FORGED, {})
    if http.method != "POST":
        return _refused(http, Refusal.WRONG_METHOD, Standing.FORGED, {})
    seal = read_seal(http.headers)
    doubt = keys.check(seal, http.body, now)
    envelope = read_json(http.body) or {}
    # Also for a doubted one: nobody without our APIv3 key could have encrypted it, so the order it names may
    # stand beside the evidence. It moves nothing.
    plain = open_resource(envelope.get("resource"), secrets)
    fields = read_json(plain) or {}
    if doubt is not None:
        return _refused(http, doubt, standing_of(doubt), fields, seal.sent_at if seal else None)
    sent_at = seal.sent_at if seal else None
    refusal = _refuse(envelope, plain, fields, mchid, app_id)
    if refusal is not None:
        standing = Standing.HINT if refusal in _HINTS else Standing.FORGED
        return _refused(http, refusal, standing, fields, sent_at)
    if text_of(envelope, "event_type") == _PAID:
        return _payment(http, read_trade(fields), fields, sent_at)
    return _refund(http, read_refund(fields, "refund_status"), fields, sent_at)


def _refuse(
    envelope: Mapping[str, Any], plain: bytes | None, fields: Mapping[str, Any], mchid: str, app_id: str
) -> Refusal | None:
    if not envelope:
        return Refusal.MALFORMED
    if plain is None:
        return Refusal.NOT_DECRYPTED
    event = text_of(envelope, "event_type")
    if event != _PAID and event not in _REFUNDS:
        return Refusal.UNKNOWN_EVENT
    if fields.get("mchid") != mchid:
        return Refusal.WRONG_MERCHANT
    # A refund's notify names no app.
    if fields.get("appid") != app_id and (event == _PAID or "appid" in fields):
        return Refusal.WRONG_APP
    return Refusal.WRONG_CURRENCY if in_other_currency(fields) else None


def _payment(
    http: HttpMessage, trade: Trade | None, fields: Mapping[str, Any], sent_at: datetime | None
) -> Notify:
    if trade is None:
        return _refused(http, Refusal.UNREADABLE, Standing.HINT, fields, sent_at)
    if trade.state is TradeState.UNKNOWN:
        return _refused(http, Refusal.UNKNOWN_STATE, Standing.HINT, fields, sent_at)
    return Notify(
        message=_message(http, Standing.VERIFIED, sent_at, ""),
        payment_no=trade.payment_no,
        state=trade.state,
        transaction_id=trade.transaction_id,
        amount_fen=trade.amount_fen,
        paid_at=trade.paid_at,
        buyer_mask=trade.buyer_mask,
        payer=trade.payer,
    )


def _refund(
    http: HttpMessage, refund: Refund | None, fields: Mapping[str, Any], sent_at: datetime | None
) -> Notify:
    if refund is None:
        return _refused(http, Refusal.UNREADABLE, Standing.HINT, fields, sent_at)
    if refund.state is RefundState.UNKNOWN:
        return _refused(http, Refusal.UNKNOWN_STATE, Standing.HINT, fields, sent_at)
    return Notify(
        message=_message(http, Standing.VERIFIED, sent_at, ""),
        payment_no=refund.payment_no,
        state=TradeState.REFUNDED,
        transaction_id=refund.transaction_id,
        amount_fen=refund.total_fen,
        refunded_fen=refund.amount_fen if refund.state is RefundState.ARRIVED else 0,
        refund_no=refund.refund_no,
        refund_state=refund.state,
    )


def _refused(
    http: HttpMessage,
    refusal: StrEnum,
    standing: Standing,
    fields: Mapping[str, Any],
    sent_at: datetime | None = None,
) -> Notify:
    return Notify(
        message=_message(http, standing, sent_at, refusal.value),
        payment_no=text_of(fields, "out_trade_no"),
        refusal=refusal.value,
    )


def _message(http: HttpMessage, standing: Standing, sent_at: datetime | None, note: str) -> Message:
    return Message(
        party=PARTY,
        kind=KIND,
        direction=Direction.IN,
        standing=standing,
        body=with_seal(http.headers, http.body, ANSWER_BYTES_MAX),
        content_type=SEALED_TYPE,
        occurred_at=sent_at,
        note=note,
    )
