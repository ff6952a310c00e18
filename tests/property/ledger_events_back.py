"""Events of money that goes back to the buyer, is frozen, or goes missing."""

from __future__ import annotations

from ledger_world import BANKS, CHANNELS, HOUSE, World, pile


class Back(World):
    """Events of money that goes back to the buyer, is frozen, or goes missing."""

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
        subject, channel = self.subject(), self.rng.choice(CHANNELS)
        if subject:
            view, fen = self.view(subject), self.part(max(1, self.shadow.deal(subject).paid))
            there = self.float_at(("channel", channel))
            if self.post(
                "charged_back",
                subject,
                self.book(subject),
                channel=channel,
                amount_fen=fen,
                float_at_fen=there,
            ):
                self.shadow.charged_back(subject, view, channel, fen)

    def ev_chargeback_won(self) -> None:
        found = self.standing(("refund.chargeback",))
        if found:
            subject, _, channel, whole = found
            view, fen = self.view(subject), self.part(whole)
            if self.post("chargeback_won", subject, self.book(subject), channel=channel, amount_fen=fen):
                self.shadow.won(subject, view, channel, fen)

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
            self.post("made_good", subject, book, party=party, at=("custody", bank), float_fen=there)
        elif outcome == "unpaid" and party in CHANNELS:
            if self.post("proved_unpaid", subject, book, party=party):
                self.shadow.unpaid(subject, view, party)
        elif outcome == "given_up":
            claim = view.claim_at("missing", party)
            if self.post("claim_given_up", subject, book, party=party) and self.rng.random() < 0.5:
                self.take_up(subject, party, claim)

    def take_up(self, subject: str, party: str, claim: int) -> None:
        """The loss was booked, then the money was found after all."""
        missing = ("missing", party)
        self.post("written_off", subject, at=missing, amount_fen=claim)
        self.shadow.shift(missing, None, claim)
        self.post("claim_taken_up", subject, self.book(subject), party=party, amount_fen=claim)
        self.shadow.shift(None, missing, claim)

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
