"""All rows of the ledger's table as pure functions, and what a buyer may read of the result.

Subject ids: suspense items start with ``S``; anything else owns its money as ``o``. Functions take the
subject's current balances (read under its order's lock) and return a checked `Posting`, or raise `Refused`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mingzhang.ledger.moves import Leg, Posting, Refused, check
from mingzhang.ledger.places import (
    CHANNEL,
    CHARGEBACK,
    CUSTODY,
    HOLD,
    MISSING,
    NOBODY,
    REFUND_ARRIVED,
    REFUND_TRANSIT,
    REFUNDING,
    RESERVED,
    SETTLED,
    SETTLEMENT,
    SOURCES,
    SPENT,
    SPENT_MARGIN,
    Account,
    Balances,
    L,
    O,
    S,
    origin_of,
)
from mingzhang.ledger.postings_pay import (
    bank_received,
    batch_netted,
    batch_short,
    batch_taken,
    capital_in,
    channel_settled,
    excess,
    handed_over,
    matched,
    paid,
    share_uncovered,
    taken_over,
    unexplained,
)
from mingzhang.ledger.postings_refund import (
    chargeback_won,
    charged_back,
    fee_returned,
    refund_accepted,
    refund_arrived,
    refund_asked,
    refund_came_back,
    refund_refused,
    refundable_fen,
    reserve_home,
    risk_refund,
)
from mingzhang.ledger.postings_rest import (
    bill_lacks,
    claim_given_up,
    claim_taken_up,
    earned,
    float_found,
    float_moved,
    found_at_bank,
    found_at_channel,
    frozen,
    made_good,
    margin_swept,
    own_charges,
    proved_unpaid,
    unfrozen,
    written_off,
)
from mingzhang.ledger.postings_supply import (
    dispatched,
    dispatched_at_shop_cost,
    late_success,
    partly_delivered,
    released,
    supplier_gave_back,
    supplier_succeeded,
    undelivered_price_fen,
)

ROWS = (
    "capital_in",
    "float_moved",
    "paid",
    "unexplained",
    "dispatched",
    "channel_settled",
    "bank_received",
    "batch_netted",
    "batch_short",
    "batch_taken",
    "supplier_succeeded",
    "released",
    "supplier_gave_back",
    "partly_delivered",
    "earned",
    "margin_swept",
    "refund_asked",
    "refund_accepted",
    "refund_arrived",
    "refund_refused",
    "refund_came_back",
    "reserve_home",
    "fee_returned",
    "late_success",
    "risk_refund",
    "frozen",
    "unfrozen",
    "charged_back",
    "chargeback_won",
    "matched",
    "handed_over",
    "taken_over",
    "bill_lacks",
    "found_at_channel",
    "found_at_bank",
    "float_found",
    "made_good",
    "proved_unpaid",
    "written_off",
    "claim_given_up",
    "claim_taken_up",
    "own_charges",
)
"""The closed names of `Posting.row`."""


class Part(NamedTuple):
    """A piece of the buyer's payment as the buyer may see it: where it is, with whom, fen."""

    place: str
    party: str
    amount_fen: int


def trail(balances: Balances) -> dict[tuple[str, str], int]:
    """Where the subject's own money is: non-zero sums by (place, party), for staff and auditors."""
    who = _whose(balances)
    return {
        (place, party): fen
        for (place, party, owner), fen in balances.items()
        if owner == who and fen and place not in SOURCES and place not in SPENT
    }


def _whose(balances: Balances) -> str:
    """The owner letter of these balances' subject: only a suspense item has S money."""
    for _, _, owner in balances:
        if owner == S:
            return S
    return O


def buyer_parts(balances: Balances, price_fen: int) -> list[Part]:
    """'What the buyer is shown': what was paid, whole, or its refunded and remaining parts.

    Each part stands at the furthest place it has reached. Cost, fee and margin never appear: the amounts
    are functions of what was paid and what was given back only. Empty before any money came.
    """
    if not balances:
        return []
    who = _whose(balances)
    own = {
        (place, party): fen
        for (place, party, owner), fen in balances.items()
        if owner == who and fen > 0 and place not in SOURCES and place not in SPENT
    }
    took = -balances.get(Account(origin_of(who), NOBODY, who), 0)
    back = sorted([(_BACK.index(place), party) for place, party in own if place in _BACK])
    parts = [Part(_BACK[rank], party, own[_BACK[rank], party]) for rank, party in back]
    left = took - sum([part.amount_fen for part in parts])
    if left <= 0:
        return parts
    beyond = max(0, min(left, took - price_fen))
    if left > beyond:
        parts.append(Part(*_furthest(own, balances, _REACHED), left - beyond))
    if beyond:
        parts.append(Part(*_furthest(own, balances, _WAITING), beyond))
    return parts


_BACK = (REFUND_ARRIVED, REFUND_TRANSIT, REFUNDING, CHARGEBACK)
_REACHED = (SETTLED, RESERVED, HOLD, MISSING, CUSTODY, SETTLEMENT, CHANNEL)
_WAITING = (HOLD, MISSING, CUSTODY, SETTLEMENT, CHANNEL)


def _furthest(
    own: dict[tuple[str, str], int], balances: Balances, places: tuple[str, ...]
) -> tuple[str, str]:
    """The first of ``places`` where the subject's money stands, as its own or as the float's claim."""
    found = _first_of(own, places)
    if found is None:
        claims = [(place, party) for (place, party, owner), fen in balances.items() if owner == L and fen > 0]
        found = _first_of(claims, places)
    if found is not None:
        return found[0], found[1].partition("#")[0]
    if any(place == SPENT_MARGIN for place, _, _ in balances):
        return SETTLED, NOBODY
    return _last_known(balances)


def _first_of(stands: Iterable[tuple[str, str]], places: tuple[str, ...]) -> tuple[str, str] | None:
    """The party first by name at the first of ``places`` where there is one."""
    found = [(places.index(place), party) for place, party in stands if place in places]
    if not found:
        return None
    rank, party = min(found)
    return places[rank], party


def _last_known(balances: Balances) -> tuple[str, str]:
    """Nothing of it stands anywhere as its own: it was used up by fees and the platform's claim."""
    for place in (CUSTODY, CHANNEL):
        for known, party, _ in sorted(balances):
            if known == place:
                return place, party
    return CHANNEL, NOBODY


def float_needed(posting: Posting) -> dict[tuple[str, str], int]:
    """What the posting takes from the float, (place, party) → fen, to hold against the roll-up."""
    return {
        (leg.place, leg.party): -leg.amount_fen
        for leg in posting.legs
        if leg.owner == "F" and leg.amount_fen < 0 and leg.place not in SPENT and leg.place not in SOURCES
    }


__all__ = [
    "ROWS",
    "Leg",
    "Part",
    "Posting",
    "Refused",
    "bank_received",
    "batch_netted",
    "batch_short",
    "batch_taken",
    "bill_lacks",
    "buyer_parts",
    "capital_in",
    "channel_settled",
    "chargeback_won",
    "charged_back",
    "check",
    "claim_given_up",
    "claim_taken_up",
    "dispatched",
    "dispatched_at_shop_cost",
    "earned",
    "excess",
    "fee_returned",
    "float_found",
    "float_moved",
    "float_needed",
    "found_at_bank",
    "found_at_channel",
    "frozen",
    "handed_over",
    "late_success",
    "made_good",
    "margin_swept",
    "matched",
    "own_charges",
    "paid",
    "partly_delivered",
    "proved_unpaid",
    "refund_accepted",
    "refund_arrived",
    "refund_asked",
    "refund_came_back",
    "refund_refused",
    "refundable_fen",
    "released",
    "reserve_home",
    "risk_refund",
    "share_uncovered",
    "supplier_gave_back",
    "supplier_succeeded",
    "taken_over",
    "trail",
    "undelivered_price_fen",
    "unexplained",
    "unfrozen",
    "written_off",
]
