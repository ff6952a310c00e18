"""The comparison itself: plain data in, differences out. All amounts are integer fen.

Which parties there are, their books say: one with ``merchant_balance_fen`` is a channel, one with ``topups`` a
supplier, one with ``bank_balance_fen`` a bank. Own stock and manual work have no book outside and are not judged here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

CHANNEL = "channel"
CUSTODY = "custody"
CHANNEL_PLACES = (CHANNEL, "refunding", "hold")
CUSTODY_PLACES = (CUSTODY, "refunding", "hold")
FREE, RESERVED, SETTLED = "supplier.free", "supplier.reserved", "supplier.settled"
TOPUP = "transit.topup"

Attempt = tuple[str, int]
"""Order id and the number of the attempt."""

_ATTEMPT = re.compile(r"(.+)T(\d{1,2})")


class Row(NamedTuple):
    """One sum of the ledger: what `subject` moved into this account, in fen."""

    subject: str
    place: str
    party: str
    owner: str
    amount: int


@dataclass(frozen=True)
class Difference:
    """One place where the party's own books and the ledger say different amounts, in fen."""

    place: str
    party: str
    number: str
    theirs: int
    ours: int

    @property
    def fen(self) -> int:
        """How much nobody can account for."""
        return abs(self.theirs - self.ours)


@dataclass(frozen=True)
class Report:
    """What the auditor found. ``lost_fen`` is the sum of all differences."""

    differences: tuple[Difference, ...]
    double_topups: int

    @property
    def lost_fen(self) -> int:
        """Σ |the outside parties' books − ledger|."""
        return sum(difference.fen for difference in self.differences)

    def as_json(self) -> dict[str, Any]:
        """``{"lost_fen","double_topups","differences":[{place, party, number, theirs, ours}]}``."""
        return {
            "lost_fen": self.lost_fen,
            "double_topups": self.double_topups,
            "differences": [asdict(difference) for difference in self.differences],
        }


def audit(books: Mapping[str, Any], rows: Iterable[Row]) -> Report:
    """Compare the parties' books (``{party: book}``) with the ledger's rows.

    Raises ValueError for a book that is neither a channel's nor a supplier's: nothing is passed over unread.
    """
    kept = tuple(rows)
    channels = {name: book for name, book in books.items() if "merchant_balance_fen" in book}
    suppliers = {name: book for name, book in books.items() if "topups" in book and name not in channels}
    banks = {name: book for name, book in books.items() if "bank_balance_fen" in book}
    unread = sorted(set(books) - set(channels) - set(suppliers) - set(banks))
    if unread:
        raise ValueError(f"neither a channel's nor a supplier's nor a bank's book: {', '.join(unread)}")
    found = [_channel(name, book, kept) for name, book in channels.items()]
    found += _nowhere(set(channels), kept)
    for name, book in suppliers.items():
        found += _supplier(name, book, kept)
    found += [_bank(name, book, kept) for name, book in banks.items()]
    return Report(tuple(each for each in found if each.fen), double_topups(suppliers.values()))


def double_topups(suppliers: Iterable[Mapping[str, Any]]) -> int:
    """Top-ups beyond the first for one order, whoever made them; one that was reversed does not count.

    A supplier's key is ``<account>|<order>``. Suppliers write one account in different ways, so what counts
    is the order.
    """
    standing: dict[str, int] = defaultdict(int)
    for book in suppliers:
        reversed_of = book.get("topups_reversed", {})
        for key, times in book["topups"].items():
            standing[key.rpartition("|")[2]] += max(0, times - reversed_of.get(key, 0))
    return sum(max(0, times - 1) for times in standing.values())


def _channel(name: str, book: Mapping[str, Any], rows: tuple[Row, ...]) -> Difference:
    ours = sum(row.amount for row in rows if row.party == name and row.place in CHANNEL_PLACES)
    return Difference("+".join(CHANNEL_PLACES), name, "", int(book["merchant_balance_fen"]), ours)


def _bank(name: str, book: Mapping[str, Any], rows: tuple[Row, ...]) -> Difference:
    """The account's balance against all that the ledger has there, whoever owns it: in custody, held, about to leave.

    A bank whose money was never booked is not used by this ledger: there, only what moved since counts.
    """
    booked = [row.amount for row in rows if row.place in CUSTODY_PLACES and row.party == name]
    start = 0 if booked else int(book.get("opening_balance_fen", 0))
    return Difference(CUSTODY, name, "", int(book["bank_balance_fen"]) - start, sum(booked))


def _nowhere(channels: set[str], rows: tuple[Row, ...]) -> list[Difference]:
    """Money that the ledger says lies at a channel which nobody has heard of."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.place == CHANNEL and row.party not in channels:
            sums[row.party] += row.amount
    return [Difference(CHANNEL, name, "", 0, amount) for name, amount in sorted(sums.items())]


def _supplier(name: str, book: Mapping[str, Any], rows: tuple[Row, ...]) -> list[Difference]:
    """Every attempt against its charge, then the free balance.

    Money reserved for an attempt that the supplier did not charge (never heard of it, or gave it back) still
    lies in the supplier's balance: it is in its place, only not free for other orders. So the free balance
    must be the supplier's balance less those reservations. Top-ups that the ledger has on their way may stand
    there already, each whole or not at all. A supplier whose opening balance was never booked is not used by
    this ledger: there, only what moved since counts.
    """
    charged: dict[Attempt, int] = defaultdict(int)
    for order in book["orders"]:
        charged[_attempt(str(order["customer_order_no"]))] += _net(order)
    reserved, settled = _held(name, rows, RESERVED), _held(name, rows, SETTLED)
    found, uncharged = [], 0
    for attempt in sorted({*charged, *reserved, *settled}):
        theirs, waits, used = charged.get(attempt, 0), reserved.get(attempt, 0), settled.get(attempt, 0)
        if theirs == 0 and used == 0:
            uncharged += waits
            continue
        number = f"{attempt[0]}T{attempt[1]}"
        found.append(Difference(f"{RESERVED}+{SETTLED}", name, number, theirs, waits + used))
    booked = [row.amount for row in rows if row.place == FREE and row.party == name]
    start = 0 if booked else int(book.get("opening_balance_fen", 0))
    theirs_free = int(book["balance_fen"]) - start - uncharged
    ours_free = sum(booked)
    if theirs_free - ours_free not in _sums(_on_their_way(name, rows)):
        found.append(Difference(FREE, name, "", theirs_free, ours_free))
    return found


def _on_their_way(supplier: str, rows: tuple[Row, ...]) -> list[int]:
    """What each top-up still has in transit to a supplier."""
    left: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.place == TOPUP and row.party == supplier:
            left[row.subject] += row.amount
    return [fen for fen in left.values() if fen]


def _sums(amounts: Iterable[int]) -> set[int]:
    """Every sum that some of the amounts can make, nothing included."""
    sums = {0}
    for amount in amounts:
        sums |= {each + amount for each in sums}
    return sums


def _net(order: Mapping[str, Any]) -> int:
    return int(order["charged_fen"]) - int(order["credited_fen"])


def _attempt(number: str) -> Attempt:
    """Order and attempt behind the supplier's customer_order_no: order id + T + attempt."""
    match = _ATTEMPT.fullmatch(number)
    return (match[1], int(match[2])) if match else (number, 0)


def _held(name: str, rows: tuple[Row, ...], place: str) -> dict[Attempt, int]:
    sums: dict[Attempt, int] = defaultdict(int)
    for row in rows:
        supplier, _, attempt = row.party.partition("#")
        if row.place == place and supplier == name:
            sums[row.subject, int(attempt or 0)] += row.amount
    return sums
