"""Why a supplier is not to be used now, and until when: calendar, breaker, prefund (R14, R20). Pure.

Two questions. Sending: a maintenance, a paused supplier, one that does not answer. Selling: the same, a paused
product, and too little money there for this order or for the next hours.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from mingzhang.catalogue.pauses import SHOP, Pause
from mingzhang.fulfilment.figures import Prefund, Standing
from mingzhang.fulfilment.routing import Option
from mingzhang.fulfilment.suppliers.base import Reason

# What the reasons of a closure are in the vocabulary of refusals (R44).
AS_REASON: Final[dict[str, Reason]] = {
    "maintenance": Reason.MAINTENANCE,
    "paused": Reason.MAINTENANCE,
    "supplier_down": Reason.SUPPLIER_ERROR,
    "prefund": Reason.PREFUND_SHORT,
    "not_connected": Reason.SUPPLIER_ERROR,
}


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """``why``: maintenance, paused, closing, supplier_down, prefund, not_connected. ``until`` None: nobody knows."""

    why: str
    until: datetime | None = None
    note: str = ""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of suppliers at one moment. ``down``: those that do not answer."""

    now: datetime
    pauses: Sequence[Pause] = ()
    down: Collection[str] = frozenset()
    prefunds: Mapping[str, Prefund] = {}


def of_pause(pause: Pause) -> Closure:
    """A calendar entry as a closure."""
    return Closure(why=pause.cause, until=pause.ends_at, note=pause.note)


def closed_to_sending(option: Option, product_id: str, outlook: Outlook) -> Closure | None:
    """Why nothing may be sent to this supplier now; None: it may."""
    for pause in outlook.pauses:
        named = (pause.scope, pause.name) == ("supplier", option.supplier) or (
            (pause.scope, pause.name) == ("product", product_id) and pause.cause == "maintenance"
        )
        if named and pause.holds(outlook.now):
            return of_pause(pause)
    return Closure(why="supplier_down") if option.supplier in outlook.down else None


def closed_to_sale(options: Sequence[Option], product_id: str, outlook: Outlook) -> Closure | None:
    """Why a product is not sold now: it is paused, the shop winds down, or every supplier is closed. None: it is sold."""
    for pause in outlook.pauses:
        named = pause.scope == SHOP or (pause.scope, pause.name) == ("product", product_id)
        if named and pause.holds(outlook.now):
            return of_pause(pause)
    found = []
    for option in options:
        closure = closed_to_sending(option, product_id, outlook) or _short(option, outlook)
        if closure is None:
            return None
        found.append(closure)
    # The one that ends first is what the buyer waits for.
    return min(found, key=lambda it: (it.until is None, it.until or outlook.now), default=None)


def _short(option: Option, outlook: Outlook) -> Closure | None:
    prefund = outlook.prefunds.get(option.supplier)
    if prefund is None or prefund.standing == Standing.UNKNOWN:
        return None
    stopped = prefund.standing == Standing.STOP or prefund.free_fen < option.cost_fen
    return Closure(why="prefund") if stopped else None


def next_window(suppliers: Collection[str], product_id: str, outlook: Outlook) -> Pause | None:
    """The next planned window that would close a product: its own, or that of its only supplier."""
    coming = [pause for pause in outlook.pauses if pause.starts_at > outlook.now]
    for pause in sorted(coming, key=lambda it: it.starts_at):
        if (pause.scope, pause.name) == ("product", product_id):
            return pause
        if pause.scope == "supplier" and set(suppliers) == {pause.name}:
            return pause
    return None
