"""The life of a dispute (纠纷): kinds, states, whose turn it is, and the longest that any of it may last (R34, R35, R43).

The database holds the same (0071): one open dispute of an order and kind, deadlines that no statement can move.
"""

from __future__ import annotations

from typing import Final

from mingzhang.kit.errors import Kind, Problem

KINDS: Final = (
    "not_arrived",
    "shown_arrived_not_received",
    "wrong_amount",
    "wrong_product",
    "unauthorised_payment",
    "refund_not_arrived",
    "card_invalid",
    "reversed",
)
SOURCES: Final = ("buyer", "staff", "channel", "regulator")
REMEDIES: Final = ("refund", "resupply")
STAGES: Final = ("first", "solution", "final")
OUTCOMES: Final = (
    "refunded",
    "part_refunded",
    "resupplied",
    "delivered",
    "charged_back",
    "refunded_outside",
    "nothing_paid",
    "withdrawn",
    "declined",
    "lapsed",
)
# The dispute is about the money itself: until its outcome the order's money stands at `hold` (row 21).
HOLDS: Final = frozenset({"unauthorised_payment", "wrong_amount"})

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "open": frozenset({"working", "asked", "offered", "remedy", "closed"}),
    "working": frozenset({"asked", "offered", "remedy", "closed"}),
    "asked": frozenset({"working", "remedy", "closed"}),
    "offered": frozenset({"working", "remedy", "closed"}),
    "remedy": frozenset({"working", "closed"}),
    "closed": frozenset({"open"}),  # once, within `REOPEN_DAYS`
}
MEANING: Final[dict[str, str]] = {
    "open": "put before the shop, which has not answered yet",
    "working": "the shop answered and owes a solution",
    "asked": "the shop asked its buyer something; the clocks stand still meanwhile, and that shows",
    "offered": "the shop offered a remedy or an amount, and its buyer decides; the clocks stand still",
    "remedy": "agreed or decided: the refund or the second delivery is under way",
    "closed": "at an end, with its outcome on record; may be reopened once",
}

HOUR_S: Final = 3600
FIRST_MAX_S: Final = 24 * HOUR_S
SOLUTION_MAX_S: Final = 24 * HOUR_S
FINAL_MAX_S: Final = 72 * HOUR_S
BUYER_MAX_S: Final = 72 * HOUR_S
PERSON_MAX_S: Final = 24 * HOUR_S
REMEDY_MAX_S: Final = 96 * HOUR_S
PAUSES_MAX: Final = 3  # a shop cannot ask for ever
REOPEN_DAYS: Final = 15
TEXT_MAX: Final = 1000
MESSAGES_MAX: Final = 200


def dispute_number(order_id: str, n: int) -> str:
    """The order's number with D and a count."""
    return f"{order_id}D{n}"


def read_number(dispute_id: str) -> tuple[str, int]:
    """Order and count of a dispute's number. Raises Problem `unknown_dispute`."""
    order_id, mark, n = dispute_id.rpartition("D")
    if not (mark and order_id.isalnum() and n.isascii() and n.isdecimal() and len(n) < 4):
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return order_id, int(n)


def check_move(old: str, new: str) -> None:
    """Raise `state_refused` when the table has no such transition."""
    if old != new and new not in TRANSITIONS[old]:
        raise Problem("state_refused", Kind.CONFLICT, f"{old} -> {new}")


def turn_of(state: str, next_actor: str, viewer: str) -> str:
    """What a viewer (`buyer` or `shop`) reads first: your_turn, theirs, outside, closed."""
    if state == "closed":
        return "closed"
    if next_actor in ("channel", "supplier"):
        return "outside"
    buyers = next_actor == "buyer"
    return "your_turn" if buyers == (viewer == "buyer") else "theirs"
