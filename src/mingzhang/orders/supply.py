"""From paid to delivered (R5-R7): dispatch, send once, ask until it is known, apply the supplier's last word.

Unknown is a state: it is asked about by the same number, never sent again and never routed elsewhere. Only
`not_sent` (the connection was never made) lets the same number go out again.
"""

from datetime import timedelta
from typing import Any

import msgspec

from mingzhang.catalogue.fields import ACCOUNT, read_values
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.evidence.store import Fact
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.schedule import next_poll, next_watch
from mingzhang.fulfilment.store import Attempt, find_attempt
from mingzhang.fulfilment.suppliers.base import (
    GoodsKind,
    OwnTable,
    Stops,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import new_id, order_of_number
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.places import LOSS, RESERVED
from mingzhang.orders import correct, remedy, route, sourcing
from mingzhang.orders.batch import DONE, Step, fact_parts, message_rows, step_row
from mingzhang.orders.breaches import Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.hold import before_sending
from mingzhang.orders.states import CHOICE_MAX_S, MAXIMUM_S, PERSON_MAX_S
from mingzhang.orders.store import SQL, Order, Turn, open_rung_turn, open_turn
from mingzhang.orders.supply_apply import PARTIAL_CREDIT, TURNED

NOT_SENT_RETRY_S = 15
RUNG = MAXIMUM_S.keys() - {"awaiting_payment", "needs_buyer"}  # those two have rings of their own
GIVEN_BACK = frozenset({"refunding", "refunded"})
ENDED_OTHERWISE = {"delivered", *GIVEN_BACK}
LAST_WORDS = {SupplyState.SUCCEEDED, SupplyState.REFUSED, SupplyState.REVERSED}


async def work_attempt(ctx: Context, attempt_no: str) -> None:
    """The worker's visit to a due attempt: send it if it was never sent, else ask."""
    order_id = order_of_number(attempt_no)
    async with ctx.pool.acquire() as conn:
        attempt = await find_attempt(conn, order_id, attempt_no)
    if attempt is None:
        return
    if attempt.state == "ready":
        await _dispatch(ctx, attempt)
    elif attempt.state in fulfilment.OPEN | fulfilment.WATCHED:
        # A row still in `sending` was left by a crash after the intent: whether it went out is unknown.
        adapter = ctx.suppliers[attempt.supplier]
        answer = await adapter.query(attempt_no, GoodsKind(attempt.kind), attempt.quantity)
        if answer.state is SupplyState.PROCESSING and isinstance(adapter, Stops):
            order = await ctx.reader.order(order_id)
            if order is not None and order.state in GIVEN_BACK:
                answer = await adapter.stop(attempt_no, GoodsKind(attempt.kind), attempt.quantity)
        await record_answer(ctx, attempt, answer)
        await ctx.standing.heard(ctx.pool, adapter, answer.state, answer.code, ctx.now())


async def _dispatch(ctx: Context, attempt: Attempt) -> None:
    """Row 4 and the intent, commit, then the call."""
    order = await ctx.reader.order(attempt.order_id)
    if order is None:
        return
    if order.state in ENDED_OTHERWISE:
        await route.withdraw(ctx, attempt)
        return
    if attempt.waits_for_prefund and not await route.prefund_suffices(ctx, attempt):
        return
    if await correct.stop_at_dispatch(ctx, order, attempt) or await _stop_for_payer(ctx, order, attempt):
        return
    fit = await before_sending(ctx, order, attempt)
    sending = await begin_supply(ctx, order, fit) if fit is not None else None
    if sending is None:
        return
    ctx.crash_point("intent_to_call")
    asked = read_values(ctx.vault.open(order.account_enc))
    adapter = ctx.suppliers[attempt.supplier]
    answer = await adapter.submit(
        SupplyRequest(
            attempt_no=attempt.attempt_no,
            kind=GoodsKind(attempt.kind),
            supplier_product=attempt.supplier_product,
            quantity=attempt.quantity,
            account=asked.pop(ACCOUNT),
            fields=tuple(asked.items()),
            face_value_fen=order.face_value_fen,
            safe_cost_fen=attempt.cost_fen,
        )
    )
    ctx.crash_point("call_to_outcome")
    await record_answer(ctx, sending, answer)
    await ctx.standing.heard(ctx.pool, adapter, answer.state, answer.code, ctx.now())


async def _stop_for_payer(ctx: Context, order: Order, attempt: Attempt) -> bool:
    """Whether whoever paid is beyond our own limit (R22): nothing goes out, all of it goes back."""
    if ctx.limits is None or order.state != "paid" or not await ctx.limits.stops(order.order_id):
        return False
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order.order_id, ctx.now(), ctx.rng)
        fresh = await find_attempt(conn, order.order_id, attempt.attempt_no)
        if turn.order.state == "paid" and fresh is not None and fresh.state == "ready":
            await route.cancel(turn, fresh, "payer_limit")
            turn.order.reason = "payer_limit"
            cited = await conn.fetchval(SQL.read_first_evidence, turn.order.bucket, order.order_id)
            await ctx.start_refund(turn, "payer_limit", cited)
            await turn.finish()
    return True


async def begin_supply(ctx: Context, order: Order, attempt: Attempt) -> Attempt | None:
    """Row 4 and the intent to send; None when it may not go out (now)."""
    return await intend_supply(ctx, order, attempt) or await _intend_again(ctx, order.product_id, attempt)


async def intend_supply(ctx: Context, order: Order, attempt: Attempt) -> Attempt | None:
    """The plain case by the batch: the attempt as it stands afterwards, or None."""
    now = ctx.now()
    deadline = now + timedelta(seconds=order.promise_s)
    step = Step(
        kind="send",
        key=f"send:{attempt.attempt_no}:{new_id(now, ctx.rng)}",
        request_hash=evidence.request_hash(attempt.attempt_no),
        order_id=order.order_id,
        row=step_row(attempt_no=attempt.attempt_no, until_at=deadline, due_at=ctx.lease_end(), at=now),
    )
    if order.state != "paid" or (await ctx.batch.submit(step)).result != DONE:
        return None
    return msgspec.structs.replace(
        attempt, state="sending", deadline_at=deadline, next_actor="supplier", since=None
    )


async def _intend_again(ctx: Context, product_id: str, attempt: Attempt) -> Attempt | None:
    """Under the order's lock: None when it may not go out (now)."""
    sources = await ctx.catalogue.sources(product_id, ctx.now())
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, attempt.order_id, ctx.now(), ctx.rng)
        order = turn.order
        fresh = await find_attempt(conn, attempt.order_id, attempt.attempt_no)
        if order.state not in {"paid", "supplying"} or fresh is None or fresh.state != "ready":
            return None
        if not await _reserve(turn, attempt, sourcing.allowed_loss(order, sources)):
            await turn.finish()
            return None
        deadline = turn.now + timedelta(seconds=order.promise_s)
        lease = ctx.lease_end()
        await conn.execute(
            fulfilment.SQL.set_sending,
            attempt.bucket,
            attempt.attempt_no,
            turn.now,
            turn.now,
            deadline,
            lease,
        )
        turn.event("sent", supplier=attempt.supplier)
        turn.move(
            "supplying",
            holder="supplier.reserved",
            next_actor="supplier",
            due_at=deadline,
            deadline_at=deadline,
        )
        await turn.finish()
    return msgspec.structs.replace(
        attempt, state="sending", deadline_at=deadline, next_actor="supplier", since=None
    )


async def _reserve(turn: Turn, attempt: Attempt, loss_fen: int) -> bool:
    """Row 4, unless this attempt's money is reserved already (a send that never left). `loss_fen`: the most we give."""
    balances = await turn.balances()
    if route.held(balances, RESERVED, attempt):
        return True
    paid_evidence = await turn.conn.fetchval(SQL.read_first_evidence, turn.order.bucket, turn.order.order_id)
    try:
        posting = postings.dispatched(
            turn.order.order_id,
            balances,
            supplier=attempt.supplier,
            attempt=attempt.n,
            cost_fen=attempt.cost_fen,
            allow_loss=loss_fen > 0,
        )
        if sum(leg.amount_fen for leg in posting.legs if leg.place == LOSS) > loss_fen:
            raise Refused("cost_above_money", f"{attempt.cost_fen} with a loss of at most {loss_fen}")
    except Refused as refusal:
        await route.cancel(turn, attempt, refusal.code)
        turn.event("needs_person", reason=refusal.code)
        deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
        turn.move(
            "needs_person",
            holder=turn.order.holder,
            next_actor="person",
            deadline_at=deadline,
            reason=refusal.code,
        )
        return False
    await turn.post(posting, paid_evidence)
    return True


async def record_answer(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> None:
    """Keep what the supplier said. A last word becomes a fact with its inbox row; the rest moves the clock."""
    under_way = attempt.state in fulfilment.OPEN and bool(answer.messages)
    whole = not answer.cards and answer.units is None
    if under_way and answer.state is SupplyState.PROCESSING:
        kept = await hear(ctx, attempt, answer)
    elif under_way and answer.state is SupplyState.SUCCEEDED and whole:
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
        if fresh is None:
            return
        if fresh.state not in fulfilment.OPEN:
            await _hear_again(ctx, turn, fresh, answer, evidence_id)
        elif answer.state in LAST_WORDS:
            await _state_last_word(ctx, turn, fresh, answer, evidence_id)
            await conn.execute(fulfilment.SQL.set_told, fresh.bucket, fresh.attempt_no)
        elif not await lease.is_lost(conn, fulfilment.SQL.read_attempt_lease, fresh.bucket, fresh.attempt_no):
            await _wait_on(ctx, turn, fresh, answer, evidence_id)
        await turn.finish()


async def _hear_again(
    ctx: Context, turn: Turn, attempt: Attempt, answer: SupplyAnswer, evidence_id: str
) -> None:
    """What is said after the last word: a success taken back, a refusal that was none, or nothing new (F19)."""
    if attempt.state == "succeeded" and answer.state is SupplyState.REFUSED:
        answer = msgspec.structs.replace(answer, state=SupplyState.REVERSED)
    if (attempt.state, answer.state.value) in TURNED:
        await _state_last_word(ctx, turn, attempt, answer, evidence_id)
    if attempt.due_at is None:
        return  # nobody asks at present: this is an old answer to a question from before the last word
    due = next_watch(attempt.finished_at or turn.now, turn.now)
    await turn.conn.execute(fulfilment.SQL.set_watched, attempt.bucket, attempt.attempt_no, turn.now, due)


async def hear(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> str | None:
    """The plain case by the batch: None when that was all, else the id of the evidence that it kept."""
    now = ctx.now()
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    due = next_poll(attempt.asked, attempt.deadline_at or now, now, attempt.next_actor)
    step = Step(
        kind="heard",
        key=f"heard:{evidence_ids[-1]}",
        order_id=attempt.order_id,
        row=step_row(
            attempt_no=attempt.attempt_no,
            evidence_id=evidence_ids[-1],
            at=now,
            due_at=due,
            value=answer.supplier_order_id,
            code=answer.code,
            feedback=msgspec.json.encode(answer.feedback).decode(),
        ),
        evidence=message_rows(evidence_ids, answer.messages, now),
    )
    return None if (await ctx.batch.submit(step)).result == DONE else evidence_ids[-1]


async def learn_delivered(ctx: Context, attempt: Attempt, answer: SupplyAnswer) -> None:
    """Success without codes: the fact is recorded, and in the same flush the plain case is applied (row 7).

    What is not plain is applied by its due row; until then nobody asks again, and there is nothing to choose.
    """
    now, fact = ctx.now(), _last_word(attempt, answer)
    evidence_ids = [new_id(now, ctx.rng) for _ in answer.messages]
    step = Step(
        kind="delivered",
        key=fact.key,
        request_hash=evidence.request_hash(evidence_ids[-1]),
        order_id=attempt.order_id,
        row=step_row(
            attempt_no=attempt.attempt_no,
            evidence_id=evidence_ids[-1],
            at=now,
            amount_fen=answer.cost_fen,
            value=answer.supplier_order_id,
            mark=answer.serial,
            code=answer.code,
            feedback=msgspec.json.encode(answer.feedback).decode(),
        ),
        **fact_parts(fact, evidence_ids, answer.messages, now, ctx.soon()),
    )
    if (await ctx.batch.submit(step)).result != DONE:
        async with ctx.pool.acquire() as conn:
            await conn.execute(fulfilment.SQL.set_told, attempt.bucket, attempt.attempt_no)


def _last_word(attempt: Attempt, answer: SupplyAnswer) -> Fact:
    told: dict[str, Any] = {}
    if answer.units is not None:
        told["units"] = answer.units
    if answer.credited_fen is not None and (
        answer.state is SupplyState.REVERSED or answer.code == PARTIAL_CREDIT
    ):
        told["credited_fen"] = answer.credited_fen
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
            **told,
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
    cards = [ctx.vault.seal_card(f"{card.number}\n{card.password}").hex() for card in answer.cards]
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
            ctx.vault.card_key_no,
        )


async def _wait_on(
    ctx: Context, turn: Turn, attempt: Attempt, answer: SupplyAnswer, evidence_id: str
) -> None:
    now = turn.now
    deadline = attempt.deadline_at or now
    due = next_poll(attempt.asked, deadline, now, attempt.next_actor)
    state = attempt.state
    unsent = {"ready", "sending"}
    if isinstance(ctx.suppliers.get(attempt.supplier), OwnTable):
        unsent.add(
            "unknown"
        )  # a claim that was lost with its database: our own table says that there is none
    if answer.state is SupplyState.NOT_SENT and attempt.state in unsent:
        state = "ready"
        if attempt.next_actor != "person":
            due = min(now + timedelta(seconds=NOT_SENT_RETRY_S), deadline)
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
        deadline,
        now if answer.state is SupplyState.PROCESSING else None,
        answer.feedback,
        answer.supplier_order_id,
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


async def ring(ctx: Context, order_id: str) -> None:
    """An order's own clock rang. The promised time is over: the buyer may choose, later a person must act, and every
    day that the person lets go by is on record too (R34).
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_rung_turn(conn, order_id, ctx.now(), ctx.rng)
        if turn is None or not (turn.order.state in RUNG or remedy.is_choice(turn.order)):
            return
        order = turn.order
        was = (order.state, order.next_actor, order.deadline_at or order.due_at or turn.now)
        if remedy.is_choice(order):
            await remedy.end(ctx, turn)
        elif was[:2] == ("supplying", "shop"):
            await route.give_up(ctx, turn)
        elif was[:2] == ("supplying", "buyer"):
            turn.event("needs_person", reason="no_choice_made")
            turn.to_person()
        elif was[:2] == ("supplying", "supplier"):
            turn.event("choice_open", supplier=order.supplier)
            until = turn.now + timedelta(seconds=CHOICE_MAX_S)
            turn.move("supplying", holder=order.holder, next_actor="buyer", due_at=until, deadline_at=until)
        else:
            turn.event("deadline_missed", row="order")
            turn.to_person()
        await note_breach(turn.conn, Late("order", order_id, order_id, *was), order.next_actor, turn.now)
        await turn.finish()
