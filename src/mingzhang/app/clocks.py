"""The longest that any row may wait, in one table of every slice's own figures; printed in docs/states.md (R34, R47).

The database holds the same by its CHECKs, a test holds the two against each other, and the outside auditor gets
the table as JSON and reads the rows by itself.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mingzhang.disputes import states as disputes
from mingzhang.evidence.store import APPLY_MAX_S
from mingzhang.fulfilment.schedule import LATE_MAX_S, WATCH_MAX_S
from mingzhang.orders import states as orders
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.payments import claim_states as claims
from mingzhang.payments import policy, schedule


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of wait. ``states``: in which of them; ``actor``: whose turn; ``max_s``: seconds from the entry, and
    ``promise``: the product's promised time on top. ``entry``: what the time counts from; for an order the events.
    """

    kind: str
    states: tuple[str, ...]
    actor: str
    max_s: int
    entry: tuple[str, ...]
    promise: bool = False


HANDED: Final = ("handed_over",)
UNPAID: Final = ("intent", "open", "failed", "closed")
OPEN: Final = ("sending", "processing", "unknown", "ready")
ENDED: Final = ("succeeded", "refused", "reversed")
ON_ITS_WAY: Final = ("ready", "waiting_float", "sending", "unknown", "accepted")


def _person(kind: str, *states: str) -> Clock:
    return Clock(kind=kind, states=states, actor="person", max_s=PERSON_MAX_S, entry=HANDED)


def _orders() -> list[Clock]:
    return [
        Clock(
            kind="order",
            states=(state,),
            actor=actor,
            max_s=longest or 0,
            promise=longest is None,
            entry=orders.ENTRY[state][actor],
        )
        for state, actors in orders.MAXIMUM_S.items()
        for actor, longest in actors.items()
    ]


CLOCKS: Final[tuple[Clock, ...]] = (
    *_orders(),
    *(
        Clock(
            kind="payment",
            states=UNPAID,
            actor=actor,
            max_s=schedule.ASK_MAX_S,
            entry=("expiry", "asked_again"),
        )
        for actor in ("buyer", "channel")
    ),
    Clock(kind="payment", states=("paid",), actor="shop", max_s=schedule.CONFIRM_MAX_S, entry=("payment",)),
    Clock(
        kind="payment",
        states=("paid",),
        actor="channel",
        max_s=schedule.CONFIRM_MAX_S,
        entry=("payment", "asked_again"),
    ),
    Clock(
        kind="payment",
        states=("contradicted", "unpaid"),
        actor="channel",
        max_s=schedule.ASK_MAX_S,
        entry=("denied", "asked_again"),
    ),
    _person("payment", *UNPAID, "paid", "contradicted", "unpaid"),
    Clock(
        kind="supply",
        states=("ready",),
        actor="shop",
        max_s=orders.DISPATCH_MAX_S,
        promise=True,
        entry=("planned",),
    ),
    Clock(kind="supply", states=OPEN, actor="supplier", max_s=0, promise=True, entry=("sent",)),
    Clock(kind="supply", states=OPEN, actor="shop", max_s=LATE_MAX_S, entry=HANDED),
    Clock(
        kind="supply", states=ENDED, actor="supplier", max_s=WATCH_MAX_S, entry=("last_word", "asked_again")
    ),
    _person("supply", *OPEN, *ENDED),
    Clock(kind="refund", states=ON_ITS_WAY, actor="shop", max_s=orders.REFUND_MAX_S, entry=("planned",)),
    _person("refund", *ON_ITS_WAY),
    Clock(kind="suspense", states=("open",), actor="shop", max_s=policy.REFUND_S, entry=HANDED),
    Clock(kind="suspense", states=("refunding",), actor="shop", max_s=orders.REFUND_MAX_S, entry=HANDED),
    Clock(kind="suspense", states=("refunding",), actor="channel", max_s=orders.REFUND_MAX_S, entry=HANDED),
    _person("suspense", "open", "refunding"),
    Clock(kind="hint", states=("waiting",), actor="shop", max_s=schedule.HINT_MAX_S, entry=("told",)),
    _person("hint", "waiting"),
    Clock(kind="claim", states=("asking",), actor="shop", max_s=claims.SEARCH_MAX_S, entry=("made",)),
    Clock(kind="claim", states=("waiting",), actor="channel", max_s=claims.SEARCH_MAX_S, entry=("made",)),
    _person("claim", "person"),
    Clock(
        kind="dispute", states=("open", "working"), actor="shop", max_s=disputes.FINAL_MAX_S, entry=("round",)
    ),
    Clock(
        kind="dispute", states=("asked", "offered"), actor="buyer", max_s=disputes.BUYER_MAX_S, entry=HANDED
    ),
    *(
        Clock(kind="dispute", states=("remedy",), actor=actor, max_s=disputes.REMEDY_MAX_S, entry=HANDED)
        for actor in ("channel", "supplier")
    ),
    _person("dispute", "open", "working", "remedy"),
    Clock(kind="fact", states=("waiting",), actor="shop", max_s=APPLY_MAX_S, entry=("known",)),
)

ROWS: Final = {
    "order": "orders",
    "payment": "payment",
    "supply": "supply_attempt",
    "refund": "refund",
    "suspense": "suspense",
    "hint": "trade_hint",
    "claim": "claim",
    "dispute": "dispute",
    "fact": "inbox",
}
"""Which table's rows each kind is."""


def exported() -> list[dict[str, Any]]:
    """The table as plain JSON, for whoever holds rows against it."""
    table: list[dict[str, Any]] = msgspec.to_builtins(CLOCKS)
    return table
