"""One order's life in pure Python: what the shop must believe, given what the world answered. No I/O.

Money is kept as (place, owner) -> fen for the order `o` and the float's claim `L` (ledger.md); what was put aside
has a model of its own (`lifecycle_aside`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle_aside import Aside

from mingzhang.orders.states import (
    CHOICE_MAX_S,
    DISPATCH_MAX_S,
    PAYMENT_WINDOW_S,
    PERSON_MAX_S,
    REFUND_MAX_S,
    TRANSITIONS,
)

DOUBTED = "payment_contradicted"
OPEN_ATTEMPT = frozenset({"ready", "sending", "processing", "unknown"})
TOLD = frozenset({"paid", "contradicted"})
DENIALS = frozenset({"pending", "closed", "not_found"})
MAXIMUM_S = {
    "awaiting_payment": PAYMENT_WINDOW_S,
    "paid": DISPATCH_MAX_S,
    "refunding": REFUND_MAX_S,
    "needs_person": PERSON_MAX_S,
}


@dataclass
class Model:
    """The order. ``since``: when the present wait began; ``facts``: stated ones; ``inbox``: not applied yet."""

    price: int
    cost: int
    promise_s: int
    since: datetime
    expires: datetime
    state: str = "awaiting_payment"
    actor: str = "buyer"
    holder: str = "payer"
    reason: str = ""
    paid: bool = False
    attempt: str = ""
    refund: str = ""
    payments: dict[str, str] = field(default_factory=dict)
    trades: dict[str, str] = field(default_factory=dict)  # payment -> the trade that paid it first
    aside: dict[str, Aside] = field(default_factory=dict)  # by the trade that brought it
    money: Counter[tuple[str, str]] = field(default_factory=Counter)
    facts: set[tuple[str, str]] = field(default_factory=set)
    inbox: dict[tuple[str, str], str] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)

    # -- small moves

    def become(self, state: str, holder: str, actor: str, now: datetime) -> None:
        """A transition of the published table, or none."""
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state, self.holder, self.actor, self.since = state, holder, actor, now
        self.visited.append(state)

    def shift(self, owner: str, frm: str, to: str, fen: int) -> None:
        """The same owner, from place to place; a place outside of the order's reach is `""`."""
        for place, amount in ((frm, -fen), (to, fen)):
            if place:
                self.money[place, owner] += amount
        assert all(amount >= 0 for amount in self.money.values()), self.money

    def all_of(self, owner: str, frm: str, to: str) -> None:
        """Everything the owner has there."""
        self.shift(owner, frm, to, self.money[frm, owner])

    def claim_becomes_own(self) -> None:
        """The float's claim turns back into the order's money, wherever it lies."""
        for place in ("channel", "missing"):
            fen = self.money[place, "L"]
            self.shift("L", place, "", fen)
            self.shift("o", "", place, fen)

    def state_fact(self, kind: str, key: str, subject: str) -> None:
        """Once by its key; the first one stands."""
        if (kind, key) not in self.facts:
            self.facts.add((kind, key))
            self.inbox[kind, key] = subject

    @property
    def longest_s(self) -> int:
        """How long the present wait may last at most."""
        if self.actor == "person":
            return PERSON_MAX_S
        if self.state == "supplying":
            by_actor = {"buyer": CHOICE_MAX_S, "person": PERSON_MAX_S}
            return by_actor.get(self.actor, self.promise_s)
        return MAXIMUM_S[self.state]

    @property
    def latest(self) -> datetime:
        """When the present wait must have ended."""
        return self.since + timedelta(seconds=self.longest_s)

    # -- paying

    def opened(self, payment_no: str, answered: bool) -> None:
        """The intent is on record; the channel said yes, or nothing."""
        self.payments[payment_no] = "open" if answered else "intent"

    def asked_about_payment(self, payment_no: str, answer: str, transaction_id: str, now: datetime) -> None:
        """The channel's answer: paid, refunded, pending, closed, not_found or unknown."""
        before = self.payments[payment_no]
        if before in TOLD:
            if before == "paid" and answer in DENIALS:
                self.payments[payment_no] = "contradicted"
                self._contradict(self.trades[payment_no], now)
            return
        if answer == "paid":
            self.state_fact("paid", transaction_id, payment_no)
        if now >= self.expires or answer == "closed":
            self.payments[payment_no] = "closed"

    def _contradict(self, transaction_id: str, now: datetime) -> None:
        """What that trade brought is missing: an item put aside, or the order's own money."""
        if transaction_id in self.aside:
            self.aside[transaction_id].deny()
            return
        for owner in ("o", "L"):
            self.all_of(owner, "channel", "missing")
        if self.attempt == "ready":
            self.attempt = "cancelled"
        if self.state == "needs_person":
            self.holder, self.actor, self.since = "missing", "person", now
            self.reason = DOUBTED
        elif self.state in {"paid", "supplying", "delivered"}:
            self.become("needs_person", "missing", "person", now)
            self.reason = DOUBTED
        elif self.state == "refunding" and self.holder == "channel":
            self.holder, self.actor, self.since = "missing", "person", now

    def expire(self, now: datetime) -> None:
        if self.state == "awaiting_payment":
            self.become("closed", "payer", "", now)
            self.reason = "expired"

    # -- the supplier

    def sent(self, now: datetime) -> bool:
        """Row 4 and the intent to send."""
        if self.attempt != "ready" or self.state not in {"paid", "supplying"}:
            return False
        self.shift("o", "channel", "", self.cost)
        self.shift("L", "", "channel", self.cost)
        self.shift("o", "", "supplier.reserved", self.cost)
        self.become("supplying", "supplier.reserved", "supplier", now)
        self.attempt = "sending"
        return True

    @property
    def told(self) -> bool:
        """Whether the supplier's last word is on record; the attempt is final once it is applied."""
        return any(kind.startswith("supply_") for kind, _ in self.facts)

    def supplier_said(self, answer: str, key: str) -> None:
        """processing, not_found, unknown, succeeded or refused. After the last word nothing of it is news."""
        if self.told:
            return
        if answer in {"succeeded", "refused"}:
            self.state_fact(f"supply_{answer}", key, key)
        elif answer == "processing" or self.attempt == "processing":
            self.attempt = "processing"
        else:
            self.attempt = "unknown"

    def ring(self, now: datetime) -> None:
        """The order's own clock."""
        if self.state == "awaiting_payment":
            self.expire(now)
        elif self.state in {"supplying", "needs_person", "refunding"}:
            first = self.state == "supplying" and self.actor == "supplier"
            self.actor, self.since = ("buyer" if first else "person"), now

    def may_choose(self) -> bool:
        waits = self.state == "supplying" and self.actor in {"buyer", "person"}
        return waits and self.attempt in OPEN_ATTEMPT and not self.told

    def chose(self, choice: str, now: datetime) -> None:
        if choice == "wait":
            self.actor, self.since = "supplier", now
        else:
            self._start_refund(now)

    # -- refunds

    def _start_refund(self, now: datetime) -> None:
        self.become("refunding", "channel", "shop", now)
        self.refund = "ready"

    def gathered(self) -> bool:
        """Row 13, or 20 while the supplier is unknown. False: money in doubt buys no refund."""
        if self.refund not in {"ready", "waiting_float"}:
            return True
        if self.money["missing", "o"]:
            self.refund = "waiting_float"
            return False
        if self.money["supplier.reserved", "o"]:
            self.claim_becomes_own()
        self.shift("o", "channel", "refunding", self.price)
        self.refund, self.holder, self.actor = "sending", "refunding", "channel"
        return True

    def channel_said(self, answer: str, key: str) -> None:
        """accepted, arrived, refused or unknown, of the order's refund or an item's."""
        whose = self.item_of(key) or self
        if answer != "unknown":
            self.state_fact(f"refund_{answer}", key, key)
        elif whose.refund != "accepted":
            whose.refund = "unknown"

    # -- facts applied

    def apply(self, kind: str, key: str, now: datetime) -> None:
        """One fact of the inbox, once."""
        subject = self.inbox.pop((kind, key))
        item = self.item_of(key)
        if kind == "paid":
            self._paid(subject, key, now)
        elif item is not None:
            item.apply(kind)
        else:
            getattr(self, f"_{kind}")(subject, now)

    def item_of(self, refund_no: str) -> Aside | None:
        """The item whose refund that is, if it is not the order's."""
        return next((item for item in self.aside.values() if item.refund_no == refund_no), None)

    @property
    def doubted(self) -> bool:
        """Whether money of the order is missing."""
        return any(self.money["missing", owner] for owner in ("o", "L"))

    def _paid(self, payment_no: str, transaction_id: str, now: datetime) -> None:
        if self.payments[payment_no] not in TOLD:  # a further trade on its number changes no payment
            self.payments[payment_no], self.trades[payment_no] = "paid", transaction_id
        if self.paid:
            actor = "person" if self.doubted else "shop"
            self.aside[transaction_id] = Aside(fen=self.price, payment_no=payment_no, actor=actor)
            return
        self.paid = True
        self.shift("o", "", "channel", self.price)
        self.become("paid", "channel", "shop", now)
        self.attempt = "ready"

    def _supply_succeeded(self, _: str, now: datetime) -> None:
        self.attempt = "succeeded"
        self.shift("o", "supplier.reserved", "supplier.settled", self.cost)
        if self.state == "supplying" or (self.state == "needs_person" and self.reason != DOUBTED):
            self.become("delivered", "supplier.settled", "", now)
            self.reason = ""

    def _supply_refused(self, _: str, now: datetime) -> None:
        self.attempt = "refused"
        self.all_of("o", "supplier.reserved", "")
        self.claim_becomes_own()  # none is left of what the shop has given (row 20)
        if self.state == "supplying":
            self.reason = ""  # the supplier's own, which is not the model's to know
            self._start_refund(now)

    def _refund_accepted(self, _: str, now: datetime) -> None:
        if self.refund not in {"accepted", "arrived", "refused"}:
            self.shift("o", "refunding", "refund.transit", self.price)
            self.refund, self.holder, self.actor = "accepted", "refund.transit", "channel"

    def _refund_arrived(self, key: str, now: datetime) -> None:
        self._refund_accepted(key, now)
        if self.refund != "accepted":
            return
        self.shift("o", "refund.transit", "refund.arrived", self.price)
        self.refund = "arrived"
        self.become("refunded", "refund.arrived", "", now)

    def _refund_refused(self, _: str, now: datetime) -> None:
        if self.refund in {"arrived", "refused"}:
            return
        self.shift("o", "refunding", "channel", self.price)
        self.refund = "refused"
        self.become("needs_person", "channel", "person", now)
        self.reason = "refund_refused"
