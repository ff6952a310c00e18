"""What webhooks tell: which event of an order becomes which type, and the body of a message. Pure.

A new kind of event is one line of `TYPES`. A body names numbers, states and amounts, never an account, a contact, a
card code, a cost or a token; whoever wants more asks the API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from mingzhang.notices.model import Facts

GROUPS: Final = ("order", "refund", "dispute")
PING: Final = "shop.ping"

# By kind of event: the type, whose part before the dot is its group.
TYPES: Final[Mapping[str, str]] = {
    "paid": "order.paid",
    "paid_late": "order.paid",
    "delivered": "order.delivered",
    "partly_delivered": "order.partly_delivered",
    "late_success": "order.delivered_late",
    "supplier_refused": "order.refused",
    "supplier_reversed": "order.reversed",
    "choice_open": "order.choice_open",
    "correction_asked": "order.needs_buyer",
    "needs_person": "order.needs_person",
    "expired": "order.closed",
    "payment_contradicted": "order.payment_in_doubt",
    "payment_frozen": "order.payment_frozen",
    "payment_unfrozen": "order.payment_unfrozen",
    "deadline_missed": "order.deadline_missed",
    "refund_asked": "refund.asked",
    "refund_accepted": "refund.accepted",
    "refund_arrived": "refund.arrived",
    "refund_refused": "refund.refused",
    "refund_abnormal": "refund.abnormal",
    "refund_waiting_float": "refund.waiting",
    "excess_refund_asked": "refund.excess_asked",
    "excess_refunded": "refund.excess_arrived",
    "dispute_opened": "dispute.opened",
    "dispute_message": "dispute.message",
    "dispute_asked": "dispute.asked",
    "dispute_offered": "dispute.offered",
    "dispute_accepted": "dispute.accepted",
    "dispute_refused": "dispute.refused",
    "dispute_held": "dispute.held",
    "dispute_released": "dispute.released",
    "dispute_breached": "dispute.breached",
    "dispute_remedy": "dispute.remedy",
    "dispute_remedy_failed": "dispute.remedy_failed",
    "dispute_closed": "dispute.closed",
    "dispute_reopened": "dispute.reopened",
}


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The message: what happened, when, and to what."""

    type: str
    timestamp: str
    data: dict[str, str | int | None]


def group_of(webhook_type: str) -> str:
    """The part before the dot."""
    return webhook_type.partition(".")[0]


def message_id(route_id: str, subject: str, key: str) -> str:
    """The message's own number: the same for every attempt and every sending anew, so that its receiver can tell."""
    named = f"{route_id}\n{subject}\n{key.partition('#')[0]}"
    return f"msg_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def write_body(facts: Facts) -> str:
    """The body as it is signed and sent; the same facts give the same bytes."""
    at = facts.at.isoformat() if facts.at else ""
    if facts.event == PING:
        return msgspec.json.encode(Body(type=PING, timestamp=at, data={})).decode()
    data: dict[str, str | int | None] = {
        "order_id": facts.order_id,
        "seq": facts.seq,
        "event": facts.event,
        "state": facts.state,
        "place": facts.place,
        "amount_fen": facts.amount_fen,
        "reason": facts.reason,
        "deadline_at": facts.until.isoformat() if facts.until else None,
    }
    return msgspec.json.encode(Body(type=TYPES[facts.event], timestamp=at, data=data)).decode()
