"""How WeChat writes an order and a refund, in answers and inside notifies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulators.wechat.model import SUCCESS, Order, Refund, WechatParty
from simulators.world import BEIJING

_DESCRIPTIONS = {"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}
ACCOUNT = "支付用户零钱"


def rfc3339(moment: datetime | None) -> str:
    """Beijing time with its offset, or empty."""
    return moment.astimezone(BEIJING).isoformat(timespec="seconds") if moment else ""


def trade(party: WechatParty, order: Order, **changes: Any) -> dict[str, Any]:
    """A transaction as the query and the payment notify tell it."""
    told: dict[str, Any] = {
        "appid": party.app_id,
        "mchid": party.mchid,
        "out_trade_no": order.out_trade_no,
        "trade_state": order.state,
        "trade_state_desc": _DESCRIPTIONS[order.state],
        "attach": "",
        "payer": {},
        "amount": {"total": order.amount_fen, "currency": "CNY"},
    }
    if order.paid_fen:
        told |= {
            "transaction_id": order.transaction_id,
            "trade_type": order.kind,
            "bank_type": "OTHERS",
            "success_time": rfc3339(order.paid_at),
            "payer": {"openid": order.payer},
            "amount": {
                "total": order.amount_fen,
                "payer_total": order.amount_fen,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }
    return told | changes


def ghost(order: Order, transaction_id: str, now: datetime) -> Order:
    """The order as if it had been paid, for notifies that lie."""
    return Order(
        order.out_trade_no,
        order.kind,
        order.description,
        order.amount_fen,
        order.notify_url,
        order.created_at,
        None,
        order.token,
        order.payer,
        SUCCESS,
        transaction_id,
        order.amount_fen,
        now,
    )


def refund(order: Order, made: Refund) -> dict[str, Any]:
    """A refund as the refund call and its query tell it."""
    told: dict[str, Any] = {
        "refund_id": made.refund_id,
        "out_refund_no": made.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": ACCOUNT,
        "create_time": rfc3339(made.at),
        "status": made.status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": order.amount_fen,
            "refund": made.fen,
            "payer_total": order.amount_fen,
            "payer_refund": made.fen,
            "settlement_refund": made.fen,
            "settlement_total": order.amount_fen,
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if made.status == SUCCESS:
        told["success_time"] = rfc3339(made.ended_at)
    return told


def refund_news(party: WechatParty, order: Order, made: Refund) -> dict[str, Any]:
    """A refund as its notify tells it: other names, and no app."""
    told: dict[str, Any] = {
        "mchid": party.mchid,
        "out_trade_no": order.out_trade_no,
        "transaction_id": order.transaction_id,
        "out_refund_no": made.out_refund_no,
        "refund_id": made.refund_id,
        "refund_status": made.status,
        "user_received_account": ACCOUNT,
        "amount": {
            "total": order.amount_fen,
            "refund": made.fen,
            "payer_total": order.amount_fen,
            "payer_refund": made.fen,
        },
    }
    if made.status == SUCCESS:
        told["success_time"] = rfc3339(made.ended_at)
    return told
