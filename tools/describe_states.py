"""Print docs/states.md from the tables in the code: states, transitions, clocks, reasons. `make docs` writes it.

python tools/describe_states.py            print
python tools/describe_states.py --write    write docs/states.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mingzhang.app import clocks as table_of_clocks
from mingzhang.catalogue import listing
from mingzhang.catalogue.model import SLOW_FROM_S
from mingzhang.complaints import states as complaints
from mingzhang.disputes import policy as dispute_policy
from mingzhang.disputes import states as disputes
from mingzhang.fulfilment import schedule as supply_schedule
from mingzhang.fulfilment import states as attempts
from mingzhang.fulfilment.scoring import WEIGHTS
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit import vocabulary
from mingzhang.notices import states as notices
from mingzhang.orders import limit_rules
from mingzhang.orders import states as orders
from mingzhang.orders.supply import NOT_SENT_RETRY_S
from mingzhang.payments import claim_states as claims
from mingzhang.payments import offer, policy
from mingzhang.payments import schedule as pay_schedule
from mingzhang.payments import states as payments
from mingzhang.reconciliation import states as recon
from mingzhang.refunds import flow as refund_flow
from mingzhang.refunds import states as refunds
from mingzhang.web import words, words_complaints, words_disputes, words_reconcile
from mingzhang.web.i18n import translations

FILE = Path(__file__).resolve().parent.parent / "docs" / "states.md"
Table = Mapping[str, frozenset[str]]


def span(seconds: float) -> str:
    """Seconds as a person reads them."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % size == 0 and seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds // size:g} {unit}"
    return f"{seconds:g} s"


def spans(values: tuple[int, ...]) -> str:
    """A schedule."""
    return ", ".join(span(value) for value in values)


def diagram(table: Table, first: str) -> Iterator[str]:
    """The table as a picture."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"  [*] --> {first}"
    for state, targets in table.items():
        for target in sorted(targets):
            yield f"  {state} --> {target}"
        if not targets:
            yield f"  {state} --> [*]"
    yield "```"


def states(table: Table, meaning: Mapping[str, str], shown: Mapping[str, str] | None = None) -> Iterator[str]:
    """One line per state: what it means, what it may turn into, what people read on the page."""
    assert set(table) == set(meaning)
    chinese, english = translations("zh"), translations("en")
    yield "| State | Meaning | May turn into |" + (" Shown as |" if shown else "")
    yield "| --- | --- | --- |" + (" --- |" if shown else "")
    for state, targets in table.items():
        turns = ", ".join(f"`{target}`" for target in sorted(targets)) or "final"
        said = f" {chinese.gettext(shown[state])} · {english.gettext(shown[state])} |" if shown else ""
        yield f"| `{state}` | {meaning[state]} | {turns} |{said}"


ENTRIES: Mapping[str, str] = {
    "handed_over": "since the row came so, or its last deadline passed",
    "expiry": "the payment window's end",
    "asked_again": "somebody had it asked again",
    "payment": "the payment",
    "denied": "the denial",
    "planned": "the row was planned",
    "sent": "it was sent",
    "last_word": "the supplier's last word",
    "told": "it was told of, last",
    "made": "it was made",
    "known": "it became known",
    "round": "the dispute was opened or reopened, its pauses on top",
}


def clocks() -> Iterator[str]:
    """The longest any row may stay as it is."""
    yield "| Row | State | Whose turn | Longest | Counted from |"
    yield "| --- | --- | --- | --- | --- |"
    for clock in table_of_clocks.CLOCKS:
        longest = " + ".join(
            ([span(clock.max_s)] if clock.max_s else [])
            + (["the promised time (`promise_s`)"] if clock.promise else [])
        )
        states = ", ".join(f"`{state}`" for state in clock.states)
        if clock.kind == "order":
            entry = "the newest event " + ", ".join(f"`{kind}`" for kind in clock.entry)
        else:
            entry = " or ".join(ENTRIES[name] for name in clock.entry)
        row = table_of_clocks.ROWS[clock.kind]
        yield f"| `{row}` | {states} | {clock.actor} | {longest} | {entry} |"


def reasons() -> Iterator[str]:
    """The vocabulary of reasons, suppliers' first."""
    chinese, english = translations("zh"), translations("en")
    suppliers = [reason.value for reason in Reason]
    yield "| Reason | Of | Cause lies with | Mended by | What happens next | zh | en |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for code in [*suppliers, *(code for code in vocabulary.REASONS if code not in suppliers)]:
        entry, said = vocabulary.REASONS[code], words.REASONS[code]
        area = "a supplier's refusal" if code in suppliers else entry.area
        yield (
            f"| `{code}` | {area} | {entry.party} | {entry.mend} | `{entry.then}` "
            f"| {chinese.gettext(said)} | {english.gettext(said)} |"
        )
    yield ""
    yield "| What happens next | zh | en |"
    yield "| --- | --- | --- |"
    for then in vocabulary.Then:
        said = words.NEXT[then]
        yield f"| `{then}` | {chinese.gettext(said)} | {english.gettext(said)} |"


def promises() -> Iterator[str]:
    """What no listing may promise."""
    yield "| Rule | Chinese | English |"
    yield "| --- | --- | --- |"
    for name, rule in listing.RULES.items():
        yield f"| `{name}` | {rule.zh} | {rule.en} |"


def floors() -> Iterator[str]:
    """The least prices."""
    yield "| Kind | Chinese | Least of the face value | Least of the cost |"
    yield "| --- | --- | --- | --- |"
    for name, floor in listing.FLOORS.items():
        yield f"| `{name}` | {floor.zh} | {floor.face_percent} % | {floor.cost_percent} % |"


def limits() -> Iterator[str]:
    """Own limits, rule by rule."""
    does = {
        "refuse": "not placed",
        "ask": "not placed unless the buyer says so once more",
        "refund": "refunded in full",
    }
    yield "| Rule | Counted by | At most | Within | Beyond it | Code |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for rule in limit_rules.RULES:
        within = span(rule.window_s) if rule.window_s else "one order"
        most = f"{rule.most:,} {rule.unit}"
        yield f"| `{rule.name}` | {rule.counted} | {most} | {within} | {does[rule.action]} | `{rule.code}` |"


def policies() -> Iterator[str]:
    """What becomes of money that is not simply its order's price."""
    yield "| What happened | Then | Otherwise | Put aside | Final or decided within | Why |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for case, rule in policy.POLICY.items():
        other = f"`{rule.otherwise}`" if rule.otherwise is not rule.then else ""
        yield (
            f"| {rule.happened} (`{case}`) | `{rule.then}` | {other} | {rule.aside} | {span(rule.clock_s)} | {rule.why} |"
        )


def terms() -> Iterator[str]:
    """What a dispute is to be done by, and what a missed term leads to."""
    policy = dispute_policy.read_policy()
    yield "| Term | Within | Never beyond | Told before | Missed | Then on the list of |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for stage in disputes.STAGES:
        yield (
            f"| `{stage}` {words_disputes.STAGES[stage]} | {span(policy.promise[stage])} "
            f"| {span(dispute_policy.LONGEST_S[stage])} | {spans(policy.remind[stage])} "
            f"| `{policy.breach[stage]}` | {policy.role[stage]} |"
        )
    yield ""
    yield "| The other side's own term | |"
    yield "| --- | --- |"
    for name, (unit, n) in policy.outside.items():
        yield f"| {name} | {n} {'working days' if unit == 'workdays' else 'h'} |"


def offers() -> Iterator[str]:
    """Which ways to pay a buyer is offered."""
    yield "| Device | Ways, the first two that the channel has |"
    yield "| --- | --- |"
    for device, ways in offer.PREFERENCE.items():
        yield f"| {device} | {', '.join(f'`{way}`' for way in ways)} |"
    yield ""
    yield "| A channel | When | Then |"
    yield "| --- | --- | --- |"
    for why, when, then in offer.RULES:
        yield f"| `{why}` | {when} | {then} |"


def described() -> str:
    """The whole document."""
    lines: list[str] = [
        "# States and clocks",
        "",
        "Made by `make docs` from the tables in the code; do not edit. All times are the product's clock",
        "(`MINGZHANG_CLOCK`); leases and network timeouts are real seconds. An order refuses a change that its table",
        "does not list; the other tables are held by their statements and by a test that watches running houses.",
        "Every row that waits says who acts next and by when: `due_at ≤ deadline_at ≤ entry + the longest time`.",
        "",
        "## The longest waits – `app/clocks.py`",
        "",
        *clocks(),
        "",
        "The database refuses later deadlines (CHECKs of migration 0030; for `supplying` and `refunding` the writer does),",
        "and the outside auditor of `simulate` holds every row against this table. When a deadline passes, the breach is",
        "on record (`breach`, append-only), a person is next for 24 h, and the row is asked about once more at the end of",
        "that time; each further day is a breach of its own. Before a person come: the buyer, when the supplier missed the",
        f"promised time (`choice_open`; the attempt is asked on every {span(supply_schedule.SLOW_POLL_S)} meanwhile),",
        "and the closing of an order nobody paid. What is handed on goes on: news is taken in at any time.",
        "",
        "## Order – `orders/states.py`",
        "",
        *states(orders.TRANSITIONS, orders.MEANING, words.ORDER_STATES),
        "",
        f"Settled until news comes: {', '.join(f'`{state}`' for state in sorted(orders.FINAL))}.",
        "",
        *diagram(orders.TRANSITIONS, "awaiting_payment"),
        "",
        "## Own limits – `orders/limit_rules.py`",
        "",
        "Before an order is placed (R22), and a payer's after the payment, before anything is sent. Counted by keyed hash,",
        "of an IPv6 address its /64, in slots of an hour (bursts: of a minute), over all processes; several requests at the",
        "same instant may pass together. `MINGZHANG_LIMITS` changes what is allowed (`account=20,ip=500`; 0: no such rule)",
        "or takes all away (`off`). Every hit is kept in `limit_hit` for 180 days.",
        "",
        *limits(),
        "",
        "## Payment – `payments/states.py`",
        "",
        *states(payments.TRANSITIONS, payments.MEANING, words.PAYMENT_STATES),
        "",
        *diagram(payments.TRANSITIONS, "intent"),
        "",
        f"The channel is asked {spans(pay_schedule.BEFORE_EXPIRY_S)} after the opening and after each question, and at",
        f"expiry; after it at +{spans(pay_schedule.AFTER_EXPIRY_S).replace(', ', ', +')}. From expiry on, an `intent` or",
        "`open` payment is closed at the channel before it is asked about; no answer: again after",
        f"{span(pay_schedule.UNANSWERED_S)}, for {span(pay_schedule.ASK_MAX_S)} at most. Money that a notify told of is",
        f"confirmed by a question after {span(pay_schedule.CONFIRM_S[0])}, without an answer again after",
        f"{spans(pay_schedule.CONFIRM_S[1:])}, then at that pace.",
        "",
        "A notify that anybody with the shop's own key could have written (易支付), or that names no payment of ours, is a",
        "hint: the row `trade_hint` has the channel asked about that very trade at once, again after",
        f"{spans(pay_schedule.HINT_S)}; {pay_schedule.HINT_DENIALS_MAX} denials or",
        f"{span(pay_schedule.HINT_MAX_S)} end it until it is told again. Without any answer until then a person is next.",
        "",
        *states(payments.HINTS, payments.HINT_MEANING),
        "",
        "## Money put aside (待核实款项, 挂账) – `payments/policy.py`",
        "",
        "One payment pays an order: the first that is evidence. What becomes of all other money, case by case; *deliver*:",
        "the order goes on, *refund*: it goes back by the original path, by itself, *person*: somebody decides.",
        "",
        *policies(),
        "",
        *states(payments.SUSPENSE, payments.SUSPENSE_MEANING),
        "",
        *diagram(payments.SUSPENSE, "open"),
        "",
        "Before it goes back the channel is asked about that very trade; its refund is followed like any other.",
        "",
        "## Claim – `payments/claim_states.py`",
        "",
        *states(claims.TRANSITIONS, claims.MEANING, words.CLAIM_STATES),
        "",
        *diagram(claims.TRANSITIONS, "asking"),
        "",
        "已付款,订单未更新: the buyer gives the channel's number, a screenshot, or both. The channel is asked at once and",
        f"at +{spans(claims.ASK_S[1:]).replace(', ', ', +')}; after {span(claims.SEARCH_MAX_S)} a person has",
        f"{span(claims.PERSON_MAX_S)}. The same claim again asks again, at most once every {span(claims.REPEAT_S)};",
        f"an order has at most {claims.CLAIMS_MAX} different claims in 24 h. What a claim finds becomes a fact like any",
        "other: nothing here marks an order as paid, and a number of another order tells its guesser nothing.",
        "",
        "## Supplier attempt – `fulfilment/states.py`",
        "",
        *states(attempts.TRANSITIONS, attempts.MEANING, words.SUPPLY_STATES),
        "",
        *diagram(attempts.TRANSITIONS, "ready"),
        "",
        f"The supplier is asked after {spans(supply_schedule.POLL_S)}, then at that pace until the promised time; after",
        f"it every {span(supply_schedule.SLOW_POLL_S)} for {span(supply_schedule.LATE_MAX_S)},",
        "then a person is next. Proved not sent: the same",
        f"number goes out again after {span(NOT_SENT_RETRY_S)}.",
        "",
        "## What a buyer is offered – `payments/offer.py`",
        "",
        "Channels in their own order. `jsapi` needs the payer's id. The device is what the browser says that it is.",
        "",
        *offers(),
        "",
        "## Who supplies – `fulfilment/scoring.py`",
        "",
        "A product's list as it stands, or by score: "
        + ", ".join(f"{name} {weight} %" for name, weight in WEIGHTS.items())
        + ". Looked at before the first sending",
        f"and after a mendable refusal. While everybody is closed: again within {span(supply_schedule.HELD_LOOK_S)},",
        "until the promised time is over.",
        "",
        "## Refund – `refunds/states.py`",
        "",
        *states(refunds.TRANSITIONS, refunds.MEANING, words.REFUND_STATES),
        "",
        *diagram(refunds.TRANSITIONS, "ready"),
        "",
        f"The channel is asked after {spans(refund_flow.ASK_S)}, then at that pace. `waiting_float` is tried again every",
        f"{span(refund_flow.FLOAT_RETRY_S)}. Promised within {span(orders.REFUND_MAX_S)}; a late one is on the staff's",
        "work list.",
        "",
        "## Difference – `reconciliation/states.py`",
        "",
        *states(recon.TRANSITIONS, recon.MEANING, words_reconcile.STATES),
        "",
        *diagram(recon.TRANSITIONS, "waiting"),
        "",
        f"What is asked outside is asked after {spans(recon.ASK_S)}, for {span(recon.ASK_MAX_S)} at most; then two people",
        f"decide, within {span(recon.PERSON_S)}. A bill that does not come is asked for after",
        f"{spans(recon.FILE_RETRY_S)}, and handed to people after {span(recon.FILE_MAX_S)}",
        "([reconciliation](reconciliation.md)).",
        "",
        "## Dispute – `disputes/states.py`",
        "",
        *states(disputes.TRANSITIONS, disputes.MEANING, words_disputes.STATES),
        "",
        *diagram(disputes.TRANSITIONS, "open"),
        "",
        "Terms count from the opening, or the one reopening; they stand still while the buyer's own action is pending",
        f"(at most {disputes.PAUSES_MAX} times, each {span(disputes.BUYER_MAX_S)} at most), and nobody can edit them",
        "([disputes](disputes.md)).",
        "",
        *terms(),
        "",
        "## What we do about a complaint at a channel – `complaints/states.py`",
        "",
        *states(complaints.TRANSITIONS, complaints.MEANING, words_complaints.ACT_STATES),
        "",
        *diagram(complaints.TRANSITIONS, "intent"),
        "",
        f"An open complaint is read every {span(complaints.READ_S)}, the channel's list every {span(complaints.PASS_S)}",
        "([complaints](complaints.md)).",
        "",
        "## Notice – `notices/states.py`",
        "",
        *diagram(notices.TRANSITIONS, notices.WAITING),
        "",
        f"Tried again after {spans(notices.RETRY_S)}.",
        "",
        "## Fact in the inbox – `evidence/store.py`",
        "",
        "Due at once. Applied: the row is deleted ([decision 0002](decisions/0002-inbox-rows-are-deleted.md)). Failed:",
        "due again with `last_error`. Told again with the same content: nothing; with other content: a row in",
        "`conflict`, the first fact stands.",
        "",
        "## Listing check (R30) – `catalogue/listing.py`",
        "",
        "What is put on sale, by whatever way ([catalogue](catalogue.md)), may not promise this in any title or text:",
        "",
        *promises(),
        "",
        f"Nor may a unit cost less than this (`{listing.BELOW_FLOOR}`), at no quantity; `mobile_slow` is a promise of",
        f"{span(SLOW_FROM_S)} or more:",
        "",
        *floors(),
        "",
        "## Reasons – `kit/vocabulary.py`",
        "",
        "An open vocabulary (R44), words in `web/words.py`: adapters map their codes to the suppliers' part of it",
        "(R21–R23). A refusal with a code that no table lists is `supplier_error`, its raw code kept beside it; an answer",
        "that is no positive refusal is no reason but an unknown outcome. Machines read `GET /api/v1/vocabulary`.",
        "",
        *reasons(),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print, or write."""
    if "--write" in sys.argv[1:]:
        FILE.write_text(described(), encoding="utf-8")
    else:
        sys.stdout.write(described())


if __name__ == "__main__":
    main()
