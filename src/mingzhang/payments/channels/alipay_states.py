"""What Alipay's words mean: answer codes, trade states and refund states, in the product's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mingzhang.kit.beijing import read_beijing
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import Fen, parse_yuan
from mingzhang.payments.channels.base import Outcome, RefundState, TradeState

TEXT_MAX: Final = 200
"""Characters of the channel's own words that are kept in an answer."""

TRADE_NOT_EXIST: Final = "ACQ.TRADE_NOT_EXIST"

_SUCCESS: Final = "10000"
_BUSINESS_FAILURE: Final = "40004"

# A business failure that says nothing certain about the money. DISCORDANT_REPEAT_REQUEST: a refund of another
# amount already bears this number, so the number has to be asked for. AQC is the gateway's own misspelling.
_UNCERTAIN: Final = frozenset(
    {"ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "ACQ.DISCORDANT_REPEAT_REQUEST", "ACQ.REFUND_FEE_SETTLING"}
)

_PAID: Final = frozenset({"TRADE_SUCCESS", "TRADE_FINISHED"})
_REFUND_STATES: Final = {
    "REFUND_SUCCESS": RefundState.ARRIVED,
    "REFUND_PROCESSING": RefundState.ACCEPTED,
}


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as a notify or a query tells it. Fen, whole trade; `refunded_fen` sums all refunds so far."""

    state: TradeState
    amount_fen: Fen
    refunded_fen: Fen


def judge(fields: Mapping[str, Any]) -> tuple[Outcome, str, str]:
    """Outcome, code and text of a verified answer.

    Only 10000 is success and only 40004 with an ``ACQ.`` reason is a refusal. 20000 is unknown, and so are
    the gateway's own complaints (a wrong key, a missing right): once mended, the same number goes on.
    """
    code, reason = text_of(fields, "code"), text_of(fields, "sub_code")
    text = (text_of(fields, "sub_msg") or text_of(fields, "msg"))[:TEXT_MAX]
    if code == _SUCCESS:
        return Outcome.OK, code, text
    if code == _BUSINESS_FAILURE and reason.startswith("ACQ.") and reason not in _UNCERTAIN:
        return Outcome.REFUSED, reason, text
    return Outcome.UNKNOWN, (reason or code)[:TEXT_MAX], text


def read_trade(fields: Mapping[str, Any], paid_at_name: str) -> Trade | None:
    """State and amounts; None when an amount cannot be read strictly or the sums cannot be.

    TRADE_CLOSED means two things: never paid, or refunded in full. A time of payment or a refund tells them
    apart. `paid_at_name`: ``gmt_payment`` in a notify, ``send_pay_date`` in a query.
    """
    amount_fen = read_fen(fields, "total_amount")
    refunded_fen = read_fen(fields, "refund_fee") if fields.get("refund_fee") else 0
    if amount_fen is None or refunded_fen is None or not 0 <= refunded_fen <= amount_fen or amount_fen == 0:
        return None
    status = text_of(fields, "trade_status")
    state = TradeState.UNKNOWN
    if status == "WAIT_BUYER_PAY":
        state = TradeState.PENDING
    elif status in _PAID:
        state = TradeState.PAID
    elif status == "TRADE_CLOSED":
        went_back = refunded_fen or text_of(fields, "gmt_refund") or read_beijing(fields.get(paid_at_name))
        state = TradeState.REFUNDED if went_back else TradeState.CLOSED
        refunded_fen = amount_fen if went_back else 0
    return Trade(state=state, amount_fen=amount_fen, refunded_fen=refunded_fen)


def read_refund_state(fields: Mapping[str, Any]) -> RefundState:
    """One refund's state. Without ``refund_status`` Alipay knows of no refund made under the number."""
    status = text_of(fields, "refund_status")
    return _REFUND_STATES.get(status, RefundState.UNKNOWN) if status else RefundState.NOT_FOUND


def read_fen(fields: Mapping[str, Any], name: str) -> Fen | None:
    """A yuan amount as fen; None for anything that is not exactly one."""
    try:
        return parse_yuan(text_of(fields, name))
    except Problem:
        return None


def mask_of(fields: Mapping[str, Any]) -> str:
    """The payer as Alipay masks it; whatever comes unmasked is masked here."""
    shown = text_of(fields, "buyer_logon_id")[:64]
    return shown if "*" in shown or not shown else f"{shown[:3]}***"


def payer_of(fields: Mapping[str, Any]) -> str:
    """The payer's own number at Alipay; a query and a notify name the same field in two ways."""
    names = ("buyer_id", "buyer_user_id", "buyer_open_id")
    return next((text for name in names if (text := text_of(fields, name)[:64])), "")


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field that is text, else empty."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
