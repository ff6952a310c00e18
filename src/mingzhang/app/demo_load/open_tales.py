"""Orders that stand open at the end of a history: each state, each kind of wait, in front of whoever is next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from mingzhang.app.demo_load.aside import put_aside, put_aside_unknown
from mingzhang.app.demo_load.goods import CHANNELS, Goods
from mingzhang.app.demo_load.life import Payment
from mingzhang.app.demo_load.story import Story
from mingzhang.app.demo_load.tales import (
    HOUR_S,
    Tale,
    ask_buyer,
    deliver,
    expire,
    make_claim,
    open_one,
    paid,
    plain,
    refused,
    sent,
    silent,
)
from mingzhang.ledger import postings
from mingzhang.orders.states import CHOICE_MAX_S, PERSON_MAX_S
from mingzhang.payments.claim_states import SEARCH_MAX_S
from mingzhang.payments.policy import Case


def placed(_: Story) -> None:
    """No payment opened yet."""


def asked_to_pay(s: Story) -> None:
    """A payment in front of the buyer."""
    open_one(s)


def opening(s: Story) -> None:
    """The channel did not answer when the payment was opened (支付确认中)."""
    payment = open_one(s)
    payment.state, payment.actor = "intent", "channel"


def to_send(s: Story) -> None:
    """Paid, and on its way to the supplier."""
    paid(s)


def at_work(s: Story) -> None:
    """The supplier is at work."""
    paid(s)
    s.heard(sent(s))


def unknown(s: Story) -> None:
    """No answer; the promise still stands."""
    paid(s)
    s.heard(sent(s), "unknown")


def choice(s: Story) -> None:
    """The promise is over: the buyer may choose."""
    silent(s)


def no_choice(s: Story) -> None:
    """Neither the supplier nor the buyer says anything: a person is next."""
    attempt = silent(s)
    deadline = s.deadline
    s.wait(CHOICE_MAX_S)
    s.event("needs_person", '{"reason":"no_choice_made"}')
    s.breach("order", s.id, deadline, "buyer", "person")
    attempt.since, attempt.actor = s.t, "person"
    attempt.deadline = attempt.due = s.at + timedelta(seconds=PERSON_MAX_S)
    s.move("supplying", s.holder, "person", PERSON_MAX_S, rings=True)


def prefund_short(s: Story) -> None:
    """Our balance at the supplier is short: the order waits for it."""
    paid(s)
    refused(s, "prefund_short", "商户余额不足")
    before = s.attempts[-1]
    s.event("waiting_prefund", f'{{"supplier":"{before.source.supplier}","reason":"prefund_short"}}')
    attempt = s.plan(
        before.source, f'{{"why":"prefund","after":"{before.number}","reason":"prefund_short","passed":[]}}'
    )
    s.move("supplying", "channel", "shop", s.goods.promise_s, rings=True)
    attempt.deadline = s.deadline


def wrong_account(s: Story) -> None:
    """待您处理: the buyer is to correct the account."""
    paid(s)
    ask_buyer(s, "wrong_account", refused(s, "wrong_account", "充值账号不存在"))


def kept_part(s: Story) -> None:
    """The supplier gave back a part and does not say how much."""
    paid(s)
    attempt = sent(s)
    s.wait(20)
    evidence_id = s.last_word(
        attempt, "refused", reason="supplier_error", text="部分退款", code="partial_credit"
    )
    s.event(
        "supplier_refused",
        f'{{"supplier":"{attempt.source.supplier}","reason":"supplier_error"}}',
        evidence_id,
    )
    s.event("needs_person", '{"reason":"partial_credit"}', evidence_id)
    s.reason = "partial_credit"
    s.move("needs_person", s.holder, "person", PERSON_MAX_S, rings=True)


def doubted(s: Story) -> None:
    """Told paid and then denied by the channel (F4): the money is 待核实款项."""
    paid(s)
    payment = s.payments[0]
    s.wait(15)
    attempt = s.attempts[0]
    attempt.state, attempt.code, attempt.finished, attempt.due, attempt.actor = (
        "cancelled",
        "payment_contradicted",
        s.t,
        None,
        "",
    )
    body = f'{{"out_trade_no":"{payment.number}","code":"ACQ.TRADE_NOT_EXIST"}}'.encode()
    evidence_id = s.keep(payment.channel, f"{payment.channel}.query", body)
    s.event("payment_contradicted", f'{{"channel":"{payment.channel}"}}', evidence_id)
    s.post(postings.bill_lacks(s.id, s.balances, channel=payment.channel), evidence_id)
    payment.state, payment.due, payment.deadline, s.confirm_at = "contradicted", None, None, None
    s.reason = "payment_contradicted"
    s.move("needs_person", "missing", "person", PERSON_MAX_S, rings=True)


def refund_refused(s: Story) -> None:
    """The channel refused the refund."""
    paid(s)
    refund = s.plan_refund("account_banned", refused(s, "account_banned", "充值账号已封禁"))
    s.wait(2)
    s.send_refund(refund)
    s.wait(1)
    s.refuse_refund(refund)


def refund_waits(s: Story) -> None:
    """The refund waits for the float at the channel."""
    paid(s)
    refund = s.plan_refund("supplier_error", refused(s, "supplier_error", "充值失败"))
    s.wait(1)
    s.event("refund_waiting_float", '{"reason":"float_short"}')
    refund.state, refund.asked, refund.asked_at = "waiting_float", 1, s.t


def refund_unknown(s: Story) -> None:
    """The channel did not answer the refund."""
    paid(s)
    refund = s.plan_refund("supplier_error", refused(s, "supplier_error", "充值失败"))
    s.wait(1)
    s.send_refund(refund)
    s.wait(8)
    evidence_id = s.keep(refund.payment.channel, f"{refund.payment.channel}.refund", b"", "own")
    s.event("refund_unknown", f'{{"channel":"{refund.payment.channel}"}}', evidence_id)
    refund.state = "unknown"


def refund_under_way(s: Story) -> None:
    """The channel took it; the bank needs its days."""
    paid(s)
    refund = s.plan_refund("stock_out", refused(s, "stock_out", "库存不足"))
    s.wait(1)
    s.send_refund(refund)
    s.wait(1)
    s.accept_refund(refund)


def nobodys_money(s: Story) -> None:
    """A trade under a number that is nobody's, for a person."""
    plain(s)
    put_aside_unknown(s, 100 * s.rng.randrange(5, 300)).finish()


def second_goes_back(s: Story) -> None:
    """A second payment on its way back."""
    payment = open_one(s)
    s.wait(20)
    second = _other(s, payment)
    s.pay(payment)
    s.take(payment)
    first = s.money_evidence
    s.pay(second)
    told, s.money_evidence = s.money_evidence, first
    item = put_aside(s, Case.SECOND, second, s.price, told)
    try:
        deliver(s)
        item.plan_refund()
        item.send_refund()
    finally:
        item.finish()


def _other(s: Story, payment: Payment) -> Payment:
    return s.open_payment(next(name for name, _ in CHANNELS if name != payment.channel))


def short_aside(s: Story) -> None:
    """Less than the price came: about to go back."""
    payment = open_one(s)
    s.wait(20)
    fen = max(1, s.price - 100)
    s.pay(payment, fen)
    put_aside(s, Case.SHORT, payment, fen, s.money_evidence).finish()


def claim_waits(s: Story) -> None:
    """已付款,订单未更新: the channel is asked."""
    make_claim(s)[1].finish()


def claim_for_person(s: Story) -> None:
    """The questions are over: a person must answer."""
    told = make_claim(s)[1]
    expire(s)
    s.wait((told.made - s.at).total_seconds() + SEARCH_MAX_S + 1)
    told.to_person()
    told.finish()


class Open(msgspec.Struct, frozen=True):
    """A tale that stands open; placed at most and at least so many seconds before the end. ``share``: of all open."""

    tale: Tale
    youngest_s: float
    oldest_s: float
    share: float = 1.0


_MANY: Final = 3.0
DAY_S: Final = 24 * HOUR_S
STANDING: Final[Sequence[Open]] = (
    Open(placed, 1, 600),
    Open(asked_to_pay, 60, 850, _MANY),
    Open(opening, 60, 850),
    Open(to_send, 90, 400),
    Open(at_work, 120, 800, _MANY),
    Open(unknown, 120, 800, _MANY),
    Open(choice, 5 * HOUR_S, 70 * HOUR_S, _MANY),
    Open(no_choice, 74 * HOUR_S, 94 * HOUR_S),
    Open(prefund_short, 200, 800),
    Open(wrong_account, 1 * HOUR_S, 23 * HOUR_S, _MANY),
    Open(kept_part, 1 * HOUR_S, 23 * HOUR_S),
    Open(doubted, 1 * HOUR_S, 23 * HOUR_S),
    Open(refund_refused, 1 * HOUR_S, 23 * HOUR_S),
    Open(refund_waits, 1 * HOUR_S, 70 * HOUR_S),
    Open(refund_unknown, 1 * HOUR_S, 70 * HOUR_S),
    Open(refund_under_way, 1 * HOUR_S, 70 * HOUR_S, _MANY),
    Open(nobodys_money, 1 * HOUR_S, 22 * HOUR_S),
    Open(second_goes_back, 1 * HOUR_S, 60 * HOUR_S),
    Open(short_aside, 200, 850),
    Open(claim_waits, 450, 850, _MANY),
    Open(claim_for_person, 26 * HOUR_S, 46 * HOUR_S),
)
"""The ages leave each tale the time it usually needs to come to its last step."""

_PROMPT: Final[frozenset[Tale]] = frozenset({at_work, unknown, choice, no_choice, prefund_short})
_ACCOUNTS: Final[frozenset[Tale]] = frozenset({wrong_account})


def fits(tale: Tale, goods: Goods) -> bool:
    """Whether an order of such goods can stand so."""
    if tale in _PROMPT and goods.promise_s != 900:
        return False
    return tale not in _ACCOUNTS or (goods.kind != "card" and goods.promise_s == 900)
