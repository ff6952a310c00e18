"""Rows 13, 14, 15, 17, 20 and 22: money goes back to the buyer, arrives, or returns."""

from __future__ import annotations

from mingzhang.ledger.moves import (
    Draft,
    Posting,
    Refused,
    Spot,
    give,
    move,
    positive,
    release,
    seal,
    supplier_open,
    swap,
    take_back,
)
from mingzhang.ledger.places import (
    CHANNEL,
    CHARGEBACK,
    CUSTODY,
    FEE,
    HOLD,
    MISSING,
    REFUND_ARRIVED,
    REFUND_TRANSIT,
    REFUNDING,
    SETTLEMENT,
    Balances,
    F,
    L,
)

GIVEN_BACK = (REFUNDING, REFUND_TRANSIT, REFUND_ARRIVED, CHARGEBACK)
"""What counts against P when a refund is asked."""

ELSEWHERE = (SETTLEMENT, CUSTODY, CHANNEL, HOLD, MISSING)
"""Where a gather swaps the order's own money from, in this order."""


def refundable_fen(subject: str, balances: Balances, price_fen: int) -> int:
    """Row 13: P − refunding − refund.transit − refund.arrived − refund.chargeback (may be negative)."""
    draft = Draft(subject, balances)
    return price_fen - sum(fen for _, _, fen in draft.stands(draft.who, GIVEN_BACK))


def gather(
    draft: Draft, at: Spot, want_fen: int, float_at_fen: int, *, fact: bool, may_give: bool = True
) -> None:
    """Row 13's gather: make the subject own ``want_fen`` at G, out of what it owns elsewhere first.

    Raises ``float_short`` when G's float cannot carry it, ``supplier_open`` when it would have to be
    given while a supplier is open and ``may_give`` is false (row 20 is the deliberate way), and, unless it
    is a fact that already happened, ``money_missing`` when it would draw on money in doubt: whoever means
    to pay for that posts `made_good` (row 24) first, so that a forged payment (F4) buys no refund.
    """
    lack = want_fen - draft.have(*at, draft.who)
    from_float = 0
    for place, party, own in draft.stands(draft.who, ELSEWHERE):
        if (place, party) == at or lack <= 0:
            continue
        if place == MISSING and not fact:
            raise Refused("money_missing", f"{own} at {party}")
        part = min(lack, own)
        claim = min(part, draft.have(*at, L))
        swap(draft, (place, party), L, at, L, fen=claim)
        swap(draft, (place, party), L, at, F, fen=part - claim)
        from_float += part - claim
        lack -= part
    if lack > 0:
        if not may_give and supplier_open(draft):
            raise Refused("supplier_open", draft.subject)
        claim = min(lack, draft.have(*at, L))
        give(draft, at, L, claim)
        give(draft, at, F, lack - claim)
        from_float += lack - claim
    if from_float > float_at_fen:
        raise Refused("float_short", f"{from_float} of {float_at_fen} at {at}")


def _ask(
    draft: Draft, price_fen: int, amount_fen: int, at: Spot, float_at_fen: int, *, may_give: bool
) -> None:
    """Row 13 on a draft: limit, gather, G:o→refunding:o, row 8."""
    if at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", at[0])
    left = price_fen - sum(fen for _, _, fen in draft.stands(draft.who, GIVEN_BACK))
    if positive(amount_fen) > left:
        raise Refused("over_refund", f"{amount_fen} of {left}")
    gather(draft, at, amount_fen, float_at_fen, fact=False, may_give=may_give)
    move(draft, draft.who, at, (REFUNDING, at[1]), amount_fen)
    release(draft)


def refund_asked(
    subject: str, balances: Balances, *, price_fen: int, amount_fen: int, at: Spot, float_at_fen: int
) -> Posting:
    """Rows 13 and 17: a refund of ``amount_fen`` is about to be asked for at G = ``at``.

    ``at`` is (channel, party) or, for a bank transfer, (custody, bank). ``float_at_fen`` is the roll-up of
    F there. For suspense ``price_fen`` is what it took. Raises ``over_refund``; ``float_short``: the refund
    waits, visibly, with an alarm; ``money_missing``: row 24 decides first; ``supplier_open``: it would be at
    the platform's risk, which is row 20.
    """
    draft = Draft(subject, balances)
    _ask(draft, price_fen, amount_fen, at, float_at_fen, may_give=False)
    return seal("refund_asked", draft)


def risk_refund(
    subject: str, balances: Balances, *, price_fen: int, amount_fen: int, at: Spot, float_at_fen: int
) -> Posting:
    """Row 20: remedy while the supplier is unknown, at the platform's risk: GIVE all L, then row 13.

    supplier.reserved stays open: a later success is row 7, a later refusal row 9.
    """
    draft = Draft(subject, balances)
    for place, party, claim in draft.stands(L, ELSEWHERE):
        give(draft, (place, party), L, claim)
    _ask(draft, price_fen, amount_fen, at, float_at_fen, may_give=True)
    return seal("risk_refund", draft)


def refund_accepted(subject: str, balances: Balances, *, party: str, amount_fen: int) -> Posting:
    """Row 14: the channel or bank accepted the refund; the money left it."""
    return _onward(
        "refund_accepted",
        subject,
        balances,
        (REFUNDING, party),
        (REFUND_TRANSIT, party),
        amount_fen=amount_fen,
    )


def refund_arrived(
    subject: str, balances: Balances, *, party: str, amount_fen: int, place: str = REFUND_TRANSIT
) -> Posting:
    """Row 14: the refund reached the buyer, from refund.transit or straight from refunding."""
    if place not in (REFUND_TRANSIT, REFUNDING):
        raise Refused("not_permitted", place)
    return _onward(
        "refund_arrived", subject, balances, (place, party), (REFUND_ARRIVED, party), amount_fen=amount_fen
    )


def refund_refused(subject: str, balances: Balances, *, at: Spot, amount_fen: int) -> Posting:
    """Row 14: refused; refunding goes back to where it was gathered (``at``)."""
    if at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", at[0])
    return _onward("refund_refused", subject, balances, (REFUNDING, at[1]), at, amount_fen=amount_fen)


def refund_came_back(
    subject: str, balances: Balances, *, place: str, party: str, to: Spot, amount_fen: int
) -> Posting:
    """Row 14: came back, even after arrival, to the place its evidence names (channel or custody)."""
    if place not in (REFUND_TRANSIT, REFUND_ARRIVED) or to[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", f"{place} to {to[0]}")
    return _onward("refund_came_back", subject, balances, (place, party), to, amount_fen=amount_fen)


def _onward(row: str, subject: str, balances: Balances, frm: Spot, to: Spot, *, amount_fen: int) -> Posting:
    """One MOVE of the subject's own money."""
    draft = Draft(subject, balances)
    move(draft, draft.who, frm, to, positive(amount_fen))
    return seal(row, draft)


def reserve_home(
    subject: str, balances: Balances, *, channel: str, bank: str, custody_float_fen: int
) -> Posting:
    """Row 14, last part: what lies at the channel as reserve and is not asked again goes home.

    Only for a trade already settled. TAKE-BACK; channel:L→channel:F; the rest is swapped into custody.
    """
    draft = Draft(subject, balances)
    at = (CHANNEL, channel)
    take_back(draft, at)
    claim = draft.have(*at, L)
    if claim:
        draft.add(*at, L, -claim)
        draft.add(*at, F, claim)
    rest = draft.have(*at, draft.who)
    if rest > custody_float_fen:
        raise Refused("float_short", f"{rest} of {custody_float_fen} in custody")
    swap(draft, at, F, (CUSTODY, bank), F, fen=rest)
    return seal("reserve_home", draft)


def fee_returned(subject: str, balances: Balances, *, channel: str, amount_fen: int) -> Posting:
    """Row 15: the channel returns its fee, then TAKE-BACK."""
    draft = Draft(subject, balances)
    at = (CHANNEL, channel)
    move(draft, draft.who, (FEE, channel), at, positive(amount_fen))
    take_back(draft, at)
    return seal("fee_returned", draft)


def charged_back(
    subject: str, balances: Balances, *, channel: str, amount_fen: int, float_at_fen: int
) -> Posting:
    """Row 22: a chargeback took ``amount_fen``: release hold, gather, channel:o→refund.chargeback:o.

    A fact: ``float_short`` makes it a listed difference until the float can carry it.
    """
    draft = Draft(subject, balances)
    at, hold = (CHANNEL, channel), (HOLD, channel)
    for owner in (draft.who, L):
        move(draft, owner, hold, at, draft.have(*hold, owner))
    gather(draft, at, positive(amount_fen), float_at_fen, fact=True)
    move(draft, draft.who, at, (CHARGEBACK, channel), amount_fen)
    release(draft)
    return seal("charged_back", draft)


def chargeback_won(subject: str, balances: Balances, *, channel: str, amount_fen: int) -> Posting:
    """Row 22: won back: the reverse, then TAKE-BACK."""
    draft = Draft(subject, balances)
    at = (CHANNEL, channel)
    move(draft, draft.who, (CHARGEBACK, channel), at, positive(amount_fen))
    take_back(draft, at)
    return seal("chargeback_won", draft)
