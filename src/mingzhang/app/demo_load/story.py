"""An order from its first attempt at a supplier to its end: sent, heard of, delivered, refused, given back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from mingzhang.app.demo_load.goods import DELAY_ELSE, DELAYS
from mingzhang.app.demo_load.life import CLIENT, LANGUAGES, Attempt, Life, Payment, Refund
from mingzhang.app.demo_load.sheets import escaped
from mingzhang.catalogue.accounts import mask
from mingzhang.evidence.store import Fact
from mingzhang.kit.ids import new_id, refund_number
from mingzhang.kit.money import format_yuan
from mingzhang.ledger import postings
from mingzhang.ledger.places import CHANNEL, RESERVED, attempt_party
from mingzhang.orders.states import CHOICE_MAX_S, PERSON_MAX_S, REFUND_MAX_S

_DIGITS: Final = str.maketrans("", "", "-T:")
_encode: Final = msgspec.json.encode
SOON_S: Final = 20  # when an open row is visited next


class Story(Life):
    """One order to its end; `finish` writes what the steps left in its rows."""

    refund: Refund | None = None

    def send(self, attempt: Attempt) -> None:
        """Row 4 and the request."""
        source = attempt.source
        posting = postings.dispatched(
            self.id, self.balances, supplier=source.supplier, attempt=attempt.n, cost_fen=attempt.cost_fen
        )
        self.post(posting, self.money_evidence)
        self.event("sent", f'{{"supplier":"{source.supplier}"}}')
        self.apply_key(f"send:{attempt.number}:{new_id(self.at, self.rng)}", attempt.number)
        attempt.state, attempt.sent_at, attempt.holder, attempt.actor = (
            "sending",
            self.at,
            source.supplier,
            "supplier",
        )
        attempt.deadline = self.at + timedelta(seconds=self.goods.promise_s)
        attempt.due = self.at
        self.move("supplying", "supplier.reserved", "supplier", self.goods.promise_s, rings=True)
        body = f'{{"customer_order_no":"{attempt.number}","product_id":"{source.product}","buy_num":{self.quantity}}}'
        self.keep(source.supplier, f"{source.supplier}.order", body.encode(), "own")

    def heard(self, attempt: Attempt, state: str = "processing") -> None:
        """The supplier is at work; ``unknown``: it gave no answer."""
        supplier = attempt.source.supplier
        evidence_id = ""
        if state == "processing":
            attempt.supplier_order = (
                attempt.supplier_order or f"{self.t[2:19].translate(_DIGITS)}{self.rng.randrange(10**7):07d}"
            )
            attempt.answered = self.t
            body = f'{{"code":0,"order_id":"{attempt.supplier_order}","order_status":"processing"}}'
            evidence_id = self.keep(supplier, f"{supplier}.order", body.encode())
        if attempt.state != state:
            event = "supplier_processing" if state == "processing" else "supplier_unknown"
            self.event(event, f'{{"supplier":"{supplier}"}}', evidence_id)
        attempt.state, attempt.asked, attempt.asked_at = state, attempt.asked + 1, self.t
        attempt.due = self.at + timedelta(seconds=30)

    def last_word(
        self, attempt: Attempt, state: str, *, reason: str = "", text: str = "", code: str = "", **told: Any
    ) -> str:
        """The supplier's last word and its fact; returns the evidence. Booking it is the caller's."""
        supplier, rng = attempt.source.supplier, self.rng
        if not attempt.supplier_order:
            attempt.supplier_order = f"{self.t[2:19].translate(_DIGITS)}{rng.randrange(10**7):07d}"
        serial, again = attempt.serial, attempt.finished is not None
        if state == "succeeded" and self.goods.kind != "card":
            serial = f"{self.t[:10].replace('-', '')}{rng.randrange(10**12):012d}"
        feedback: Mapping[str, str] = {"recharge_description": text} if text else {}
        body = (
            f'{{"code":0,"order_id":"{attempt.supplier_order}","customer_order_no":"{attempt.number}",'
            f'"order_status":"{state}","recharge_description":"{text}","operator_serial_number":"{serial}"}}'
        )
        evidence_id = self.keep(supplier, f"{supplier}.query", body.encode())
        fact = Fact(
            party=supplier,
            kind=f"supply_{state}",
            external_id=attempt.number,
            subject=self.id,
            content={
                "attempt_no": attempt.number,
                "state": state,
                "reason": reason,
                "cost_fen": None,
                "code": code,
                **told,
            },
            details={"supplier_order_id": attempt.supplier_order, "serial": serial, "feedback": feedback},
            numbers=() if again else (("supplier", attempt.supplier_order), ("serial", serial)),
        )
        self.fact(fact, evidence_id)
        attempt.state, attempt.reason, attempt.code, attempt.serial = state, reason, code, serial
        attempt.feedback = escaped(_encode(feedback).decode())
        attempt.asked, attempt.asked_at, attempt.answered, attempt.finished = (
            attempt.asked + 1,
            self.t,
            self.t,
            self.t,
        )
        attempt.due, attempt.actor = None, ""
        return evidence_id

    def deliver(self, attempt: Attempt) -> None:
        """Row 7: it arrived."""
        evidence_id = self.last_word(attempt, "succeeded")
        self.event("delivered", f'{{"supplier":"{attempt.source.supplier}"}}', evidence_id)
        posting = postings.supplier_succeeded(
            self.id,
            self.balances,
            supplier=attempt.source.supplier,
            attempt=attempt.n,
            actual_cost_fen=attempt.cost_fen,
        )
        self.post(posting, evidence_id)
        if self.goods.kind == "card":
            self.hand_out(attempt, self.quantity)
        self.finished, self.reason = self.t, ""
        self.move("delivered", "supplier.settled", "")

    def hand_out(self, attempt: Attempt, count: int) -> None:
        """Card codes, sealed."""
        vault = self.teller.vault
        for n in range(1, count + 1):
            card = f"MZ{self.rng.randrange(10**14):014d}\n{self.rng.randrange(10**12):012d}"
            self.teller.sheets.add(
                "delivered_card",
                *(self.bucket, self.id, attempt.number, n, vault.seal_card(card), vault.fingerprint(card)),
                *(self.t, vault.card_key_no),
            )

    def took(self, attempt: Attempt) -> float:
        """How long this supplier takes, well within the promise."""
        median_s, width = DELAYS.get(attempt.source.supplier, DELAY_ELSE)
        if self.goods.promise_s > 3600:
            median_s, width = self.goods.promise_s * 0.25, 0.5
        return self.within(median_s, width, self.goods.promise_s * 0.95)

    def refuse(self, attempt: Attempt, reason: str, text: str) -> str:
        """Row 9: refused, and all of the reserve is back."""
        evidence_id = self.last_word(attempt, "refused", reason=reason, text=text, code="4000")
        supplier = attempt.source.supplier
        self.event("supplier_refused", f'{{"supplier":"{supplier}","reason":"{reason}"}}', evidence_id)
        posting = postings.supplier_gave_back(
            self.id, self.balances, supplier=supplier, attempt=attempt.n, amount_fen=attempt.cost_fen
        )
        self.post(posting, evidence_id)
        return evidence_id

    # ------------------------------------------------------------------ giving back

    def plan_refund(self, cause: str, evidence_id: str, amount_fen: int | None = None) -> Refund:
        """The refund's number is fixed before any call."""
        fen = self.price if amount_fen is None else amount_fen
        payment = next(each for each in self.payments if each.paid_at == self.paid)
        refund = Refund(
            number=refund_number(self.id, 1),
            n=1,
            payment=payment,
            amount_fen=fen,
            cause=cause,
            planned=self.at,
        )
        self.refund = refund
        part = f',"amount_fen":{fen}' if fen < self.price else ""
        self.event("refund_asked", f'{{"reason":"{cause}","channel":"{payment.channel}"{part}}}', evidence_id)
        self.last_evidence = evidence_id or self.last_evidence
        self.move("refunding", CHANNEL, "shop", REFUND_MAX_S, rings=True)
        return refund

    def send_refund(self, refund: Refund, *, at_risk: bool = False) -> None:
        """Row 13, or 20 while a supplier is open; the channel is called."""
        channel = refund.payment.channel
        row = postings.risk_refund if at_risk else postings.refund_asked
        posting = row(
            self.id,
            self.balances,
            price_fen=self.price,
            amount_fen=refund.amount_fen,
            at=(CHANNEL, channel),
            float_at_fen=0,
        )
        refund.state, refund.asked, refund.asked_at = "sending", refund.asked + 1, self.t
        self.event("refund_sent", f'{{"channel":"{channel}"}}')
        self.post(posting, self.last_evidence or self.money_evidence)
        self.holder, self.actor = "refunding", "channel"
        body = f'{{"out_request_no":"{refund.number}","refund_amount":"{format_yuan(refund.amount_fen)}"}}'
        self.keep(channel, f"{channel}.refund", body.encode(), "own")

    def accept_refund(self, refund: Refund) -> None:
        """Row 14: the channel took it."""
        channel = refund.payment.channel
        refund.reference = refund.payment.transaction
        refund.destination = f"{channel} {refund.payment.buyer}"
        evidence_id = self._refund_fact(refund, "accepted")
        self.event("refund_accepted", f'{{"channel":"{channel}"}}', evidence_id)
        self.post(
            postings.refund_accepted(self.id, self.balances, party=channel, amount_fen=refund.amount_fen),
            evidence_id,
        )
        refund.state, refund.accepted = "accepted", self.t
        self.holder, self.actor = "refund.transit", "channel"

    def arrive_refund(self, refund: Refund) -> None:
        """Row 14: the channel has given it back."""
        channel = refund.payment.channel
        evidence_id = self._refund_fact(refund, "arrived")
        self.event("refund_arrived", f'{{"channel":"{channel}"}}', evidence_id)
        self.post(
            postings.refund_arrived(self.id, self.balances, party=channel, amount_fen=refund.amount_fen),
            evidence_id,
        )
        refund.state, refund.arrived, refund.actor = "arrived", self.t, ""
        self.finished = self.t
        self.move("refunded", "refund.arrived", "")

    def refuse_refund(self, refund: Refund) -> None:
        """Row 14: the channel refused; a person must act."""
        channel = refund.payment.channel
        evidence_id = self._refund_fact(refund, "refused")
        self.event("refund_refused", f'{{"channel":"{channel}"}}', evidence_id)
        posting = postings.refund_refused(
            self.id, self.balances, at=(CHANNEL, channel), amount_fen=refund.amount_fen
        )
        self.post(posting, evidence_id)
        refund.state = "refused"
        self.reason = "refund_refused"
        self.move("needs_person", CHANNEL, "person", PERSON_MAX_S, rings=True)

    def _refund_fact(self, refund: Refund, state: str) -> str:
        channel = refund.payment.channel
        body = f'{{"out_request_no":"{refund.number}","refund_status":"{state}"}}'
        evidence_id = self.keep(channel, f"{channel}.refund_query", body.encode())
        fact = Fact(
            party=channel,
            kind=f"refund_{state}",
            external_id=refund.number,
            subject=self.id,
            content={"refund_no": refund.number, "state": state},
        )
        self.fact(fact, evidence_id)
        refund.asked, refund.asked_at = refund.asked + 1, self.t
        return evidence_id

    # ------------------------------------------------------------------ lateness

    def promise_ends(self) -> None:
        """The promised time is over without a word: the buyer may choose, and the breach is on record."""
        deadline, attempt = self.deadline, self.attempts[-1]
        self.event("choice_open", f'{{"supplier":"{attempt.source.supplier}"}}')
        self.breach("order", self.id, deadline, "supplier", "buyer")
        self.breach("supply", attempt.number, deadline, "supplier", "shop", attempt.state)
        attempt.since, attempt.actor = self.t, "shop"
        attempt.deadline = self.at + timedelta(seconds=CHOICE_MAX_S)
        self.move("supplying", self.holder, "buyer", CHOICE_MAX_S, rings=True)

    def breach(
        self, kind: str, key: str, deadline: datetime | None, late: str, then: str, state: str = "supplying"
    ) -> None:
        """One missed deadline on record."""
        self.teller.sheets.add(
            "breach",
            self.bucket,
            kind,
            key,
            (deadline or self.at).isoformat(),
            self.id,
            state,
            late,
            then,
            self.t,
        )

    def reserved(self, attempt: Attempt) -> int:
        """What stands with the supplier for this attempt, fen."""
        party = attempt_party(attempt.source.supplier, attempt.n)
        return sum(
            fen
            for account, fen in self.balances.items()
            if (account.place, account.party) == (RESERVED, party)
        )

    # ------------------------------------------------------------------ rows

    def finish(self) -> None:
        """The order's own row and those of its payments, attempts and refund."""
        lines, bucket, teller = self.lines, self.bucket, self.teller
        teller.sheets.subjects.append(self.id)
        for payment in self.payments:
            lines["payment"].append(self._payment_row(payment))
        for attempt in self.attempts:
            lines["supply_attempt"].append(self._attempt_row(attempt))
        if self.refund is not None:
            self._add_refund(self.refund)
        vault, buyer, goods = teller.vault, self.buyer, self.goods
        contact = _sealed(vault.seal(buyer.contact), vault.fingerprint(buyer.contact))
        account = contact
        if buyer.account != buyer.contact:
            account = _sealed(vault.seal(buyer.account), vault.fingerprint(buyer.account))
        token = vault.fingerprint(vault.token(self.id)).hex()
        language = LANGUAGES[int(self.rng.random() * len(LANGUAGES))]
        lines["placement"].append(f"{CLIENT}\t{self.id}\t\\\\x{token}\t{bucket}\t{self.id}\t{self.placed}\n")
        lines["orders"].append(
            f"{bucket}\t{self.id}\t{self.state}\t{self.reason}\t{self.seq}\t{goods.product_id}\t{goods.kind}"
            f"\t{goods.title_zh}\t{goods.title_en}\t{self.quantity}\t{goods.face_value_fen}\t{self.price}"
            f"\t{self.source.cost_fen * self.quantity}\t{self.source.supplier}\t{self.source.product}"
            f"\t{teller.rules}\t{goods.promise_s}\t{escaped(buyer.shown)}\t{account}\t{mask(buyer.contact)}"
            f"\t{contact}\t\\\\x{token}\t{language}\t{self.holder}\t{self.actor}\t{_at(self.due)}"
            f"\t{_at(self.deadline)}\t{self.placed}\t{self.expires.isoformat()}\t{self.paid or _NULL}"
            f"\t{self.finished or _NULL}\n"
        )

    def _payment_row(self, p: Payment) -> str:
        due = p.due
        if due is not None and p.deadline is not None and p.state != "paid":
            due = min(max(due, teller_soon(self.teller.now)), p.deadline)
        return (
            f"{self.bucket}\t{p.number}\t{self.id}\t{p.n}\t{p.channel}\t{p.method}\t{p.amount_fen}\t{p.state}\t"
            f"\t{p.transaction}\t{p.paid_fen}\t{p.buyer}\t{p.asked}\t{p.asked_at or _NULL}\t{p.holder}\t{p.actor}"
            f"\t{_at(due)}\t{_at(p.deadline)}\t{p.opened}\t{self.expires.isoformat()}\t{p.paid_at or _NULL}\n"
        )

    def _attempt_row(self, a: Attempt) -> str:
        due, deadline = a.due, a.deadline
        if due is not None and deadline is not None:
            due = min(max(due, teller_soon(self.teller.now)), deadline)
        units = _NULL if a.units is None else a.units
        return (
            f"{self.bucket}\t{a.number}\t{self.id}\t{a.n}\t{a.source.supplier}\t{a.source.product}\t{self.goods.kind}"
            f"\t{self.quantity}\t{a.cost_fen}\t{a.state}\t{a.reason}\t{a.code}\t{a.supplier_order}\t{a.serial}"
            f"\t{a.feedback}\t{a.asked}\t{a.asked_at or _NULL}\t{a.answered or _NULL}\t{a.holder}\t{a.actor}"
            f"\t{_at(due)}\t{_at(deadline)}\t{a.planned}\t{_at(a.sent_at)}\t{a.finished or _NULL}\t{a.choice}"
            f"\t{units}\t{'t' if a.finished else 'f'}\t{a.since or _NULL}\n"
        )

    def _add_refund(self, r: Refund) -> None:
        open_ = r.state not in {"arrived", "refused"}
        deadline = r.planned + timedelta(seconds=REFUND_MAX_S)
        self.teller.sheets.add(
            "refund",
            *(
                self.bucket,
                r.number,
                self.id,
                r.n,
                r.payment.number,
                r.payment.transaction,
                r.payment.channel,
            ),
            *(
                r.amount_fen,
                r.payment.paid_fen,
                r.cause,
                r.state,
                r.destination,
                r.reference,
                r.asked,
                r.asked_at,
            ),
            *(r.payment.channel, r.actor if open_ else ""),
            min(teller_soon(self.teller.now), deadline).isoformat() if open_ else None,
            *(deadline.isoformat(), deadline.isoformat(), r.planned.isoformat(), r.accepted, r.arrived),
        )


_NULL: Final = "\\N"


def teller_soon(now: datetime) -> datetime:
    """When an open row is visited next."""
    return now + timedelta(seconds=SOON_S)


def _at(at: datetime | None) -> str:
    return _NULL if at is None else at.isoformat()


def _sealed(sealed: bytes, digest: bytes) -> str:
    return f"\\\\x{sealed.hex()}\t\\\\x{digest.hex()}"
