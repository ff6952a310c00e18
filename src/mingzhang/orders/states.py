"""The life of an order: allowed transitions and the longest each open state may last."""

from mingzhang.kit.errors import Kind, Problem

# From each state the states it may turn into.
TRANSITIONS: dict[str, frozenset[str]] = {
    "awaiting_payment": frozenset({"paid", "closed"}),
    "closed": frozenset({"paid"}),  # money may still come after expiry (F1, F17)
    "paid": frozenset({"supplying", "refunding", "needs_person"}),
    "supplying": frozenset({"delivered", "refunding", "needs_person"}),
    "needs_person": frozenset({"delivered", "refunding", "supplying"}),
    "delivered": frozenset({"refunding", "needs_person"}),  # reversed by the supplier (F19)
    "refunding": frozenset({"refunded", "needs_person"}),
    "refunded": frozenset({"refunding"}),
}
FINAL = frozenset({"delivered", "refunded", "closed"})

# Seconds an order may stay in a state before somebody is told or something happens.
PAYMENT_WINDOW_S = 15 * 60
DISPATCH_MAX_S = 10 * 60
CHOICE_MAX_S = 72 * 3600
PERSON_MAX_S = 24 * 3600
REFUND_MAX_S = 3 * 24 * 3600


def check_move(old: str, new: str) -> None:
    """Raise `state_refused` when the table has no such transition."""
    if old != new and new not in TRANSITIONS[old]:
        raise Problem("state_refused", Kind.CONFLICT, f"{old} -> {new}")
