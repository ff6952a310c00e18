"""What becomes of money that is not simply its order's price: one rule per case (F1, F15, F17, F18; ledger rows 3, 23).

The table is printed into docs/states.md. `place_money` is the whole decision, pure: what is booked for the order,
what is put aside as a suspense item (待核实款项, staff: 挂账), and what happens with each.
"""

from enum import StrEnum
from typing import Final

import msgspec

CLOCK_S: Final = 24 * 3600
REFUND_S: Final = 3 * 24 * 3600


class Case(StrEnum):
    """Which of the table's cases a payment is. The values are stored as a suspense item's cause."""

    AFTER_CLOSE = "after_close"
    SHORT = "short_payment"
    OVER = "over_payment"
    SECOND = "second_payment"
    REFUNDED_ORDER = "payment_of_refunded_order"
    DOUBTED_ORDER = "payment_beside_doubt"
    UNKNOWN_ORDER = "unknown_order_number"
    OTHER_CURRENCY = "other_currency"
    DENIED = "denied_by_channel"
    FROZEN = "payment_frozen"
    REFUND_REFUSED = "refund_refused"


class Then(StrEnum):
    """What is done: deliver (the order goes on), refund (by the original path, by itself), person (one decides)."""

    DELIVER = "deliver"
    REFUND = "refund"
    PERSON = "person"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. ``clock_s``: the longest until it is final, or until somebody must have decided."""

    happened: str
    then: Then
    otherwise: Then
    aside: str
    clock_s: int
    why: str


POLICY: Final[dict[Case, Rule]] = {
    Case.AFTER_CLOSE: Rule(
        happened="the order's price comes after the order closed or expired",
        then=Then.DELIVER,
        otherwise=Then.REFUND,
        aside="nothing: it is the order's money",
        clock_s=REFUND_S,
        why="the buyer paid for this order; if the product is no longer sold at that price, all of it goes back",
    ),
    Case.SHORT: Rule(
        happened="less than the order's price",
        then=Then.REFUND,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=REFUND_S,
        why="the order is not paid; it can be paid in full meanwhile",
    ),
    Case.OVER: Rule(
        happened="more than the order's price",
        then=Then.DELIVER,
        otherwise=Then.REFUND,
        aside="the part above the price, which goes back",
        clock_s=REFUND_S,
        why="the price is paid; a channel that gives back no parts leaves the rest to a person",
    ),
    Case.SECOND: Rule(
        happened="one more payment for an order that is paid",
        then=Then.REFUND,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=REFUND_S,
        why="the first payment that is evidence pays the order, whichever channel it came through",
    ),
    Case.REFUNDED_ORDER: Rule(
        happened="a payment for an order whose money went back, or is on its way back",
        then=Then.REFUND,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=REFUND_S,
        why="the order is over; the buyer places a new one",
    ),
    Case.DOUBTED_ORDER: Rule(
        happened="one more payment while the first is denied by its channel",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=CLOCK_S,
        why="it may be the only real one: a person finds out which before anything goes back",
    ),
    Case.UNKNOWN_ORDER: Rule(
        happened="a paid trade under a number that no order of ours has",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=CLOCK_S,
        why="another system may use the same merchant account: nobody's money is sent back unseen",
    ),
    Case.OTHER_CURRENCY: Rule(
        happened="an amount in a currency other than the order's",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="nothing is booked, because the ledger knows fen only; the answer is kept",
        clock_s=CLOCK_S,
        why="no rule can say what it is worth",
    ),
    Case.DENIED: Rule(
        happened="told paid by a signed notify, denied when the channel was asked",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="all of it, as missing",
        clock_s=CLOCK_S,
        why="one of the channel's two words is wrong",
    ),
    Case.FROZEN: Rule(
        happened="the channel freezes money that was put aside",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="all of it, held; when the channel lets go, it goes on by its own case",
        clock_s=CLOCK_S,
        why="nothing may be moved that the channel keeps; it is asked on",
    ),
    Case.REFUND_REFUSED: Rule(
        happened="the channel refuses to give put-aside money back",
        then=Then.PERSON,
        otherwise=Then.PERSON,
        aside="all of it",
        clock_s=CLOCK_S,
        why="another way back must be found, by bank transfer for instance",
    ),
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the order stands when the payment comes. ``price_stands``: still sold at the snapshotted price.

    ``doubted``: the payment that paid it was denied by its channel since.
    """

    state: str
    doubted: bool
    paid: bool
    price_fen: int
    price_stands: bool


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a payment's money goes, fen: ``order_fen`` is booked for the order, ``aside_fen`` put aside.

    ``case``: None for the plain one. ``order_then``: what the order does with its part, ``aside_then``: what is
    done with the part put aside.
    """

    order_fen: int
    aside_fen: int
    case: Case | None = None
    order_then: Then = Then.DELIVER
    aside_then: Then = Then.REFUND


def place_money(order: Standing, amount_fen: int) -> Placed:
    """The decision for a payment of `amount_fen` that named this order."""
    if order.paid:
        return _aside(_case_of_paid(order), amount_fen)
    if amount_fen < order.price_fen:
        return _aside(Case.SHORT, amount_fen)
    late = order.state == "closed"
    then = Then.DELIVER
    if late:
        rule = POLICY[Case.AFTER_CLOSE]
        then = rule.then if order.price_stands else rule.otherwise
    over = amount_fen - order.price_fen
    if over:
        return Placed(order_fen=order.price_fen, aside_fen=over, case=Case.OVER, order_then=then)
    return Placed(
        order_fen=order.price_fen, aside_fen=0, case=Case.AFTER_CLOSE if late else None, order_then=then
    )


def _case_of_paid(order: Standing) -> Case:
    if order.doubted:
        return Case.DOUBTED_ORDER
    return Case.REFUNDED_ORDER if order.state in ("refunding", "refunded") else Case.SECOND


def _aside(case: Case, amount_fen: int) -> Placed:
    return Placed(order_fen=0, aside_fen=amount_fen, case=case, aside_then=POLICY[case].then)
