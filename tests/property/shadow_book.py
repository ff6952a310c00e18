"""What channels, banks and suppliers physically hold, and what each deal is owed: no ledger code.

The ledger's fuzz (`ledger_driver.py`) tells this book each event of the world; `compare` then holds the
ledger's legs against it. It imports neither postings nor moves. As a command it is the long run:

    python -m tests.property.shadow_book --seeds 2000 --events 400
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

Spot = tuple[str, str]
USABLE = ("channel", "transit.settlement", "custody")
REACHABLE = (*USABLE, "hold", "missing")


class Mismatch(AssertionError):  # noqa: N818 - a verdict
    """The ledger and the world disagree."""


@dataclass
class View:
    """What stood where before the event: the deal's own money and the float's claim on it."""

    own: dict[Spot, int]
    claim: dict[Spot, int]

    def mine(self, places: tuple[str, ...]) -> int:
        return sum(fen for (place, _), fen in self.own.items() if place in places)

    def claims(self, places: tuple[str, ...] = REACHABLE) -> int:
        return sum(fen for (place, _), fen in self.claim.items() if place in places)

    def at(self, place: str, party: str) -> int:
        return self.own.get((place, party), 0)

    def claim_at(self, place: str, party: str) -> int:
        return self.claim.get((place, party), 0)


@dataclass
class Deal:
    """One order or suspense item as the outside world knows it, and what the platform gave for it."""

    paid: int = 0
    owed: int = 0
    margin: int = 0
    fee: Counter[str] = field(default_factory=Counter)
    reserved: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)
    charged: Counter[str] = field(default_factory=Counter)

    def back(self) -> int:
        return sum(sum(c.values()) for c in (self.asked, self.sent, self.arrived, self.charged))


class Shadow:
    """Physical holdings by party, and the deals."""

    def __init__(self) -> None:
        self.held: Counter[Spot] = Counter()
        self.deals: dict[str, Deal] = {}

    def deal(self, subject: str) -> Deal:
        return self.deals.setdefault(subject, Deal())

    def shift(self, frm: Spot | None, to: Spot | None, fen: int) -> None:
        """Physical money moves; None is outside the world we watch."""
        if frm:
            self.held[frm] -= fen
        if to:
            self.held[to] += fen

    # -- events of a deal -------------------------------------------------------------------------
    def paid(self, subject: str, at: Spot, fen: int) -> None:
        self.deal(subject).paid += fen
        self.shift(None, at, fen)

    def reserved(self, subject: str, view: View, attempt: str, cost: int, fee_due: int) -> None:
        deal = self.deal(subject)
        due = max(0, fee_due - sum(deal.fee.values()))
        deal.owed += cost - max(0, min(cost, view.mine(USABLE) - due))
        deal.reserved[attempt] += cost

    def succeeded(self, subject: str, view: View, attempt: str, cost: int, fee_due: int) -> None:
        deal = self.deal(subject)
        kept = deal.reserved[attempt]
        if cost > kept:
            self.reserved(subject, view, attempt, cost - kept, fee_due)
        else:
            deal.owed -= min(deal.owed, kept - cost)
        deal.reserved[attempt] = 0
        deal.settled[attempt] += cost
        self.shift(("supplier", attempt.partition("#")[0]), None, cost)

    def refused(self, subject: str, attempt: str, fen: int) -> None:
        deal = self.deal(subject)
        deal.reserved[attempt] -= fen
        deal.owed -= min(deal.owed, fen)

    def reversed(self, subject: str, attempt: str, fen: int) -> None:
        deal = self.deal(subject)
        deal.settled[attempt] -= fen
        deal.owed -= min(deal.owed, fen)
        self.shift(None, ("supplier", attempt.partition("#")[0]), fen)

    def late(self, subject: str, attempt: str, cost: int) -> None:
        deal = self.deal(subject)
        deal.settled[attempt] += cost
        deal.owed += cost
        self.shift(("supplier", attempt.partition("#")[0]), None, cost)

    def settled(self, subject: str, view: View, channel: str, fee: int, net: int) -> None:
        deal = self.deal(subject)
        own, claim = view.at("channel", channel), view.claim_at("channel", channel)
        lack = max(0, fee - own)
        left = max(0, own + claim - fee)
        deal.owed += lack + max(0, net - left)
        deal.fee[channel] += fee
        self.shift(("channel", channel), None, fee)
        self.shift(("channel", channel), ("transit", channel), net)

    def asked(self, subject: str, view: View, party: str, fen: int, *, at_risk: bool) -> None:
        deal = self.deal(subject)
        own = view.mine(REACHABLE)
        if at_risk:
            deal.owed += view.claims()
            own += view.claims()
        deal.owed += max(0, fen - own)
        deal.asked[party] += fen
        if deal.back() > deal.paid:
            raise Mismatch(f"{subject}: refunds {deal.back()} exceed the payment {deal.paid}")

    def fair_part(self, price: int, ordered: int, delivered: int, refund: int) -> None:
        """The undelivered part of the price, rounded up for the buyer by less than a fen."""
        if not 0 <= refund * ordered - price * (ordered - delivered) < ordered:
            raise Mismatch(f"{refund} for {ordered - delivered} of {ordered} at {price}")

    def accepted(self, subject: str, at: Spot, fen: int) -> None:
        deal = self.deal(subject)
        deal.asked[at[1]] -= fen
        deal.sent[at[1]] += fen
        self.shift(at, None, fen)

    def arrived(self, subject: str, at: Spot, fen: int, *, direct: bool) -> None:
        if direct:
            self.accepted(subject, at, fen)
        deal = self.deal(subject)
        deal.sent[at[1]] -= fen
        deal.arrived[at[1]] += fen

    def came_back(self, subject: str, party: str, to: Spot, fen: int, *, after_arrival: bool) -> None:
        deal = self.deal(subject)
        (deal.arrived if after_arrival else deal.sent)[party] -= fen
        self.shift(None, to, fen)

    def took_back(self, subject: str, there: int) -> None:
        """Own money at the place of a TAKE-BACK repays what is owed."""
        deal = self.deal(subject)
        deal.owed -= min(deal.owed, there)

    def fee_returned(self, subject: str, view: View, channel: str, fen: int) -> None:
        self.deal(subject).fee[channel] -= fen
        self.shift(None, ("channel", channel), fen)
        self.took_back(subject, view.at("channel", channel) + fen)

    def charged_back(self, subject: str, view: View, channel: str, fen: int) -> None:
        deal = self.deal(subject)
        deal.owed += max(0, fen - view.mine(REACHABLE))
        deal.charged[channel] += fen
        self.shift(("channel", channel), None, fen)

    def won(self, subject: str, view: View, channel: str, fen: int) -> None:
        self.deal(subject).charged[channel] -= fen
        self.shift(None, ("channel", channel), fen)
        self.took_back(subject, view.at("channel", channel) + fen)

    def earned(self, subject: str, view: View, bank: str) -> None:
        deal = self.deal(subject)
        there = view.at("custody", bank)
        back = min(deal.owed, there)
        deal.owed -= back
        deal.margin += there - back

    def unpaid(self, subject: str, view: View, party: str) -> None:
        """Proved unpaid: at most what was paid never came; more than that was the platform's own."""
        deal = self.deal(subject)
        own, claim = view.at("missing", party), view.claim_at("missing", party)
        gone = min(own + claim, deal.paid)
        deal.owed += max(0, gone - own)
        deal.owed -= min(deal.owed, max(0, own - gone))
        deal.paid -= gone
        self.shift(("missing", party), None, gone)

    def matched(self, item: str, order: str) -> None:
        gone, deal = self.deals.pop(item), self.deal(order)
        deal.paid += gone.paid
        deal.owed += gone.owed
        for name in ("fee", "asked", "sent", "arrived", "charged"):
            getattr(deal, name).update(getattr(gone, name))


def compare(shadow: Shadow, books: dict[str, dict[tuple[str, str, str], int]]) -> None:
    """Invariants 1 to 4: hold the ledger's sums against the world, or raise `Mismatch`."""
    held: Counter[Spot] = Counter()
    rollup: Counter[tuple[str, str, str]] = Counter()
    for subject, book in books.items():
        own: Counter[Spot] = Counter()
        for (place, party, owner), fen in book.items():
            rollup[place, party, owner] += fen
            held[_where(place, party)] += fen
            if owner in ("o", "S"):
                own[place, party] += fen
            if owner in ("o", "S", "L") and (fen > 0 if place.startswith("source.") else fen < 0):
                raise Mismatch(f"{subject}: {owner} at {place} {party} is {fen}")
        _compare_deal(subject, shadow.deal(subject), own, book)
    for (place, party, owner), fen in rollup.items():
        if owner in ("F", "M") and not place.startswith("source.") and fen < 0:
            raise Mismatch(f"{owner} at {place} {party} is {fen} by roll-up")
    if sum(fen for (_, _, owner), fen in rollup.items() if owner in ("F", "L")):
        raise Mismatch("the float is not zero-sum")
    for spot in held.keys() | shadow.held.keys():
        if spot[0] != "-" and held[spot] != shadow.held[spot]:
            raise Mismatch(f"{spot}: ledger {held[spot]}, world {shadow.held[spot]}")


def _compare_deal(
    subject: str, deal: Deal, own: Counter[Spot], book: dict[tuple[str, str, str], int]
) -> None:
    if sum(own.values()):
        raise Mismatch(f"{subject}: places and sources differ by {sum(own.values())}")
    expected: Counter[Spot] = Counter()
    by_place = {
        "fee": deal.fee,
        "supplier.reserved": deal.reserved,
        "supplier.settled": deal.settled,
        "refunding": deal.asked,
        "refund.transit": deal.sent,
        "refund.arrived": deal.arrived,
        "refund.chargeback": deal.charged,
    }
    for place, parties in by_place.items():
        for party, fen in parties.items():
            expected[place, party] += fen
    expected["source.unexplained" if subject[0] == "S" else "source.payer", ""] = -deal.paid
    expected["source.platform", ""] = -deal.owed
    expected["spent.margin", ""] = deal.margin
    watched = {spot for spot in own if spot[0] in by_place or spot[1] == ""}
    for spot in watched | expected.keys():
        if own[spot] != expected[spot]:
            raise Mismatch(f"{subject}: {spot} is {own[spot]}, should be {expected[spot]}")
    if not any(deal.reserved.values()):
        for (place, _, owner), fen in book.items():
            if owner == "L" and place == "custody" and fen:
                raise Mismatch(f"{subject}: supplier final, {fen} of claim still in custody (row 8)")


def _where(place: str, party: str) -> Spot:
    """Which physical pile of the world a ledger place belongs to; '-' is outside it."""
    if place.startswith("bank") or place in ("custody",):
        return ("bank", party)
    if place in ("refunding", "hold"):
        return ("bank" if party.startswith("bank") else "channel", party)
    if place in ("supplier.free", "supplier.reserved"):
        return ("supplier", party.partition("#")[0])
    names = {"transit.settlement": "transit", "transit.topup": "topup"}
    if place in ("channel", "missing", "operator", *names):
        return (names.get(place, place), party)
    return ("-", "")


def main() -> int:
    """The long run: every seed is a world of its own; the first mismatch is printed and ends it."""
    sys.path.insert(0, str(Path(__file__).parent))
    from ledger_driver import run  # the driver imports this module

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--events", type=int, default=400)
    options = parser.parse_args()
    posted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.seeds):
        try:
            driver = run(seed, options.events)
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}")
            raise
        posted.update(driver.posted)
        refused.update(driver.refused)
        if seed % 100 == 99:
            print(f"{seed + 1} seeds, {posted.total()} postings", flush=True)
    print(dict(posted.most_common()), dict(refused.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
