"""Drives all rows of the ledger in random order and tells the shadow book what happened in the world."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
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


class Driver:
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

    # -- the ledger --------------------------------------------------------------------------------
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

    # -- choices -----------------------------------------------------------------------------------
    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made:04d}"

    def subject(self, kinds: str = "MS") -> str | None:
        known = [s for s in self.shadow.deals if s[0] in kinds]
        return self.rng.choice(known) if known else None

    def standing(self, places: tuple[str, ...], owners: str = "oSL", kinds: str = "MS") -> tuple[str, str, str, int] | None:
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

    # -- money comes in ----------------------------------------------------------------------------
    def ev_capital(self) -> None:
        at = self.rng.choice([at for at in FREE_PLACES if at[0] != "channel"])
        fen = self.rng.randint(1, 30000)
        if self.post("capital_in", HOUSE, place=at[0], party=at[1], amount_fen=fen):
            self.shadow.shift(None, pile(at), fen)

    def ev_float(self) -> None:
        topup = ("transit.topup", "")
        at = self.rng.choice(FREE_PLACES)
        frm, to = (at, topup) if self.rng.random() < 0.5 else (topup, at)
        there = self.float_at(frm)
        if there > 0:
            fen = self.part(there)
            if self.post("float_moved", HOUSE, frm=frm, to=to, amount_fen=fen):
                self.shadow.shift(pile(frm), pile(to), fen)

    def ev_paid(self) -> None:
        again = self.subject("M") if self.rng.random() < 0.05 else None
        if not again and len(self.shadow.deals) >= DEEP:
            return
        subject, channel = again or self.new("M"), self.rng.choice(CHANNELS)
        fen = self.rng.choice((self.rng.randint(1, 9), self.rng.randint(10, 10000)))
        if self.post("paid", subject, channel=channel, amount_fen=fen):
            self.shadow.paid(subject, ("channel", channel), fen)

    def ev_unexplained(self) -> None:
        if len(self.shadow.deals) >= DEEP:
            return
        subject, at, fen = self.new("S"), self.gather_at(), self.rng.randint(1, 10000)
        if self.post("unexplained", subject, at=at, amount_fen=fen):
            self.shadow.paid(subject, pile(at), fen)

    def ev_settle(self) -> None:
        found = self.standing(("channel",))
        if not found:
            return
        subject, _, channel, _ = found
        view = self.view(subject)
        there = view.at("channel", channel) + view.claim_at("channel", channel)
        fee = self.rng.choice((0, there // 100, self.rng.randint(0, 9)))
        net = max(0, there - fee)
        net = self.rng.choice((net, net, net, self.rng.randint(0, net), net + self.rng.randint(0, 50), 0))
        self.settle(subject, channel, fee, net)

    def settle(self, subject: str, channel: str, fee: int, net: int) -> None:
        view, there = self.view(subject), self.float_at(("channel", channel))
        if self.post(
            "channel_settled", subject, self.book(subject), channel=channel, fee_fen=fee, net_fen=net, float_at_fen=there
        ):
            self.shadow.settled(subject, view, channel, fee, net)
            if net:
                self.lines.append((subject, channel, net))

    def ev_fee_kept(self) -> None:
        subject = self.subject()
        if subject:
            self.settle(subject, self.rng.choice(CHANNELS), self.rng.randint(1, 20), 0)

    def ev_batch(self) -> None:
        channel, bank = self.rng.choice(CHANNELS), self.rng.choice(BANKS)
        lines = [line for line in self.lines if line[1] == channel]
        lines = [line for line in lines if self.rng.random() < 0.8]
        total = sum(fen for _, _, fen in lines)
        netted = self.rng.choice((0, 0, self.rng.randint(0, total)))
        short = self.rng.choice((0, 0, 0, self.rng.randint(0, min(5, total - netted))))
        self.batch(channel, bank, lines, netted, short)

    def batch(self, channel: str, bank: str, lines: list[Any], netted: int, short: int) -> None:
        """A bank line: the stored lines arrive, less netted refunds, less a shortfall."""
        for line in lines:
            subject, _, fen = line
            if not self.post(
                "bank_received", subject, self.book(subject), channel=channel, bank=bank, amount_fen=fen
            ):
                raise Mismatch(f"a stored line cannot be applied: {line}")
            self.lines.remove(line)
            self.shadow.shift(("transit", channel), ("bank", bank), fen)
        for row, fen, to in (("batch_netted", netted, ("channel", channel)), ("batch_short", short, ("missing", bank))):
            self.uncover(row, fen, channel, bank, lines, to)

    def uncover(self, row: str, fen: int, channel: str, bank: str, lines: list[Any], to: tuple[str, str]) -> None:
        self.shadow.shift(("bank", bank), to, fen)
        covered = min(fen, self.float_at(("custody", bank)))
        if covered and row == "batch_netted":
            self.post(row, HOUSE, channel=channel, bank=bank, amount_fen=covered)
        elif covered:
            self.post(row, HOUSE, bank=bank, amount_fen=covered)
        left: Counter[str] = Counter()
        for subject, _, line in lines:
            left[subject] += line
        members = []
        for subject, line in left.items():
            view = self.view(subject)
            members.append((subject, min(line, view.at("custody", bank) + view.claim_at("custody", bank))))
        for subject, share in postings.share_uncovered(members, fen - covered):
            self.post("batch_taken", subject, self.book(subject), bank=bank, to=to, amount_fen=share)

    def ev_match(self) -> None:
        item, order = self.subject("S"), self.subject("M")
        if not item or not order:
            return
        if self.rng.random() < 0.5:
            if self.post("matched", item, self.book(item), order, self.book(order)):
                self.shadow.matched(item, order)
                self.lines = [(order if s == item else s, c, fen) for s, c, fen in self.lines]
        elif posting := self.post("handed_over", item, self.book(item)):
            self.handovers.append((posting, self.shadow.deals.pop(item)))

    def ev_take_over(self) -> None:
        order = self.subject("M")
        if order and self.handovers:
            posting, gone = self.handovers.pop()
            self.post("taken_over", order, self.book(order), handover=posting)
            self.shadow.deals["S-gone"] = gone
            self.shadow.matched("S-gone", order)

    # -- supply ------------------------------------------------------------------------------------
    def ev_dispatch(self) -> None:
        subject = self.subject("M")
        if not subject:
            return
        supplier, view = self.rng.choice(SUPPLIERS), self.view(subject)
        mine = view.mine(("channel", "transit.settlement", "custody"))
        cost = self.rng.choice((mine, mine * 9 // 10, self.rng.randint(0, mine + 50)))
        self.dispatch(subject, supplier, cost, self.rng.choice((0, 1, 5)), self.rng.random() < 0.5)

    def dispatch(self, subject: str, supplier: str, cost: int, fee_due: int, allow_loss: bool) -> None:
        number, view = self.attempts[subject] + 1, self.view(subject)
        if self.post(
            "dispatched",
            subject,
            self.book(subject),
            supplier=supplier,
            attempt=number,
            cost_fen=cost,
            expected_fee_fen=fee_due,
            allow_loss=allow_loss,
        ):
            self.attempts[subject] = number
            self.shadow.reserved(subject, view, f"{supplier}#{number}", cost, fee_due)

    def ev_success(self) -> None:
        found = self.standing(("supplier.reserved",))
        if found:
            subject, _, party, fen = found
            cost = self.rng.choice((fen, fen, fen + self.rng.randint(1, 50), self.rng.randint(0, fen)))
            self.succeed(subject, party, cost, self.rng.choice((0, 5)))

    def succeed(self, subject: str, party: str, cost: int, fee_due: int) -> None:
        supplier, _, number = party.partition("#")
        view, bank = self.view(subject), self.rng.choice(BANKS)
        name, fees = ("supplier_succeeded", {"expected_fee_fen": fee_due})
        key = "actual_cost_fen"
        if cost <= self.shadow.deal(subject).reserved[party] and self.rng.random() < 0.2:
            name, fees, key = "partly_delivered", {}, "delivered_cost_fen"
        kwargs = {"supplier": supplier, "attempt": int(number), key: cost, "bank": bank, **fees}
        kwargs["custody_float_fen"] = self.float_at(("custody", bank))
        if self.post(name, subject, self.book(subject), **kwargs):
            self.shadow.succeeded(subject, view, party, cost, fee_due)

    def ev_gave_back(self) -> None:
        found = self.standing(("supplier.reserved", "supplier.reserved", "supplier.settled"))
        if found:
            subject, place, party, fen = found
            self.give_back(subject, place, party, self.part(fen))

    def give_back(self, subject: str, place: str, party: str, fen: int) -> None:
        supplier, _, number = party.partition("#")
        bank = self.rng.choice(BANKS)
        if self.post(
            "supplier_gave_back",
            subject,
            self.book(subject),
            supplier=supplier,
            attempt=int(number),
            amount_fen=fen,
            place=place,
            bank=bank,
            custody_float_fen=self.float_at(("custody", bank)),
        ):
            (self.shadow.refused if place == "supplier.reserved" else self.shadow.reversed)(subject, party, fen)

    def ev_late(self) -> None:
        subject = self.subject("M")
        if subject and self.attempts[subject]:
            number, supplier = self.rng.randint(1, self.attempts[subject]), self.rng.choice(SUPPLIERS)
            cost = self.rng.randint(1, 5000)
            if self.post("late_success", subject, self.book(subject), supplier=supplier, attempt=number, cost_fen=cost):
                self.shadow.late(subject, f"{supplier}#{number}", cost)

    def ev_partly(self) -> None:
        """k of n delivered (row 10): the delivered cost is settled, the rest refunded, rounded up."""
        found = self.standing(("supplier.reserved",))
        if not found:
            return
        subject, _, party, fen = found
        n = self.rng.randint(1, 7)
        k = self.rng.randint(0, n - 1)
        self.succeed(subject, party, fen * k // n, 0)
        deal = self.shadow.deal(subject)
        refund = self.rows.undelivered_price_fen(deal.paid, n, k)
        self.shadow.fair_part(deal.paid, n, k, refund)
        if refund:
            self.refund(subject, self.gather_at(), refund)

    # -- back to the buyer -------------------------------------------------------------------------
    def ev_refund(self) -> None:
        subject = self.subject()
        if subject:
            deal = self.shadow.deal(subject)
            left = deal.paid - deal.back()
            fen = self.part(left) if left > 0 and self.rng.random() < 0.9 else self.rng.randint(1, 10000)
            self.refund(subject, self.gather_at(), fen, at_risk=self.rng.random() < 0.2)

    def refund(self, subject: str, at: tuple[str, str], fen: int, *, at_risk: bool = False) -> bool:
        view, there, paid = self.view(subject), self.float_at(at), self.shadow.deal(subject).paid
        kwargs = {"price_fen": paid, "amount_fen": fen, "at": at, "float_at_fen": there}
        name = "risk_refund" if at_risk else "refund_asked"
        if not self.post(name, subject, self.book(subject), **kwargs):
            return False
        self.shadow.asked(subject, view, at[1], fen, at_risk=at_risk)
        return True

    def ev_refund_step(self) -> None:
        found = self.standing(("refunding", "refund.transit"))
        if found:
            self.refund_step(*found, self.rng.choice(("accepted", "arrived", "arrived", "refused", "back")))

    def refund_step(self, subject: str, place: str, party: str, whole: int, outcome: str) -> None:
        at, fen = (("custody" if party in BANKS else "channel"), party), self.part(whole)
        book, asked = self.book(subject), place == "refunding"
        if outcome == "accepted" and asked:
            self.post("refund_accepted", subject, book, party=party, amount_fen=fen)
            self.shadow.accepted(subject, pile(at), fen)
        elif outcome == "arrived":
            self.post("refund_arrived", subject, book, party=party, amount_fen=fen, place=place)
            self.shadow.arrived(subject, pile(at), fen, direct=asked)
        elif outcome == "refused" and asked:
            self.post("refund_refused", subject, book, at=at, amount_fen=fen)
            self.shadow.deal(subject).asked[party] -= fen
        elif outcome == "back" and not asked:
            self.return_refund(subject, place, party, fen)

    def ev_back_after_arrival(self) -> None:
        found = self.standing(("refund.arrived",))
        if found:
            self.return_refund(*found[:3], self.part(found[3]))

    def return_refund(self, subject: str, place: str, party: str, fen: int) -> None:
        to = self.gather_at()
        if self.post(
            "refund_came_back", subject, self.book(subject), place=place, party=party, to=to, amount_fen=fen
        ):
            self.shadow.came_back(subject, party, pile(to), fen, after_arrival=place == "refund.arrived")

    def ev_reserve_home(self) -> None:
        found = self.standing(("channel",))
        if found:
            self.home(found[0], found[2])

    def home(self, subject: str, channel: str) -> None:
        view, bank = self.view(subject), self.rng.choice(BANKS)
        there = self.float_at(("custody", bank))
        if self.post(
            "reserve_home", subject, self.book(subject), channel=channel, bank=bank, custody_float_fen=there
        ):
            self.shadow.took_back(subject, view.at("channel", channel))

    def ev_fee_returned(self) -> None:
        found = self.standing(("fee",), "oS")
        if found:
            subject, _, channel, whole = found
            view, fen = self.view(subject), self.part(whole)
            if self.post("fee_returned", subject, self.book(subject), channel=channel, amount_fen=fen):
                self.shadow.fee_returned(subject, view, channel, fen)

    def ev_chargeback(self) -> None:
        subject, channel = self.subject("M"), self.rng.choice(CHANNELS)
        if subject:
            view, fen = self.view(subject), self.part(max(1, self.shadow.deal(subject).paid))
            there = self.float_at(("channel", channel))
            if self.post(
                "charged_back", subject, self.book(subject), channel=channel, amount_fen=fen, float_at_fen=there
            ):
                self.shadow.charged_back(subject, view, channel, fen)

    def ev_chargeback_won(self) -> None:
        found = self.standing(("refund.chargeback",))
        if found:
            subject, _, channel, whole = found
            view, fen = self.view(subject), self.part(whole)
            if self.post("chargeback_won", subject, self.book(subject), channel=channel, amount_fen=fen):
                self.shadow.won(subject, view, channel, fen)

    # -- freezes, what is missing, the house -----------------------------------------------------------
    def ev_freeze(self) -> None:
        found = self.standing(("channel", "custody"), "oSL")
        if found:
            by_channel = self.rng.random() < 0.5
            self.post("frozen", found[0], self.book(found[0]), at=found[1:3], by_channel=by_channel)

    def ev_unfreeze(self) -> None:
        found = self.standing(("hold",))
        if found:
            self.unfreeze(found[0], found[2])

    def unfreeze(self, subject: str, party: str) -> None:
        at = ("custody" if party in BANKS else "channel", party)
        self.post("unfrozen", subject, self.book(subject), at=at)

    def ev_missing(self) -> None:
        found = self.standing(("channel",))
        if found:
            subject, _, channel, _ = found
            view = self.view(subject)
            fen = view.at("channel", channel) + view.claim_at("channel", channel)
            if self.post("bill_lacks", subject, self.book(subject), channel=channel):
                self.shadow.shift(("channel", channel), ("missing", channel), fen)

    def ev_missing_end(self) -> None:
        found = self.standing(("missing",))
        if found:
            outcome = self.rng.choice(("found", "good", "unpaid", "given_up"))
            self.end_missing(found[0], found[2], outcome)

    def end_missing(self, subject: str, party: str, outcome: str) -> None:
        view, book = self.view(subject), self.book(subject)
        there = view.at("missing", party) + view.claim_at("missing", party)
        bank = self.rng.choice(BANKS)
        if outcome == "found" and party in BANKS:
            fen = self.part(there)
            self.post("found_at_bank", subject, book, party=party, bank=bank, amount_fen=fen)
            self.shadow.shift(("missing", party), ("bank", bank), fen)
        elif outcome == "found":
            if self.post("found_at_channel", subject, book, channel=party):
                self.shadow.shift(("missing", party), ("channel", party), there)
                self.shadow.took_back(subject, view.at("channel", party) + view.at("missing", party))
        elif outcome == "good":
            there = self.float_at(("custody", bank))
            self.post("made_good", subject, book, party=party, bank=bank, custody_float_fen=there)
        elif outcome == "unpaid" and party in CHANNELS:
            if self.post("proved_unpaid", subject, book, party=party):
                self.shadow.unpaid(subject, view, party)
        elif outcome == "given_up":
            self.post("claim_given_up", subject, book, party=party)

    def ev_house(self) -> None:
        kind = self.rng.choice(("found", "off", "charges", "sweep"))
        bank, channel = self.rng.choice(BANKS), self.rng.choice(CHANNELS)
        missing, party = ("missing", self.rng.choice((bank, channel))), bank
        if kind in ("found", "off") and (there := self.float_at(missing)) > 0:
            fen, to = self.part(there), None
            if kind == "found":
                to = ("bank", bank)
                self.post("float_found", HOUSE, party=missing[1], bank=bank, amount_fen=fen)
            else:
                self.post("written_off", HOUSE, at=missing, amount_fen=fen)
            self.shadow.shift(missing, to, fen)
        elif kind == "charges" and (there := self.float_at(("channel", channel))) > 0:
            fen = min(there, self.rng.randint(1, 20))
            self.post("own_charges", HOUSE, at=("channel", channel), amount_fen=fen)
            self.shadow.shift(("channel", channel), None, fen)
        elif kind == "sweep" and (there := self.float_at(("custody", party), "M")) > 0:
            fen = self.part(there)
            self.post("margin_swept", HOUSE, bank=party, operator="operator", amount_fen=fen)
            self.shadow.shift(("bank", party), ("operator", "operator"), fen)

    def ev_earned(self) -> None:
        subject, bank = self.subject("M"), self.rng.choice(BANKS)
        if subject and sum(self.shadow.deal(subject).settled.values()):
            self.earn(subject, bank)

    def earn(self, subject: str, bank: str) -> None:
        view = self.view(subject)
        if self.post("earned", subject, self.book(subject), bank=bank):
            self.shadow.earned(subject, view, bank)

    def ev_release(self) -> None:
        subject = self.subject()
        if subject:
            self.post("released", subject, self.book(subject))

    # -- running -----------------------------------------------------------------------------------
    def step(self, name: str) -> None:
        """One event, then every invariant."""
        getattr(self, name)()
        self.verify()


EVENTS: tuple[str, ...] = tuple(name for name in vars(Driver) if name.startswith("ev_"))
WEIGHTS = {
    "ev_paid": 6,
    "ev_dispatch": 6,
    "ev_settle": 5,
    "ev_batch": 4,
    "ev_success": 5,
    "ev_gave_back": 4,
    "ev_refund": 6,
    "ev_refund_step": 8,
    "ev_earned": 2,
    "ev_capital": 2,
    "ev_float": 4,
}


def run(
    seed: int,
    events: int,
    rows: ModuleType | SimpleNamespace = postings,
    after: Callable[[Driver], None] | None = None,
) -> Driver:
    """Drive one seeded world for ``events`` events, then drain it to rest. Raises `Mismatch`."""
    from ledger_drain import drain  # noqa: PLC0415 - the drain imports this module

    rng = random.Random(seed)
    driver = Driver(rng, rows)
    driver.ev_capital()
    names = rng.choices(EVENTS, [WEIGHTS.get(name, 2) for name in EVENTS], k=events)
    for name in names:
        driver.step(name)
        if after:
            after(driver)
    drain(driver)
    return driver
