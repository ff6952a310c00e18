"""A difference's own clock: asking outside by the exact number, and seeing whether the ledger has caught up.

长款 (they have it, we do not): the trade is asked about like one that somebody told of; if it is true, the usual way
books it. 短款 (we have it, they do not): after T+2 the payment is asked about; a denial moves its money to 待核实款项
(row 24). Nothing is resolved but with the exact id, amount and evidence; all else is two people's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import is_suspense_id, new_id, order_of_number
from mingzhang.orders.ask import ask_channel
from mingzhang.orders.breaches import SHARED, Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.notify import NOWHERE, payment_named
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.supply import work_attempt
from mingzhang.payments import store as payments
from mingzhang.payments.schedule import HINT_MAX_S
from mingzhang.reconciliation import merge, ours, outside, payouts
from mingzhang.reconciliation.model import Kind, OurLine, Wanted, Word
from mingzhang.reconciliation.outside import NOT_ANSWERED, UNASKABLE
from mingzhang.reconciliation.sources import source_named
from mingzhang.reconciliation.states import PAYOUTS, PERSON_S, ask_again, ask_now, to_person
from mingzhang.reconciliation.store import SQL, Break, lock_breaks, note, read_break, save
from mingzhang.refunds.visit import work_refund

CONFIRMS: Final = "outside_confirms"
CONFIRMED_TIMES: Final = 2
"""So often the channel must confirm by query what its bill lacks, before a person is next."""


async def visit(ctx: Context, break_id: str) -> None:
    """What the clock of a difference asks for."""
    async with ctx.pool.acquire() as conn:
        row = await read_break(conn, break_id)
    if not row.open or row.state == "person":
        return
    if row.kind in PAYOUTS:
        await payouts.look_again(ctx, break_id)
        return
    if row.state == "waiting":
        await _start_asking(ctx, break_id)
        return
    said = "not_booked"
    again = row.kind == Kind.REFUND and row.said == NOT_ANSWERED
    if row.theirs is None or row.asked == 0 or again or row.class_ == "state_conflict":
        said = await _ask(ctx, row)
    entry = await _entry(ctx, row)
    async with transaction(ctx.pool) as conn:
        fresh = (await lock_breaks(conn, [break_id]))[break_id]
        if not fresh.open:
            return
        now = ctx.now()
        verdict, evidence_id = _verdict(fresh, entry)
        if verdict:
            await merge.close(conn, fresh, "resolved", verdict, now, evidence_id=evidence_id)
            return
        since = fresh.since
        to = ask_again(fresh.party, since, fresh.asked, now)
        confirmed = said == CONFIRMS and fresh.asked + 1 >= CONFIRMED_TIMES
        if fresh.theirs is None and (confirmed or said == UNASKABLE):
            to = to_person(fresh.party, now)
        asked = fresh.asked + 1
        fresh.said = said
        merge.step(fresh, to, now)
        fresh.asked = asked
        await note(conn, fresh, "asked" if to.state == "asking" else "needs_person", now, said=said)
        await save(conn, fresh)


async def note_overdue(ctx: Context) -> None:
    """A difference that its people let pass their time is on record as a breach (R34), and has another day."""
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        for late in [Late(*row) for row in await conn.fetch(SQL.list_overdue_differences, now)]:
            until = now + timedelta(seconds=PERSON_S)
            if await conn.fetchval(SQL.extend_difference, late.key, late.deadline_at, until) is not None:
                await note_breach(conn, late._replace(subject=""), "person", now, bucket=SHARED)


async def _start_asking(ctx: Context, break_id: str) -> None:
    async with transaction(ctx.pool) as conn:
        row = (await lock_breaks(conn, [break_id]))[break_id]
        if row.state != "waiting":
            return
        now = ctx.now()
        merge.step(row, ask_now(row.party, now), now)
        await note(conn, row, "waited_out", now)
        await save(conn, row)


def _verdict(row: Break, entry: OurLine | None) -> tuple[str, str]:
    """How it ended, with its evidence; empty while it has not."""
    theirs = row.found().theirs
    if theirs is None:
        gone = entry is None or entry.state is Word.FAILED
        return ("moved_to_missing", entry.evidence_id if entry else "") if gone else ("", "")
    if entry is None or entry.amount_fen != theirs.amount_fen or entry.state.value != theirs.state:
        return "", ""
    aside = is_suspense_id(entry.subject)
    return ("booked_aside" if aside else "booked"), entry.evidence_id


async def _entry(ctx: Context, row: Break) -> OurLine | None:
    """What the ledger holds under the exact key now."""
    side = row.found().theirs or row.found().ours
    wanted = Wanted(kind=row.kind, key=row.key, our_no=side.our_no if side else "")
    async with ctx.pool.acquire() as conn:
        found = await ours.look_up(conn, source_named(row.source), [wanted])
    return found[0] if found else None


async def _ask(ctx: Context, row: Break) -> str:
    """Ask the party that knows, by the exact number; what it says becomes a fact on the usual way. What it came to."""
    found = row.found()
    side = found.theirs or found.ours
    if side is None:
        return UNASKABLE
    if row.kind == Kind.PAID and row.party in ctx.channels:
        if found.theirs is not None and found.ours is None:
            await _hint(ctx, row, side.their_no, side.our_no)
            return "not_booked"
        if await payment_named(ctx, row.party, side.our_no) is not None:
            await ask_channel(ctx, side.our_no)
            return CONFIRMS if await _is_confirmed(ctx, side.our_no) else NOT_ANSWERED
    elif row.kind == Kind.REFUND and row.party in ctx.channels and _is_ours(row.key):
        await work_refund(ctx, row.key)
        return "not_booked"
    elif row.kind == Kind.REFUND and row.party in ctx.channels and found.ours is None:
        return await outside.ask_refund(ctx, row)
    elif row.kind == Kind.SUPPLY and row.party in ctx.suppliers and _is_ours(row.key):
        await work_attempt(ctx, row.key)
        return "not_booked"
    return UNASKABLE


async def _is_confirmed(ctx: Context, payment_no: str) -> bool:
    """Whether the channel answered just now that it was paid: then nothing more is due."""
    async with ctx.pool.acquire() as conn:
        payment = await payments.read_payment(conn, payment_no)
    return payment is not None and payment.state == "paid" and payment.due_at is None


def _is_ours(number: str) -> bool:
    try:
        order_of_number(number)
    except Problem:
        return False
    return True


async def _hint(ctx: Context, row: Break, transaction_id: str, our_no: str) -> None:
    """The bill tells of a trade: the channel is asked about it as about any trade that somebody told of (F2, F18)."""
    payment = await payment_named(ctx, row.party, our_no)
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        bucket = payment.bucket if payment is not None else NOWHERE
        if payment is None:
            await conn.execute(ORDERS.ensure_bucket, NOWHERE, now)
        else:
            await conn.execute(payments.SQL.set_due, payment.bucket, payment.order_id, now)
        await conn.execute(
            payments.SQL.insert_hint,
            bucket,
            new_id(now, ctx.rng),
            row.party,
            transaction_id,
            our_no[:64],
            now,
            now + timedelta(seconds=HINT_MAX_S),
            row.file_id or row.break_id,
        )
