"""Whose turn it is, by where the money is (R33): pure, from the trail's places, states and clocks.

Each situation is one line of `SITUATIONS`: who has to act, which doors come first, and what applies. The doors of
`LADDER` stand open after them in every situation in which money was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.ledger.places import HOLD, MISSING


class Whose(StrEnum):
    """Who has to act. Towards the buyer the shop answers for its suppliers (R35)."""

    BUYER = "buyer"
    SHOP = "shop"
    SUPPLIER = "supplier"
    CHANNEL = "channel"
    BANK = "bank"
    NOBODY = "nobody"


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order, in the words of its page: `pay` and `supply` are the badges, `place` and `party` where
    the money is, `refund` the state of the newest refund, `actor` who acts next. ``until``: by when, as promised.
    """

    pay: str
    supply: str
    place: str = ""
    party: str = ""
    refund: str = ""
    actor: str = ""
    until: datetime | None = None
    may_choose: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to act, doors to knock at first (in this order), and what applies (keys of `law.toml`)."""

    whose: Whose
    doors: tuple[str, ...]
    bases: tuple[str, ...] = ()
    taken: bool = True  # whether money was taken at all


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. ``late``: the promised time is over; ``later``: the doors that stand open after the first ones."""

    code: str
    whose: Whose
    doors: tuple[str, ...]
    later: tuple[str, ...]
    bases: tuple[str, ...]
    until: datetime | None
    late: bool


# Where everybody may go when talking did not help (R36–R38), in the order in which it costs more.
LADDER: Final = ("channel", "authority", "association", "court", "police")
_CONTRACT: Final = ("ecl_49", "ecl_59", "ecl_62")
_ANSWER: Final = ("answer_24h", "final_72h")

SITUATIONS: Final[Mapping[str, Situation]] = {
    "unpaid": Situation(whose=Whose.BUYER, doors=("claim", "bill"), bases=("ecl_55",), taken=False),
    "closed": Situation(whose=Whose.NOBODY, doors=("bill", "claim"), bases=("ecl_55",), taken=False),
    "payment_unseen": Situation(
        whose=Whose.CHANNEL, doors=("claim", "bill", "channel"), bases=("ecl_53", "ecl_55", "ecl_57")
    ),
    "in_doubt": Situation(
        whose=Whose.CHANNEL, doors=("claim", "channel", "request"), bases=("ecl_53", "ecl_55")
    ),
    "held": Situation(
        whose=Whose.CHANNEL, doors=("dispute", "channel", "support"), bases=("ecl_59", "ecl_62")
    ),
    "correct_account": Situation(
        whose=Whose.BUYER, doors=("correction", "support"), bases=("ecl_49", "ecl_62")
    ),
    "choose": Situation(
        whose=Whose.BUYER, doors=("choose", "request", "dispute"), bases=("promised_time", "ecl_20", "ecl_49")
    ),
    "at_shop": Situation(
        whose=Whose.SHOP,
        doors=("request", "dispute", "support"),
        bases=("promised_time", "ecl_20", *_CONTRACT),
    ),
    "with_person": Situation(
        whose=Whose.SHOP, doors=("request", "dispute", "support"), bases=(*_ANSWER, "ecl_20", *_CONTRACT)
    ),
    "at_supplier": Situation(
        whose=Whose.SUPPLIER, doors=("wait", "request"), bases=("promised_time", "ecl_20", *_CONTRACT)
    ),
    "supplier_silent": Situation(
        whose=Whose.SUPPLIER,
        doors=("wait", "request", "dispute"),
        bases=("promised_time", "ecl_20", *_CONTRACT),
    ),
    "refused": Situation(
        whose=Whose.SHOP, doors=("request", "dispute", "support"), bases=(*_ANSWER, *_CONTRACT)
    ),
    "arrived": Situation(
        whose=Whose.NOBODY,
        doors=("carrier", "request", "dispute", "support"),
        bases=("ecl_51", *_ANSWER, *_CONTRACT),
    ),
    "arrived_in_part": Situation(
        whose=Whose.SHOP,
        doors=("carrier", "request", "dispute", "support"),
        bases=("ecl_51", *_ANSWER, *_CONTRACT),
    ),
    "refund_at_shop": Situation(
        whose=Whose.SHOP, doors=("support", "dispute"), bases=("refund_3_days", *_ANSWER, "ecl_49")
    ),
    "refund_at_channel": Situation(
        whose=Whose.CHANNEL, doors=("wait", "channel"), bases=("refund_3_days", "ecl_53")
    ),
    "refund_at_bank": Situation(whose=Whose.BANK, doors=("bank",), bases=("refund_3_days", "ecl_53")),
}

_REFUND_AT_SHOP: Final = frozenset({"ready", "waiting_float", "refused"})


def find_route(trail: Trail, now: datetime) -> Route:
    """Whose turn it is and what can be done. Total: any trail gives a route."""
    code = _situation(trail)
    found = SITUATIONS[code]
    later = tuple(door for door in LADDER if door not in found.doors) if found.taken else ()
    return Route(
        code=code,
        whose=found.whose,
        doors=found.doors,
        later=later,
        bases=found.bases,
        until=trail.until,
        late=trail.until is not None and trail.until <= now,
    )


def _situation(trail: Trail) -> str:
    """The first that fits: what stops the money comes before where it travels, and that before what was promised."""
    if trail.place == HOLD:
        return "held"
    if trail.place == MISSING:
        return "in_doubt"
    if trail.pay == "confirming":
        return "payment_unseen"
    if trail.pay in ("awaiting", "closed"):
        return "unpaid" if trail.pay == "awaiting" else "closed"
    return _refund(trail) or _supply(trail)


def _refund(trail: Trail) -> str:
    if trail.pay in ("refunded", "partly_refunded") or trail.refund == "arrived":
        return "refund_at_bank"  # given back by the channel is not yet in the bank account
    if not trail.refund:
        return ""
    if trail.actor == "person" or trail.refund in _REFUND_AT_SHOP:
        return "refund_at_shop"
    return "refund_at_channel"


def _supply(trail: Trail) -> str:
    if trail.supply == "needs_you":
        return "correct_account"
    if trail.may_choose:
        return "choose"
    if trail.supply in ("arrived", "partly_arrived"):
        return "arrived" if trail.supply == "arrived" else "arrived_in_part"
    if trail.actor == "person":
        return "with_person"
    if trail.supply == "refused":
        return "refused"
    if trail.supply == "confirming":
        return "supplier_silent"
    return "at_supplier" if trail.supply in ("sent", "processing") else "at_shop"
