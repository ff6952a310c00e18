"""What an epay aggregator's words mean: its codes, its order rows and its refusals of a refund.

``code`` 1 is success (for a refund some versions say 0); −1 is a refusal in words; −3 a wrong merchant or key,
−4 a missing parameter, −5 an unknown action. ``status``: 0 unpaid, 1 paid, 2 refunded, 3 frozen by the
aggregator (paid, its money held there), 4 authorised only. Source: wire.md, and public
sources of such aggregators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mingzhang.kit.beijing import read_beijing
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import Fen, parse_yuan
from mingzhang.payments.channels.base import FROZEN, Outcome, TradeAnswer, TradeState

TEXT_MAX: Final = 200
"""Characters of the aggregator's own words that are kept in an answer."""

_NOT_FOUND: Final = ("不存在", "未找到", "没有找到")
_PENDING: Final = frozenset({"0", "4"})
_REFUSED: Final = frozenset({"-1", "-2"})

# Words of a refusal that proves: nothing was given back. Anything else of a failed refund ("退款失败" with what
# the bank's side said, a time-out among them) proves nothing.
_SHORT: Final = "余额不足"
_BANK_FAILED: Final = "退款失败"
_NOT_REFUNDED: Final = (
    _SHORT,
    "不支持",
    "未开启",
    "不存在",
    "金额输入",
    "不能大于",
    "不能超过",
    "不能为空",
)
_REFUNDED_BEFORE: Final = ("已退款", "已全额退款")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer's ``code`` and ``msg``, and how the call ended by them."""

    outcome: Outcome
    code: str
    text: str


def judge(fields: Mapping[str, Any], success: frozenset[str] = frozenset({"1"})) -> Said:
    """Only a code of `success` is one; −1 and −2 are refusals; the rest (a wrong key, …) is unknown."""
    code, text = text_of(fields, "code"), text_of(fields, "msg")[:TEXT_MAX]
    outcome = Outcome.UNKNOWN
    if code in success:
        outcome = Outcome.OK
    elif code in _REFUSED:
        outcome = Outcome.REFUSED
    return Said(outcome=outcome, code=f"epay_{code}"[:TEXT_MAX], text=text)


def means_not_found(said: Said) -> bool:
    """订单号不存在. A wrong merchant id is said in like words, under another code."""
    return said.outcome is Outcome.REFUSED and any(words in said.text for words in _NOT_FOUND)


def means_refunded_before(said: Said) -> bool:
    """The whole amount went back already; only whole amounts go back, so it was under this number."""
    return said.outcome is Outcome.REFUSED and any(words in said.text for words in _REFUNDED_BEFORE)


def means_not_refunded(said: Said) -> bool:
    """A refusal before anything was sent to the bank's side, or by the bank's side for want of money."""
    if said.outcome is not Outcome.REFUSED:
        return False
    words = (_SHORT,) if said.text.startswith(_BANK_FAILED) else _NOT_REFUNDED
    return any(each in said.text for each in words)


def read_row(row: Mapping[str, Any], pid: str) -> TradeAnswer | None:
    """One order row as a trade; None when it cannot be read strictly, or is another merchant's.

    ``money`` is what the merchant asked for; what the payer paid (``realmoney``) is told nowhere and may
    differ by the aggregator's own surcharge.
    """
    amount_fen = read_fen(row, "money")
    status, transaction_id = text_of(row, "status"), text_of(row, "trade_no")
    payment_no = text_of(row, "out_trade_no")
    if not amount_fen or not 0 < len(transaction_id) <= 64 or not payment_no:
        return None
    if text_of(row, "pid") not in ("", pid):
        return None
    refunded_fen = _refunded(row, status, amount_fen)
    if refunded_fen is None:
        return None
    return TradeAnswer(
        state=_state(status, refunded_fen, amount_fen),
        payment_no=payment_no,
        transaction_id=transaction_id,
        amount_fen=amount_fen,
        refunded_fen=refunded_fen,
        paid_at=None if status in _PENDING else read_beijing(row.get("endtime")),
        buyer_mask=mask(text_of(row, "buyer")),
        code=FROZEN if status == "3" else "",
    )


def _state(status: str, refunded_fen: Fen, amount_fen: Fen) -> TradeState:
    if status in _PENDING:
        return TradeState.PENDING
    if status in ("1", "3"):
        return TradeState.PAID
    if status == "2":
        return TradeState.REFUNDED if refunded_fen >= amount_fen else TradeState.PAID
    return TradeState.UNKNOWN


def _refunded(row: Mapping[str, Any], status: str, amount_fen: Fen) -> Fen | None:
    """Fen given back; None when it cannot be read. Most versions tell no sum: then it is the whole amount."""
    if status != "2":
        return 0
    if not row.get("refundmoney"):
        return amount_fen
    told = read_fen(row, "refundmoney")
    return None if told is None else min(told, amount_fen) or amount_fen


def read_fen(fields: Mapping[str, Any], name: str) -> Fen | None:
    """A yuan amount ("100.00", "100.5", "100") as fen; None for anything that is not exactly one."""
    try:
        return parse_yuan(text_of(fields, name))
    except Problem:
        return None


def mask(shown: str) -> str:
    """The payer's account at the bank's side (openid, 2088…, or a login), never in full."""
    shown = shown[:64]
    return shown if "*" in shown or not shown else f"{shown[:3]}***"


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field that is text, else empty; `epay_wire.read_json` reads numbers as text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
