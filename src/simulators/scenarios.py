"""Seeded plans: which order meets which fault, what the buyer does, and how a sound platform ends it.

A plan is drawn by recipe; its end is computed from the faults by the catalogue's table, not from the recipe.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from simulators.catalogue import CATALOGUE

MAX_ORDERS = 100_000
ARRIVED, REFUNDED, WAITING, CLOSED = "arrived", "refunded", "waiting_for_person", "closed"
KINDS = ("mobile", "direct", "card")
CHANNELS = frozenset({"alipay", "wechat", "epay"})
TOP_UPS = ("mobile", "direct")

FaultList = tuple[tuple[str, str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Recipe:
    """One kind of story. ``buyer``: a key of `BUYERS`. ``channels``: where it can happen (empty: everywhere)."""

    name: str
    faults: FaultList = ()
    buyer: str = "pay"
    kinds: tuple[str, ...] = KINDS
    channels: tuple[str, ...] = ()


def _a(name: str, **params: Any) -> tuple[str, str, dict[str, Any]]:
    return ("alipay", name, params)


def _f(name: str, **params: Any) -> tuple[str, str, dict[str, Any]]:
    return ("fulu", name, params)


NORMAL = Recipe("normal")
PAYMENT_ARRIVES = (
    Recipe("callback_lost", (_a("notify_lost"), _f("callback_lost"))),
    Recipe("six_callbacks_at_once", (_a("notify_concurrent", n=6),)),
    Recipe("duplicate_notifies", (_a("notify_duplicate", n=3), _a("notify_duplicate_new_id", n=2))),
    Recipe("forged_notify", (_a("notify_forged"),)),
    Recipe("wrong_amount_signed", (_a("notify_wrong_amount", fen=100, signed=True),)),
    Recipe("wrong_amount_forged", (_a("notify_wrong_amount", fen=100, signed=False),)),
    Recipe("notify_before_create_returns", (_a("notify_before_create_returns"),)),
    Recipe("refund_shaped_success", (_a("notify_refund_shaped"),)),
    Recipe("query_unknown_and_notify_lost", (_a("notify_lost"), _a("query_unknown"))),
    Recipe("wrong_seller_and_app", (_a("notify_wrong_seller"), _a("notify_wrong_app_id"))),
    Recipe("stale_notify", (_a("notify_stale"),)),
    Recipe("balance_short_first", buyer="fail_then_pay"),
    Recipe(
        "paid_late",
        (_a("notify_late_after_close", s=60),),
        buyer="pay_late",
        channels=(
            "alipay",
            "epay",
        ),  # WeChat takes nothing after the time limit
    ),
    Recipe(
        "known_after_expiry",
        (_a("notify_late_after_close", s=1000), _a("query_unknown", times=40)),
        channels=("wechat",),
    ),
)
SUPPLY_ARRIVES = (
    Recipe("unknown_http500_found", (_f("unknown_http500"),)),
    Recipe("unknown_text_found", (_f("unknown_non_json"),)),
    Recipe("unknown_html404_found", (_f("unknown_html404_after_acceptance"),)),
    Recipe("unknown_9999_found", (_f("unknown_9999"),)),
    Recipe("timeout_after_acceptance_found", (_f("timeout_after_acceptance"),)),
    Recipe("not_found_then_found", (_f("unknown_http500"), _f("query_not_found_then_found"))),
    Recipe("late_success_after_timeout", (_f("timeout_after_acceptance"), _f("late_success"))),
    Recipe("number_said_to_exist", (_f("duplicate_number"),)),
    Recipe("supplier_callbacks_repeat", (_f("callback_duplicate"),)),
    Recipe("forged_supplier_callback", (_f("forged_callback"),)),
    Recipe("cards_come_later", (_f("done_without_cards"),), kinds=("card",)),
)
REFUSED = (
    Recipe("account_banned", (_f("account_banned"),), kinds=TOP_UPS),
    Recipe("velocity_refused", (_f("velocity_refused"),), kinds=TOP_UPS),
    Recipe("wrong_account", (_f("wrong_account"),), kinds=TOP_UPS),
    Recipe("region_refused", (_f("region_refused"),), kinds=TOP_UPS),
    Recipe("stock_out", (_f("stock_out"),), kinds=("card", "direct")),
    Recipe("refund_unknown", (_f("account_banned"), _a("refund_unknown_then_success")), kinds=TOP_UPS),
    Recipe("refund_request_lost", (_f("velocity_refused"), _a("refund_timeout_lost")), kinds=TOP_UPS),
)
NEVER_KNOWN = (
    Recipe("timeout_before_acceptance", (_f("timeout_before_acceptance"),)),
    Recipe("supplier_silent", (_f("silent"),)),
)
# What only a platform with a rule for it survives: more or less money than was asked for (F15, F18).
OTHER_MONEY = (
    Recipe("two_trades_on_one_number", buyer="pay_twice", channels=("alipay", "epay")),
    Recipe("second_trade_untold", (_a("notify_lost"),), buyer="pay_twice", channels=("epay",)),
    Recipe("two_channels", buyer="pay_by_two_channels"),
    Recipe("paid_short", (_a("paid_other_amount", fen=-100),)),
    Recipe("paid_over", (_a("paid_other_amount", fen=100),), channels=("alipay", "wechat")),
)
# Nobody tells of these payments until their buyers do (R26); each tries what is not theirs first.
CLAIMED = (
    Recipe("untold_then_claimed", (_a("notify_lost"),), buyer="pay_and_claim"),
    Recipe(
        "untold_late_then_claimed",
        (_a("notify_lost"),),
        buyer="pay_late_and_claim",
        channels=("alipay", "epay"),
    ),
    Recipe("guessed_only", buyer="guess"),
)
CLAIMS = {
    "pay_and_claim": ["made_up", "others", "own"],
    "pay_late_and_claim": ["others", "made_up", "own"],
    "guess": ["made_up", "others"],
}
# Bills and lists that are wrong in one line: the order itself is as any other.
WRONG_BILLS = (
    Recipe("bill_row_missing", (_a("bill_row_missing"),), channels=("alipay", "wechat")),
    Recipe("bill_row_extra", (_a("bill_row_extra"),), channels=("alipay", "wechat")),
    Recipe("bill_amount_off", (_a("bill_amount_off"),), channels=("alipay", "wechat")),
    Recipe("bill_row_twice", (_a("bill_row_twice"),), channels=("alipay", "wechat")),
    Recipe("bill_wrong_day", (_a("bill_wrong_day"),), channels=("alipay", "wechat")),
    Recipe("supplier_row_missing", (_f("bill_row_missing"),)),
    Recipe("supplier_amount_off", (_f("bill_amount_off"),)),
)
NEVER_PAID = (Recipe("abandoned", buyer="abandon"), Recipe("cancelled", buyer="cancel"))

# Shares in percent: (recipes to cycle through, of them this much); what is left over is normal.
SCENARIOS: dict[str, tuple[tuple[tuple[Recipe, ...], int], ...]] = {
    "none": (),
    "default": (
        (PAYMENT_ARRIVES, 26),
        (SUPPLY_ARRIVES, 24),
        (REFUSED, 12),
        (NEVER_KNOWN, 6),
        (NEVER_PAID, 6),
    ),
    "payment": (((*PAYMENT_ARRIVES, *CLAIMED), 80), (NEVER_PAID, 12)),
    # With all channels, "payment" is this one.
    "payment_all": ((PAYMENT_ARRIVES, 50), (CLAIMED, 10), (OTHER_MONEY, 20), (NEVER_PAID, 10)),
    "supply": (
        (SUPPLY_ARRIVES, 50),
        (
            (
                *REFUSED,
                Recipe("maintenance", (_f("maintenance"),)),
                Recipe("price_above_safe", (_f("price_above_safe", percent=60),)),
            ),
            30,
        ),
        (NEVER_KNOWN, 10),
    ),
    # Everything, for days of a shop; the bank's faults are on its lines (bank/entries.py), not on orders.
    "all": (
        (PAYMENT_ARRIVES, 22),
        (CLAIMED, 4),
        (OTHER_MONEY, 6),
        (SUPPLY_ARRIVES, 18),
        (REFUSED, 12),
        (NEVER_KNOWN, 2),
        (WRONG_BILLS, 8),
        (NEVER_PAID, 4),
    ),
}
WHEN = {"pay_late": "after_expiry", "pay_late_and_claim": "long_after_expiry"}
BUYERS: dict[str, list[dict[str, Any]]] = {
    "pay": [{"outcome": "pay"}],
    "fail_then_pay": [{"outcome": "insufficient"}, {"outcome": "pay"}],
    "pay_late": [{"outcome": "pay", "late": True}],
    "pay_twice": [{"outcome": "pay", "pay_twice": True}],
    "pay_by_two_channels": [{"outcome": "pay"}, {"outcome": "pay", "channel": "other"}],
    "pay_and_claim": [{"outcome": "pay"}],
    "pay_late_and_claim": [{"outcome": "pay", "late": True}],
    "guess": [],
    "abandon": [],
    "cancel": [{"outcome": "cancel"}],
}


def plan(
    name: str,
    seed: int,
    orders: int,
    late_s: float | None = None,
    channels: tuple[str, ...] = ("alipay",),
) -> dict[str, Any]:
    """``{"scenario","seed","orders":[…],"predicted":{…}}``. Raises KeyError for an unknown scenario.

    Each order: index, recipe, kind, channel, buyer {"action", "when": now|after_expiry|long_after_expiry,
    "steps": /buyers/pay bodies; a step's "channel" names another one to open first, "claims": whose numbers the buyer
    shows afterwards: made_up|others|own}, faults (as POST /faults takes them), expected, unknown.
    ``late_s`` sets when a late success comes. With several ``channels`` each order is paid through one of them,
    and Alipay's faults become that channel's, where it has them.
    """
    several = len(channels) > 1
    parts = SCENARIOS["payment_all" if several and name == "payment" else name]
    count = max(0, min(orders, MAX_ORDERS))
    rng = random.Random(f"{name}|{seed}")
    pick = random.Random(f"{name}|{seed}|channels")
    chosen: list[Recipe] = []
    for recipes, percent in parts:
        fitting = [recipe for recipe in recipes if not recipe.channels or {*recipe.channels} & {*channels}]
        cycle = rng.sample(fitting, len(fitting))
        chosen += [cycle[index % len(cycle)] for index in range(count * percent // 100)]
    chosen += [NORMAL] * (count - len(chosen))
    rng.shuffle(chosen)
    rows = [_row(index, recipe, rng, late_s, channels, pick) for index, recipe in enumerate(chosen)]
    counts = Counter(row["expected"] for row in rows)
    predicted = {end: counts.get(end, 0) for end in (ARRIVED, REFUNDED, WAITING, CLOSED)}
    return {"scenario": name, "seed": seed, "orders": rows, "predicted": predicted}


def _row(
    index: int,
    recipe: Recipe,
    rng: random.Random,
    late_s: float | None,
    channels: tuple[str, ...],
    pick: random.Random,
) -> dict[str, Any]:
    weights = [{"mobile": 5, "direct": 3, "card": 2}[kind] for kind in recipe.kinds]
    channel = pick.choice([name for name in channels if name in (recipe.channels or channels)])
    faults = [
        {
            "party": channel if party == "alipay" else party,
            "name": name,
            "params": {**params, "s": late_s} if name == "late_success" and late_s is not None else params,
        }
        for party, name, params in recipe.faults
        if party != "alipay" or (channel, name) in CATALOGUE
    ]
    expected, unknown = predict(recipe.buyer, faults)
    other = next((name for name in channels if name != channel), channel)
    return {
        "index": index,
        "recipe": recipe.name,
        "kind": rng.choices(recipe.kinds, weights)[0],
        "channel": channel,
        "buyer": {
            "action": recipe.buyer,
            "when": WHEN.get(recipe.buyer, "now"),
            "claims": CLAIMS.get(recipe.buyer, []),
            "steps": [
                {**step, "channel": other} if "channel" in step else step for step in BUYERS[recipe.buyer]
            ],
        },
        "faults": faults,
        "expected": expected,
        "unknown": unknown,
    }


def predict(buyer: str, faults: list[dict[str, Any]]) -> tuple[str, bool]:
    """The end a sound platform brings the order to, and whether the supplier's answer is unknown for a while.

    Nobody paid → closed; a supplier never heard of or never done → waiting_for_person; a refusal → refunded
    (waiting_for_person when the refund is refused too); else arrived.
    """
    entries = [CATALOGUE[fault["party"], fault["name"]] for fault in faults]
    if buyer in ("abandon", "cancel", "guess"):
        return CLOSED, False
    paid = next((fault["params"] for fault in faults if fault["name"] == "paid_other_amount"), None)
    if paid is not None and float(str(paid.get("fen", -1))) < 0:
        return CLOSED, False  # what is short goes back by itself; the order was never paid
    ends = {entry.outcome for entry in entries}
    unknown = any(entry.unknown for entry in entries)
    if WAITING in ends:
        return WAITING, unknown
    if REFUNDED in ends:
        refused_too = any(fault["name"] == "refund_refused" for fault in faults)
        return (WAITING if refused_too else REFUNDED), unknown
    return ARRIVED, unknown
