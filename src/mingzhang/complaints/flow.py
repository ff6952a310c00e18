"""The worker's visits: one complaint, and the pass over a channel's list that finds what no notify told (R10, R36)."""

from __future__ import annotations

from datetime import timedelta

from mingzhang.complaints import bind, states, store, talk
from mingzhang.complaints.read import desk_of, reread_at, take_in
from mingzhang.complaints.store import SQL, Row
from mingzhang.disputes.store import read_dispute
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import Complaints, HasComplaints

HOOK = "/hooks/complaints"


async def work_complaint(ctx: Context, key: str) -> None:
    """Read it, bind it, carry words both ways, and say when it is read again."""
    channel, _, complaint_no = key.partition(":")
    desk = desk_of(ctx, channel)
    async with ctx.pool.acquire() as conn:
        row = await store.find(conn, channel, complaint_no)
    if desk is None or row is None:
        return
    told = await take_in(ctx, desk, row)
    if told is None:
        return
    if not told.order_id:
        await bind.bind(ctx, told)
    async with ctx.pool.acquire() as conn:
        told = await store.read(conn, channel, complaint_no)
        lines = await store.list_lines(conn, told)
    first = await talk.settle_acts(ctx, told, lines)
    sent_to, case_state, case_open = told.sent_to, told.case_state, bool(told.order_id)
    if told.dispute_id:
        sent_to, case_state = await _with_case(ctx, desk, told)
        case_open = case_state != "closed"
    acts_open = await talk.carry_out(ctx, desk, told)
    async with transaction(ctx.pool) as conn:
        if await lease.is_lost(conn, SQL.read_complaint_lease, channel, complaint_no):
            return
        now = ctx.now()
        due = reread_at(told, now, ctx.clock, case_open=case_open, acts_open=acts_open)
        await conn.execute(SQL.set_looked, channel, complaint_no, sent_to, case_state, first, due, now)


async def _with_case(ctx: Context, desk: Complaints, row: Row) -> tuple[int, str]:
    """Their words into the case, then what the case wants said there. How far, and how the case stands."""
    async with ctx.pool.acquire() as conn:
        lines = await store.list_lines(conn, row)
    await talk.pour(ctx, desk, row, lines)
    async with ctx.pool.acquire() as conn:
        case = await read_dispute(conn, row.dispute_id)
    if await talk.let_go(ctx, row, case):
        async with ctx.pool.acquire() as conn:
            case = await read_dispute(conn, row.dispute_id)
    return await talk.plan(ctx, desk, row, case), case.state


async def ensure_passes(ctx: Context) -> None:
    """Have the list of every channel that passes complaints on read, the first time at once."""
    async with transaction(ctx.pool) as conn:
        for name, channel in ctx.channels.items():
            if isinstance(channel, HasComplaints):
                await conn.execute(SQL.ensure_pass, name, ctx.now())


async def pass_over(ctx: Context, channel: str) -> None:
    """Tell the channel where to notify, then read its list; what is new or changed is read one by one."""
    desk = desk_of(ctx, channel)
    if desk is None:
        return
    async with ctx.pool.acquire() as conn:
        before = await conn.fetchrow(SQL.read_pass, channel)
    url, code = f"{ctx.base_url}{HOOK}/{channel}", ""
    told = before["told_url"]
    if told != url and (await desk.subscribe(url)).outcome is Outcome.OK:
        told = url
    began = ctx.now()
    for page in range(1, states.PASS_PAGES_MAX + 1):
        answer = await desk.list_complaints(began - timedelta(days=states.PASS_DAYS), began, page)
        if answer.outcome is not Outcome.OK:
            code = answer.code or "unknown"
            break
        async with transaction(ctx.pool) as conn:
            for each in answer.complaints:
                await conn.execute(
                    SQL.hear_change, channel, each.complaint_no, each.word, each.waits, ctx.now()
                )
        if not answer.more:
            break
    wait = states.PASS_RETRY_S if code else states.PASS_S
    done, due = None if code else began, ctx.now() + timedelta(seconds=max(wait, ctx.clock.speed))
    async with transaction(ctx.pool) as conn:
        await conn.execute(SQL.set_pass, channel, told, done, code[:64], due)
