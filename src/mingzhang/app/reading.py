"""The order page's data, read from the rows that the worker works on: the page and the worker never disagree."""

from datetime import datetime, timedelta

import asyncpg
import msgspec

from mingzhang.app.reading_buyer import estimate_changes, request_panel, support_actions
from mingzhang.app.reading_disputes import read_lines
from mingzhang.app.reading_money import evidence_heads, read_money
from mingzhang.app.reading_refund import (
    ENDED,
    NOT_BACK,
    read_payee,
    refund_panel,
    refund_sentence,
    returned_fen,
)
from mingzhang.fulfilment.routing import CORRECTED
from mingzhang.fulfilment.store import SQL as FULFILMENT
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.vault import Vault
from mingzhang.kit.vocabulary import REASONS, Then
from mingzhang.orders.ahead import waits_unsent
from mingzhang.orders.choose import may_choose
from mingzhang.orders.remedy import is_choice
from mingzhang.orders.requests import list_requests
from mingzhang.orders.states import CORRECTIONS_MAX, FINAL
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Order, read_order
from mingzhang.orders.typical import TypicalTimes
from mingzhang.payments.claim_store import Claim, list_claims
from mingzhang.payments.store import Item, Payment, list_items, list_payments
from mingzhang.refunds.store import Refund, list_refunds
from mingzhang.web.model import (
    AsidePanel,
    ClaimPanel,
    CorrectionPanel,
    OrderPage,
    PayeePanel,
    PaymentPanel,
    Sentence,
    Step,
    TimelineItem,
    Uncertainty,
)

DOUBTED = "payment_contradicted"
AHEAD_AFTER = timedelta(seconds=60)
LAST_WORDS = frozenset(
    {"delivered", "partly_delivered", "supplier_refused", "supplier_reversed", "late_success"}
)
PARTLY = frozenset({"refund_asked", "refund_processing", "refund_arrived"})
NOTIFY = ".notify"  # ends the kind of every message that a channel sends of itself
PARAMS = frozenset({"channel", "supplier", "reason", "amount_fen", "account"})


async def read_page(
    conn: asyncpg.Connection, vault: Vault | None, times: TypicalTimes, order_id: str, now: datetime
) -> OrderPage:
    """Everything the buyer may read of one order; raises `unknown_order`. No vault: all but the card codes."""
    order = await read_order(conn, order_id)
    paid = await list_payments(conn, order_id)
    attempts = await list_attempts(conn, order_id)
    refunds = [it for it in await list_refunds(conn, order_id) if it.state != "dropped"]
    timeline = await read_timeline(conn, order_id, 0)
    payment = _front(order, paid)
    aside = await list_items(conn, order_id)
    attempt = _telling(order, attempts)
    refund = refunds[0] if refunds else None
    back = sum(it.amount_fen for it in refunds if it.state not in NOT_BACK)
    typical = await times.of(conn, order.product_id)
    requests = await list_requests(conn, order_id)
    changes = await estimate_changes(conn, times, order, timeline, typical)
    unsure = _uncertainty(order, payment, attempt)
    claims = await list_claims(conn, order_id)
    payee = await read_payee(conn, order, refunds)
    money, hops = await read_money(conn, order_id, order.price_fen)
    reason = order.reason if order.state == "needs_buyer" else _reason(attempt)
    page = OrderPage(
        order_id=order.order_id,
        title_zh=order.title_zh,
        title_en=order.title_en,
        kind=order.kind,
        quantity=order.quantity,
        price_fen=order.price_fen,
        face_value_fen=order.face_value_fen,
        account_mask=order.account_mask,
        contact_mask=order.contact_mask,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        pay_badge=_pay_badge(order, payment, refund, returned_fen(refunds, money), now),
        supply_badge=_supply_badge(order, attempt),
        reason=reason,
        reason_party=_cause(reason),
        reason_then=_then(order, reason),
        reason_text=str(attempt.feedback.get("recharge_description", "")) if attempt else "",
        sentence=_sentence(order, payment, attempt, refund, back, now, payee),
        payee=payee,
        bar=_bar(order, attempt, refund),
        money=money,
        timeline=timeline,
        numbers=_numbers(paid, attempts, refunds),
        payment=_payment_panel(order, payment, now),
        uncertainty=unsure,
        refund=refund_panel(refund) if refund is not None else None,
        earlier_refunds=tuple(refund_panel(each) for each in refunds[1:]),
        serial=attempt.serial if attempt else "",
        cards=await read_codes(conn, vault, order) if vault is not None else (),
        claims=tuple(claim_panel(claim) for claim in claims),
        actions=_actions(order, payment) + support_actions(order, requests),
        promise_s=order.promise_s,
        typical_p50_s=typical.p50,
        typical_p90_s=typical.p90,
        typical_n=typical.n,
        rule_version=order.rule_version,
        final=order.state in FINAL and order.state != "closed",
        seq=order.seq,
        now=now,
        aside=_aside(aside),
        correction=_correction(order, attempts),
        choose_until=order.deadline_at if is_choice(order) else None,
        hops=hops,
        requests=tuple(request_panel(each) for each in requests),
        changes=changes,
        disputes=await read_lines(conn, order_id),
        supplied_by=attempt.supplier if attempt else "",
        ahead=_ahead(order, attempts, now),
    )
    claimed = next((claim for claim in claims if claim.finished_at is None), None)
    return page if claimed is None or order.paid_at is not None else _confirming(page, claimed)


def _correction(order: Order, attempts: list[Attempt]) -> CorrectionPanel | None:
    if order.state != "needs_buyer" or is_choice(order):
        return None
    used = sum(attempt.choice.get("why") == CORRECTED for attempt in attempts)
    left = max(CORRECTIONS_MAX - used, 1)
    return CorrectionPanel(reason=order.reason, deadline_at=order.deadline_at, tries_left=left)


def _ahead(order: Order, attempts: list[Attempt], now: datetime) -> str:
    """Not while it is only about to be sent: most orders wait a moment."""
    if not waits_unsent(order, attempts) or order.paid_at is None or now < order.paid_at + AHEAD_AFTER:
        return ""
    return "done" if any(attempt.ahead for attempt in attempts) else "open"


def _confirming(page: OrderPage, claim: Claim) -> OrderPage:
    """The buyer says it is paid: until the claim is settled, the page asks for no payment and denies none."""
    sentence = msgspec.structs.replace(
        page.sentence,
        code="confirming_payment",
        next_actor=claim.next_actor,
        due_at=claim.due_at or claim.deadline_at,
        deadline_at=claim.deadline_at,
    )
    return msgspec.structs.replace(page, pay_badge="confirming", sentence=sentence)


def _front(order: Order, payments: list[Payment]) -> Payment | None:
    """The payment that paid the order; before that, the one that was last put before the buyer."""
    came = [payment for payment in payments if payment.state in {"paid", "contradicted"}]
    if order.paid_at is not None and came:
        whole = [payment for payment in came if payment.paid_fen >= order.price_fen] or came
        return min(whole, key=lambda payment: (payment.paid_at or order.placed_at, payment.n))
    asked = [payment for payment in payments if payment not in came]
    return max(asked, key=lambda payment: (payment.opened_at, payment.n), default=None)


def _aside(items: list[Item]) -> tuple[AsidePanel, ...]:
    return tuple(
        AsidePanel(
            channel=item.channel,
            amount_fen=item.amount_fen,
            state=item.state,
            next_actor=item.next_actor,
            cause=item.reason or item.cause,
            transaction_id=item.transaction_id,
            deadline_at=item.deadline_at,
        )
        for item in items
    )


def _pay_badge(
    order: Order, payment: Payment | None, refund: Refund | None, returned_fen: int, now: datetime
) -> str:
    if order.state == "refunded":
        return "refunded" if returned_fen >= order.price_fen else "partly_refunded"
    if refund is not None and refund.state not in ENDED:
        return "refunding"
    if order.paid_at is not None:
        return "paid"
    if order.state == "closed":
        return "closed"
    if payment is not None and (payment.state == "intent" or now >= order.expires_at):
        return "confirming"
    return "awaiting"


def _telling(order: Order, attempts: list[Attempt]) -> Attempt | None:
    """The attempt that tells how things stand: the one that brought the goods, else the newest that matters."""
    brought = [each for each in attempts if each.state == "succeeded"]
    said = [each for each in attempts if each.state != "cancelled"]
    if order.state in FINAL or order.state == "refunding":
        by_order = [each for each in brought if not each.extra]
        said = by_order or brought or [each for each in said if each.state != "ready"] or said
    return next(iter(said or attempts), None)


def _reason(attempt: Attempt | None) -> str:
    if attempt is None:
        return ""
    return "supplier_reversed" if attempt.state == "reversed" else attempt.reason


def _cause(reason: str) -> str:
    entry = REASONS.get(reason)
    return entry.party if entry is not None else ""


def _then(order: Order, reason: str) -> str:
    """What happens next: the order's own state knows better than the reason alone."""
    if not reason or order.state == "refunded" or is_choice(order):
        return ""
    if order.state in {"refunding", "needs_person"}:
        in_part = order.reason == "partly_delivered"
        return Then.PERSON if order.state == "needs_person" else Then.REFUND_REST if in_part else Then.REFUND
    entry = REASONS.get(reason)
    return entry.then if entry is not None else Then.PERSON


def _supply_badge(order: Order, attempt: Attempt | None) -> str:
    """What the supplier's applied word came to: an answer that still waits to be applied shows nothing yet."""
    if attempt is not None and attempt.state == "succeeded" and attempt.units is not None:
        return "partly_arrived"
    if order.state == "needs_buyer":
        return "needs_you"
    if order.state == "delivered":
        return "arrived"
    if attempt is None or attempt.state in {"ready", "cancelled"}:
        return "none"
    return {
        "sending": "sent",
        "processing": "processing",
        "unknown": "confirming",
        "succeeded": "arrived",
        "refused": "refused",
        "reversed": "refused",
    }[attempt.state]


def _sentence_code(order: Order, attempt: Attempt | None) -> str:
    if order.state == "awaiting_payment":
        return "awaiting_payment"
    if order.state == "supplying" and attempt is not None:
        if may_choose(order):
            return "choose_refund_or_wait"
        if attempt.waits_for_prefund:
            return "waiting_prefund"
        if attempt.is_held:
            return "waiting_supplier"
        return {
            "sending": "sent_to_supplier",
            "ready": "paid_waiting_dispatch",
            "processing": "supplier_processing",
            "unknown": "confirming_result",
        }.get(attempt.state, "supplier_processing")
    if is_choice(order):
        return "choose_remedy"
    if order.state == "needs_person" and order.reason == DOUBTED:
        return "money_in_doubt"
    return {
        "paid": "paid_waiting_dispatch",
        "delivered": "delivered",
        "refunding": "refund_asked",
        "closed": "closed_unpaid",
        "needs_person": "needs_person",
        "needs_buyer": "needs_buyer",
    }.get(order.state, "needs_person")


def _sentence(
    order: Order,
    payment: Payment | None,
    attempt: Attempt | None,
    refund: Refund | None,
    back_fen: int,
    now: datetime,
    payee: PayeePanel | None,
) -> Sentence:
    """``back_fen``: what of the price is given back, or on its way."""
    due = None
    if order.state == "awaiting_payment" and payment is not None:
        due = payment.due_at
    elif order.state in {"paid", "supplying"} and attempt is not None:
        due = attempt.due_at
    elif order.state == "refunding" and refund is not None:
        due = refund.due_at
    supplier = attempt.supplier if attempt is not None else order.supplier
    party = supplier if order.holder.startswith("supplier") else (payment.channel if payment else "")
    code = refund_sentence(order, refund, payee) or _sentence_code(order, attempt)
    in_part = refund is not None and back_fen < order.price_fen and order.state in {"refunding", "refunded"}
    if refund is not None and in_part and code in PARTLY:
        code = f"partly_{code}" if refund.cause == "partly_delivered" else f"part_{code}"
    return Sentence(
        code=code,
        amount_fen=back_fen if in_part else order.price_fen,
        place="" if order.holder == "payer" else order.holder,  # the buyer's own hands are no place of ours
        party=party,
        next_actor=order.next_actor,
        due_at=max(due, now) if due is not None else None,
        deadline_at=order.deadline_at,
    )


def _bar(order: Order, attempt: Attempt | None, refund: Refund | None) -> tuple[Step, ...]:
    middle, last = ("fetching", "issued") if order.kind == "card" else ("processing", "arrived")
    paid = Step(code="paid", state="done" if order.paid_at else "now", at=order.paid_at)
    sent_at = attempt.sent_at if attempt else None
    asked = attempt is not None and attempt.state != "ready"
    sent = Step(code="sent", state="done" if asked else ("now" if order.paid_at else "todo"), at=sent_at)
    steps = [paid] if order.kind == "card" else [paid, sent]
    finished = attempt.finished_at if attempt else None
    if attempt is not None and attempt.state in {"refused", "reversed"}:
        steps.append(Step(code="refused", state="failed", at=finished))
    elif refund is None or (attempt is not None and attempt.units is not None):
        done = order.state == "delivered" or (attempt is not None and attempt.units is not None)
        working = asked and not done
        steps.append(Step(code=middle, state="done" if done else ("now" if working else "todo")))
        steps.append(Step(code=last, state="done" if done else "todo", at=finished if done else None))
    if refund is not None:
        back = refund.state == "arrived"
        steps.append(Step(code="refunding", state="done" if back else "now", at=refund.planned_at))
        steps.append(Step(code="refunded", state="done" if back else "todo", at=refund.arrived_at))
    return tuple(steps)


def claim_panel(claim: Claim) -> ClaimPanel:
    """A claim as its buyer reads it: nothing of what staff know beside it."""
    return ClaimPanel(
        claim_id=claim.claim_id,
        state=claim.state,
        number=claim.number,
        picture=bool(claim.picture_id),
        said=claim.said,
        asked=claim.asked,
        asked_at=claim.asked_at,
        next_ask_at=claim.due_at,
        deadline_at=claim.deadline_at if claim.finished_at is None else None,
        made_at=claim.made_at,
        answer=claim.answer,
    )


async def read_timeline(conn: asyncpg.Connection, order_id: str, after: int) -> tuple[TimelineItem, ...]:
    """Events after a number, with hash and standing of the evidence behind each."""
    rows = await conn.fetch(ORDERS.list_events, bucket_of(order_id), order_id, after)
    heads = await evidence_heads(conn, [row["evidence_id"] for row in rows])
    feedback = {attempt.supplier: attempt.feedback for attempt in await list_attempts(conn, order_id)}
    items = []
    for row in rows:
        head = heads.get(row["evidence_id"])
        data = {key: str(value) for key, value in row["data"].items() if key in PARAMS}
        last_word = row["kind"] in LAST_WORDS
        words = feedback.get(data.get("supplier", ""), {}) if last_word else {}
        items.append(
            TimelineItem(
                seq=row["seq"],
                kind=row["kind"],
                at=row["at"],
                params=data,
                feedback={key: str(value) for key, value in words.items()},
                evidence_sha256=head["sha256"].hex() if head else "",
                evidence_party=head["party"] if head else "",
                evidence_standing=head["standing"] if head else "",
                asked=row["kind"] == "paid" and head is not None and not head["kind"].endswith(NOTIFY),
                known_at=head["known_at"] if head else None,
            )
        )
    return tuple(items)


def _numbers(
    payments: list[Payment], attempts: list[Attempt], refunds: list[Refund]
) -> tuple[tuple[str, str], ...]:
    found = [("payment", item.payment_no) for item in payments]
    found += [("transaction", item.transaction_id) for item in payments if item.transaction_id]
    found += [("attempt", item.attempt_no) for item in attempts]
    found += [("supplier", item.supplier_order_id) for item in attempts if item.supplier_order_id]
    found += [("serial", item.serial) for item in attempts if item.serial]
    found += [("refund", item.refund_no) for item in refunds]
    return tuple(found)


def _payment_panel(order: Order, payment: Payment | None, now: datetime) -> PaymentPanel | None:
    if payment is None or order.paid_at is not None or order.state != "awaiting_payment":
        return None
    return PaymentPanel(
        payment_no=payment.payment_no,
        channel=payment.channel,
        method=payment.method,
        state=payment.state,
        url=payment.url if now < order.expires_at else "",
        expires_at=order.expires_at,
        transaction_id=payment.transaction_id,
    )


def _uncertainty(order: Order, payment: Payment | None, attempt: Attempt | None) -> Uncertainty | None:
    if (
        order.state == "supplying"
        and attempt is not None
        and (attempt.state == "unknown" or may_choose(order))
    ):
        return Uncertainty(
            asked_whom=attempt.supplier,
            asked_at=attempt.asked_at,
            next_ask_at=attempt.due_at,
            deadline_at=order.deadline_at,
            may_choose=may_choose(order),
        )
    if order.state == "awaiting_payment" and payment is not None and payment.state == "intent":
        return Uncertainty(
            asked_whom=payment.channel,
            asked_at=payment.asked_at,
            next_ask_at=payment.due_at,
            deadline_at=order.expires_at,
            may_choose=False,
        )
    return None


async def read_codes(conn: asyncpg.Connection, vault: Vault, order: Order) -> tuple[tuple[str, str], ...]:
    """Numbers and passwords of the cards that the order brought. Whoever shows them puts that on record first."""
    if order.kind != "card" or order.state not in {"delivered", "refunding", "refunded"}:
        return ()
    rows = await conn.fetch(FULFILMENT.list_cards, order.bucket, order.order_id)
    cards = []
    for row in rows:
        number, _, password = vault.open_card(row["card_enc"]).partition("\n")
        cards.append((number, password))
    return tuple(cards)


def _actions(order: Order, payment: Payment | None) -> tuple[str, ...]:
    if order.state == "awaiting_payment":
        if payment is None or payment.state == "failed":
            return ("pay",)
        return ("check_payment",)
    if order.state == "closed":
        return ("check_payment",)
    if may_choose(order):
        return ("choose_refund", "keep_waiting")
    if is_choice(order):
        return ("choose_resupply", "choose_refund")
    return ("change_account", "choose_refund") if order.state == "needs_buyer" else ()
