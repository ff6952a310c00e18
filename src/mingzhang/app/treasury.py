"""The worker's look at custody and settlement: statements to fetch, lines to book, batches, instructions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from mingzhang.app.coverage_watch import look_at_coverage
from mingzhang.custody import instructions
from mingzhang.custody.banks.base import Bank
from mingzhang.custody.imports import import_file
from mingzhang.custody.instructions import SQL
from mingzhang.evidence.messages import Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.settlement import flow, lines
from mingzhang.settlement.coverage import SQL as COVERAGE
from mingzhang.settlement.store import SQL as SETTLEMENT

log = structlog.get_logger()
AT_ONCE: Final = 16
STATEMENTS_EVERY_S: Final = 300.0
REAL_S_MIN: Final = 2.0

Start = Callable[[Callable[[], Awaitable[None]], str], Awaitable[None]]


async def look(ctx: Context, start: Start) -> int:
    """Take what is due and start the visits; returns how many."""
    now, until = ctx.now(), ctx.lease_end()
    async with ctx.pool.acquire() as conn:
        accounts = await conn.fetch(SQL.claim_accounts, now, list(ctx.banks), until)
        tasks = await conn.fetch(SQL.claim_tasks, now, AT_ONCE, ctx.worker_name, until)
        batches = await conn.fetch(SETTLEMENT.claim_batches, now, AT_ONCE, ctx.worker_name, until)
        coverage = await conn.fetchval(COVERAGE.claim_now, now, until)
        orders = await conn.fetch(SQL.claim_instructions, now, AT_ONCE, ctx.worker_name, until)
    for row in accounts:
        await start(partial(fetch_statements, ctx, *row), row["account"])
    for row in tasks:
        await start(partial(lines.work_line, ctx, *row), row["statement_id"])
    for row in batches:
        await start(partial(flow.work_batch, ctx, *row), row["batch_id"])
    for row in orders:
        await start(partial(instructions.work_instruction, ctx, row["instruction_id"]), row["instruction_id"])
    if coverage is not None:
        await start(partial(look_at_coverage, ctx), "coverage")
    return len(accounts) + len(tasks) + len(batches) + len(orders)


async def fetch_statements(ctx: Context, account: str, adapter: str, after: str) -> None:
    """Ask a bank for new statements and take them in, one file after the other; a refused one stops the row there."""
    bank: Bank = ctx.banks[adapter]
    error, last = "", after
    heads = await bank.list_files(after)
    if heads is None:
        error = "no_answer"
    for head in heads or []:
        body = await bank.read_file(head.name)
        if body is None:
            error = f"{head.name}: no_answer"
            break
        try:
            await import_file(
                ctx.pool,
                ctx.rng,
                ctx.now(),
                body,
                name=head.name,
                who=f"bank:{bank.name}",
                template=head.template,
                standing=Standing.ANSWER,
            )
        except Problem as problem:
            error = f"{head.name}: {problem.detail}"[:300]
            log.warning("statement_refused", bank=bank.name, file=head.name, why=problem.detail)
            break
        last = head.name
    wait_s = max(STATEMENTS_EVERY_S, REAL_S_MIN * ctx.clock.speed)
    async with transaction(ctx.pool) as conn:
        await conn.execute(
            SQL.set_looked, account, last, error, ctx.now(), ctx.now() + timedelta(seconds=wait_s)
        )
