"""What the complainant reads at the channel of what happened in the case: plain sentences, in Chinese as all else there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mingzhang.disputes.belongs import came
from mingzhang.disputes.store import Dispute
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.refunds.store import Refund

REFUNDED: Final = frozenset({"refunded", "part_refunded"})
OUTCOMES: Final = {
    "refunded": "已为您原路全额退款，请留意到账。",
    "part_refunded": "已按约定为您原路部分退款，请留意到账。",
    "resupplied": "已为您补发，请查收。",
    "delivered": "已与您确认商品到账。",
    "charged_back": "款项已由支付渠道退回给您。",
    "refunded_outside": "款项已由支付渠道退回给您。",
    "nothing_paid": "已查明这笔款没有付出，没有扣您的钱。",
    "withdrawn": "您已撤回，本次处理结束。",
    "declined": "已核实并答复，本次处理结束；如有异议可继续反馈。",
    "lapsed": "没有收到您的进一步说明，本次处理结束；如有异议可继续反馈。",
}


def offered(remedy: str, amount_fen: int) -> str:
    """An offer of the shop, before the buyer's answer."""
    if remedy == "refund":
        return f"我们提出为您原路退款 {format_yuan(amount_fen)} 元，请在订单页接受或回复我们。"
    return "我们提出为您重新补发，请在订单页接受或回复我们。"


def refunding(refunds: Sequence[Refund]) -> str:
    """The platform's own refund was planned, or has arrived meanwhile."""
    if all(refund.arrived_at is not None for refund in refunds):
        return f"已同意退款并已退回。{arrived(refunds)}"
    total = format_yuan(sum(refund.amount_fen for refund in refunds))
    return f"已同意退款 {total} 元，正按原支付方式退回，一般 1–3 个工作日到账。"


def ended(case: Dispute, refunds: Sequence[Refund]) -> str:
    """How the case ended, with the refund's proof where that was its end."""
    if came(case):
        return f"已与您确认退款到账。{arrived(refunds)}"
    text = OUTCOMES.get(case.outcome, OUTCOMES["declined"])
    return text + arrived(refunds) if case.outcome in REFUNDED else text


def arrived(refunds: Sequence[Refund]) -> str:
    """The proof beside the word: the newest refund that arrived, by its number; "" when none did. Times in Beijing's."""
    there = [(it.arrived_at, it) for it in refunds if it.state == "arrived" and it.arrived_at is not None]
    if not there:
        return ""
    at, newest = there[0]
    total = format_yuan(sum(refund.amount_fen for _, refund in there))
    return f"共 {total} 元，退款单号 {newest.refund_no}，{write_beijing(at)} 已确认退回；如有疑问可在此继续反馈。"


def parts(text: str, most: int) -> list[str]:
    """A text as replies of at most `most` characters each, none empty."""
    text = text.strip()
    return [text[at : at + most] for at in range(0, len(text), most)]
