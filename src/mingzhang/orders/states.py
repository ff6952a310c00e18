"""The life of an order: allowed transitions and the longest each open state may last."""

from mingzhang.kit.errors import Kind, Problem

# From each state the states it may turn into.
TRANSITIONS: dict[str, frozenset[str]] = {
    "awaiting_payment": frozenset({"paid", "closed"}),
    "closed": frozenset({"paid"}),  # money may still come after expiry (F1, F17)
    "paid": frozenset({"supplying", "refunding", "needs_person", "needs_buyer"}),
    "supplying": frozenset({"delivered", "refunding", "needs_person", "needs_buyer"}),
    # 待您处理 (R19): corrected, given back, or overtaken by a late success or a doubt about its money
    "needs_buyer": frozenset({"supplying", "refunding", "delivered", "needs_person"}),
    # closed: two people proved that it was never paid (F4)
    "needs_person": frozenset({"delivered", "refunding", "supplying", "needs_buyer", "closed"}),
    # reversed by the supplier (F19), or once more at the shop's cost
    "delivered": frozenset({"refunding", "needs_person", "supplying"}),
    "refunding": frozenset({"refunded", "needs_person", "closed"}),
    # a bank transfer came back (row 14)
    "refunded": frozenset({"refunding", "needs_person"}),
}
FINAL = frozenset({"delivered", "refunded", "closed"})

# Seconds an order may stay in a state before somebody is told or something happens.
PAYMENT_WINDOW_S = 15 * 60
DISPATCH_MAX_S = 10 * 60
CHOICE_MAX_S = 72 * 3600
CORRECTION_MAX_S = 24 * 3600
PERSON_MAX_S = 24 * 3600
REFUND_MAX_S = 3 * 24 * 3600
# How often a buyer may correct the account of one order.
CORRECTIONS_MAX = 3

# The longest an order may stay so, by whose turn it is: `due_at ≤ deadline_at ≤ entry + maximum`. None: the
# product's promised time, as snapshotted into the order. Final states have no clock.
MAXIMUM_S: dict[str, dict[str, int | None]] = {
    "awaiting_payment": {"buyer": PAYMENT_WINDOW_S},
    "paid": {"shop": DISPATCH_MAX_S, "person": PERSON_MAX_S},
    "supplying": {"supplier": None, "shop": None, "buyer": CHOICE_MAX_S, "person": PERSON_MAX_S},
    "needs_buyer": {"buyer": CORRECTION_MAX_S},
    "needs_person": {"person": PERSON_MAX_S},
    "refunding": {"shop": REFUND_MAX_S, "channel": REFUND_MAX_S, "person": PERSON_MAX_S},
}
# The events with which an order comes so: the newest of them is the entry that the maximum counts from.
ENTRY: dict[str, dict[str, tuple[str, ...]]] = {
    "awaiting_payment": {"buyer": ("placed",)},
    "paid": {"shop": ("paid", "paid_late"), "person": ("deadline_missed",)},
    "supplying": {
        "supplier": ("sent", "buyer_chose_wait", "resupply_started", "payment_found", "made_good"),
        "shop": (
            "rerouted",
            "waiting_prefund",
            "supplier_refused",
            "account_corrected",
            "payment_unfrozen",
            "payment_found",
            "made_good",
        ),
        "buyer": ("choice_open",),
        "person": ("needs_person", "deadline_missed"),
    },
    "needs_buyer": {"buyer": ("correction_asked", "remedy_offered")},
    "needs_person": {
        "person": (
            "needs_person",
            "payment_contradicted",
            "payment_frozen",
            "refund_refused",
            "refund_returned",
            "deadline_missed",
        )
    },
    "refunding": {
        "shop": ("refund_asked", "transfer_asked", "payment_found", "made_good"),
        "channel": ("refund_asked", "transfer_asked", "refund_sent", "refund_accepted"),
        "person": ("needs_person", "payment_contradicted", "refund_abnormal", "deadline_missed"),
    },
}
MEANING: dict[str, str] = {
    "awaiting_payment": "placed; the money is still the buyer's",
    "closed": "the payment window ended, or no payment ever came; money that comes later is still taken in",
    "paid": "the money is booked, the supplier not yet asked",
    "supplying": "asked of the supplier; after the promised time the buyer may choose",
    "needs_buyer": "its buyer corrects a wrong account, chooses another supplier after a refusal, or takes the money back",
    "needs_person": "no rule decides any more: a person must",
    "delivered": "the supplier's word that it arrived",
    "refunding": "the money is on its way back",
    "refunded": "the channel has given the money back",
}


def longest_s(state: str, actor: str, promise_s: int) -> int:
    """Seconds an order may stay so; raises KeyError for an actor who is never next in that state."""
    longest = MAXIMUM_S[state][actor]
    return promise_s if longest is None else longest


def check_move(old: str, new: str) -> None:
    """Raise `state_refused` when the table has no such transition."""
    if old != new and new not in TRANSITIONS[old]:
        raise Problem("state_refused", Kind.CONFLICT, f"{old} -> {new}")
