"""The comparison itself: plain data in, differences out. All amounts are integer fen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

CHANNEL_PLACES = ("channel", "refunding", "hold")
FREE, RESERVED, SETTLED = "supplier.free", "supplier.reserved", "supplier.settled"
CHANNEL_PARTY, SUPPLIER_PARTY = "alipay", "fulu"

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
    """Compare the parties' books (``{"alipay","fulu"}``) with the ledger's rows."""
    kept = tuple(rows)
    found = [_channel(books[CHANNEL_PARTY], kept), *_supplier(books[SUPPLIER_PARTY], kept)]
    return Report(tuple(each for each in found if each.fen), double_topups(books[SUPPLIER_PARTY]))


def double_topups(fulu: Mapping[str, Any]) -> int:
    """Top-ups executed beyond the first for one account and order; one that was reversed does not count."""
    reversed_of = fulu.get("topups_reversed", {})
    return sum(max(0, times - reversed_of.get(key, 0) - 1) for key, times in fulu["topups"].items())


def _channel(alipay: Mapping[str, Any], rows: tuple[Row, ...]) -> Difference:
    ours = sum(row.amount for row in rows if row.party == CHANNEL_PARTY and row.place in CHANNEL_PLACES)
    return Difference("+".join(CHANNEL_PLACES), CHANNEL_PARTY, "", int(alipay["merchant_balance_fen"]), ours)


def _supplier(fulu: Mapping[str, Any], rows: tuple[Row, ...]) -> list[Difference]:
    """Every attempt against its charge, then the free balance.

    Money reserved for an attempt that the supplier did not charge (never heard of it, or gave it back) still
    lies in the supplier's balance: it is in its place, only not free for other orders. So the free balance
    must be the supplier's balance less those reservations.
    """
    charged = {_attempt(str(order["customer_order_no"])): _net(order) for order in fulu["orders"]}
    reserved, settled = _held(rows, RESERVED), _held(rows, SETTLED)
    found, uncharged = [], 0
    for attempt in sorted({*charged, *reserved, *settled}):
        theirs, waits, used = charged.get(attempt, 0), reserved.get(attempt, 0), settled.get(attempt, 0)
        if theirs == 0 and used == 0:
            uncharged += waits
            continue
        number = f"{attempt[0]}T{attempt[1]}"
        found.append(Difference(f"{RESERVED}+{SETTLED}", SUPPLIER_PARTY, number, theirs, waits + used))
    free = sum(row.amount for row in rows if row.place == FREE and row.party == SUPPLIER_PARTY)
    found.append(Difference(FREE, SUPPLIER_PARTY, "", int(fulu["balance_fen"]) - uncharged, free))
    return found


def _net(order: Mapping[str, Any]) -> int:
    return int(order["charged_fen"]) - int(order["credited_fen"])


def _attempt(number: str) -> tuple[str, int]:
    """Order and attempt behind the supplier's customer_order_no: order id + T + attempt."""
    match = _ATTEMPT.fullmatch(number)
    return (match[1], int(match[2])) if match else (number, 0)


def _held(rows: tuple[Row, ...], place: str) -> dict[tuple[str, int], int]:
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for row in rows:
        supplier, _, attempt = row.party.partition("#")
        if row.place == place and supplier == SUPPLIER_PARTY:
            sums[row.subject, int(attempt or 0)] += row.amount
    return sums
