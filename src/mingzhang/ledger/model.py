"""Pure-Python replay of the journal and the invariants of ledger.md, for `audit` and the tests.

Input is plain tuples streamed from the database, so that nothing here knows SQL. Feed rows in posting
order or subject by subject; one subject's rows in posting order, its legs of one posting together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mingzhang.ledger.places import (
    CHARGEBACK,
    CUSTODY,
    NOBODY,
    PERMITTED,
    REFUND_ARRIVED,
    REFUND_TRANSIT,
    REFUNDING,
    RESERVED,
    SETTLED,
    SOURCES,
    SPENT,
    Account,
    Balances,
    F,
    H,
    L,
    M,
    O,
    S,
    origin_of,
    owner_of,
)


class JournalRow(NamedTuple):
    """One leg as the journal stores it. ``evidence`` is the id it cites; empty is a finding.

    ``posting`` tells postings apart and stands in front of every detail: the row to look at.
    """

    posting: str
    subject: str
    place: str
    party: str
    owner: str
    amount_fen: int
    evidence: str


class Finding(NamedTuple):
    """What an invariant check names: its number, a closed code, the subject, and the row in plain words.

    ``detail`` holds ``bucket=… seq=… account=place/party/owner`` as far as they apply, then figures in fen.
    """

    invariant: int
    code: str
    subject: str
    detail: str


class State(NamedTuple):
    """What the order's own record says, to hold against its money (invariant 8).

    ``at_risk``: a supplier attempt is still open, so money may stay reserved after a refund (row 20).
    """

    paid: bool
    delivered: bool
    refunded: bool
    costless: bool = False
    at_risk: bool = False


class Replay:
    """Fold of journal rows into balances by subject; finds what breaks invariants 1, 2, 3 and 5.

    `feed` any number of times, then `finish`. With rows ordered by subject, `settle` and `drop` each subject
    when it is done: what stays in memory is then one subject and the totals by account.
    """

    def __init__(self) -> None:
        self.books: dict[str, dict[Account, int]] = {}
        self.totals: dict[Account, int] = {}
        self._float_open: dict[str, tuple[str, int]] = {}
        self._whole: tuple[str, str] | None = None
        self._own_open: dict[str, int] = {}
        self._touched: set[Account] = set()

    def feed(self, rows: Iterable[tuple[str, str, str, str, str, int, str]]) -> Iterator[Finding]:
        """Apply rows; yield findings as each subject's share of a posting is complete."""
        for posting, subject, place, party, owner, fen, evidence in rows:
            if (posting, subject) != self._whole:
                yield from self._close()
                self._whole = (posting, subject)
            if place not in PERMITTED.get(owner, ()) or (owner in (O, S) and owner != owner_of(subject)):
                yield Finding(2, "not_permitted", subject, f"{posting} account={place}/{party}/{owner} {fen}")
            if not evidence:
                yield Finding(5, "no_evidence", subject, posting)
            if not fen:
                yield Finding(1, "zero_leg", subject, f"{posting} account={place}/{party}/{owner}")
            self._add(posting, subject, Account(place, party, owner), fen)

    def _add(self, posting: str, subject: str, account: Account, fen: int) -> None:
        """Book one leg in the subject's book, the totals and the posting's open sums."""
        book = self.books.setdefault(subject, {})
        for sums in (book, self.totals):
            value = sums.get(account, 0) + fen
            if value:
                sums[account] = value
            else:
                sums.pop(account, None)
        self._touched.add(account)
        if account.owner in (F, L):
            left = self._float_open.get(posting, ("", 0))[1] + fen
            if left:
                self._float_open[posting] = subject, left
            else:
                self._float_open.pop(posting, None)
        else:
            self._own_open[account.owner] = self._own_open.get(account.owner, 0) + fen

    def _close(self) -> Iterator[Finding]:
        """Check the posting whose legs for one subject were just completed."""
        if self._whole is None:
            return
        posting, subject = self._whole
        for owner, left in self._own_open.items():
            if left:
                yield Finding(1, "not_zero", subject, f"{posting} owner={owner} {left}")
        book = self.books.get(subject, {})
        for account in self._touched:
            if wrong_sign(account, book.get(account, 0)) and account.owner in (O, S, L):
                yield Finding(2, "overdrawn", subject, f"{posting} account={named(account)} {book[account]}")
        self._own_open.clear()
        self._touched.clear()

    def drop(self, subject: str) -> dict[Account, int]:
        """Return and forget one subject's balances; the totals by account keep them."""
        return self.books.pop(subject, {})

    def settle(self) -> Iterator[Finding]:
        """Findings that need every row of the postings fed so far: the float's zero per posting (F + L)."""
        yield from self._close()
        self._whole = None
        for posting, (subject, left) in sorted(self._float_open.items()):
            yield Finding(1, "float_not_zero", subject, f"{posting} owner=F+L {left}")
        self._float_open.clear()

    def finish(self) -> Iterator[Finding]:
        """Findings that need every row: the postings left open, and F, M and H by roll-up."""
        yield from self.settle()
        yield from rollup_findings(self.totals)


def named(account: tuple[str, str, str]) -> str:
    """An account as a finding names it: ``place/party/owner``."""
    return "/".join(account)


def rollup_findings(totals: Balances) -> Iterator[Finding]:
    """Invariant 2 of the owners that are held by roll-up: F and M never overdrawn, no handover left open."""
    for account, fen in sorted(totals.items()):
        if account[2] in (F, M) and wrong_sign(account, fen):
            yield Finding(2, "rollup_overdrawn", "", f"account={named(account)} {fen}")
        if account[2] == H and fen:
            yield Finding(2, "handover_open", "", f"account={named(account)} {fen}")


def wrong_sign(account: tuple[str, str, str], fen: int) -> bool:
    """Sources may not be above zero, everything else not below it."""
    return fen > 0 if account[0] in SOURCES else fen < 0


def subject_findings(subject: str, balances: Balances) -> Iterator[Finding]:
    """Invariants 1 to 3 of one subject's final sums, and row 8 forgotten (a claim left in custody)."""
    who = owner_of(subject)
    own = sum(fen for (_, _, owner), fen in balances.items() if owner == who)
    if own:
        yield Finding(3, "places_not_sources", subject, f"owner={who} {own}")
    for account, fen in balances.items():
        if account[2] in (O, S, L) and wrong_sign(account, fen):
            yield Finding(2, "overdrawn", subject, f"account={named(account)} {fen}")
    if not at_place(balances, RESERVED):
        for account, fen in balances.items():
            if account[0] == CUSTODY and account[2] == L and fen > 0:
                yield Finding(2, "claim_not_released", subject, f"account={named(account)} {fen}")


def state_findings(subject: str, balances: Balances, state: State) -> Iterator[Finding]:
    """Invariant 8: paid ⇔ money came; delivered ⇒ a supplier's charge; refunded ⇒ nothing reserved."""
    who = owner_of(subject)
    came = -balances.get(Account(origin_of(who), NOBODY, who), 0)
    if state.paid != (came > 0):
        code = "paid_without_money" if state.paid else "money_not_paid"
        yield Finding(8, code, subject, f"account={named((origin_of(who), NOBODY, who))} {came}")
    if state.delivered and not state.costless and not at_place(balances, SETTLED):
        yield Finding(8, "delivered_without_supplier", subject, f"place={SETTLED} 0")
    if state.refunded and not state.at_risk and at_place(balances, RESERVED):
        yield Finding(8, "refunded_but_reserved", subject, f"place={RESERVED} {at_place(balances, RESERVED)}")
    back = sum(at_place(balances, place) for place in (REFUNDING, REFUND_TRANSIT, REFUND_ARRIVED, CHARGEBACK))
    if state.refunded and not back:
        yield Finding(8, "refunded_without_money", subject, f"place={REFUND_ARRIVED} 0")


def at_place(balances: Balances, place: str) -> int:
    """The subject's own money at a place, over its parties, fen."""
    return sum(fen for (where, _, owner), fen in balances.items() if where == place and owner in (O, S))


def by_party(totals: Mapping[Account, int]) -> dict[tuple[str, str], int]:
    """Sum over owners by (place, party), to hold against statements (invariant 4).

    ``refunding`` and ``hold`` are kept apart here; both count in their party's statement.
    """
    sums: dict[tuple[str, str], int] = {}
    for (place, party, _owner), fen in totals.items():
        if place not in SOURCES and place not in SPENT:
            sums[place, party] = sums.get((place, party), 0) + fen
    return {spot: fen for spot, fen in sums.items() if fen}
