"""State and money agree, in both directions (invariants 5, 7 and 8; R12): pure checks of one subject's dossier.

Each check yields findings whose detail names the rows. What a fact moved is looked for in the books, and what the
books hold is traced to a fact: neither side is believed on its own word.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from mingzhang.app.audit_disputes import dispute_findings
from mingzhang.app.audit_rows import AttemptRow, Dossier, FactRow, OrderRow, PaymentRow
from mingzhang.evidence.messages import Standing
from mingzhang.fulfilment.store import OPEN
from mingzhang.ledger.model import Finding, State, named, state_findings
from mingzhang.ledger.places import (
    CHARGEBACK,
    PAYER,
    PLATFORM,
    REFUND_ARRIVED,
    REFUND_TRANSIT,
    REFUNDING,
    RESERVED,
    SETTLED,
    SOURCES,
    UNEXPLAINED,
    O,
    S,
    attempt_party,
)

CANONICAL: Final = msgspec.json.Encoder(order="sorted")
BELIEVED: Final = frozenset({Standing.VERIFIED.value, Standing.ANSWER.value, Standing.OWN.value})
PAID_STATES: Final = frozenset(
    {"paid", "supplying", "needs_buyer", "needs_person", "delivered", "refunding", "refunded"}
)
CAME: Final = frozenset({"paid", "contradicted", "unpaid"})  # payments whose money came, doubted or not
SENT: Final = frozenset({"sending", "processing", "unknown"})
IDLE: Final = frozenset({"refused", "cancelled"})  # while the buyer is to correct the account (R19)
REFUND_PLACE: Final = {
    "sending": REFUNDING,
    "unknown": REFUNDING,
    "accepted": REFUND_TRANSIT,
    "arrived": REFUND_ARRIVED,
}
REFUND_FINAL: Final = frozenset({"arrived", "refused", "returned"})
# Applying a fact leaves one of these events behind, citing the fact's own evidence.
EFFECTS: Final = {
    "paid": frozenset({"paid", "paid_late", "excess_money"}),
    "supply_succeeded": frozenset({"delivered", "partly_delivered", "late_success"}),
    "supply_refused": frozenset({"supplier_refused", "supplier_reversed"}),
    "supply_reversed": frozenset({"supplier_reversed"}),
    "refund_accepted": frozenset({"refund_accepted"}),
    "refund_arrived": frozenset({"refund_arrived"}),
    "refund_refused": frozenset({"refund_refused"}),
    "refund_taken": frozenset({"refund_accepted"}),
    "refund_returned": frozenset({"refund_returned"}),
    "charged_back": frozenset({"charged_back"}),
    "refunded_outside": frozenset({"refunded_outside"}),
    "chargeback_won": frozenset({"chargeback_won"}),
}
# Nothing is left to do when the refund went further before its fact was applied.
MAY_BE_OVERTAKEN: Final = frozenset({"refund_accepted", "refund_arrived", "refund_refused", "refund_taken"})


def dossier_findings(file: Dossier) -> Iterator[Finding]:
    """Every check of one subject that is not the replay of its journal."""
    yield from _existence(file)
    yield from _evidence(file)
    for fact in file.facts.values():
        if fact.subject == file.subject:
            yield from _fact(file, fact)
    yield from _inbox(file)
    yield from _sources(file)
    if file.item is not None:
        yield from _item(file)
        yield from _refunds(file)
    if file.order is not None:
        yield from _order(file, file.order)
        yield from _payments(file)
        yield from _attempts(file, file.order)
        yield from _supplier_money(file, file.order)
        yield from _refunds(file)
        yield from _numbers(file)
        yield from dispute_findings(file)


def _wrong(file: Dossier, code: str, detail: str, invariant: int = 8) -> Finding:
    return Finding(invariant, code, file.subject, f"bucket={file.bucket} {detail}")


def _key(fact: FactRow) -> str:
    return f"fact={fact.party}/{fact.kind}/{fact.external_id}"


def _existence(file: Dossier) -> Iterator[Finding]:
    """Own money, payments, attempts and refunds need an order; own money of a suspense subject needs its item."""
    if file.order is not None or file.item is not None:
        if file.order is not None and file.legs and file.legs[-1].seq > file.order.seq:
            yield _wrong(file, "seq_beyond_order", f"seq={file.legs[-1].seq} order={file.order.seq}")
        return
    for leg in file.legs:
        if leg.account.owner in (O, S):
            account = named(leg.account)
            yield _wrong(file, "legs_without_order", f"seq={leg.seq} account={account} {leg.amount_fen}")
            break
    orphans = [row.payment_no for row in file.payments] + [row.attempt_no for row in file.attempts]
    orphans += [row.refund_no for row in file.refunds] + [_key(fact) for fact in file.facts.values()]
    for orphan in orphans:
        yield _wrong(file, "row_without_order", f"row={orphan}")


def _evidence(file: Dossier) -> Iterator[Finding]:
    """Invariant 5: what legs, events and facts cite is kept; a fact rests on something that may be believed."""
    told = set()
    for leg in file.legs:
        if leg.evidence_id and leg.evidence_id not in file.evidence and leg.seq not in told:
            told.add(leg.seq)
            detail = f"seq={leg.seq} account={named(leg.account)} evidence={leg.evidence_id}"
            yield _wrong(file, "evidence_missing", detail, 5)
    for effect in file.effects:
        if effect.evidence_id not in file.evidence:
            detail = f"seq={effect.seq} event={effect.kind} evidence={effect.evidence_id}"
            yield _wrong(file, "evidence_missing", detail, 5)
    for fact in file.facts.values():
        standing = file.evidence.get(fact.evidence_id, ("missing", file.since))[0]
        if standing not in BELIEVED:
            detail = f"{_key(fact)} evidence={fact.evidence_id} {standing}"
            yield _wrong(file, "fact_not_evidenced", detail, 5)


def _fact(file: Dossier, fact: FactRow) -> Iterator[Finding]:
    """A fact is unaltered, waits or was applied, and then its rows say the same."""
    bound = {name: value for name, value in fact.content.items() if name != "details"}
    if hashlib.sha256(CANONICAL.encode(bound)).digest() != fact.content_hash:
        yield _wrong(file, "fact_altered", _key(fact), 7)
    if fact.key in file.waiting:
        return
    left_behind = EFFECTS.get(fact.kind)
    if left_behind is None:
        return
    done = any(row.kind in left_behind and row.evidence_id == fact.evidence_id for row in file.effects)
    if not done and fact.kind not in MAY_BE_OVERTAKEN:
        yield _wrong(file, "fact_not_applied", _key(fact))
    if fact.kind == "paid":
        yield from _paid_fact(file, fact)
    elif fact.kind.startswith("supply_"):
        states = {row.state for row in file.attempts if row.attempt_no == fact.external_id}
        if not states or states & OPEN:
            found = ",".join(states) or "none"
            yield _wrong(file, "attempt_not_final", f"{_key(fact)} attempt={fact.external_id} state={found}")
    elif fact.kind.startswith("refund_"):
        states = {row.state for row in file.refunds if row.refund_no == fact.external_id}
        told = fact.kind.removeprefix("refund_").replace(
            "taken", "sending"
        )  # taken by the bank, not paid out yet
        if not states or (told not in states and not states & REFUND_FINAL):
            found = ",".join(states) or "none"
            yield _wrong(file, "refund_not_booked", f"{_key(fact)} refund={fact.external_id} state={found}")


def _paid_fact(file: Dossier, fact: FactRow) -> Iterator[Finding]:
    """Money that came is the order's or lies aside as a suspense item, fen for fen, and its payment says so."""
    fen = int(fact.content["amount_fen"])
    if file.item is not None:
        if file.item.amount_fen != fen:
            yield _wrong(file, "fact_not_booked", f"{_key(fact)} {fen} aside={file.item.amount_fen}")
        return
    booked = -sum(
        leg.amount_fen
        for leg in file.legs
        if leg.account.place in SOURCES - {PLATFORM}  # what the shop gives to the cost cites the payment, too
        and leg.account.owner == O
        and leg.evidence_id == fact.evidence_id
    )
    aside = sum(
        row.amount_fen
        for row in file.suspended
        if (row.channel, row.transaction_id) == (fact.party, fact.external_id)
    )
    again = booked == fen and any(row.kind == "payment_found" for row in file.effects)
    if booked + aside != fen and not again:
        yield _wrong(file, "fact_not_booked", f"{_key(fact)} {fen} booked={booked} aside={aside}")
    payment_no = str(fact.content["payment_no"])
    states = {row.state for row in file.payments if row.payment_no == payment_no}
    if not states & CAME:
        found = ",".join(states) or "none"
        yield _wrong(file, "payment_not_marked", f"{_key(fact)} payment={payment_no} state={found}")


def _inbox(file: Dossier) -> Iterator[Finding]:
    """A waiting row is the fact's; one whose fact was applied already no longer waits (decision 0007)."""
    for row in file.inbox:
        name = "inbox=" + "/".join(row[:3])
        if not row.known:
            yield _wrong(file, "inbox_without_fact", name)
        elif not row.same:
            yield _wrong(file, "inbox_differs", name)


def _sources(file: Dossier) -> Iterator[Finding]:
    """Money that came in lately cites the evidence of an applied fact: no leg out of nothing."""
    if file.order is None:
        return
    known = {fact.evidence_id for fact in file.facts.values() if fact.kind == "paid"}
    known -= {row.evidence_id for row in file.waiting.values()}
    # proved unpaid, then confirmed after all (row 24): taken in again, once for each time that it was taken out
    known |= {row.evidence_id for row in file.effects if row.kind == "payment_found"}
    if any(item.state == "matched" for item in file.suspended):  # row 23: the item's fact stands behind it
        known |= {row.evidence_id for row in file.effects if row.kind == "money_matched"}
    for leg in file.legs:
        if leg.account.place != PAYER or leg.amount_fen > 0 or leg.evidence_id in known:
            continue
        if leg.evidence_id not in file.evidence or file.evidence[leg.evidence_id][1] < file.since:
            continue  # named already, or older than the facts at hand
        detail = f"seq={leg.seq} account={named(leg.account)} {leg.amount_fen}"
        yield _wrong(file, "money_without_fact", detail)


def _item(file: Dossier) -> Iterator[Finding]:
    """A suspense item holds what its fact brought beyond its order, and its state is where that money is."""
    item = file.item
    assert item is not None
    fact = file.facts.get((item.channel, "paid", item.transaction_id))
    if fact is None or int(fact.content["amount_fen"]) < item.amount_fen:
        detail = f"item={item.item_id} transaction={item.transaction_id} {item.amount_fen}"
        yield _wrong(file, "item_without_fact", detail)
    came = -sum(fen for (place, _, owner), fen in file.balances.items() if (place, owner) == (UNEXPLAINED, S))
    if came != (0 if item.state in ("matched", "unpaid") else item.amount_fen):
        yield _wrong(file, "item_without_money", f"item={item.item_id} {item.amount_fen} booked={came}")
    back = sum(fen for account, fen in file.balances.items() if account.place == REFUND_ARRIVED)
    if (item.state == "refunded") != (back == item.amount_fen):
        yield _wrong(file, "item_state_differs", f"item={item.item_id} state={item.state} arrived={back}")
    under_way = [row for row in file.refunds if row.state not in REFUND_FINAL | {"dropped"}]
    if (item.state == "refunding") != bool(under_way):
        told = f"item={item.item_id} state={item.state} refunds={len(under_way)}"
        yield _wrong(file, "item_refund_differs", told)


def _order(file: Dossier, order: OrderRow) -> Iterator[Finding]:
    """The order's own word against its rows."""
    state = State(
        paid=order.paid,
        delivered=order.state == "delivered",
        refunded=order.state == "refunded",
        costless=order.cost_fen == 0,
        at_risk=any(row.state in OPEN for row in file.attempts),
    )
    for finding in state_findings(file.subject, file.balances, state):
        yield _wrong(file, finding.code, f"state={order.state} {finding.detail}")
    if order.paid != (order.state in PAID_STATES):
        code = "paid_but_waiting" if order.paid else "state_without_payment"
        yield _wrong(file, code, f"state={order.state}")
    if order.paid and not any(row.state in CAME - {"unpaid"} for row in file.payments):
        yield _wrong(file, "no_payment_marked", f"state={order.state}")
    if order.state == "delivered":
        receipts = [row for row in file.attempts if _receipt(file, row)]
        if not receipts:
            yield _wrong(file, "delivered_without_fact", "fact=supply_succeeded none")
        elif order.kind == "card":
            # Fewer than ordered is a partial delivery, whose rest goes back to the buyer.
            cards, least = sum(row.cards for row in receipts), 1 if file.refunds else order.quantity
            if cards < least:
                yield _wrong(file, "delivered_without_cards", f"cards={cards} ordered={order.quantity}")
    refunds = {row.state for row in file.refunds}
    if order.state == "refunded" and "arrived" not in refunds and not _charged_back(file):
        yield _wrong(file, "refunded_without_refund", f"refunds={','.join(sorted(refunds)) or 'none'}")
    if order.state == "refunding" and not refunds - {"refused", "dropped", "returned"}:
        yield _wrong(file, "refunding_without_refund", f"refunds={','.join(sorted(refunds)) or 'none'}")
    if order.state == "supplying" and not file.attempts:
        yield _wrong(file, "supplying_without_attempt", "attempts=0")


def _charged_back(file: Dossier) -> bool:
    """Whether the channel took money of the order back by itself (row 22): then nothing may be left to refund."""
    return any(account.place == CHARGEBACK for account in file.balances)


def _receipt(file: Dossier, row: AttemptRow) -> FactRow | None:
    return file.applied((row.supplier, "supply_succeeded", row.attempt_no))


def _payments(file: Dossier) -> Iterator[Finding]:
    """A payment whose money came has its fact, with the channel's number and amount."""
    for row in file.payments:
        if row.state not in CAME:
            continue
        fact = file.applied((row.channel, "paid", row.transaction_id))
        told = f"payment={row.payment_no} transaction={row.transaction_id} {row.paid_fen}"
        number = row.known_as or row.payment_no
        ours = fact is not None and (
            fact.subject == file.subject or (row.known_as and _was_matched(file, row))
        )
        if fact is None or not ours or fact.content["payment_no"] != number:
            yield _wrong(file, "payment_without_fact", told)
        elif int(fact.content["amount_fen"]) != row.paid_fen:
            yield _wrong(file, "payment_amount_differs", f"{told} fact={fact.content['amount_fen']}")


def _was_matched(file: Dossier, row: PaymentRow) -> bool:
    """Whether money put aside became this payment (row 23)."""
    return any(
        item.state == "matched" and (item.channel, item.transaction_id) == (row.channel, row.transaction_id)
        for item in file.suspended
    )


def _attempts(file: Dossier, order: OrderRow) -> Iterator[Finding]:
    """A final attempt has its fact; one that was sent has its cost reserved, one that succeeded has it spent."""
    for row in file.attempts:
        if order.state == "needs_buyer" and row.state not in IDLE:
            yield _wrong(file, "needs_buyer_but_sent", f"attempt={row.attempt_no} state={row.state}")
        party = attempt_party(row.supplier, row.n)
        if row.state not in OPEN and row.state != "cancelled":
            said = {row.state, "refused"} if row.state == "reversed" else {row.state}
            if not any((row.supplier, f"supply_{word}", row.attempt_no) in file.facts for word in said):
                yield _wrong(file, "attempt_without_fact", f"attempt={row.attempt_no} state={row.state}")
        reserved = _owned(file, RESERVED, party)
        if row.state in SENT and row.cost_fen and not reserved and order.state != "needs_person":
            yield _wrong(
                file, "sent_without_reserve", f"attempt={row.attempt_no} account={RESERVED}/{party}/o 0"
            )
        receipt = _receipt(file, row)
        if receipt is not None and row.state != "reversed":
            cost = receipt.content.get("cost_fen")
            if (row.cost_fen if cost is None else int(cost)) and not _owned(file, SETTLED, party):
                detail = f"attempt={row.attempt_no} account={SETTLED}/{party}/o 0"
                yield _wrong(file, "succeeded_without_charge", detail)


def _owned(file: Dossier, place: str, party: str) -> int:
    return sum(fen for account, fen in file.balances.items() if account == (place, party, O))


def _supplier_money(file: Dossier, order: OrderRow) -> Iterator[Finding]:
    """What stands with a supplier belongs to an attempt: reserved while it is open, settled on its word."""
    attempts = {attempt_party(row.supplier, row.n): row for row in file.attempts}
    for account, fen in file.balances.items():
        if account.place not in (RESERVED, SETTLED):
            continue
        row = attempts.get(account.party)
        told = f"account={named(account)} {fen}"
        if row is None:
            yield _wrong(file, "money_without_attempt", told)
            continue
        told = f"attempt={row.attempt_no} state={row.state} {told}"
        waits = any(key[2] == row.attempt_no for key in file.waiting)
        if account.place == RESERVED:
            # A part that came back, or a doubt, waits for a person with the rest still reserved.
            excused = waits or row.code == "partial_credit" or order.state == "needs_person"
            if row.state in {"succeeded", "refused", "cancelled"} and not excused:
                yield _wrong(file, "reserved_but_final", told)
        elif not any(
            fact.kind.startswith("supply_") and fact.external_id == row.attempt_no
            for fact in file.facts.values()
            if fact.key not in file.waiting
        ):
            yield _wrong(file, "settled_without_fact", told)


def _refunds(file: Dossier) -> Iterator[Finding]:
    """Refund rows and legs, place by place."""
    said: Counter[tuple[str, str]] = Counter()
    for row in file.refunds:
        if row.state in REFUND_PLACE:
            said[REFUND_PLACE[row.state], row.channel] += row.amount_fen
        if row.state in {"accepted", *REFUND_FINAL}:
            key = (row.channel, f"refund_{row.state}", row.refund_no)
            if file.applied(key) is None and not (row.state == "accepted" and _arriving(file, row.refund_no)):
                yield _wrong(file, "refund_without_fact", f"refund={row.refund_no} state={row.state}")
    booked = {
        (account.place, account.party): fen
        for account, fen in file.balances.items()
        if account.owner in (O, S) and account.place in REFUND_PLACE.values()
    }
    for place, party in sorted(said.keys() | booked.keys()):
        rows, legs = said[place, party], booked.get((place, party), 0)
        if rows != legs:
            yield _wrong(file, "refund_rows_differ", f"account={place}/{party}/o legs={legs} rows={rows}")


def _arriving(file: Dossier, refund_no: str) -> bool:
    return any(key[1] == "refund_arrived" and key[2] == refund_no for key in file.facts)


def _numbers(file: Dossier) -> Iterator[Finding]:
    """Every number that a person may hold leads to the order (F12)."""
    for kind, value in sorted(file.numbers_wanted() - file.numbers):
        yield _wrong(file, "number_missing", f"number={kind}/{value}")
