"""From paid to delivered (R5-R7): dispatch, send once, ask until it is known, apply the supplier's last word.

Unknown is a state: it is asked about by the same number, never sent again and never routed elsewhere. Only
`not_sent` (the connection was never made) lets the same number go out again.
"""

from datetime import timedelta
from typing import Any

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.schedule import next_poll
from mingzhang.fulfilment.store import Attempt, find_attempt, list_attempts
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyAnswer, SupplyRequest, SupplyState
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id, order_of_number
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.places import RESERVED, attempt_party
from mingzhang.orders.batch import DONE, Step, fact_parts, message_rows
from mingzhang.orders.context import Context
from mingzhang.orders.states import CHOICE_MAX_S, PERSON_MAX_S
from mingzhang.orders.store import SQL, Order, Turn, open_turn

NOT_SENT_RETRY_S = 15
LAST_WORDS = {SupplyState.SUCCEEDED, SupplyState.REFUSED, SupplyState.REVERSED}


async def work_attempt(ctx: Context, attempt_no: str) -> None:
    """The worker's visit to a due attempt: send it if it was never sent, else ask."""
    order_id = order_of_number(attempt_no)
    async with ctx.pool.acquire() as conn:
        attempt = await find_attempt(conn, order_id, attempt_no)
    if attempt is None or attempt.state not in fulfilment.OPEN:
        return
    if attempt.state == "ready":
        await _dispatch(ctx, attempt)
    else:
        # A row still in `sending` was left by a crash after the intent: whether it went out is unknown.
        answer = await ctx.suppliers[attempt.supplier].query(
            attempt_no, GoodsKind(attempt.kind), attempt.quantity
        )
        await record_answer(ctx, attempt, answer)


async def _dispatch(ctx: Context, attempt: Attempt) -> None:
    """Row 4 and the intent, commit, then the call."""
    order = await ctx.reader.order(attempt.order_id)
    if order is None:
        return
    sending = await begin_supply(ctx, order, attempt)
    if sending is None:
        return
    ctx.crash_point("intent_to_call")
    answer = await ctx.suppliers[attempt.supplier].submit(
        SupplyRequest(
            attempt_no=attempt.attempt_no,
            kind=GoodsKind(attempt.kind),
            supplier_product=attempt.supplier_product,
            quantity=attempt.quantity,
            account=ctx.vault.open(order.account_enc),
            face_value_fen=order.face_value_fen,
            safe_cost_fen=attempt.cost_fen,
        )
    )
    ctx.crash_point("call_to_outcome")
    await record_answer(ctx, sending, answer)


async def begin_supply(ctx: Context, order: Order, attempt: Attempt) -> Attempt | None:
    """Row 4 and the intent to send; None when it may not go out (now)."""
    return await intend_supply(ctx, order, attempt) or await _intend_again(ctx, attempt)


async def intend_supply(ctx: Context, order: Order, attempt: Attempt) -> Attempt | None:
    """The plain case by the batch: the attempt as it stands afterwards, or None."""
    now = ctx.now()
    deadline = now + timedelta(seconds=order.promise_s)
    step = Step(
        kind="send",
        key=f"send:{attempt.attempt_no}:{new_id(now, ctx.rng)}",
        request_hash=evidence.request_hash(attempt.attempt_no),
        order_id=order.order_id,
        row=(order.order_id, attempt.attempt_no, deadline, ctx.lease_end(), now),
    )
    if order.state != "paid" or (await ctx.batch.submit(step)).result != DONE:
        return None
    return msgspec.structs.replace(attempt, state="sending", deadline_at=deadline)


async def _intend_again(ctx: Context, attempt: Attempt) -> Attempt | None:
    """Under the order's lock: None when it may not go out (now)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, attempt.order_id, ctx.now(), ctx.rng)
        order = turn.order
        if order.state not in {"paid", "supplying"}:
            return None
        deadline = turn.now + timedelta(seconds=order.promise_s)
        lease = ctx.lease_end()
        fresh = await conn.fetchval(
            fulfilment.SQL.set_sending,
            attempt.bucket,
            attempt.attempt_no,
            turn.now,
            turn.now,
            deadline,
            lease,
        )
        if fresh is None or not await _reserve(turn, attempt):
            return None
        turn.event("sent", supplier=attempt.supplier)
        turn.move(
            "supplying",
            holder="supplier.reserved",
            next_actor="supplier",
            due_at=deadline,
            deadline_at=deadline,
        )
        await turn.finish()
    return msgspec.structs.replace(attempt, state="sending", deadline_at=deadline)


async def _reserve(turn: Turn, attempt: Attempt) -> bool:
    """Row 4, unless this attempt's money is reserved already (a send that never left)."""
    balances = await turn.balances()
    party = attempt_party(attempt.supplier, attempt.n)
    if any(account.place == RESERVED and account.party == party for account in balances):
        return True
    paid_evidence = await turn.conn.fetchval(SQL.read_first_evidence, turn.order.bucket, turn.order.order_id)
    try:
        posting = postings.dispatched(
            turn.order.order_id,
            balances,
            supplier=attempt.supplier,
            attempt=attempt.n,
            cost_fen=attempt.cost_fen,
        )
    except Refused as refusal:
        turn.event("needs_person", reason=refusal.code)
        turn.move("needs_person", holder="channel", next_actor="person", reason=refusal.code)
        await turn.finish()
        return False
    await turn.post(posting, paid_evidence)
    return True


async def record_answer(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> None:
    """Keep what the supplier said. A last word becomes a fact with its inbox row; the rest moves the clock."""
    if answer.messages and answer.state is SupplyState.PROCESSING:
        kept = await hear(ctx, attempt, answer)
    elif answer.messages and answer.state is SupplyState.SUCCEEDED and not answer.cards:
        await learn_delivered(ctx, attempt, answer)
        return
    else:
        kept = ""
    if kept is None:
        return
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, attempt.order_id, ctx.now(), ctx.rng)
        fresh = await find_attempt(conn, attempt.order_id, attempt.attempt_no)
        evidence_id = kept or await evidence.keep_all(conn, ctx.rng, turn.now, answer.messages)
        if fresh is None or fresh.state not in fulfilment.OPEN:
            return
        if answer.state in LAST_WORDS:
            await _state_last_word(ctx, turn, fresh, answer, evidence_id)
        await _wait_on(turn, fresh, answer, evidence_id)
        await turn.finish()


async def hear(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> str | None:
    """The plain case by the batch: None when that was all, else the id of the evidence that it kept."""
    now = ctx.now()
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    due = next_poll(attempt.asked, attempt.deadline_at or now, now)
    step = Step(
        kind="heard",
        key=f"heard:{evidence_ids[-1]}",
        order_id=attempt.order_id,
        row=(
            attempt.order_id,
            attempt.attempt_no,
            answer.code,
            answer.supplier_order_id,
            msgspec.json.encode(answer.feedback).decode(),
            evidence_ids[-1],
            due,
            now,
        ),
        evidence=message_rows(evidence_ids, answer.messages, now),
    )
    return None if (await ctx.batch.submit(step)).result == DONE else evidence_ids[-1]


async def learn_delivered(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> None:
    """Success without codes: the fact is recorded, and in the same flush the plain case is applied (row 7).

    What is not plain is applied by its due row.
    """
    now, fact = ctx.now(), _last_word(attempt, answer)
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    step = Step(
        kind="delivered",
        key=fact.key,
        request_hash=evidence.request_hash(evidence_ids[-1]),
        order_id=attempt.order_id,
        row=(
            attempt.order_id,
            attempt.attempt_no,
            answer.cost_fen,
            answer.code,
            answer.supplier_order_id,
            answer.serial,
            msgspec.json.encode(answer.feedback).decode(),
            evidence_ids[-1],
            now,
        ),
        **fact_parts(fact, evidence_ids, answer.messages, now, ctx.soon()),
    )
    await ctx.batch.submit(step)


def _last_word(attempt: Attempt, answer: SupplyAnswer) -> Fact:
    return Fact(
        party=attempt.supplier,
        kind=f"supply_{answer.state.value}",
        external_id=attempt.attempt_no,
        subject=attempt.order_id,
        content={
            "attempt_no": attempt.attempt_no,
            "state": answer.state.value,
            "reason": answer.reason.value if answer.reason else "",
            "cost_fen": answer.cost_fen,
            "code": answer.code,
        },
        details={
            "supplier_order_id": answer.supplier_order_id,
            "serial": answer.serial,
            "feedback": answer.feedback,
        },
        numbers=(("supplier", answer.supplier_order_id), ("serial", answer.serial)),
    )


async def _state_last_word(
    ctx: Context, turn: Turn, attempt: Attempt, answer: SupplyAnswer, evidence_id: str
) -> None:
    cards = [ctx.vault.seal(f"{card.number}\n{card.password}").hex() for card in answer.cards]
    if await evidence.state_fact(turn.conn, _last_word(attempt, answer), evidence_id, turn.now) != "new":
        return
    for n, sealed in enumerate(cards, start=1):
        digest = ctx.vault.fingerprint(f"{answer.cards[n - 1].number}\n{answer.cards[n - 1].password}")
        await turn.conn.execute(
            fulfilment.SQL.insert_card,
            attempt.bucket,
            attempt.order_id,
            attempt.attempt_no,
            n,
            bytes.fromhex(sealed),
            digest,
            turn.now,
        )


async def _wait_on(turn: Turn, attempt: Attempt, answer: SupplyAnswer, evidence_id: str) -> None:
    now = turn.now
    deadline = attempt.deadline_at or now
    due = next_poll(attempt.asked, deadline, now)
    state = attempt.state
    if answer.state is SupplyState.NOT_SENT and attempt.state in {"ready", "sending"}:
        state, due = "ready", now + timedelta(seconds=NOT_SENT_RETRY_S)
        turn.order.due_at = turn.order.deadline_at
    elif answer.state is SupplyState.PROCESSING:
        state = "processing"
        if attempt.state != state:
            turn.event("supplier_processing", evidence_id, supplier=attempt.supplier)
    elif answer.state in {SupplyState.UNKNOWN, SupplyState.NOT_FOUND, SupplyState.NOT_SENT}:
        state = "processing" if attempt.state == "processing" else "unknown"
        if attempt.state not in {"unknown", "processing"}:
            turn.event("supplier_unknown", evidence_id, supplier=attempt.supplier)
    await turn.conn.execute(
        fulfilment.SQL.set_waiting,
        attempt.bucket,
        attempt.attempt_no,
        state,
        answer.code,
        now,
        due,
        max(due, deadline),
        now if answer.state is SupplyState.PROCESSING else None,
        answer.feedback,
        answer.supplier_order_id,
    )
    if answer.state in LAST_WORDS:
        # Serial and feedback are kept with the row now; the state follows when the fact is applied.
        await turn.conn.execute(
            fulfilment.SQL.set_final,
            attempt.bucket,
            attempt.attempt_no,
            answer.state.value,
            answer.reason.value if answer.reason else "",
            answer.code,
            answer.supplier_order_id,
            answer.serial,
            {**attempt.feedback, **answer.feedback},
            now,
        )


async def receive_callback(ctx: Context, supplier: str, http: HttpMessage) -> Reply:
    """A supplier's callback is a hint: kept, answered, and the attempt is asked about now."""
    adapter = ctx.suppliers[supplier]
    hint = adapter.read_callback(http)
    async with transaction(ctx.pool) as conn:
        await evidence.keep(conn, ctx.rng, ctx.now(), hint.message)
        try:
            attempt = await find_attempt(conn, order_of_number(hint.attempt_no), hint.attempt_no)
        except Problem:
            attempt = None
        if attempt is not None:
            await conn.execute(fulfilment.SQL.set_asked_now, attempt.bucket, attempt.attempt_no, ctx.now())
    ctx.crash_point("commit_to_reply")
    return adapter.acknowledge(attempt is not None)


async def apply_supply(ctx: Context, waiting: Waiting) -> None:
    """Book the supplier's last word, once (rows 7, 9, 18, 19)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
        ctx.crash_point("fact_to_apply")
        attempt = await find_attempt(conn, waiting.subject, waiting.content["attempt_no"])
        if attempt is None:
            raise Problem("unknown_attempt", Kind.INTERNAL)
        if attempt.state in fulfilment.OPEN:
            await _close_attempt(turn, attempt, waiting.content)
        state = waiting.content["state"]
        if state == "succeeded":
            await _succeed(turn, attempt, waiting)
        elif state == "refused":
            await _refuse(ctx, turn, attempt, waiting)
        else:
            _needs_person(turn, "supplier_reversed", waiting.evidence_id)
        await turn.finish()


async def _close_attempt(turn: Turn, attempt: Attempt, content: dict[str, Any]) -> None:
    """The fact was recorded by the batch and is applied here: the attempt's row takes its last word now."""
    details = content.get("details", {})
    await turn.conn.execute(fulfilment.SQL.count_question, attempt.bucket, attempt.attempt_no, turn.now)
    await turn.conn.execute(
        fulfilment.SQL.set_final,
        attempt.bucket,
        attempt.attempt_no,
        content["state"],
        content["reason"],
        content["code"],
        details.get("supplier_order_id", ""),
        details.get("serial", ""),
        {**attempt.feedback, **details.get("feedback", {})},
        turn.now,
    )


def _reserved(balances: Any, attempt: Attempt) -> int:
    party = attempt_party(attempt.supplier, attempt.n)
    return sum(
        amount for account, amount in balances.items() if account.place == RESERVED and account.party == party
    )


async def _succeed(turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    order = turn.order
    balances = await turn.balances()
    cost = waiting.content["cost_fen"]
    cost = attempt.cost_fen if cost is None else int(cost)
    done = order.state in {"supplying", "needs_person"}
    turn.event(
        "delivered" if done else "late_success",
        waiting.evidence_id,
        supplier=attempt.supplier,
    )
    if _reserved(balances, attempt):
        posting = postings.supplier_succeeded(
            order.order_id,
            balances,
            supplier=attempt.supplier,
            attempt=attempt.n,
            actual_cost_fen=cost,
        )
    else:
        posting = postings.late_success(
            order.order_id, balances, supplier=attempt.supplier, attempt=attempt.n, cost_fen=cost
        )
    await turn.post(posting, waiting.evidence_id)
    if done:
        order.finished_at = turn.now
        turn.move("delivered", holder="supplier.settled", next_actor="", reason="")


async def _refuse(ctx: Context, turn: Turn, attempt: Attempt, waiting: Waiting) -> None:
    order = turn.order
    balances = await turn.balances()
    reason = waiting.content["reason"] or "supplier_error"
    turn.event("supplier_refused", waiting.evidence_id, supplier=attempt.supplier, reason=reason)
    if waiting.content["code"] == "partial_credit":
        # How much came back is not said: nothing is freed until a person knows.
        _needs_person(turn, "partial_credit", waiting.evidence_id)
        return
    back = _reserved(balances, attempt)
    if back:
        await turn.post(
            postings.supplier_gave_back(
                order.order_id,
                balances,
                supplier=attempt.supplier,
                attempt=attempt.n,
                amount_fen=back,
            ),
            waiting.evidence_id,
        )
    if order.state == "supplying":
        order.reason = reason
        await ctx.start_refund(turn, reason, waiting.evidence_id)


def _needs_person(turn: Turn, reason: str, evidence_id: str) -> None:
    turn.event("needs_person", evidence_id, reason=reason)
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    if turn.order.state in {"supplying", "delivered", "paid", "refunding"}:
        turn.move(
            "needs_person", holder=turn.order.holder, next_actor="person", deadline_at=deadline, reason=reason
        )


async def ring(ctx: Context, order_id: str) -> None:
    """The promised time is over and the supplier has not spoken: the buyer may choose, later a person must act."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        order = turn.order
        if order.state != "supplying" or order.due_at is None or order.due_at > turn.now:
            return
        if order.next_actor == "buyer":
            turn.event("needs_person", reason="no_choice_made")
            order.next_actor, order.due_at = "person", None
            order.deadline_at = turn.now + timedelta(seconds=PERSON_MAX_S)
        else:
            turn.event("choice_open", supplier=order.supplier)
            order.next_actor = "buyer"
            order.due_at = order.deadline_at = turn.now + timedelta(seconds=CHOICE_MAX_S)
        await turn.finish()


def may_choose(order: Order) -> bool:
    """Whether the buyer may choose between a refund and waiting on (row 20)."""
    return order.state == "supplying" and order.next_actor in {"buyer", "person"}


async def choose(ctx: Context, order_id: str, choice: str) -> None:
    """The buyer's choice after the deadline: a refund at the shop's risk (row 20), or to go on waiting."""
    if choice not in {"refund", "wait"}:
        raise Problem("unknown_choice", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if not may_choose(turn.order):
            raise Problem("no_choice_open", Kind.CONFLICT)
        attempts = await list_attempts(conn, order_id)
        if any(attempt.state not in fulfilment.OPEN for attempt in attempts[:1]):
            raise Problem("no_choice_open", Kind.CONFLICT)  # the answer is here and about to be applied
        if choice == "wait":
            turn.event("buyer_chose_wait")
            turn.order.next_actor = "supplier"
            turn.order.due_at = turn.order.deadline_at = turn.now + timedelta(seconds=turn.order.promise_s)
        else:
            seq = turn.event("buyer_chose_refund")
            await ctx.start_refund(turn, "no_answer", f"{order_id}#{seq}")
        await turn.finish()
