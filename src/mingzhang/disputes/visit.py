"""The worker's visit to a dispute whose clock rang: remind, hand on, and carry the policy out (R34, R43).

A missed term is a breach on the public record and an entry for the regulator, in the transaction that says who is next.
"""

from __future__ import annotations

from mingzhang.disputes import clock, money, remedy
from mingzhang.disputes.belongs import GAVE_BACK
from mingzhang.disputes.case import Case, open_both
from mingzhang.disputes.store import SQL
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.orders.breaches import Late, note_breach
from mingzhang.orders.context import Context

KIND = "dispute"


async def work_dispute(ctx: Context, dispute_id: str) -> None:
    """Visit one dispute. Nothing happens for one that another worker claimed meanwhile, nor for one that ended, but that
    money which it held and could not let go then is let go.
    """
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        row = case.row
        ended = row.state == "closed"
        if ended and not row.held:
            return
        if await lease.is_lost(conn, SQL.read_dispute_lease, row.bucket, dispute_id):
            return
        await (_let_go_late(case) if ended else _look(case))
        await case.finish()
        await case.turn.finish()


async def _look(case: Case) -> None:
    await remedy.settle_by_itself(case)
    if case.row.state == "remedy":
        await remedy.follow(case)
    if case.row.state != "closed":
        await _by_the_clock(case)


async def _let_go_late(case: Case) -> None:
    """It ended while a fact of its order waited to be booked."""
    await money.let_go(case)
    if case.row.outcome not in GAVE_BACK:
        await money.resume(case)


async def _by_the_clock(case: Case) -> None:
    row, now = case.row, case.turn.now
    if row.next_actor == "shop":
        await _missed_terms(case)
    elif row.deadline_at is not None and row.deadline_at <= now:
        await _LATE[row.next_actor](case)
    if row.next_actor == "shop" and clock.reminder_due(case.policy, row, now):
        row.reminded_at = now
        case.event("dispute_due_soon")
    if row.held:
        await money.hold(case)


async def _missed_terms(case: Case) -> None:
    """Every term that is over, in its order; the first whose policy can act ends the wait."""
    row, policy = case.row, case.policy
    while row.next_actor == "shop":
        term = clock.next_term(row)
        if term is None or term.by > case.turn.now:
            return
        row.missed.append(term.stage)
        row.role = policy.role.get(term.stage, row.role)
        await _on_record(case, term)
        if policy.breach.get(term.stage) == "refund" and not await remedy.automatic(case, term.stage):
            await case.note("nothing_to_refund", stage=term.stage)


async def _on_record(case: Case, term: clock.Term) -> None:
    """The breach, the regulator's entry, the line that the buyer reads."""
    row, turn = case.row, case.turn
    late = Late(KIND, f"{row.dispute_id}/{row.round}/{term.stage}", row.order_id, term.stage, "shop", term.by)
    await note_breach(turn.conn, late, row.role, turn.now)
    await turn.conn.execute(
        SQL.insert_report, row.bucket, row.dispute_id, row.round, term.stage, term.by, turn.now
    )
    await case.note("missed", stage=term.stage)
    case.event("dispute_breached", stage=term.stage)


async def _buyer_silent(case: Case) -> None:
    """The buyer did not answer: it ends there, and may be reopened."""
    row, turn = case.row, case.turn
    assert row.deadline_at is not None
    late = Late(
        KIND, f"{row.dispute_id}/{row.round}/{row.said}", row.order_id, row.state, "buyer", row.deadline_at
    )
    await note_breach(turn.conn, late, "", turn.now)
    await money.let_go(case)
    await money.resume(case)
    await case.close("lapsed")


async def _person_late(case: Case) -> None:
    """No term is left and a person let a day pass: once more on record, and whatever can be given back now is.

    While a remedy is under way nothing is added to it: what both agreed to would become all of it, or more than it.
    """
    row, turn = case.row, case.turn
    assert row.deadline_at is not None
    await _on_record(case, clock.Term("person", row.deadline_at))
    row.since = turn.now
    if row.state != "remedy":
        await remedy.automatic(case, "person")


async def _outside_late(case: Case) -> None:
    """Channel or supplier did not bring the remedy to its end in its time: the shop's people are next."""
    row, turn = case.row, case.turn
    assert row.deadline_at is not None
    late = Late(
        KIND, f"{row.dispute_id}/{row.carried}", row.order_id, "remedy", row.next_actor, row.deadline_at
    )
    await note_breach(turn.conn, late, "person", turn.now)
    case.event("dispute_breached", stage="remedy")
    row.next_actor, row.since = "person", turn.now


_LATE = {
    "buyer": _buyer_silent,
    "person": _person_late,
    "channel": _outside_late,
    "supplier": _outside_late,
}
