"""Read one epay notify (异步通知): GET, signed with the secret that we hold as well, so at best a hint.

Pure; never raises. Ordered refusals, a closed list (F4, F5). A notify without a refusal says what the
aggregator claims, and nothing moves before a query agrees: the caller asks by the number, and by
``transaction_id``, because an aggregator that keeps two trades on one number answers for one of them only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.kit.outbound import ANSWER_BYTES_MAX
from mingzhang.payments.channels.alipay_wire import read_form
from mingzhang.payments.channels.base import Notify, TradeState
from mingzhang.payments.channels.epay_states import read_fen
from mingzhang.payments.channels.epay_wire import FORM_TYPE, Signing

KIND: Final = "epay.notify"
_PAID: Final = "TRADE_SUCCESS"


class Refusal(StrEnum):
    """Why a notify is not even a hint, or says nothing."""

    WRONG_METHOD = "wrong_method"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    WRONG_APP = "wrong_app"
    UNKNOWN_STATE = "unknown_state"


def read_notify(http: HttpMessage, signing: Signing, *, party: str, pid: str) -> Notify:
    """Say what the notify claims. The documents have GET; a few clones POST the same fields as a form."""
    raw = http.query.encode("latin-1", "replace") if http.method == "GET" else http.body
    message = _message(http, party, raw)
    if http.method not in ("GET", "POST"):
        return _refused(message, Refusal.WRONG_METHOD, {})
    if len(raw) > ANSWER_BYTES_MAX:
        return _refused(message, Refusal.TOO_LARGE, {})
    fields = read_form(raw)
    if fields is None or not fields.get("sign"):
        return _refused(message, Refusal.MALFORMED, fields or {})
    if fields.get("sign_type", "MD5").upper() != "MD5" or not signing.fits(fields):
        return _refused(message, Refusal.BAD_SIGNATURE, fields)
    if fields.get("pid") != pid:
        return _refused(message, Refusal.WRONG_APP, fields)
    amount_fen = read_fen(fields, "money")
    if not amount_fen or not fields.get("out_trade_no") or not fields.get("trade_no"):
        return _refused(message, Refusal.MALFORMED, fields)
    if fields.get("trade_status") != _PAID:
        return _refused(message, Refusal.UNKNOWN_STATE, fields, Standing.HINT)
    return Notify(
        message=message,
        payment_no=fields["out_trade_no"],
        state=TradeState.PAID,
        transaction_id=fields["trade_no"],
        amount_fen=amount_fen,
    )


def _refused(
    message: Message, refusal: Refusal, fields: Mapping[str, str], standing: Standing = Standing.FORGED
) -> Notify:
    marked = Message(
        party=message.party,
        kind=message.kind,
        direction=message.direction,
        standing=standing,
        body=message.body,
        content_type=message.content_type,
        note=refusal.value,
    )
    return Notify(message=marked, payment_no=fields.get("out_trade_no", ""), refusal=refusal.value)


def _message(http: HttpMessage, party: str, raw: bytes) -> Message:
    posted = http.headers.get("content-type", "")[:200] or "application/octet-stream"
    return Message(
        party=party,
        kind=KIND,
        direction=Direction.IN,
        standing=Standing.HINT,
        body=raw[:ANSWER_BYTES_MAX],
        content_type=FORM_TYPE if http.method == "GET" else posted,
    )
