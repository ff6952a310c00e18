"""Events at suppliers."""

from __future__ import annotations

from ledger_world import BANKS, SUPPLIERS, World


class Supply(World):
    """Events at suppliers."""

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
            (self.shadow.refused if place == "supplier.reserved" else self.shadow.reversed)(
                subject, party, fen
            )

    def ev_late(self) -> None:
        subject = self.subject("M")
        if subject and self.attempts[subject]:
            number, supplier = self.rng.randint(1, self.attempts[subject]), self.rng.choice(SUPPLIERS)
            cost = self.rng.randint(1, 5000)
            if self.post(
                "late_success", subject, self.book(subject), supplier=supplier, attempt=number, cost_fen=cost
            ):
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
