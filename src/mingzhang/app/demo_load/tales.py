"""What happens to orders: the tales of a history, how often each is told, and those that stand open at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from mingzhang.app.demo_load.aside import Aside, Claim, put_aside, put_aside_unknown
from mingzhang.app.demo_load.goods import CHANNELS, REFUSALS, Source, Wheel
from mingzhang.app.demo_load.life import REPEATED, Attempt, Over, Payment, Refund
from mingzhang.app.demo_load.story import Story
from mingzhang.catalogue.accounts import mask
from mingzhang.ledger import postings
from mingzhang.ledger.places import SETTLED
from mingzhang.orders.states import CORRECTION_MAX_S
from mingzhang.payments.claim_states import SEARCH_MAX_S
from mingzhang.payments.policy import Case

Tale = Callable[[Story], None]
HOUR_S: Final = 3600.0
_REASON: Final = Wheel([weight for _, _, weight, _ in REFUSALS])


# ---------------------------------------------------------------------- pieces


def open_one(s: Story) -> Payment:
    s.wait(s.within(9, 0.8, 240))
    return s.open_payment()


def paid(s: Story, *, by_asking: bool = False) -> None:
    payment = open_one(s)
    left = (s.expires - s.at).total_seconds() - 10
    s.wait(s.within(60 if by_asking else 22, 0.7, left))
    s.pay(payment, by_asking=by_asking)
    s.take(payment)


def sent(s: Story) -> Attempt:
    attempt = s.attempts[-1]
    s.wait(0.2 + s.rng.random() * 1.5)
    s.send(attempt)
    s.wait(0.3 + s.rng.random())
    return attempt


def deliver(s: Story) -> None:
    """From the attempt that is planned to its arrival."""
    attempt = sent(s)
    s.heard(attempt)
    s.wait(s.confirm_in_time(s.took(attempt)))
    s.deliver(attempt)
    _confirm(s)


def _confirm(s: Story) -> None:
    if s.confirm_at is not None:
        s.wait(max((s.confirm_at - s.at).total_seconds(), 0.0))
        s.confirm()


def give_back(s: Story, refund: Refund, *, at_risk: bool = False) -> None:
    s.wait(0.5 + s.rng.random() * 2)
    s.send_refund(refund, at_risk=at_risk)
    s.wait(0.5 + s.rng.random())
    s.accept_refund(refund)
    s.wait(s.within(20 if refund.payment.channel == "alipay" else 6 * HOUR_S, 1.1, 68 * HOUR_S))
    s.arrive_refund(refund)


def _other_source(s: Story) -> Source | None:
    used = {attempt.source.supplier for attempt in s.attempts}
    for source in s.goods.sources:
        if source.supplier not in used and source.cost_fen * s.quantity <= s.price:
            return source
    return None


def _reroute(s: Story, source: Source, reason: str) -> None:
    before = s.attempts[-1]
    s.event("rerouted", f'{{"supplier":"{source.supplier}","reason":"{reason}"}}')
    s.plan(source, f'{{"why":"refused","after":"{before.number}","reason":"{reason}","passed":[]}}')
    s.move("supplying", "channel", "shop", 600)


def expire(s: Story) -> None:
    s.wait((s.expires - s.at).total_seconds())
    s.event("expired", "{}")
    s.move("closed", "payer", "")
    s.reason = "expired"
    for payment in s.payments:
        if payment.state in {"open", "intent"}:
            payment.state, payment.asked, payment.asked_at, payment.actor = "closed", 8, s.t, "buyer"
            payment.due = payment.deadline = None


def refused(s: Story, reason: str, text: str) -> str:
    attempt = sent(s)
    s.wait(s.confirm_in_time(s.within(20, 0.9, s.goods.promise_s * 0.8)))
    evidence_id = s.refuse(attempt, reason, text)
    s.reason = reason
    return evidence_id


# ---------------------------------------------------------------------- tales that end


def plain(s: Story) -> None:
    """Paid, sent, arrived."""
    paid(s, by_asking=s.rng.random() < REPEATED)
    deliver(s)


def unpaid(s: Story) -> None:
    """Nobody pays."""
    if s.rng.random() < 0.7:
        open_one(s)
    expire(s)


def refusal(s: Story) -> None:
    """Refused, then mended by another supplier, by a correction, or given back."""
    reason, text, _, mend = REFUSALS[_REASON.draw(s.rng)]
    paid(s)
    evidence_id = refused(s, reason, text)
    source = _other_source(s)
    if mend == "failover" and source is not None:
        _reroute(s, source, reason)
        deliver(s)
    elif mend == "correction" and s.goods.kind != "card":
        _correct(s, reason, evidence_id)
    else:
        give_back(s, s.plan_refund(reason, evidence_id))
        _confirm(s)


def ask_buyer(s: Story, reason: str, evidence_id: str) -> None:
    s.event("correction_asked", f'{{"reason":"{reason}"}}', evidence_id)
    s.last_evidence = evidence_id
    s.move("needs_buyer", "channel", "buyer", CORRECTION_MAX_S, rings=True)
    s.reason = reason


def _correct(s: Story, reason: str, evidence_id: str) -> None:
    ask_buyer(s, reason, evidence_id)
    s.wait(s.confirm_in_time(s.within(1500, 1.2, CORRECTION_MAX_S * 0.9)))
    if s.rng.random() < 0.3:
        s.event("buyer_chose_refund", "{}")
        give_back(s, s.plan_refund(reason, evidence_id))
        return
    vault, old = s.teller.vault, s.buyer
    account = f"139{s.rng.randrange(10**8):08d}"
    new = msgspec.structs.replace(old, account=account, shown=mask(account))
    s.event("account_corrected", f'{{"account":"{new.shown}","reason":"{reason}"}}')
    s.teller.sheets.add(
        "account_correction",
        *(
            s.bucket,
            s.id,
            1,
            s.seq,
            reason,
            old.shown,
            vault.seal(old.account),
            vault.fingerprint(old.account),
        ),
        *(new.shown, vault.seal(new.account), vault.fingerprint(new.account), s.t),
    )
    s.buyer = new
    s.plan(s.source, f'{{"why":"corrected","reason":"{reason}","passed":[]}}')
    s.move("supplying", "channel", "shop", 600)
    s.reason = ""
    deliver(s)


def silent(s: Story) -> Attempt:
    """Sent, and no answer until the promised time is over."""
    paid(s)
    attempt = sent(s)
    s.heard(attempt, "unknown")
    assert s.deadline is not None
    s.wait(s.confirm_in_time((s.deadline - s.at).total_seconds() + 0.5))
    s.promise_ends()
    return attempt


def slow(s: Story) -> None:
    """Later than promised, and delivered all the same."""
    attempt = silent(s)
    s.wait(s.within(1800, 1.0, 60 * HOUR_S))
    s.deliver(attempt)


def no_answer(s: Story) -> None:
    """The buyer takes the money back while nobody knows; the supplier refuses in the end."""
    attempt = silent(s)
    s.wait(s.within(1200, 1.0, 40 * HOUR_S))
    s.event("buyer_chose_refund", "{}")
    give_back(s, s.plan_refund("no_answer", ""), at_risk=True)
    s.refuse(attempt, "supplier_error", "超时未处理，已取消")


def in_part(s: Story) -> None:
    """Fewer than ordered: the rest goes back."""
    if s.quantity < 2:
        plain(s)
        return
    paid(s)
    attempt = sent(s)
    s.heard(attempt)
    s.wait(s.confirm_in_time(s.took(attempt)))
    units = s.rng.randrange(1, s.quantity)
    cost = attempt.source.cost_fen * units
    evidence_id = s.last_word(attempt, "succeeded", text="部分成功", cost_fen=cost, units=units)
    attempt.units = units
    s.event("partly_delivered", f'{{"supplier":"{attempt.source.supplier}"}}', evidence_id)
    posting = postings.partly_delivered(
        s.id, s.balances, supplier=attempt.source.supplier, attempt=attempt.n, delivered_cost_fen=cost
    )
    s.post(posting, evidence_id)
    if s.goods.kind == "card":
        s.hand_out(attempt, units)
    s.reason = "partly_delivered"
    back = postings.undelivered_price_fen(s.price, s.quantity, units)
    give_back(s, s.plan_refund("partly_delivered", evidence_id, back))
    _confirm(s)


def taken_back(s: Story) -> None:
    """Delivered, and reversed by the supplier hours later (F19)."""
    plain(s)
    attempt = s.attempts[-1]
    s.wait(s.within(5 * HOUR_S, 0.8, 50 * HOUR_S))
    evidence_id = s.last_word(attempt, "reversed", text="冲正", credited_fen=attempt.cost_fen)
    supplier = attempt.source.supplier
    s.event("supplier_reversed", f'{{"supplier":"{supplier}","reason":"supplier_reversed"}}', evidence_id)
    posting = postings.supplier_gave_back(
        s.id, s.balances, supplier=supplier, attempt=attempt.n, amount_fen=attempt.cost_fen, place=SETTLED
    )
    s.post(posting, evidence_id)
    s.finished = None
    give_back(s, s.plan_refund("supplier_reversed", evidence_id))


def late(s: Story) -> None:
    """Paid after the window closed (F1)."""
    payment = open_one(s)
    expire(s)
    s.wait(s.within(300, 1.0, 20 * HOUR_S))
    s.pay(payment, by_asking=True)
    s.take(payment, late=True)
    deliver(s)


def make_claim(s: Story) -> tuple[Payment, Claim]:
    payment = open_one(s)
    s.wait(s.within(150, 0.4, 500))
    return payment, Claim(s, payment)


def claimed(s: Story) -> None:
    """The notify was lost, the buyer says so, the channel confirms it."""
    payment, claim = make_claim(s)
    try:
        s.wait(1.5)
        s.pay(payment, by_asking=True)
        s.take(payment)
        claim.found()
        deliver(s)
    finally:
        claim.finish()


def not_found(s: Story) -> None:
    """A claim for which there is no money; staff answer it a day later."""
    _, claim = make_claim(s)
    try:
        expire(s)
        s.wait((claim.made - s.at).total_seconds() + SEARCH_MAX_S + 1)
        claim.to_person()
        s.wait(s.within(5 * HOUR_S, 0.7, 22 * HOUR_S))
        claim.answered("no_payment" if s.rng.random() < 0.7 else "back_at_bank")
    finally:
        claim.finish()


def _item_back(s: Story, item: Aside) -> None:
    try:
        s.wait(1.5)
        item.plan_refund()
        s.wait(2)
        item.send_refund()
        s.wait(s.within(4 * HOUR_S, 1.0, 60 * HOUR_S))
        item.arrive()
    finally:
        item.finish()


def twice(s: Story) -> None:
    """Paid through two channels: the second payment goes back."""
    payment = open_one(s)
    s.wait(s.within(22, 0.5, 300))
    second = s.open_payment(next(name for name, _ in CHANNELS if name != payment.channel))
    s.pay(payment)
    s.take(payment)
    first = s.money_evidence
    s.pay(second)
    told, s.money_evidence = s.money_evidence, first
    item = put_aside(s, Case.SECOND, second, s.price, told)
    try:
        deliver(s)
    except Over:
        item.finish()
        raise
    _item_back(s, item)


def short(s: Story) -> None:
    """Less than the price: it lies aside and goes back; the order closes."""
    payment = open_one(s)
    s.wait(s.within(30, 0.5, 300))
    fen = max(1, s.price - 100)
    s.pay(payment, fen)
    item = put_aside(s, Case.SHORT, payment, fen, s.money_evidence)
    try:
        expire(s)
    except Over:
        item.finish()
        raise
    _item_back(s, item)


def strangers_money(s: Story) -> None:
    """An ordinary order, and beside it a trade under a number that is nobody's."""
    plain(s)
    put_aside_unknown(s, 100 * s.rng.randrange(5, 300)).finish()


ENDED: Final[Sequence[tuple[float, Tale]]] = (
    (0.8715, plain),
    (0.072, unpaid),
    (0.036, refusal),
    (0.005, slow),
    (0.002, no_answer),
    (0.003, in_part),
    (0.001, taken_back),
    (0.003, late),
    (0.003, claimed),
    (0.0015, not_found),
    (0.0015, twice),
    (0.0005, short),
)


def tell(s: Story, tale: Tale) -> None:
    """Tell it up to the present at most, and write the order's rows."""
    with suppress(Over):
        tale(s)
    s.finish()
