"""An order up to its payment, step by step, as the product writes it: rows with evidence, facts, events and postings.

Each step moves the story's own time on; one that would lie ahead of the present ends the story (`Over`), and the
order stays as it stands then. Legs are what the ledger's own postings say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Final

import msgspec

from mingzhang.app.demo_load.goods import (
    CHANNELS,
    METHODS,
    Buyer,
    Goods,
    Source,
    Wheel,
    buyer_of,
)
from mingzhang.app.demo_load.sheets import Sheets, escaped
from mingzhang.evidence.store import Fact, fact_row, number_rows
from mingzhang.kit.ids import attempt_number, new_id, new_order_id, payment_number
from mingzhang.kit.money import format_yuan
from mingzhang.kit.vault import Vault
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import Account
from mingzhang.orders.states import DISPATCH_MAX_S, PAYMENT_WINDOW_S

NOTE: Final = "load-demo"
CLIENT: Final = "load-demo"
CONFIRM_S: Final = 15
REPEATED: Final = 0.015  # of all plain orders, whose notify is lost and is found by asking
LANGUAGES: Final = ("zh",) * 9 + ("en",)
_CHANNEL: Final = Wheel([weight for _, weight in CHANNELS])
_FIRST: Final = '{"why": "first"}'
_encode: Final = msgspec.json.encode


class Over(Exception):  # noqa: N818 - the present is reached, no error
    """The next step lies ahead of the present."""


class Payment(msgspec.Struct, kw_only=True):
    """An attempt to pay."""

    number: str
    n: int
    channel: str
    method: str
    amount_fen: int
    opened: str
    state: str = "open"
    transaction: str = ""
    paid_fen: int = 0
    buyer: str = ""
    asked: int = 0
    asked_at: str | None = None
    holder: str = "payer"
    actor: str = "buyer"
    due: datetime | None = None
    deadline: datetime | None = None
    paid_at: str | None = None


class Attempt(msgspec.Struct, kw_only=True):
    """An attempt at a supplier."""

    number: str
    n: int
    source: Source
    cost_fen: int
    planned: str
    deadline: datetime | None
    due: datetime | None
    choice: str = _FIRST
    state: str = "ready"
    reason: str = ""
    code: str = ""
    supplier_order: str = ""
    serial: str = ""
    feedback: str = "{}"
    asked: int = 0
    asked_at: str | None = None
    answered: str | None = None
    holder: str = ""
    actor: str = "shop"
    sent_at: datetime | None = None
    finished: str | None = None
    units: int | None = None
    since: str | None = None


class Refund(msgspec.Struct, kw_only=True):
    """Money on its way back."""

    number: str
    n: int
    payment: Payment
    amount_fen: int
    cause: str
    planned: datetime
    state: str = "ready"
    destination: str = ""
    reference: str = ""
    asked: int = 0
    asked_at: str | None = None
    actor: str = "shop"
    accepted: str | None = None
    arrived: str | None = None


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """What all stories of a piece share. ``now``: the present, at which every story stops at the latest."""

    sheets: Sheets
    rng: Random
    vault: Vault
    now: datetime
    bucket: int
    customers: int
    rules: int


class Life:
    """One order: its time, its rows, its payments."""

    def __init__(self, teller: Teller, goods: Goods, at: datetime, quantity: int = 1) -> None:
        self.teller, self.rng, self.goods, self.quantity = teller, teller.rng, goods, quantity
        self.lines = teller.sheets.lines
        self.bucket = teller.bucket
        self.at, self.t = at, at.isoformat()
        self.placed, self.expires = self.t, at + timedelta(seconds=PAYMENT_WINDOW_S)
        self.id = new_order_id(self.bucket, at, self.rng)
        self.price = goods.prices[quantity]
        self.source = goods.sources[0]
        self.seq = 0
        self.balances: dict[Account, int] = {}
        self.state, self.reason = "awaiting_payment", ""
        self.holder, self.actor = "payer", "buyer"
        self.due: datetime | None = self.expires
        self.deadline: datetime | None = self.expires
        self.paid: str | None = None
        self.finished: str | None = None
        self.payments: list[Payment] = []
        self.attempts: list[Attempt] = []
        self.confirm_at: datetime | None = None
        self.money_evidence = ""
        self.last_evidence = ""
        self.buyer: Buyer = buyer_of(self.rng, teller.customers, goods)
        self.event("placed", "{}")

    # ------------------------------------------------------------------ time, events, evidence, legs

    def wait(self, seconds: float) -> None:
        """Move on; raises `Over` when that is ahead of the present."""
        at = self.at + timedelta(seconds=seconds)
        if at > self.teller.now:
            raise Over
        self.at, self.t = at, at.isoformat()

    def within(self, median_s: float, width: float, most_s: float) -> float:
        """A log-normal delay in seconds, at most so many."""
        return min(self.rng.lognormvariate(math.log(median_s), width), most_s)

    def event(self, kind: str, data: str, evidence_id: str = "") -> None:
        """One line of the timeline; ``data``: JSON, ready for COPY."""
        self.seq += 1
        self.lines["event"].append(
            f"{self.bucket}\t{self.id}\t{self.seq}\t{kind}\t{self.t}\t{evidence_id}\t{data}\n"
        )

    def post(self, posting: Posting, evidence_id: str) -> None:
        """Write a posting under the next number."""
        self.seq += 1
        write_legs(self.lines, self.bucket, self.seq, posting, evidence_id, self.t, self.balances)

    def keep(
        self, party: str, kind: str, body: bytes, standing: str = "answer", form: str = "application/json"
    ) -> str:
        """One message as it came (or, standing ``own``, went out); returns its evidence id."""
        evidence_id = new_id(self.at, self.rng)
        way = "out" if standing == "own" else "in"
        digest = hashlib.sha256(body).hexdigest()
        self.lines["evidence"].append(
            f"{evidence_id}\t{party}\t{kind}\t{way}\t{standing}\t{form}\t\\\\x{body.hex()}\t\\\\x{digest}\t{NOTE}\t{self.t}\n"
        )
        return evidence_id

    def fact(self, fact: Fact, evidence_id: str) -> None:
        """An outside thing, written once, its numbers, and that it was applied."""
        write_fact(self.lines, fact, evidence_id, self.at, self.t)

    def apply_key(self, key: str, what: str) -> None:
        """That a step of ours was applied."""
        digest = hashlib.sha256(what.encode()).hexdigest()
        self.lines["applied"].append(f"{self.bucket}\t{key}\t\\\\x{digest}\tdone\t{self.t}\n")

    def move(
        self, state: str, holder: str, actor: str, seconds: float | None = None, *, rings: bool = False
    ) -> None:
        """Change state; ``seconds``: until the deadline, None for a final one; ``rings``: at the deadline."""
        self.state, self.holder, self.actor = state, holder, actor
        self.deadline = None if seconds is None else self.at + timedelta(seconds=seconds)
        self.due = self.deadline if rings else None

    # ------------------------------------------------------------------ paying

    def open_payment(self, channel: str = "", method: str = "") -> Payment:
        """The intent, the call, the answer."""
        rng = self.rng
        channel = channel or CHANNELS[_CHANNEL.draw(rng)][0]
        ways = METHODS[channel]
        n = len(self.payments) + 1
        payment = Payment(
            number=payment_number(self.id, n),
            n=n,
            channel=channel,
            method=method or ways[int(rng.random() * len(ways))],
            amount_fen=self.price,
            opened=self.t,
            due=self.expires,
            deadline=self.expires,
        )
        self.payments.append(payment)
        self.event("payment_opened", f'{{"channel":"{channel}"}}')
        self.apply_key(f"open:{payment.number}:{new_id(self.at, rng)}", payment.number)
        if channel == "wechat":
            body = f'{{"code_url":"weixin://wxpay/bizpayurl?pr={payment.number}"}}'.encode()
            self.keep(channel, "wechat.native", body)
        return payment

    def pay(self, payment: Payment, amount_fen: int | None = None, *, by_asking: bool = False) -> Fact:
        """The channel's word that money came, and its fact; what becomes of it is the caller's."""
        rng, channel = self.rng, payment.channel
        fen = self.price if amount_fen is None else amount_fen
        day = self.t[:10].replace("-", "")
        transaction = f"{day}{self.t[11:13]}{self.t[14:16]}{rng.randrange(10**15):015d}"
        if channel == "wechat":
            transaction = "4200" + transaction[:24]
        mask = f"{rng.randrange(130, 190)}****{rng.randrange(10_000):04d}"
        payment.transaction, payment.paid_fen, payment.buyer = transaction, fen, mask
        payment.state, payment.holder, payment.actor, payment.paid_at = "paid", channel, "shop", self.t
        payment.due = payment.deadline = None
        evidence_id = self.keep(channel, *self._told_paid(payment, fen, transaction, by_asking=by_asking))
        fact = Fact(
            party=channel,
            kind="paid",
            external_id=transaction,
            subject=self.id,
            content={"payment_no": payment.number, "amount_fen": fen, "buyer_mask": mask},
            details={"paid_at": (self.at - timedelta(seconds=1)).isoformat()},
            numbers=(("transaction", transaction),),
        )
        self.fact(fact, evidence_id)
        self.money_evidence = evidence_id
        return fact

    def _told_paid(
        self, payment: Payment, fen: int, transaction: str, *, by_asking: bool
    ) -> tuple[str, bytes, str, str]:
        """Kind, body, standing and content type of the message that proves it."""
        no, yuan = payment.number, format_yuan(fen)
        if payment.channel == "epay":
            hint = f"pid=1001&trade_no={transaction}&out_trade_no={no}&type=alipay&money={yuan}&trade_status=TRADE_SUCCESS"
            self.keep("epay", "epay.notify", hint.encode(), "hint", "text/plain")
            body = (
                f'{{"code":1,"trade_no":"{transaction}","out_trade_no":"{no}","money":"{yuan}","status":1}}'
            )
            return "epay.order", body.encode(), "answer", "application/json"
        if payment.channel == "wechat":
            body = (
                f'{{"out_trade_no":"{no}","transaction_id":"{transaction}","trade_state":"SUCCESS",'
                f'"trade_type":"NATIVE","amount":{{"total":{fen},"payer_total":{fen},"currency":"CNY"}},'
                f'"success_time":"{self.t}"}}'
            )
            kind = "wechat.query" if by_asking else "wechat.notify"
            return kind, body.encode(), "answer" if by_asking else "verified", "application/json"
        if by_asking:
            body = (
                f'{{"alipay_trade_query_response":{{"code":"10000","msg":"Success","out_trade_no":"{no}",'
                f'"trade_no":"{transaction}","trade_status":"TRADE_SUCCESS","total_amount":"{yuan}"}}}}'
            )
            return "alipay.trade.query", body.encode(), "answer", "application/json"
        body = (
            f"notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&out_trade_no={no}&trade_no={transaction}"
            f"&total_amount={yuan}&receipt_amount={yuan}&gmt_payment={self.t[:19]}&notify_id={transaction}{no[-4:]}"
        )
        return "alipay.notify", body.encode(), "verified", "application/x-www-form-urlencoded"

    def take(self, payment: Payment, *, late: bool = False) -> None:
        """Row 3: the order takes its price."""
        self.event("paid_late" if late else "paid", f'{{"channel":"{payment.channel}"}}', self.money_evidence)
        self.post(postings.paid(self.id, channel=payment.channel, amount_fen=self.price), self.money_evidence)
        self.paid = self.t
        self.move("paid", "channel", "shop", DISPATCH_MAX_S)
        self.confirm_at = payment.due = payment.deadline = self.at + timedelta(seconds=CONFIRM_S)
        self.plan(self.source, _FIRST)

    def confirm(self) -> None:
        """The channel is asked once more, and says paid."""
        payment = next(each for each in self.payments if each.paid_at == self.paid)
        evidence_id = self.keep(
            payment.channel, *self._told_paid(payment, self.price, payment.transaction, by_asking=True)
        )
        payment.asked, payment.asked_at = payment.asked + 1, self.t
        payment.due = payment.deadline = None
        self.event("paid_confirmed", f'{{"channel":"{payment.channel}"}}', evidence_id)
        self.confirm_at = None

    def confirm_in_time(self, seconds: float) -> float:
        """If the confirming question falls into the coming wait, ask it; returns what is left of the wait."""
        if self.confirm_at is None:
            return seconds
        before = (self.confirm_at - self.at).total_seconds()
        if before >= seconds:
            return seconds
        self.wait(max(before, 0.0))
        self.confirm()
        return seconds - max(before, 0.0)

    def plan(self, source: Source, choice: str) -> Attempt:
        """An attempt, due at once."""
        n = len(self.attempts) + 1
        attempt = Attempt(
            number=attempt_number(self.id, n),
            n=n,
            source=source,
            cost_fen=source.cost_fen * self.quantity,
            planned=self.t,
            due=self.at,
            deadline=self.at + timedelta(seconds=min(DISPATCH_MAX_S, self.goods.promise_s)),
            choice=choice,
            holder=self.payments[-1].channel,
        )
        self.attempts.append(attempt)
        return attempt


def write_legs(
    lines: Mapping[str, list[str]],
    bucket: int,
    seq: int,
    posting: Posting,
    evidence_id: str,
    t: str,
    balances: dict[Account, int],
) -> None:
    """A posting's legs, and what the subject holds afterwards."""
    found = lines["leg"]
    for n, (subject, place, party, owner, fen) in enumerate(posting.legs):
        account = Account(place, party, owner)
        left = balances.get(account, 0) + fen
        if left:
            balances[account] = left
        else:
            balances.pop(account, None)
        found.append(
            f"{bucket}\t{subject}\t{seq}\t{n}\t{posting.row}\t{place}\t{party}\t{owner}\t{fen}\t{evidence_id}\t{t}\n"
        )


def write_fact(lines: Mapping[str, list[str]], fact: Fact, evidence_id: str, at: datetime, t: str) -> None:
    """A fact as the evidence slice makes it, its numbers, and that it was applied."""
    party, kind, external_id, bucket, subject, content, digest, _, _, _ = fact_row(fact, evidence_id, at, at)
    lines["fact"].append(
        f"{party}\t{kind}\t{external_id}\t{bucket}\t{subject}\t{escaped(content)}\t\\\\x{digest.hex()}\t{evidence_id}\t{t}\n"
    )
    for value, what, where, whose in number_rows(fact):
        lines["number"].append(f"{value}\t{what}\t{where}\t{whose}\n")
    applied = hashlib.sha256(evidence_id.encode()).hexdigest()
    lines["applied"].append(f"{bucket}\t{fact.key}\t\\\\x{applied}\tdone\t{t}\n")
