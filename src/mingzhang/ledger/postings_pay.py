"""Rows 1, 3, 5, 6, 16 and 23: money comes in, is settled by the channel and reaches custody."""

from __future__ import annotations

from collections.abc import Iterable

from mingzhang.ledger.moves import (
    Draft,
    Leg,
    Posting,
    Refused,
    Spot,
    give,
    move,
    positive,
    release,
    seal,
)
from mingzhang.ledger.places import (
    CAPITAL,
    CHANNEL,
    CUSTODY,
    FEE,
    FREE,
    MISSING,
    NOBODY,
    PAYER,
    SETTLEMENT,
    UNEXPLAINED,
    Balances,
    F,
    H,
    L,
    O,
    S,
    owner_of,
)


def capital_in(subject: str, *, party: str, place: str, amount_fen: int) -> Posting:
    """Row 1: capital or an opening balance stands at ``place`` (custody, or a supplier's prepayment)."""
    if place not in (CUSTODY, FREE):
        raise Refused("not_permitted", place)
    fen = positive(amount_fen)
    return Posting(
        "capital_in",
        (Leg(subject, CAPITAL, NOBODY, F, -fen), Leg(subject, place, party, F, fen)),
    )


def paid(subject: str, *, channel: str, amount_fen: int) -> Posting:
    """Row 3: first evidence that the buyer's payment for this order stands at the channel."""
    if owner_of(subject) != O:
        raise Refused("not_permitted", "a payment needs an order; use excess or unexplained")
    fen = positive(amount_fen)
    return Posting(
        "paid",
        (Leg(subject, PAYER, NOBODY, O, -fen), Leg(subject, CHANNEL, channel, O, fen)),
    )


def excess(suspense_id: str, *, channel: str, amount_fen: int) -> Posting:
    """Row 3, second half: more was paid than asked; the rest is a suspense item (挂账)."""
    return unexplained(suspense_id, at=(CHANNEL, channel), amount_fen=amount_fen)


def unexplained(suspense_id: str, *, at: Spot, amount_fen: int) -> Posting:
    """Rows 6 and 23: money with no order, at a channel or in custody."""
    if owner_of(suspense_id) != S or at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", f"{suspense_id} at {at[0]}")
    fen = positive(amount_fen)
    return Posting(
        "unexplained",
        (Leg(suspense_id, UNEXPLAINED, NOBODY, S, -fen), Leg(suspense_id, *at, S, fen)),
    )


def channel_settled(
    subject: str,
    balances: Balances,
    *,
    channel: str,
    fee_fen: int,
    net_fen: int,
    float_at_fen: int | None = None,
) -> Posting:
    """Rows 5 and 16: the channel takes ``fee_fen`` now (0 if taken before) and settles the net amount.

    ``net_fen`` is the trade's amount in the batch less its fee and less its own refunds in the same
    batch. What the trade lacks is made good, from L, then from the channel's F (``float_at_fen``, unchecked
    when None): ``float_short`` leaves it a listed difference. What stays is reserve (row 14).
    """
    if fee_fen < 0 or net_fen < 0:
        raise Refused("bad_amount", f"fee {fee_fen}, net {net_fen}")
    draft = Draft(subject, balances)
    at = (CHANNEL, channel)
    lack = max(0, fee_fen - draft.have(*at, draft.who))
    from_claim = min(lack, draft.have(*at, L))
    give(draft, at, L, from_claim)
    from_float = lack - from_claim
    give(draft, at, F, from_float)
    move(draft, draft.who, at, (FEE, channel), fee_fen)
    there = draft.have(*at, draft.who) + draft.have(*at, L)
    short = max(0, net_fen - there)
    give(draft, at, F, short)
    if float_at_fen is not None and from_float + short > float_at_fen:
        raise Refused("float_short", f"{from_float + short} of {float_at_fen} at {channel}")
    claim = min(net_fen, draft.have(*at, L))
    move(draft, L, at, (SETTLEMENT, channel), claim)
    move(draft, draft.who, at, (SETTLEMENT, channel), net_fen - claim)
    return seal("channel_settled", draft)


def bank_received(subject: str, balances: Balances, *, channel: str, bank: str, amount_fen: int) -> Posting:
    """Row 6: the bank line of a batch arrived; this subject's stored line goes to custody; row 8.

    A line stores its amount only: who owns the money in transit may have changed since row 5.
    """
    draft = Draft(subject, balances)
    frm, to = (SETTLEMENT, channel), (CUSTODY, bank)
    claim = min(positive(amount_fen), draft.have(*frm, L))
    move(draft, L, frm, to, claim)
    move(draft, draft.who, frm, to, amount_fen - claim)
    release(draft)
    return seal("bank_received", draft)


def batch_netted(subject: str, *, channel: str, bank: str, amount_fen: int) -> Posting:
    """Row 6: refunds or chargebacks netted in a batch, paid by the float: custody:F→channel:F."""
    fen = positive(amount_fen)
    return Posting(
        "batch_netted",
        (Leg(subject, CUSTODY, bank, F, -fen), Leg(subject, CHANNEL, channel, F, fen)),
    )


def batch_short(subject: str, *, bank: str, amount_fen: int) -> Posting:
    """Row 6: the bank line is short; the float carries the difference: custody:F→missing:F."""
    fen = positive(amount_fen)
    return Posting(
        "batch_short",
        (Leg(subject, CUSTODY, bank, F, -fen), Leg(subject, MISSING, bank, F, fen)),
    )


def share_uncovered(members: Iterable[tuple[str, int]], uncovered_fen: int) -> list[tuple[str, int]]:
    """Row 6: whom the part that custody:F cannot cover is taken from: last line first.

    ``members`` are (subject, its money in custody from this batch) in the order of the lines. Returns
    (subject, fen) for `batch_taken`; refuses ``not_enough`` when the batch itself cannot cover it.
    """
    shares = []
    for subject, there in reversed(list(members)):
        fen = min(there, uncovered_fen)
        if fen > 0:
            shares.append((subject, fen))
            uncovered_fen -= fen
    if uncovered_fen:
        raise Refused("not_enough", f"{uncovered_fen} uncovered by the batch")
    return shares


def batch_taken(subject: str, balances: Balances, *, bank: str, to: Spot, amount_fen: int) -> Posting:
    """Row 6: taken from one of the batch's own owners, o before L, same owner.

    ``to`` is the channel (netted refunds) or missing (a short line).
    """
    if to[0] not in (CHANNEL, MISSING):
        raise Refused("not_permitted", to[0])
    draft = Draft(subject, balances)
    frm = (CUSTODY, bank)
    own = min(positive(amount_fen), draft.have(*frm, draft.who))
    move(draft, draft.who, frm, to, own)
    move(draft, L, frm, to, amount_fen - own)
    return seal("batch_taken", draft)


def matched(suspense_id: str, balances: Balances, order: str, order_balances: Balances) -> Posting:
    """Row 23, same bucket: a suspense item turned out to be this order's; all of it changes owner.

    Every place it stands at, its claim, what it took and what the platform gave for it.
    """
    item, target = Draft(suspense_id, balances), Draft(order, order_balances)
    if item.who != S or target.who != O:
        raise Refused("not_permitted", f"{suspense_id} to {order}")
    for (place, party, owner), fen in list(balances.items()):
        if not fen or owner not in (S, L):
            continue
        becomes = O if owner == S else L
        item.add(place, party, owner, -fen)
        target.add(PAYER if place == UNEXPLAINED else place, party, becomes, fen)
    return _sealed_match(item, target)


def _sealed_match(item: Draft, target: Draft) -> Posting:
    """Refuse an empty match: nothing stands there, so it was matched before."""
    if not item.legs:
        raise Refused("already_taken", item.subject)
    return seal("matched", item, target)


def handed_over(suspense_id: str, balances: Balances) -> Posting:
    """Row 23, other bucket, first half: X:S→X:H. Only while S has no claim and nothing was given."""
    draft = Draft(suspense_id, balances)
    if draft.who != S:
        raise Refused("not_permitted", suspense_id)
    for (place, party, owner), fen in list(balances.items()):
        if not fen or owner not in (S, L):
            continue
        if owner == L or place not in (CHANNEL, CUSTODY, FEE, UNEXPLAINED):
            raise Refused("not_movable", f"{owner} at {place}")
        draft.add(place, party, S, -fen)
        draft.add(place, party, H, fen)
    if not draft.legs:
        raise Refused("already_taken", suspense_id)
    return seal("handed_over", draft)


def taken_over(order: str, balances: Balances, *, handover: Posting) -> Posting:
    """Row 23, other bucket, second half: X:H→X:o + source.payer:o→source.unexplained:H."""
    draft = Draft(order, balances)
    if draft.who != O or handover.row != "handed_over":
        raise Refused("not_permitted", order)
    for leg in handover.legs:
        if leg.owner != H:
            continue
        place = PAYER if leg.place == UNEXPLAINED else leg.place
        draft.add(leg.place, leg.party, H, -leg.amount_fen)
        draft.add(place, leg.party, O, leg.amount_fen)
    return seal("taken_over", draft)


__all__ = [
    "bank_received",
    "batch_netted",
    "batch_short",
    "batch_taken",
    "capital_in",
    "channel_settled",
    "excess",
    "handed_over",
    "matched",
    "paid",
    "share_uncovered",
    "taken_over",
    "unexplained",
]
