"""A world to drive: the ledger made of postings, its shadow book, and the random choices."""

from __future__ import annotations

import random
from collections import Counter
from types import ModuleType, SimpleNamespace
from typing import Any

from shadow_book import Mismatch, Shadow, View, compare

from mingzhang.ledger import postings
from mingzhang.ledger.model import Replay, subject_findings

CHANNELS = ("ali", "wx")
BANKS = ("bank1", "bank2")
SUPPLIERS = ("fulu", "dtone")
HOUSE = "F0"
DEEP = 12
FREE_PLACES = (
    *(("channel", c) for c in CHANNELS),
    *(("custody", b) for b in BANKS),
    *(("supplier.free", s) for s in SUPPLIERS),
)
PHYSICAL = {"channel": "channel", "custody": "bank", "supplier.free": "supplier", "transit.topup": "topup"}


def pile(at: tuple[str, str]) -> tuple[str, str]:
    """The shadow's name of a place."""
    return (PHYSICAL[at[0]], at[1])


class World:
    """One world: a ledger made of postings, and its shadow. ``rows`` may be a planted set of postings."""

    def __init__(self, rng: random.Random, rows: ModuleType | SimpleNamespace = postings) -> None:
        self.rng = rng
        self.rows: Any = rows
        self.books: dict[str, dict[tuple[str, str, str], int]] = {}
        self.shadow = Shadow()
        self.replay = Replay()
        self.posted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.lines: list[tuple[str, str, int]] = []
        self.handovers: list[Any] = []
        self.attempts: Counter[str] = Counter()
        self.made = 0

    def book(self, subject: str) -> dict[tuple[str, str, str], int]:
        return self.books.setdefault(subject, {})

    def float_at(self, at: tuple[str, str], owner: str = "F") -> int:
        return sum(book.get((*at, owner), 0) for book in self.books.values())

    def view(self, subject: str) -> View:
        own: dict[tuple[str, str], int] = {}
        claim: dict[tuple[str, str], int] = {}
        for (place, party, owner), fen in self.book(subject).items():
            if owner in ("o", "S"):
                own[place, party] = fen
            elif owner == "L":
                claim[place, party] = fen
        return View(own, claim)

    def post(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Post one row by its function's name; None when it was refused or the float is too short."""
        try:
            posting = getattr(self.rows, name)(*args, **kwargs)
        except postings.Refused as refusal:
            self.refused[f"{name}:{refusal.code}"] += 1
            return None
        for (place, party), fen in postings.float_needed(posting).items():
            if self.float_at((place, party)) < fen:
                self.refused[f"{name}:rollup"] += 1
                return None
        others = {leg.subject: dict(self.book(leg.subject)) for leg in posting.legs}
        try:
            postings.check({}, posting, others)
        except postings.Refused as refusal:
            raise Mismatch(f"{name} returned an invalid posting: {refusal}") from None
        self.apply(posting)
        return posting

    def apply(self, posting: Any) -> None:
        for subject, place, party, owner, fen in posting.legs:
            book = self.book(subject)
            value = book.get((place, party, owner), 0) + fen
            if value:
                book[place, party, owner] = value
            else:
                book.pop((place, party, owner), None)
        self.posted[posting.row] += 1
        number = str(self.posted.total())
        rows = [(number, *leg, "evidence") for leg in posting.legs]
        for finding in self.replay.feed(rows):
            raise Mismatch(str(finding))

    def verify(self) -> None:
        """Invariants 1 to 4, the model's own findings, and what the buyer is shown."""
        compare(self.shadow, {s: b for s, b in self.books.items() if s != HOUSE} | {HOUSE: self.book(HOUSE)})
        for finding in self.replay.finish():
            if finding.code != "handover_open" or not self.handovers:
                raise Mismatch(str(finding))
        for subject, book in self.books.items():
            if self.replay.books.get(subject, {}) != book:
                raise Mismatch(f"{subject}: the replay differs")
            for finding in subject_findings(subject, book):
                raise Mismatch(str(finding))
            self.verify_buyer(subject)

    def verify_buyer(self, subject: str) -> None:
        """The buyer sees what was paid, whole, whatever cost, fee and margin are."""
        if subject == HOUSE or subject not in self.shadow.deals:
            return
        deal = self.shadow.deal(subject)
        parts = postings.buyer_parts(self.books[subject], self.rng.choice((deal.paid, deal.paid // 2)))
        if sum(part.amount_fen for part in parts) != max(deal.paid, deal.back()):
            raise Mismatch(f"{subject}: the buyer sees {parts} of {deal.paid}")
        back = sum(p.amount_fen for p in parts if p.place.startswith("refund"))
        if back != deal.back():
            raise Mismatch(f"{subject}: the buyer sees {back} refunded of {deal.back()}")

    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made:04d}"

    def subject(self, kinds: str = "MS") -> str | None:
        known = [s for s in self.shadow.deals if s[0] in kinds]
        return self.rng.choice(known) if known else None

    def standing(
        self, places: tuple[str, ...], owners: str = "oSL", kinds: str = "MS"
    ) -> tuple[str, str, str, int] | None:
        """A random (subject, place, party, fen) where an owner's money stands."""
        found = [
            (subject, place, party, fen)
            for subject, book in self.books.items()
            if subject[0] in kinds
            for (place, party, owner), fen in book.items()
            if place in places and owner in owners and fen > 0
        ]
        return self.rng.choice(found) if found else None

    def part(self, whole: int) -> int:
        """All of it half of the time, else a random part; at least one fen."""
        return whole if whole <= 1 or self.rng.random() < 0.5 else self.rng.randint(1, whole)

    def gather_at(self) -> tuple[str, str]:
        if self.rng.random() < 0.7:
            return ("channel", self.rng.choice(CHANNELS))
        return ("custody", self.rng.choice(BANKS))
