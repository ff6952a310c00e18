"""Rows 2, 11, 12, 21, 24, 26 and 27: float, margin, freezes, what is missing, write-offs."""

from __future__ import annotations

from mingzhang.ledger.moves import (
    Draft,
    Leg,
    Posting,
    Refused,
    Spot,
    earn,
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
    CUSTODY,
    FEE,
    FREE,
    HOLD,
    LOSS,
    MISSING,
    NOBODY,
    OPERATOR,
    TOPUP,
    Balances,
    F,
    L,
    M,
    origin_of,
)

_FLOAT_STEPS = frozenset(
    ((CUSTODY, TOPUP), (TOPUP, FREE), (TOPUP, CHANNEL), (FREE, TOPUP), (CHANNEL, TOPUP), (TOPUP, CUSTODY))
)


def _float_move(row: str, subject: str, owner: str, frm: Spot, to: Spot, *, amount_fen: int) -> Posting:
    fen = positive(amount_fen)
    return Posting(row, (Leg(subject, *frm, owner, -fen), Leg(subject, *to, owner, fen)))


def float_moved(subject: str, *, frm: Spot, to: Spot, amount_fen: int) -> Posting:
    """Row 2: one step of a prefund, stock purchase or refund reserve, there or back.

    custody ↔ transit.topup ↔ supplier.free or channel, each on its own evidence.
    """
    if (frm[0], to[0]) not in _FLOAT_STEPS:
        raise Refused("not_permitted", f"{frm[0]} to {to[0]}")
    return _float_move("float_moved", subject, F, frm, to, amount_fen=amount_fen)


def earned(subject: str, balances: Balances, *, bank: str, refund_due_fen: int = 0) -> Posting:
    """Row 11: supplier final, fee known, reversal window past: TAKE-BACK, then EARN all custody:o.

    ``refund_due_fen`` is what the buyer still has coming and was not asked yet; it refuses the earning.
    """
    if refund_due_fen:
        raise Refused("refund_due", str(refund_due_fen))
    draft = Draft(subject, balances)
    if supplier_open(draft):
        raise Refused("supplier_open", subject)
    take_back(draft, (CUSTODY, bank))
    earn(draft, bank, draft.have(CUSTODY, bank, draft.who))
    release(draft)
    return seal("earned", draft)


def margin_swept(subject: str, *, bank: str, operator: str, amount_fen: int) -> Posting:
    """Row 12: earned margin reaches the operator's own account. Never a user's money."""
    return _float_move(
        "margin_swept", subject, M, (CUSTODY, bank), (OPERATOR, operator), amount_fen=amount_fen
    )


def frozen(subject: str, balances: Balances, *, at: Spot, by_channel: bool) -> Posting:
    """Row 21: a dispute or the channel freezes the trade; L too if the channel froze it."""
    if at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", at[0])
    draft = Draft(subject, balances)
    for owner in (draft.who, L) if by_channel else (draft.who,):
        move(draft, owner, at, (HOLD, at[1]), draft.have(*at, owner))
    return seal("frozen", draft)


def unfrozen(subject: str, balances: Balances, *, at: Spot) -> Posting:
    """Row 21: the freeze is over: hold goes back to ``at``, same owners; row 8."""
    if at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", at[0])
    draft = Draft(subject, balances)
    for owner in (draft.who, L):
        move(draft, owner, (HOLD, at[1]), at, draft.have(HOLD, at[1], owner))
    release(draft)
    return seal("unfrozen", draft)


def bill_lacks(subject: str, balances: Balances, *, channel: str) -> Posting:
    """Row 24: booked, but the channel's bill or query lacks the trade: channel→missing, o and L."""
    draft = Draft(subject, balances)
    for owner in (draft.who, L):
        move(draft, owner, (CHANNEL, channel), (MISSING, channel), draft.have(CHANNEL, channel, owner))
    return seal("bill_lacks", draft)


def found_at_channel(subject: str, balances: Balances, *, channel: str) -> Posting:
    """Row 24: found after all: missing→channel, then TAKE-BACK."""
    draft = Draft(subject, balances)
    at = (CHANNEL, channel)
    for owner in (draft.who, L):
        move(draft, owner, (MISSING, channel), at, draft.have(MISSING, channel, owner))
    take_back(draft, at)
    return seal("found_at_channel", draft)


def found_at_bank(subject: str, balances: Balances, *, party: str, bank: str, amount_fen: int) -> Posting:
    """Row 24: the bank line was found: missing→custody, same owner, o first; row 8."""
    draft = Draft(subject, balances)
    frm, to = (MISSING, party), (CUSTODY, bank)
    own = min(positive(amount_fen), draft.have(*frm, draft.who))
    move(draft, draft.who, frm, to, own)
    move(draft, L, frm, to, amount_fen - own)
    release(draft)
    return seal("found_at_bank", draft)


def float_found(subject: str, *, party: str, bank: str, amount_fen: int) -> Posting:
    """Row 24 for the float's own part of a short batch: missing:F→custody:F."""
    return _float_move("float_found", subject, F, (MISSING, party), (CUSTODY, bank), amount_fen=amount_fen)


def made_good(subject: str, balances: Balances, *, party: str, at: Spot, float_fen: int) -> Posting:
    """Row 24: the float stands in for what is missing: missing:o→missing:L + X:F→X:o.

    X is custody, or the channel while the shop's reserve there is what it has (decision 0034).
    """
    if at[0] not in (CHANNEL, CUSTODY):
        raise Refused("not_permitted", at[0])
    draft = Draft(subject, balances)
    own = draft.have(MISSING, party, draft.who)
    if own > float_fen:
        raise Refused("float_short", f"{own} of {float_fen} at {at[0]}")
    swap(draft, (MISSING, party), L, at, F, fen=own)
    return seal("made_good", draft)


def proved_unpaid(subject: str, balances: Balances, *, party: str) -> Posting:
    """Row 24: the payment never was: GIVE missing:L→missing:o all, missing:o→source.payer:o.

    Never more than the subject still has from its source; beyond it what is missing is the platform's
    own (it had given it): TAKE-BACK, then missing:L→missing:F, which row 26 writes off.
    """
    draft = Draft(subject, balances)
    at, source = (MISSING, party), (origin_of(draft.who), NOBODY)
    claim, own = draft.have(*at, L), draft.have(*at, draft.who)
    unpaid = min(own + claim, -draft.have(*source, draft.who))
    give(draft, at, L, max(0, unpaid - own))
    move(draft, draft.who, at, source, unpaid)
    take_back(draft, at)
    claim = draft.have(*at, L)
    if claim:
        draft.add(*at, L, -claim)
        draft.add(*at, F, claim)
    return seal("proved_unpaid", draft)


def written_off(subject: str, *, at: Spot, amount_fen: int) -> Posting:
    """Row 26: expired stock or a batch difference: supplier.free:F or missing:F→spent.loss:F."""
    if at[0] not in (FREE, MISSING):
        raise Refused("not_permitted", at[0])
    return _float_move("written_off", subject, F, at, (LOSS, NOBODY), amount_fen=amount_fen)


def claim_given_up(subject: str, balances: Balances, *, party: str) -> Posting:
    """Row 26 for a claim: supplier final, missing:L→missing:F all, so that it can be written off."""
    draft = Draft(subject, balances)
    if supplier_open(draft):
        raise Refused("supplier_open", subject)
    claim = positive(draft.have(MISSING, party, L))
    draft.add(MISSING, party, L, -claim)
    draft.add(MISSING, party, F, claim)
    return seal("claim_given_up", draft)


def claim_taken_up(subject: str, balances: Balances, *, party: str, amount_fen: int) -> Posting:
    """Row 26 undone for a claim whose money was found after all: spent.loss:F→missing:F→missing:L."""
    draft = Draft(subject, balances)
    fen = positive(amount_fen)
    draft.add(LOSS, NOBODY, F, -fen)
    draft.add(MISSING, party, L, fen)
    return seal("claim_taken_up", draft)


def own_charges(subject: str, *, at: Spot, amount_fen: int) -> Posting:
    """Row 27: the bank's or channel's own charges: custody:F or channel:F→fee:F."""
    if at[0] not in (CUSTODY, CHANNEL):
        raise Refused("not_permitted", at[0])
    return _float_move("own_charges", subject, F, at, (FEE, at[1]), amount_fen=amount_fen)
