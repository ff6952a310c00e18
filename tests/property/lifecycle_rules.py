"""What may happen to one order, each step held against a pure-Python model on a real database (R12, R47).

Real use cases, real adapters, simulated parties over loopback HTTP; time stands still until a step moves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from lifecycle_house import LifecycleHouse
from lifecycle_model import Model

from mingzhang.kit.errors import Problem
from mingzhang.orders.states import FINAL, PAYMENT_WINDOW_S

SPANS_S = (1, 6, 31, 130, 16 * 60, 25 * 3600, 73 * 3600)
READ_ORDER = (
    "SELECT state, reason, holder, next_actor, due_at, deadline_at, paid_at IS NOT NULL AS paid, price_fen, "
    "cost_fen, promise_s, placed_at, expires_at FROM orders WHERE bucket = $1 AND order_id = $2"
)
READ_MONEY = (
    "SELECT place, owner, sum(amount_fen)::bigint AS fen FROM leg WHERE bucket = $1 AND subject = $2 "
    "GROUP BY place, owner HAVING sum(amount_fen) <> 0"
)
READ_PARTS = (
    "SELECT 'payment' AS part, payment_no AS key, state FROM payment WHERE bucket = $1 "
    "UNION ALL SELECT 'attempt', attempt_no, state FROM supply_attempt WHERE bucket = $1 "
    "UNION ALL SELECT 'refund', refund_no, state FROM refund WHERE bucket = $1 AND order_id = $2 "
    "UNION ALL SELECT 'inbox', external_id, kind FROM inbox WHERE bucket = $1"
)
READ_ASIDE = (
    "SELECT s.transaction_id, s.item_id, s.payment_no, s.state, s.holder, s.next_actor, s.due_at, s.deadline_at, "
    "s.amount_fen, coalesce(r.state, '') AS refund, coalesce(r.refund_no, '') AS refund_no FROM suspense s "
    "LEFT JOIN refund r ON r.bucket = s.bucket AND r.order_id = s.item_id WHERE s.bucket = $1"
)
READ_HINT = "SELECT payment_no, transaction_id FROM trade_hint WHERE bucket = $1 AND hint_id = $2"
ROUNDS = (
    "apply_a_fact",
    "sweep",
    "work_attempts",
    "work_refunds",
    "ring",
    "moments_pass",
    "work_hints",
    "work_aside",
    "watch",
)
WORK = st.lists(st.sampled_from(ROUNDS), min_size=0, max_size=8)
STAGES = ("placed", "opened", "paid", "booked", "sent", "overdue")
BEGINNINGS = ("placed", "opened", "opened", "paid", "booked", "sent", "sent", "sent", "overdue", "overdue")
Answer = TypeVar("Answer")


class Lifecycle(RuleBasedStateMachine):
    """One order per example. The world answers by its own books; the model says what the shop makes of it."""

    house: LifecycleHouse
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self.runner.run(work)

    @property
    def now(self) -> Any:
        return self.house.clock.now()

    # -- the buyer

    @initialize(stage=st.sampled_from(BEGINNINGS))
    def place(self, stage: str) -> None:
        """Place an order and bring it, by the rules below, to where the example begins."""
        self.order_id = self.run(self.house.place())
        (row,) = self.run(self.house.read(READ_ORDER, self.house.bucket, self.order_id))
        self.model = Model(
            price=row["price_fen"],
            cost=row["cost_fen"],
            promise_s=row["promise_s"],
            since=self.now,
            expires=row["expires_at"],
        )
        self.ghosts, self.refusing = 0, False
        self.urls: dict[str, str] = {}
        assert (row["expires_at"] - row["placed_at"]).total_seconds() == PAYMENT_WINDOW_S
        # The supplier never ends an order by itself: `supplier_decides` does.
        self.run(self.house.parties.fault(self.order_id, "fulu", "silent"))
        self.run(self.house.parties.fault(self.order_id, "alipay", "notify_lost"))
        for step in STEPS_TO[: STAGES.index(stage)]:
            step(self)

    def payable(self) -> list[str]:
        """Payments that the buyer can see at the channel and has not paid."""
        trades = {number: self.house.parties.trade(number) for number in sorted(self.urls)}
        return [number for number, trade in trades.items() if not (trade and trade.paid_fen)]

    def paid_trades(self) -> list[str]:
        """Payments that are truly paid, and not given back."""
        trades = {number: self.house.parties.trade(number) for number in sorted(self.model.payments)}
        return [
            number for number, trade in trades.items() if trade and trade.paid_fen and not trade.refunded_fen
        ]

    def at_supplier(self) -> str:
        """The state of the instruction in the supplier's books."""
        order = self.house.parties.world.fulu.orders.get(f"{self.order_id}T1")
        return order.state if order is not None else ""

    @precondition(lambda self: len(self.model.payments) < 4)
    @rule(method=st.sampled_from(["qr", "page"]), then=WORK)
    def open_payment(self, method: str, then: Sequence[str] = ()) -> None:
        """The open one of that kind again, or a new one; refused once the window is over or money came."""
        model, before = self.model, len(self.model.payments)
        fresh = f"{self.order_id}P{before + 1}"
        try:
            panel = self.run(self.house.desk.open_payment(self.order_id, "alipay", method))
        except Problem as problem:
            if problem.code == "order_not_payable":
                assert model.state != "awaiting_payment" or self.now >= model.expires
            else:
                assert problem.code == "channel_unavailable"
                assert self.house.parties.world.world.down["alipay"]
                model.opened(fresh, answered=False)
        else:
            assert (model.state, self.now < model.expires) == ("awaiting_payment", True)
            if panel.payment_no not in model.payments:
                assert panel.payment_no == fresh
                model.opened(fresh, answered=True)
                self.urls[fresh] = panel.url
            assert model.payments[panel.payment_no] == "open" == panel.state
        self.work(then)

    @precondition(lambda self: self.payable())
    @rule(pick=st.integers(0, 3), then=WORK)
    def pay(self, pick: int, then: Sequence[str] = ()) -> None:
        """The buyer pays at the channel, in time or late. The shop hears nothing of it."""
        payable = self.payable()
        self.run(self.house.parties.pay(self.urls[payable[pick % len(payable)]]))
        self.work(then)

    # -- what the channel says of itself

    @precondition(lambda self: self.paid_trades())
    @rule(pick=st.integers(0, 3), copies=st.integers(1, 3), then=WORK)
    def notify(self, pick: int, copies: int, then: Sequence[str] = ()) -> None:
        """A true notify, also several times: the first states the fact."""
        paid = self.paid_trades()
        payment_no = paid[pick % len(paid)]
        for _ in range(copies):
            message = self.house.parties.notify(payment_no)
            assert self.run(self.house.desk.receive_notify("alipay", message)).body == b"success"
        trade = self.house.parties.trade(payment_no)
        assert trade is not None
        self.model.state_fact("paid", trade.trade_no, payment_no)
        self.work(then)

    @precondition(lambda self: self.paid_trades())
    @rule(pick=st.integers(0, 3), then=WORK)
    def notify_of_another_amount(self, pick: int, then: Sequence[str] = ()) -> None:
        """Validly signed, one fen less: kept, refused, and the channel is asked (F4)."""
        paid = self.paid_trades()
        message = self.house.parties.notify(paid[pick % len(paid)], amount="99.99")
        assert self.run(self.house.desk.receive_notify("alipay", message)).body != b"success"
        self.work(then)

    @precondition(lambda self: self.payable() and not self.ghosts)
    @rule(pick=st.integers(0, 3), then=WORK)
    def notify_of_nothing(self, pick: int, then: Sequence[str] = ()) -> None:
        """A validly signed success of a trade that nobody paid: before, beside or after true money (F4)."""
        payable = self.payable()
        payment_no = payable[pick % len(payable)]
        if payment_no not in self.house.parties.world.alipay.offer_of:
            return  # a page that nobody has opened: the channel cannot know of it
        self.ghosts += 1
        ghost = f"20260302220099{self.house.bucket:014d}"
        message = self.house.parties.notify(payment_no, ghost=ghost)
        assert self.run(self.house.desk.receive_notify("alipay", message)).body == b"success"
        self.model.state_fact("paid", ghost, payment_no)
        self.work(then)

    # -- the worker

    def work(self, rounds: Sequence[str]) -> None:
        """A worker's rounds in some order, moments between them; everything is checked after each."""
        for name in rounds:
            getattr(self, name)()
            if name != "moments_pass":
                self.stored_as_modelled()
                self.every_fen_is_in_its_place()

    def moments_pass(self) -> None:
        self.house.clock.advance(6)

    def apply_a_fact(self) -> None:
        fact = self.run(self.house.apply_next())
        if fact is None:
            assert not self.model.inbox
            return
        self.model.apply(fact.kind, fact.external_id, self.now)

    def sweep(self) -> None:
        """The channel is asked about every payment that is due: by the trade's own number once it is known."""
        for payment_no in self.run(self.house.claim("payment_no")):
            asked_by = self.model.trades.get(payment_no, "")
            self.run(self.house.visit("payment_no", payment_no))
            answer, transaction_id = self.house.parties.trade_answer(payment_no, asked_by)
            self.model.asked_about_payment(payment_no, answer, transaction_id, self.now)

    def work_hints(self) -> None:
        """The channel is asked about the very trades that refused notifies named."""
        for key in self.run(self.house.claim("hint")):
            (hint,) = self.run(self.house.read(READ_HINT, self.house.bucket, key.partition(":")[2]))
            self.run(self.house.visit("hint", key))
            answer, transaction_id = self.house.parties.trade_answer("", hint["transaction_id"])
            if answer == "paid":
                self.model.state_fact("paid", transaction_id, hint["payment_no"])

    def work_aside(self) -> None:
        """Money put aside goes back by itself, once the channel has confirmed its trade."""
        items = {row["item_id"]: row for row in self.run(self.house.read(READ_ASIDE, self.house.bucket))}
        for item_id in self.run(self.house.claim("item_id")):
            row = items[item_id]
            self.run(self.house.visit("item_id", item_id))
            answer, _ = self.house.parties.trade_answer("", row["transaction_id"])
            left_s = (row["deadline_at"] - self.now).total_seconds()
            self.model.aside[row["transaction_id"]].asked(answer, f"{item_id}R1", left_s)

    def work_attempts(self) -> None:
        """What was never sent is sent, everything else is asked about."""
        for attempt_no in self.run(self.house.claim("attempt_no")):
            was_sent = attempt_no in self.house.parties.world.fulu.orders
            sending = self.model.sent(self.now)
            self.run(self.house.visit("attempt_no", attempt_no))
            answer = self.house.parties.supply_answer(attempt_no)
            assert sending or was_sent == (attempt_no in self.house.parties.world.fulu.orders)
            self.model.supplier_said(answer, attempt_no)

    def watch(self) -> None:
        """After the last word it is asked about again (F19); the supplier keeps to it here, and nothing changes."""
        for attempt_no in self.run(self.house.claim("watched_no")):
            assert self.model.told
            self.run(self.house.visit("watched_no", attempt_no))

    def work_refunds(self) -> None:
        """Refunds of the order and of what was put aside."""
        for refund_no in self.run(self.house.claim("refund_no")):
            refund = self.model.item_of(refund_no) or self.model
            fresh = refund.refund in {"ready", "waiting_float"}
            ready = refund.gathered()
            done = self.refunds_made(refund_no)
            self.run(self.house.visit("refund_no", refund_no))
            if not ready:
                assert self.refunds_made(refund_no) == done == 0
                continue
            self.model.channel_said(self.refund_answer(refund_no, fresh, done), refund_no)

    def refunds_made(self, refund_no: str) -> int:
        """How often the channel has given that refund: never more than once."""
        made = sum(refund_no in trade.refunds for trade in self.house.parties.world.alipay.trades.values())
        assert made <= 1
        return made

    def refund_answer(self, refund_no: str, fresh: bool, done: int) -> str:
        if self.house.parties.world.world.down["alipay"]:
            return "unknown"
        if not fresh and done:
            return "arrived"
        return "accepted" if self.refunds_made(refund_no) else "refused"

    def ring(self) -> None:
        for order_id in self.run(self.house.claim("order_id")):
            self.run(self.house.visit("order_id", order_id))
            self.model.ring(self.now)

    # -- the rest of the world

    @precondition(lambda self: self.at_supplier() == "processing")
    @rule(outcome=st.sampled_from(["success", "failed"]), then=WORK)
    def supplier_decides(self, outcome: str, then: Sequence[str] = ()) -> None:
        """In time, late, or long after the buyer chose a refund."""
        self.run(self.house.parties.decide(self.order_id, outcome))
        self.work(then)

    @precondition(lambda self: self.model.state == "supplying")
    @rule(choice=st.sampled_from(["refund", "wait"]), then=WORK)
    def choose(self, choice: str, then: Sequence[str] = ()) -> None:
        """The buyer chooses; before the promised time, or when the answer is here, there is no choice."""
        allowed = self.model.may_choose()
        try:
            self.run(self.house.desk.choose(self.order_id, choice))
        except Problem as problem:
            assert (problem.code, allowed) == ("no_choice_open", False)
        else:
            assert allowed
            self.model.chose(choice, self.now)
        self.work(then)

    @rule(party=st.sampled_from(["alipay", "fulu"]), down=st.booleans(), then=WORK)
    def outage(self, party: str, down: bool, then: Sequence[str] = ()) -> None:
        self.run(self.house.parties.down(party, down))
        self.work(then)

    @precondition(lambda self: self.model.paid and not self.refusing)
    @rule(really=st.sampled_from([False, False, False, True]), then=WORK)
    def refunds_will_be_refused(self, really: bool, then: Sequence[str] = ()) -> None:
        """From now on the channel refuses every refund of this order."""
        if really:
            self.refusing = True
            self.run(self.house.parties.fault(self.order_id, "alipay", "refund_refused"))
        self.work(then)

    @rule(span_s=st.sampled_from(SPANS_S), then=WORK)
    def time_passes(self, span_s: int, then: Sequence[str] = ()) -> None:
        self.house.clock.advance(span_s)
        self.work(then)

    def teardown(self) -> None:
        for party in ("alipay", "fulu"):
            self.run(self.house.parties.down(party, down=False))

    # -- what must hold after every step

    @invariant()
    def stored_as_modelled(self) -> None:
        model, bucket = self.model, self.house.bucket
        (row,) = self.run(self.house.read(READ_ORDER, bucket, self.order_id))
        told = (row["state"], row["next_actor"], row["holder"], row["paid"])
        assert told == (model.state, model.actor, model.holder, model.paid)
        if model.reason:
            assert row["reason"] == model.reason
        self.clocks(row)
        self.parts(model, bucket)

    def clocks(self, row: Any) -> None:
        """due_at ≤ deadline_at ≤ entry + maximum, and every open state has an owner and a deadline (R47)."""
        due, deadline = row["due_at"], row["deadline_at"]
        if row["state"] in FINAL:
            assert due is None
            return
        assert row["next_actor"]
        assert deadline is not None
        assert deadline <= self.model.latest
        assert due is None or due <= deadline

    def parts(self, model: Model, bucket: int) -> None:
        """Payments, attempt, refund, inbox."""
        stored: dict[str, set[tuple[str, str]]] = {
            "payment": set(),
            "attempt": set(),
            "refund": set(),
            "inbox": set(),
        }
        for row in self.run(self.house.read(READ_PARTS, bucket, self.order_id)):
            stored[row["part"]].add((row["key"], row["state"]))
        assert stored["payment"] == set(model.payments.items())
        assert stored["attempt"] == ({(f"{self.order_id}T1", model.attempt)} if model.attempt else set())
        assert stored["refund"] == ({(f"{self.order_id}R1", model.refund)} if model.refund else set())
        assert stored["inbox"] == {(key, kind) for kind, key in model.inbox}
        self.put_aside(model, bucket)

    def put_aside(self, model: Model, bucket: int) -> None:
        """Every item with its own state, refund, clock and money."""
        rows = self.run(self.house.read(READ_ASIDE, bucket))
        told = {
            row["transaction_id"]: (row["state"], row["next_actor"], row["holder"], row["refund"])
            for row in rows
        }
        assert told == {
            number: (item.state, item.actor, item.holder, item.refund) for number, item in model.aside.items()
        }
        for row in rows:
            item = model.aside[row["transaction_id"]]
            assert (row["amount_fen"], row["payment_no"]) == (item.fen, item.payment_no)
            assert row["refund_no"] == item.refund_no
            assert (row["deadline_at"] is None) == (row["state"] == "refunded")
            assert row["due_at"] is None or row["due_at"] <= row["deadline_at"]
            legs = self.run(self.house.read(READ_MONEY, bucket, row["item_id"]))
            assert sum(leg["fen"] for leg in legs) == 0
            held = {leg["place"]: leg["fen"] for leg in legs if not leg["place"].startswith("source.")}
            assert held == {place: fen for place, fen in item.money.items() if fen}

    @invariant()
    def every_fen_is_in_its_place(self) -> None:
        """Places equal sources; the buyer sees the price whole; the holder is where the order's money is."""
        model, bucket = self.model, self.house.bucket
        rows = self.run(self.house.read(READ_MONEY, bucket, self.order_id))
        assert sum(row["fen"] for row in rows) == 0
        own = {
            (row["place"], row["owner"]): row["fen"]
            for row in rows
            if row["owner"] in ("o", "L") and not row["place"].startswith(("source.", "spent."))
        }
        assert own == {at: fen for at, fen in model.money.items() if fen}
        if not model.paid:
            assert (model.holder, own) == ("payer", {})
            return
        assert own.get((model.holder, "o"), 0) > 0
        shown = self.run(self.house.desk.trail(self.order_id))
        assert sum(part.amount_fen for part in shown) == model.price


STEPS_TO: tuple[Callable[[Lifecycle], None], ...] = (
    lambda life: life.open_payment("qr"),
    lambda life: life.pay(0),
    lambda life: life.notify(0, 1, then=["apply_a_fact"]),
    lambda life: life.work_attempts(),
    lambda life: life.time_passes(16 * 60, then=["ring"]),
)
