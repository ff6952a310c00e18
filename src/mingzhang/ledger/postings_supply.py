"""Rows 4, 7, 8, 9, 10, 18, 19 and 25: the order's money is spent at a supplier, or comes back."""

from __future__ import annotations

from mingzhang.ledger.moves import (
    Draft,
    Leg,
    Posting,
    Refused,
    owe,
    positive,
    release,
    seal,
    supplier_open,
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
    PLATFORM,
    RESERVED,
    SETTLED,
    SETTLEMENT,
    Account,
    Balances,
    F,
    L,
    O,
    attempt_party,
    owner_of,
)

SPENDABLE = (CUSTODY, SETTLEMENT, CHANNEL)
"""Where money can be dispatched from: frozen or missing money cannot. The channel last: its fee."""

CLAIM_ORDER = (CHANNEL, SETTLEMENT, CUSTODY, HOLD, MISSING)
"""Whence a claim goes back to its order: where a refund can use it first, what is missing last."""


def dispatched(
    subject: str,
    balances: Balances,
    *,
    supplier: str,
    attempt: int,
    cost_fen: int,
    expected_fee_fen: int = 0,
    allow_loss: bool = False,
) -> Posting:
    """Rows 4 and 25: reserve ``cost_fen`` at the supplier for this attempt.

    a = min(cost, the order's money - the fee still expected) changes owner with the float; the rest s
    is the platform's, only if a rule allows it (``allow_loss``), else ``cost_above_money``. Cost 0 (own
    consignment, manual work) has no legs.
    """
    if owner_of(subject) != O:
        raise Refused("not_permitted", f"{subject} is no order")
    if cost_fen <= 0:
        if cost_fen:
            raise Refused("bad_amount", str(cost_fen))
        return Posting("dispatched", ())
    party = attempt_party(supplier, attempt)
    own, fee_taken, spots = 0, 0, []
    for (place, holder, owner), fen in balances.items():
        if owner != O:
            continue
        if place in SPENDABLE:
            own += fen
            spots.append((place, holder, fen))
        elif place == FEE:
            fee_taken += fen
        elif holder == party and fen:
            raise Refused("already_taken", party)
    usable = max(0, min(cost_fen, own - max(0, expected_fee_fen - fee_taken)))
    if usable < cost_fen and not allow_loss:
        raise Refused("cost_above_money", f"{cost_fen} of {usable}")
    return Posting("dispatched", _reserve_legs(subject, spots, supplier, party, cost=cost_fen, usable=usable))


def dispatched_at_shop_cost(
    subject: str, balances: Balances, *, supplier: str, attempt: int, cost_fen: int
) -> Posting:
    """Row 4 with a = 0 (商家承担补发): all of the cost is the platform's gift, the order's own money is not touched."""
    if owner_of(subject) != O:
        raise Refused("not_permitted", f"{subject} is no order")
    if cost_fen <= 0:
        if cost_fen:
            raise Refused("bad_amount", str(cost_fen))
        return Posting("dispatched", ())
    party = attempt_party(supplier, attempt)
    if any(account.party == party and account.owner == O and fen for account, fen in balances.items()):
        raise Refused("already_taken", party)
    return Posting("dispatched", _reserve_legs(subject, [], supplier, party, cost=cost_fen, usable=0))


def _reserve_legs(
    subject: str, spots: list[tuple[str, str, int]], supplier: str, party: str, *, cost: int, usable: int
) -> tuple[Leg, ...]:
    """The legs of row 4: ``usable`` of the order's own money swapped, the rest given."""
    legs = []
    if len(spots) > 1:
        spots.sort(key=lambda spot: (SPENDABLE.index(spot[0]), spot[1]))
    left = usable
    for place, holder, fen in spots:
        part = min(left, fen)
        if part > 0:
            legs.append(Leg(subject, place, holder, O, -part))
            legs.append(Leg(subject, place, holder, L, part))
            left -= part
    legs.append(Leg(subject, FREE, supplier, F, -cost))
    legs.append(Leg(subject, RESERVED, party, O, cost))
    if cost > usable:
        legs.append(Leg(subject, PLATFORM, NOBODY, O, usable - cost))
        legs.append(Leg(subject, LOSS, NOBODY, F, cost - usable))
    return tuple(legs)


def supplier_succeeded(
    subject: str,
    balances: Balances,
    *,
    supplier: str,
    attempt: int,
    actual_cost_fen: int,
    expected_fee_fen: int = 0,
    bank: str | None = None,
    custody_float_fen: int | None = None,
) -> Posting:
    """Row 7: the supplier delivered at ``actual_cost_fen``; the difference to the reserve is booked.

    Dearer: row 4 for the difference (a loss is allowed, it is a fact). Cheaper: row 9 for it. Then what
    is reserved is settled, and row 8 when no other attempt is open.
    """
    if actual_cost_fen < 0:
        raise Refused("bad_amount", str(actual_cost_fen))
    draft = Draft(subject, balances)
    party = attempt_party(supplier, attempt)
    reserved = draft.have(RESERVED, party, O)
    if not reserved and draft.have(SETTLED, party, O):
        raise Refused("already_taken", party)
    if actual_cost_fen > reserved:
        _reserve_more(draft, supplier, party, actual_cost_fen - reserved, expected_fee_fen)
    elif actual_cost_fen < reserved:
        _give_back(
            draft,
            supplier,
            (RESERVED, party),
            reserved - actual_cost_fen,
            bank=bank,
            float_fen=custody_float_fen,
        )
    if actual_cost_fen:
        draft.add(RESERVED, party, O, -actual_cost_fen)
        draft.add(SETTLED, party, O, actual_cost_fen)
    release(draft)
    return seal("supplier_succeeded", draft)


def _reserve_more(draft: Draft, supplier: str, party: str, more: int, expected_fee: int) -> None:
    """Row 4 inside row 7: the supplier charged more than was reserved."""
    spots = draft.stands(O, SPENDABLE)
    fee_taken = sum(fen for _, _, fen in draft.stands(O, (FEE,)))
    own = sum(fen for _, _, fen in spots)
    usable = max(0, min(more, own - max(0, expected_fee - fee_taken)))
    for leg in _reserve_legs(draft.subject, spots, supplier, party, cost=more, usable=usable):
        draft.add(leg.place, leg.party, leg.owner, leg.amount_fen)


def partly_delivered(
    subject: str,
    balances: Balances,
    *,
    supplier: str,
    attempt: int,
    delivered_cost_fen: int,
    bank: str | None = None,
    custody_float_fen: int | None = None,
) -> Posting:
    """Row 10: row 7 on the delivered part's cost, row 9 on the rest; the refund follows by row 13."""
    party = attempt_party(supplier, attempt)
    if delivered_cost_fen > balances.get(Account(RESERVED, party, O), 0):
        raise Refused("not_enough", f"{delivered_cost_fen} of {party}")
    return supplier_succeeded(
        subject,
        balances,
        supplier=supplier,
        attempt=attempt,
        actual_cost_fen=delivered_cost_fen,
        bank=bank,
        custody_float_fen=custody_float_fen,
    )._replace(row="partly_delivered")


def undelivered_price_fen(price_fen: int, ordered: int, delivered: int) -> int:
    """Row 10: P * (n - k) / n, rounded up for the buyer."""
    if not 0 <= delivered <= ordered or not ordered:
        raise Refused("bad_amount", f"{delivered} of {ordered}")
    return -(-price_fen * (ordered - delivered) // ordered)


def supplier_gave_back(
    subject: str,
    balances: Balances,
    *,
    supplier: str,
    attempt: int,
    amount_fen: int,
    place: str = RESERVED,
    bank: str | None = None,
    custody_float_fen: int | None = None,
) -> Posting:
    """Rows 9 and 18: the supplier refused (place reserved) or reversed and credited (place settled).

    Needs positive evidence. What the order owes is repaid first; the rest is its own again, out of its
    claim wherever that lies, and out of custody's float for what was released. ``bank`` is needed only
    if the order's legs name no custody bank; ``custody_float_fen`` (roll-up) makes ``float_short`` checked.
    """
    if place not in (RESERVED, SETTLED):
        raise Refused("not_permitted", place)
    draft = Draft(subject, balances)
    at = (place, attempt_party(supplier, attempt))
    if draft.have(*at, O) < positive(amount_fen):
        raise Refused("not_enough", f"{amount_fen} of {at}")
    _give_back(draft, supplier, at, amount_fen, bank=bank, float_fen=custody_float_fen)
    release(draft)
    return seal("supplier_gave_back", draft)


def _give_back(
    draft: Draft, supplier: str, at: tuple[str, str], fen: int, *, bank: str | None, float_fen: int | None
) -> None:
    """Row 9 without row 8."""
    draft.add(*at, O, -fen)
    draft.add(FREE, supplier, F, fen)
    repaid = min(fen, draft.owed())
    owe(draft, -repaid)
    rest = fen - repaid
    for place, party, claim in draft.stands(L, CLAIM_ORDER):
        part = min(rest, claim)
        if part:
            draft.add(place, party, L, -part)
            draft.add(place, party, O, part)
            rest -= part
    if not rest:
        return
    if float_fen is not None and rest > float_fen:
        raise Refused("float_short", f"{rest} of {float_fen} in custody")
    custodian = bank or _bank_of(draft)
    draft.add(CUSTODY, custodian, F, -rest)
    draft.add(CUSTODY, custodian, O, rest)


def _bank_of(draft: Draft) -> str:
    """The custody bank this order's legs name; several or none need it said."""
    banks = {party for place, party, _ in draft.now if place == CUSTODY}
    if len(banks) != 1:
        raise Refused("bank_needed", draft.subject)
    return banks.pop()


def released(subject: str, balances: Balances) -> Posting:
    """Row 8 alone: supplier final, the claim in custody becomes free float. Often nothing to do."""
    draft = Draft(subject, balances)
    if supplier_open(draft):
        raise Refused("supplier_open", subject)
    release(draft)
    return seal("released", draft)


def late_success(subject: str, balances: Balances, *, supplier: str, attempt: int, cost_fen: int) -> Posting:
    """Row 19: the supplier charged after its refusal, a refund, or a success elsewhere."""
    draft = Draft(subject, balances)
    party = attempt_party(supplier, attempt)
    if draft.have(RESERVED, party, O):
        raise Refused("supplier_open", party)
    if draft.have(SETTLED, party, O):
        raise Refused("already_taken", party)
    draft.add(FREE, supplier, F, -positive(cost_fen))
    draft.add(SETTLED, party, O, cost_fen)
    owe(draft, cost_fen)
    return seal("late_success", draft)


__all__ = [
    "dispatched",
    "late_success",
    "partly_delivered",
    "released",
    "supplier_gave_back",
    "supplier_succeeded",
    "undelivered_price_fen",
]
