"""The four moves every posting is composed of: MOVE, SWAP, GIVE / TAKE-BACK, EARN (ledger.md).

Each is zero-sum for every owner, where the float is F plus all L. A `Draft` collects the legs of one
subject against its balances; `seal` checks them and returns the immutable `Posting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from mingzhang.ledger.places import (
    CUSTODY,
    LOSS,
    NOBODY,
    PERMITTED,
    PLATFORM,
    RESERVED,
    SOURCE_MARGIN,
    SOURCES,
    SPENT_MARGIN,
    Balances,
    F,
    L,
    M,
    O,
    S,
    owner_of,
)


class Leg(NamedTuple):
    """One side of a posting: ``amount_fen`` into the place (negative: out of it)."""

    subject: str
    place: str
    party: str
    owner: str
    amount_fen: int


class Posting(NamedTuple):
    """A checked, zero-sum list of legs, merged per account, none of them zero.

    ``row`` is a closed name (`postings.ROWS`). An empty ``legs`` means the event moves nothing.
    """

    row: str
    legs: tuple[Leg, ...]


REFUSALS = frozenset(
    (
        "already_taken",
        "bad_amount",
        "bank_needed",
        "cost_above_money",
        "float_short",
        "money_missing",
        "not_enough",
        "not_movable",
        "not_permitted",
        "over_refund",
        "refund_due",
        "supplier_open",
        "unbalanced",
    )
)


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The ledger refused a posting; ``code`` is one of `REFUSALS`. Nothing was posted."""

    def __init__(self, code: str, detail: str = "") -> None:
        assert code in REFUSALS, code
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


def positive(amount_fen: int) -> int:
    """Return a strictly positive amount in fen, or refuse with ``bad_amount``."""
    if amount_fen <= 0:
        raise Refused("bad_amount", str(amount_fen))
    return amount_fen


def _plain(balances: Balances) -> dict[tuple[str, str, str], int]:
    """A working copy keyed by plain tuples, which equal `Account` and are cheaper to make."""
    return dict(cast("Mapping[tuple[str, str, str], int]", balances))


class Draft:
    """One subject's balances and the legs collected so far; never shared between postings."""

    __slots__ = ("legs", "now", "subject", "who")

    def __init__(self, subject: str, balances: Balances) -> None:
        self.subject = subject
        self.who = owner_of(subject)
        self.now: dict[tuple[str, str, str], int] = _plain(balances)
        self.legs: dict[tuple[str, str, str], int] = {}

    def have(self, place: str, party: str, owner: str) -> int:
        """Fen of ``owner`` at that place and party, as of the legs collected so far."""
        return self.now.get((place, party, owner), 0)

    def owed(self) -> int:
        """What the subject owes the platform: given and not taken back."""
        return -self.now.get((PLATFORM, NOBODY, self.who), 0)

    def add(self, place: str, party: str, owner: str, amount_fen: int) -> None:
        """Collect one leg. Only the moves call this; alone it is not zero-sum."""
        key = (place, party, owner)
        self.now[key] = self.now.get(key, 0) + amount_fen
        self.legs[key] = self.legs.get(key, 0) + amount_fen

    def stands(self, owner: str, places: Iterable[str]) -> list[tuple[str, str, int]]:
        """Where ``owner`` has money among ``places``: (place, party, fen), in that order of places."""
        rank = {place: n for n, place in enumerate(places)}
        found = [
            (place, party, fen)
            for (place, party, whose), fen in self.now.items()
            if whose == owner and fen > 0 and place in rank
        ]
        if len(found) > 1:
            found.sort(key=lambda item: (rank[item[0]], item[1]))
        return found


Spot = tuple[str, str]
"""(place, party)"""


def move(draft: Draft, owner: str, frm: Spot, to: Spot, fen: int) -> None:
    """MOVE: one owner's money from one place to another."""
    if fen:
        draft.add(*frm, owner, -fen)
        draft.add(*to, owner, fen)


def swap(draft: Draft, at: Spot, becomes: str, other: Spot, float_owner: str, *, fen: int) -> None:
    """SWAP at:o→at:``becomes`` + other:``float_owner``→other:o (both of them L or F).

    Ownership of two piles changes, no place's total does.
    """
    if fen:
        draft.add(*at, draft.who, -fen)
        draft.add(*at, becomes, fen)
        draft.add(*other, float_owner, -fen)
        draft.add(*other, draft.who, fen)


def give(draft: Draft, at: Spot, float_owner: str, fen: int) -> None:
    """GIVE: the platform makes good out of F or L at that place; the subject owes it."""
    if fen:
        draft.add(*at, float_owner, -fen)
        draft.add(*at, draft.who, fen)
        owe(draft, fen)


def owe(draft: Draft, fen: int) -> None:
    """The source half of GIVE: the subject owes ``fen`` more (negative: less), the float lost it."""
    if fen:
        draft.add(PLATFORM, NOBODY, draft.who, -fen)
        draft.add(LOSS, NOBODY, F, fen)


def take_back(draft: Draft, at: Spot) -> None:
    """TAKE-BACK at one place: the subject's money there repays what it still owes, as L."""
    fen = min(draft.owed(), draft.have(*at, draft.who))
    if fen > 0:
        draft.add(*at, draft.who, -fen)
        draft.add(*at, L, fen)
        owe(draft, -fen)


def earn(draft: Draft, bank: str, fen: int) -> None:
    """EARN: money of the order in custody becomes the operator's margin. Never reversed."""
    if fen:
        draft.add(CUSTODY, bank, draft.who, -fen)
        draft.add(CUSTODY, bank, M, fen)
        draft.add(SOURCE_MARGIN, NOBODY, M, -fen)
        draft.add(SPENT_MARGIN, NOBODY, draft.who, fen)


def supplier_open(draft: Draft) -> bool:
    """Whether any supplier attempt of the subject still has money reserved."""
    return any(place == RESERVED and fen > 0 for (place, _, _), fen in draft.now.items())


def release(draft: Draft) -> None:
    """Row 8: once the supplier is final, the claim that lies in custody becomes free float."""
    claims = draft.stands(L, (CUSTODY,))
    if claims and not supplier_open(draft):
        for place, party, fen in claims:
            draft.add(place, party, L, -fen)
            draft.add(place, party, F, fen)


def seal(row: str, *drafts: Draft) -> Posting:
    """Check the drafts' legs and return the posting. Refuses, never returns an invalid one."""
    legs = tuple(
        Leg(draft.subject, *account, fen) for draft in drafts for account, fen in draft.legs.items() if fen
    )
    _check_legs(legs)
    for draft in drafts:
        _check_signs(draft.legs, draft.now)
    return Posting(row, legs)


def check(balances: Balances, posting: Posting, others: Mapping[str, Balances] | None = None) -> None:
    """Refuse a posting that is not zero-sum, not permitted, or overdraws o, S or L.

    ``balances`` are those of the posting's subject before it; a posting over two subjects (row 23)
    passes the second one's in ``others``. F, M and H are held by roll-up, not here.
    """
    _check_legs(posting.legs)
    after: dict[str, dict[tuple[str, str, str], int]] = {}
    touched: dict[str, dict[tuple[str, str, str], int]] = {}
    for subject, place, party, owner, fen in posting.legs:
        if subject not in after:
            after[subject] = _plain((others or {}).get(subject, balances))
            touched[subject] = {}
        key = (place, party, owner)
        after[subject][key] = after[subject].get(key, 0) + fen
        touched[subject][key] = fen
    for subject, legs in touched.items():
        _check_signs(legs, after[subject])


def _check_legs(legs: tuple[Leg, ...]) -> None:
    """Zero for every owner of every subject; the float (F + all L) over the whole posting."""
    own: dict[tuple[str, str], int] = {}
    floating = 0
    for subject, place, _party, owner, fen in legs:
        if place not in PERMITTED[owner]:
            raise Refused("not_permitted", f"{owner} at {place}")
        if owner in (F, L):
            floating += fen
        else:
            own[subject, owner] = own.get((subject, owner), 0) + fen
    if floating or any(own.values()):
        raise Refused("unbalanced", f"float {floating}, {own}")


def _check_signs(legs: Iterable[tuple[str, str, str]], now: Mapping[tuple[str, str, str], int]) -> None:
    """What the legs touched of o, S and L may not be overdrawn, nor a source run backwards."""
    for key in legs:
        place, _party, owner = key
        if owner not in (O, S, L):
            continue
        fen = now[key]
        if fen < 0 if place not in SOURCES else fen > 0:
            raise Refused("not_enough", f"{owner} at {place}: {fen}")
