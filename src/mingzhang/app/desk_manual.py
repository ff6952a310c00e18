"""What staff do with work by hand (人工充值): report it done with proof, confirm another's report, or refuse it.

A success needs two people (`staff.approvals`): the one who did the work reports its reference and a note, another
confirms exactly that. A refusal is one person's, with a reason from the vocabulary and a note: it gives the buyer's
money back and delivers nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import asyncpg

from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.manual import store
from mingzhang.fulfilment.manual.store import NOTE_MAX, REFERENCE_MAX, REFUSALS, Task
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, order_of_number
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.orders.supply import GIVEN_BACK
from mingzhang.staff import approvals, record
from mingzhang.staff.approvals import Approval, MoneyAction
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right
from mingzhang.web.model_staff import ManualRow

_ACTION = MoneyAction.CONFIRM_BY_HAND
_OPEN = ("proposed", "approved")
STOPPED_SHOWN = timedelta(days=7)


async def list_tasks(ctx: Context, member: Member) -> list[ManualRow]:
    """Every open task with what was reported of it, then those that refunds stopped; `may_confirm`: by the reader."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        tasks = await store.list_open(conn) + await store.list_stopped(conn, now - STOPPED_SHOWN)
        return [
            _row(task, await _reported(conn, task.attempt_no, now), member, await _given_back(conn, task))
            for task in tasks
        ]


async def _given_back(conn: asyncpg.Connection, task: Task) -> str:
    """The state of an order whose money is on its way back, or there: nobody begins to work on it any more (row 20)."""
    order = await orders.read_order(conn, order_of_number(task.attempt_no))
    return order.state if order.state in GIVEN_BACK else ""


async def _given_back_at(conn: asyncpg.Connection, attempt_no: str) -> datetime | None:
    """When the order's money was decided to go back; None when it was not."""
    order_id = order_of_number(attempt_no)
    events = await conn.fetch(orders.SQL.list_events, bucket_of(order_id), order_id, 0)
    return next((row["at"] for row in reversed(events) if row["kind"] == "refund_asked"), None)


def _row(task: Task, reported: Approval | None, member: Member, given_back: str) -> ManualRow:
    shared = {name: getattr(task, name) for name in ManualRow.__struct_fields__ if hasattr(task, name)}
    if reported is not None:
        shared |= {
            "approval_id": reported.approval_id,
            "reference": str(reported.terms.get("reference", "")),
            "note": reported.reason,
            "reported_by": reported.proposed_by,
            "may_confirm": reported.proposed_by != member.name and member.may(Right.DECIDE_MONEY),
            "may_withdraw": reported.proposed_by == member.name,
        }
    return ManualRow(order_id=order_of_number(task.attempt_no), given_back=given_back, **shared)


async def _reported(conn: asyncpg.Connection, attempt_no: str, now: datetime) -> Approval | None:
    """The report that waits for the second person, if any."""
    found = await approvals.list_of_subject(conn, attempt_no)
    return next((each for each in reversed(found) if each.state in _OPEN and each.expires_at > now), None)


async def report(
    ctx: Context, member: Member, attempt_no: str, reference: str, note: str, *, before: bool = False
) -> str:
    """It is done: put before a second person; returns the approval's id.

    ``before``: of an order whose money goes back, that it was done before that was decided; then it is a late success
    (row 19). Raises `manual_not_open`, `manual_given_back` (nothing is done after the refund), `manual_reported`,
    `reference_missing`, and what `approvals.propose` raises.
    """
    reference = " ".join(reference.split())[:REFERENCE_MAX]
    if not reference:
        raise Problem("reference_missing", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, order_of_number(attempt_no), ctx.now(), ctx.rng)
        task = await store.read_open(conn, attempt_no, stopped=True)
        terms = {"reference": reference}
        if task.state == "stopped" or turn.order.state in GIVEN_BACK:
            decided = await _given_back_at(conn, attempt_no)
            if not before or decided is None:
                raise Problem("manual_given_back", Kind.CONFLICT)
            terms["done_before"] = decided.isoformat()
        if await _reported(conn, attempt_no, turn.now) is not None:
            raise Problem("manual_reported", Kind.CONFLICT)
        return await approvals.propose(
            conn,
            ctx.rng,
            turn.now,
            member,
            _ACTION,
            attempt_no,
            turn.order.price_fen,
            note[:NOTE_MAX],
            terms,
        )


async def decide(
    ctx: Context, member: Member, attempt_no: str, approval_id: str, word: str, reason: str
) -> None:
    """The second person's word (approve, reject), or the first one's withdraw; approved, the supplier is asked at once.

    Raises what `approvals` raises, `manual_not_open`, `unknown_action`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, order_of_number(attempt_no), ctx.now(), ctx.rng)
        now, rng = turn.now, ctx.rng
        found = await approvals.read_approval(conn, attempt_no, approval_id)
        if word == "withdraw":
            await approvals.withdraw(conn, rng, now, member, attempt_no, approval_id)
            return
        if word not in ("approve", "reject") or found.action != _ACTION.value:
            raise Problem("unknown_action", Kind.INVALID)
        approve = word == "approve"
        await approvals.decide(
            conn, rng, now, member, attempt_no, approval_id, approve=approve, reason=reason
        )
        if approve:
            await _confirm(conn, rng, now, member, found)


async def _confirm(
    conn: asyncpg.Connection, rng: Random, now: datetime, member: Member, found: Approval
) -> None:
    subject = found.subject
    await approvals.use(
        conn, rng, now, member, found.approval_id, _ACTION, subject, found.amount_fen, found.terms
    )
    people = (found.proposed_by, member.name)
    await store.set_succeeded(conn, subject, str(found.terms["reference"]), found.reason, people, now)
    await _ask_now(conn, subject, now)


async def refuse(ctx: Context, member: Member, attempt_no: str, reason: str, note: str) -> None:
    """It cannot be done, and why. Raises `right_missing`, `reason_missing`, `unknown_reason`, `manual_not_open`,
    `manual_reported` (somebody says it is done: that has to be settled first).
    """
    if not member.may(Right.PROPOSE_MONEY):
        raise Problem("right_missing", Kind.FORBIDDEN, Right.PROPOSE_MONEY.value)
    if reason not in {each.value for each in REFUSALS}:
        raise Problem("unknown_reason", Kind.INVALID)
    record.check_reason(note)
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, order_of_number(attempt_no), ctx.now(), ctx.rng)
        await store.read_open(conn, attempt_no)
        if await _reported(conn, attempt_no, turn.now) is not None:
            raise Problem("manual_reported", Kind.CONFLICT)
        await store.set_refused(conn, attempt_no, Reason(reason), note[:NOTE_MAX], member.name, turn.now)
        await _ask_now(conn, attempt_no, turn.now)
        await record.write(
            conn,
            ctx.rng,
            turn.now,
            member,
            "refuse_by_hand",
            attempt_no,
            reason=note,
            data={"reason": reason},
        )


async def _ask_now(conn: asyncpg.Connection, attempt_no: str, now: datetime) -> None:
    """The worker asks the adapter at once, as after a supplier's callback."""
    bucket = bucket_of(order_of_number(attempt_no))
    await conn.execute(fulfilment.SQL.set_asked_now, bucket, attempt_no, now)


async def reveal_account(office: Office, member: Member, attempt_no: str, reason: str) -> str:
    """The account to be topped up, in clear, on record before it is shown. Raises `manual_not_open` and others.

    Of an order whose money goes back it is not shown: what was done before may still be reported.
    """
    async with office.pool.acquire() as conn:
        task = await store.read_open(conn, attempt_no)
        if await _given_back(conn, task):
            raise Problem("manual_not_open", Kind.CONFLICT)
    return await record.reveal(office, member, attempt_no, "account", task.account_enc, reason)
