"""The plan over all suppliers: products that several of them sell, and what each of them does to an order.

A sound platform asks the route's suppliers in order. It goes on only after a refusal that another supplier can
mend, waits for ever on one that is never heard of, and gives the money back when the route is exhausted, when
the refusal is about the buyer's account, and when a success is taken back.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from simulators.catalogue import CATALOGUE

ARRIVED, REFUNDED, WAITING, CLOSED = "arrived", "refunded", "waiting_for_person", "closed"
MOBILE, DIRECT, CARD = "mobile", "direct", "card"

# Kind and suppliers in the order in which the sample shop tries them. Own stock keeps no book here.
ROUTES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (MOBILE, ("fulu",)),
    (MOBILE, ("kasushou", "fulu", "dtone")),
    (MOBILE, ("dtone", "kasushou", "fulu")),
    (DIRECT, ("fulu", "kasushou")),
    (CARD, ("kasushou", "fulu")),
    (CARD, ("stock", "fulu", "kasushou")),
)
MENDABLE = frozenset(
    {"stock_out", "maintenance", "insufficient_balance", "price_above_safe", "velocity_refused"}
    | {"operator_unavailable", "rejected_by_platform", "declined", "price_other_currency", "confirm_lost"}
)
FOUND = (
    "unknown_http500",
    "unknown_non_json",
    "unknown_html404_after_acceptance",
    "unknown_9999",
    "timeout_after_acceptance",
    "duplicate_number",
    "rate_limited_429",
    "callback_duplicate",
    "callback_lost",
    "forged_callback",
    "confirm_429",
    "unpaid_at_first",
    "callback_cards_swapped",
    "query_unknown",
)
REFUSING = ("stock_out", "maintenance", "price_above_safe", "velocity_refused", "insufficient_balance")
DTONE_REFUSING = ("operator_unavailable", "rejected_by_platform", "declined", "price_other_currency")
ACCOUNT = ("account_banned", "wrong_account", "region_refused")
SILENT = ("silent", "timeout_before_acceptance")
PARAMS: dict[str, dict[str, Any]] = {
    "price_above_safe": {"percent": 60},
    "success_after_failure": {"s": 240},
}


@dataclass(frozen=True)
class Story:
    """One kind of story: what the route's suppliers do, first to last; ``quantity`` of units."""

    name: str
    deeds: tuple[tuple[str, ...], ...] = ()
    quantity: int = 1


def stories(rng: random.Random, kind: str, route: tuple[str, ...]) -> list[tuple[int, Story]]:
    """Weighted stories that this route can tell."""
    first = route[0]
    refusing = [*REFUSING, *DTONE_REFUSING]
    found = [name for name in FOUND if (first, name) in CATALOGUE]
    told = [(30, Story("normal"))]
    if not found:
        return told  # own stock
    told.append((25, Story("found", ((rng.choice(found),),))))
    one = _one(rng, first, refusing)
    told.append((12, Story("next_supplier", ((one,),))))
    if len(route) > 1:
        told.append((4, Story("unknown_at_the_next", ((one,), ("unknown_http500",)))))
        told.append((3, Story("silent_at_the_next", ((one,), ("silent",)))))
        nobody = tuple(
            (_one(rng, supplier, [n for n in refusing if n != "insufficient_balance"]),) for supplier in route
        )
        told.append((6, Story("exhausted", nobody)))
    if kind != CARD:
        banned = rng.choice(ACCOUNT)
        told.append((6, Story("account", ((banned,),))))
        told.append((3, Story("success_after_refusal", (("account_banned", "success_after_failure"),))))
    told.append((5, Story("reversed", (("success_then_reversed",),))))
    told.append((2, Story("reversed_unheard", (("success_then_reversed", "callback_lost"),))))
    told.append((4, Story("silent", ((rng.choice(SILENT),),))))
    if first == "kasushou" and kind == CARD:
        told.append((6, Story("part", (("part_delivered",),), quantity=3)))
        told.append((2, Story("cards_later", (("done_without_cards",),))))
    return told


def _one(rng: random.Random, supplier: str, names: list[str]) -> str:
    return rng.choice([name for name in names if (supplier, name) in CATALOGUE])


def predict(route: tuple[str, ...], deeds: tuple[tuple[str, ...], ...]) -> str:
    """The end a sound platform brings it to, by the catalogue's outcomes."""
    for index, supplier in enumerate(route):
        names = deeds[index] if index < len(deeds) else ()
        ends = {CATALOGUE[supplier, name].outcome for name in names}
        if WAITING in ends:
            return WAITING
        if REFUNDED not in ends:
            return ARRIVED
        if not any(name in MENDABLE for name in names):
            return REFUNDED
    return REFUNDED


def plan(seed: int, orders: int) -> dict[str, Any]:
    """As `scenarios.plan`; each row names its ``route`` and ``quantity``, too."""
    rng = random.Random(f"all suppliers|{seed}")
    rows = [_row(index, rng) for index in range(orders)]
    counts = Counter(row["expected"] for row in rows)
    predicted = {end: counts.get(end, 0) for end in (ARRIVED, REFUNDED, WAITING, CLOSED)}
    return {"scenario": "supply", "seed": seed, "orders": rows, "predicted": predicted}


def _row(index: int, rng: random.Random) -> dict[str, Any]:
    kind, route = rng.choice(ROUTES)
    weighted = stories(rng, kind, route)
    story = rng.choices([each for _, each in weighted], [weight for weight, _ in weighted])[0]
    faults = [
        {"party": supplier, "name": name, "params": dict(PARAMS.get(name, {}))}
        for supplier, names in zip(route, story.deeds, strict=False)
        for name in names
    ]
    return {
        "index": index,
        "recipe": f"{story.name} at {'/'.join(route)}",
        "kind": kind,
        "route": list(route),
        "quantity": story.quantity,
        "channel": "alipay",
        "buyer": {"action": "pay", "when": "now", "steps": [{"outcome": "pay"}]},
        "faults": faults,
        "expected": predict(route, story.deeds),
        "unknown": any(
            CATALOGUE[supplier, name].unknown
            for supplier, names in zip(route, story.deeds, strict=False)
            for name in names
        ),
    }
