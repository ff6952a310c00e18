"""Money put aside (挂账) and claims (已付款,订单未更新) beside an order's story."""

from __future__ import annotations

from datetime import datetime, timedelta

from mingzhang.app.demo_load.life import Payment, write_fact, write_legs
from mingzhang.app.demo_load.story import Story, teller_soon
from mingzhang.evidence.store import Fact
from mingzhang.kit.ids import new_suspense_id, refund_number
from mingzhang.kit.money import format_yuan
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import CHANNEL, Account
from mingzhang.orders.states import REFUND_MAX_S
from mingzhang.payments.claim_states import PERSON_MAX_S, SEARCH_MAX_S
from mingzhang.payments.claim_store import claim_number
from mingzhang.payments.policy import POLICY, Case, Then


class Aside:
    """One suspense item: money of a payment that is not the order's, or of nobody's order."""

    def __init__(
        self, story: Story, case: Case, channel: str, fen: int, transaction: str, number: str
    ) -> None:
        self.story, self.case, self.channel, self.fen = story, case, channel, fen
        self.transaction, self.number = transaction, number
        self.id = new_suspense_id(story.bucket, story.at, story.rng)
        self.known, self.since = story.t, story.at
        self.seq = 0
        self.balances: dict[Account, int] = {}
        self.state, self.holder = "open", "channel"
        by_itself = POLICY[case].then is Then.REFUND
        self.actor = "shop" if by_itself else "person"
        self.deadline: datetime | None = story.at + timedelta(seconds=POLICY[case].clock_s)
        self.refunds: list[str | None] = []  # planned, accepted, arrived
        self.order_id = story.id

    def book(self, evidence_id: str) -> None:
        """Row 3: it stands at the channel."""
        self.event("excess_money", f',"reason":"{self.case.value}"', evidence_id)
        self.post(postings.excess(self.id, channel=self.channel, amount_fen=self.fen), evidence_id)
        self.evidence = evidence_id

    def event(self, kind: str, more: str = "", evidence_id: str = "") -> None:
        """A line of the item's own trail."""
        self.seq += 1
        data = f'{{"channel":"{self.channel}","amount_fen":{self.fen}{more}}}'
        story = self.story
        story.lines["event"].append(
            f"{story.bucket}\t{self.id}\t{self.seq}\t{kind}\t{story.t}\t{evidence_id}\t{data}\n"
        )

    def tell(self, kind: str, evidence_id: str = "") -> None:
        """The same where the buyer reads it."""
        if self.order_id:
            self.story.event(
                kind,
                f'{{"channel":"{self.channel}","amount_fen":{self.fen},"reason":"{self.case.value}"}}',
                evidence_id,
            )

    def post(self, posting: Posting, evidence_id: str) -> None:
        """A posting under the item's next number."""
        self.seq += 1
        story = self.story
        write_legs(story.lines, story.bucket, self.seq, posting, evidence_id, story.t, self.balances)

    def plan_refund(self) -> None:
        """The channel confirmed the trade: it goes back."""
        self.event("refund_asked", f',"reason":"{self.case.value}"', self.evidence)
        self.tell("excess_refund_asked", self.evidence)
        self.refunds = [self.story.t, None, None]
        self.state, self.actor, self.since = "refunding", "shop", self.story.at
        self.deadline = self.story.at + timedelta(seconds=REFUND_MAX_S)

    def send_refund(self) -> None:
        """Gathered, and accepted by the channel."""
        posting = postings.refund_asked(
            self.id,
            self.balances,
            price_fen=self.fen,
            amount_fen=self.fen,
            at=(CHANNEL, self.channel),
            float_at_fen=0,
        )
        self.event("refund_sent")
        self.post(posting, self.evidence)
        evidence_id = self._word("accepted")
        self.event("refund_accepted", "", evidence_id)
        self.post(
            postings.refund_accepted(self.id, self.balances, party=self.channel, amount_fen=self.fen),
            evidence_id,
        )
        self.refunds[1] = self.story.t
        self.holder, self.actor = "refund.transit", "channel"

    def arrive(self) -> None:
        """The channel has given it back."""
        evidence_id = self._word("arrived")
        self.event("refund_arrived", "", evidence_id)
        self.post(
            postings.refund_arrived(self.id, self.balances, party=self.channel, amount_fen=self.fen),
            evidence_id,
        )
        self.tell("excess_refunded", evidence_id)
        self.refunds[2] = self.story.t
        self.state, self.holder, self.actor, self.deadline = "refunded", "refund.arrived", "", None

    def _word(self, state: str) -> str:
        story, number = self.story, refund_number(self.id, 1)
        body = f'{{"out_request_no":"{number}","refund_status":"{state}"}}'
        evidence_id = story.keep(self.channel, f"{self.channel}.refund_query", body.encode())
        content = {"refund_no": number, "state": state}
        fact = Fact(
            party=self.channel, kind=f"refund_{state}", external_id=number, subject=self.id, content=content
        )
        write_fact(story.lines, fact, evidence_id, story.at, story.t)
        return evidence_id

    def finish(self) -> None:
        """The item's own row, and its refund's."""
        story, sheets = self.story, self.story.teller.sheets
        sheets.subjects.append(self.id)
        soon = teller_soon(story.teller.now)
        due = (
            min(soon, self.deadline)
            if self.deadline and self.state == "open" and self.actor == "shop"
            else None
        )
        sheets.add(
            "suspense",
            *(
                story.bucket,
                self.id,
                self.seq,
                self.state,
                self.case.value,
                "",
                self.channel,
                self.transaction,
            ),
            *(
                self.number,
                self.order_id,
                self.fen,
                self.fen,
                self.holder,
                self.actor,
                due and due.isoformat(),
            ),
            *(self.deadline and self.deadline.isoformat(), self.known, self.since.isoformat()),
        )
        if not self.refunds:
            return
        planned, accepted, arrived = self.refunds
        state = "arrived" if arrived else "accepted" if accepted else "ready"
        end = (self.since + timedelta(seconds=REFUND_MAX_S)).isoformat()
        sheets.add(
            "refund",
            *(
                story.bucket,
                refund_number(self.id, 1),
                self.id,
                1,
                self.number,
                self.transaction,
                self.channel,
            ),
            *(self.fen, self.fen, self.case.value, state, "", self.transaction, 2, accepted, self.channel),
            *(
                "" if arrived else "channel",
                None if arrived else soon.isoformat(),
                end,
                end,
                planned,
                accepted,
            ),
            arrived,
        )


def put_aside(story: Story, case: Case, payment: Payment, fen: int, evidence_id: str) -> Aside:
    """Money of one of the order's own payments."""
    story.event(
        "excess_money",
        f'{{"channel":"{payment.channel}","amount_fen":{fen},"reason":"{case.value}"}}',
        evidence_id,
    )
    item = Aside(story, case, payment.channel, fen, payment.transaction, payment.number)
    item.book(evidence_id)
    return item


def put_aside_unknown(story: Story, fen: int) -> Aside:
    """A paid trade under a number that no order of ours has."""
    rng, day = story.rng, story.t[:10].replace("-", "")
    transaction, number = f"{day}9{rng.randrange(10**18):018d}", f"OTHER{rng.randrange(10**9):09d}"
    item = Aside(story, Case.UNKNOWN_ORDER, "alipay", fen, transaction, number)
    item.order_id = ""
    body = f"trade_status=TRADE_SUCCESS&out_trade_no={number}&trade_no={transaction}&total_amount={format_yuan(fen)}"
    evidence_id = story.keep(
        "alipay", "alipay.notify", body.encode(), "verified", "application/x-www-form-urlencoded"
    )
    fact = Fact(
        party="alipay",
        kind="paid",
        external_id=transaction,
        subject=item.id,
        content={"payment_no": number, "amount_fen": fen, "buyer_mask": "158****0000"},
        numbers=(("transaction", transaction),),
    )
    write_fact(story.lines, fact, evidence_id, story.at, story.t)
    item.book(evidence_id)
    return item


class Claim:
    """已付款,订单未更新: what a buyer showed, from the claim to its end."""

    def __init__(self, story: Story, payment: Payment) -> None:
        self.story = story
        self.id = claim_number(story.id, 1)
        self.number = payment.number
        self.made = story.at
        self.state, self.actor, self.said = "waiting", "channel", "not_paid"
        self.deadline: datetime | None = story.at + timedelta(seconds=SEARCH_MAX_S)
        self.finished: str | None = None
        self.answer = self.answered_by = ""
        self.since: str | None = None
        body = f'{{"claim":"{self.id}","number":"{self.number}"}}'
        self.evidence = story.keep("buyer", "claim", body.encode(), "hint")
        story.event("claim_made", "{}", self.evidence)

    def found(self) -> None:
        """The channel says paid, and it is booked."""
        self.story.event("claim_found", "{}")
        self.state, self.actor, self.said, self.finished = "found", "", "paid", self.story.t

    def to_person(self) -> None:
        """The last question is over."""
        self.story.event("claim_needs_person", '{"reason":"claim_not_found"}')
        self.state, self.actor, self.since = "person", "person", self.story.t
        self.deadline = self.story.at + timedelta(seconds=PERSON_MAX_S)

    def answered(self, answer: str) -> None:
        """A member of staff answered."""
        self.story.event("claim_answered", "{}")
        self.state, self.actor, self.finished = "answered", "", self.story.t
        self.answer, self.answered_by = answer, "load-demo"

    def finish(self) -> None:
        """Its row."""
        story = self.story
        due = None
        if self.state == "waiting" and self.deadline is not None:
            due = min(teller_soon(story.teller.now), self.deadline).isoformat()
        story.teller.sheets.add(
            "claim",
            *(story.bucket, self.id, story.id, 1, self.state, self.number, True, self.said, self.evidence, 3),
            *(self.made.isoformat(), "shop", self.actor, due, self.deadline and self.deadline.isoformat()),
            *(self.made.isoformat(), self.finished, self.answer, self.answered_by, self.since),
        )
