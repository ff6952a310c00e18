"""What WeChat Pay's words mean: answer codes, trade states and refund states, in the product's own words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mingzhang.kit.money import FEN_MAX, Fen
from mingzhang.payments.channels.base import Outcome, RefundState, TradeState

TEXT_MAX: Final = 200
"""Characters of the channel's own words that are kept in an answer."""

NOT_THERE: Final = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS", "NOT_FOUND"})
CURRENCY: Final = "CNY"

# Refusals that say nothing certain about the money, and complaints about our own set-up: once that is mended
# the same number goes on. Too many calls: it was not done, but asking costs nothing and proves it.
_UNCERTAIN: Final = frozenset(
    {
        "SYSTEM_ERROR",
        "BANK_ERROR",
        "USER_PAYING",
        "FREQUENCY_LIMITED",
        "FREQUENCY_LIMIT_EXCEED",
        "RATELIMIT_EXCEEDED",
        "SIGN_ERROR",
        "NO_AUTH",
        "MCH_NOT_EXISTS",
        "APPID_MCHID_NOT_MATCH",
    }
)
_UNCERTAIN_STATUSES: Final = frozenset({401, 408, 425, 429})

_TRADE_STATES: Final = {
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.REFUNDED,
    "NOTPAY": TradeState.PENDING,
    "USERPAYING": TradeState.PENDING,
    "ACCEPT": TradeState.PENDING,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
}
# ABNORMAL (退款异常): the card is dead, the money waits at WeChat for a person to send it elsewhere. It is
# neither back with us nor with the buyer, so it stays accepted, with its word as the code.
_REFUND_STATES: Final = {
    "SUCCESS": RefundState.ARRIVED,
    "PROCESSING": RefundState.ACCEPTED,
    "ABNORMAL": RefundState.ACCEPTED,
    "CLOSED": RefundState.REFUSED,
}


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as a notify or a query tells it; fen. WeChat never says how much of it was refunded."""

    payment_no: str
    state: TradeState
    transaction_id: str
    amount_fen: Fen
    paid_at: datetime | None
    buyer_mask: str
    payer: str = ""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """One refund as a notify or a query tells it; fen. `word`: WeChat's own state."""

    payment_no: str
    refund_no: str
    state: RefundState
    word: str
    transaction_id: str
    refund_id: str
    amount_fen: Fen
    total_fen: Fen
    destination: str


def judge(status: int, fields: Mapping[str, Any]) -> tuple[Outcome, str, str]:
    """Outcome, code and text of a verified answer: 2xx is success, a 4xx with a reason a refusal."""
    code = text_of(fields, "code")[:TEXT_MAX]
    text = text_of(fields, "message")[:TEXT_MAX]
    if 200 <= status < 300:
        return Outcome.OK, code, text
    certain = 400 <= status < 500 and status not in _UNCERTAIN_STATUSES and code not in _UNCERTAIN
    if certain and code:
        return Outcome.REFUSED, code, text
    return Outcome.UNKNOWN, code or f"http_{status}", text


def read_trade(fields: Mapping[str, Any]) -> Trade | None:
    """A transaction; None when it lacks what its state promises, or is not in yuan renminbi (F5, F18)."""
    state = _TRADE_STATES.get(text_of(fields, "trade_state"), TradeState.UNKNOWN)
    amount = _object(fields, "amount")
    amount_fen = _fen(amount, "total")
    paid_at = read_time(fields.get("success_time"))
    trade = Trade(
        payment_no=text_of(fields, "out_trade_no"),
        state=state,
        transaction_id=text_of(fields, "transaction_id")[:64],
        amount_fen=amount_fen or 0,
        paid_at=paid_at,
        buyer_mask=mask_openid(text_of(_object(fields, "payer"), "openid")),
        payer=text_of(_object(fields, "payer"), "openid")[:64],
    )
    if not trade.payment_no or in_other_currency(fields):
        return None
    if state in (TradeState.PAID, TradeState.REFUNDED) and not (
        trade.transaction_id and amount_fen and paid_at
    ):
        return None
    return trade


def read_refund(fields: Mapping[str, Any], word_name: str) -> Refund | None:
    """A refund; None when numbers or amounts are missing. `word_name`: ``status`` or ``refund_status``."""
    amount = _object(fields, "amount")
    amount_fen, total_fen = _fen(amount, "refund"), _fen(amount, "total")
    word = text_of(fields, word_name)[:TEXT_MAX]
    refund = Refund(
        payment_no=text_of(fields, "out_trade_no"),
        refund_no=text_of(fields, "out_refund_no"),
        state=_REFUND_STATES.get(word, RefundState.UNKNOWN),
        word=word,
        transaction_id=text_of(fields, "transaction_id")[:64],
        refund_id=text_of(fields, "refund_id")[:64],
        amount_fen=amount_fen or 0,
        total_fen=total_fen or 0,
        destination=text_of(fields, "user_received_account")[:64],
    )
    if not (refund.payment_no and refund.refund_no and amount_fen and total_fen):
        return None
    if amount_fen > total_fen or in_other_currency(fields):
        return None
    return refund


def in_other_currency(fields: Mapping[str, Any]) -> bool:
    """Whether the amount is named in anything but yuan renminbi; a refund's notify names no currency."""
    named: object = _object(fields, "amount").get("currency", CURRENCY)
    return named != CURRENCY


def read_time(text: object) -> datetime | None:
    """RFC 3339 with an offset as aware UTC; None for anything else."""
    if not isinstance(text, str) or not 19 < len(text) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field that is text, else empty."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _fen(fields: Mapping[str, Any], name: str) -> Fen | None:
    """An amount above nothing; None for anything but such a whole number (JSON true is none)."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= FEN_MAX:
        return None
    return value


def mask_openid(openid: str) -> str:
    """A payer's openid is personal data: its beginning tells buyers apart well enough."""
    return f"{openid[:6]}***" if openid else ""
