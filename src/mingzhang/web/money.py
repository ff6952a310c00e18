"""The money as a picture: which of 您 → 通道 → 存管 → 供应商 the price has passed and where it lies now.

Shows P whole or its refunded and remaining parts; never cost, fee or margin (ledger.md).
"""

from __future__ import annotations

from typing import Final

import msgspec

from mingzhang.web.model import MoneyPart, OrderPage

# Which node of the picture a place belongs to.
NODES: Final = ("you", "channel", "custody", "supplier")
NODE_OF: Final = {
    "channel": 1,
    "hold": 1,
    "missing": 1,
    "suspense": 1,
    "transit.settlement": 2,
    "custody": 2,
    "supplier.reserved": 3,
    "supplier.settled": 3,
}
REFUND_PLACES: Final = ("refunding", "refund.transit", "refund.arrived", "refund.chargeback")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One stop. ``state``: here, passed, todo, maybe, done (used for the order). ``amount_fen``: what
    lies here now."""

    code: str
    party: str
    state: str
    amount_fen: int = 0


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """``back``: the parts on their way back to the buyer, or there."""

    nodes: tuple[Node, ...]
    back: tuple[MoneyPart, ...]
    back_done: bool


def picture(page: OrderPage) -> Picture:
    """Place every part of the price on the way; an unpaid order's money is still with the buyer."""
    lying = [0, 0, 0, 0]
    parties = ["", _channel(page), "", ""]
    back = tuple(part for part in page.money if part.place in REFUND_PLACES)
    used = False
    for part in page.money:
        at = NODE_OF.get(part.place)
        if at is None:
            continue
        lying[at] += part.amount_fen
        parties[at] = part.party
        used = used or part.place == "supplier.settled"
    if not page.money and page.pay_badge in ("awaiting", "closed"):
        lying[0] = page.price_fen
    asking = not page.money and page.pay_badge == "confirming"
    furthest = max((at for at, fen in enumerate(lying) if fen), default=1 if back else 0)
    nodes = tuple(
        Node(
            code=code,
            party=parties[at],
            state="maybe" if asking and at == 1 else _state(at, lying[at], furthest, used=used and at == 3),
            amount_fen=lying[at],
        )
        for at, code in enumerate(NODES)
    )
    home = bool(back) and all(part.place == "refund.arrived" for part in back)
    return Picture(nodes=nodes, back=back, back_done=home)


def _state(at: int, fen: int, furthest: int, *, used: bool) -> str:
    if fen:
        return "done" if used else "here"
    return "passed" if at < furthest or (at == 1 and furthest == 1) else "todo"


def _channel(page: OrderPage) -> str:
    if page.payment is not None:
        return page.payment.channel
    return page.refund.channel if page.refund is not None else ""
