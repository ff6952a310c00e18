"""`bench core`: an ordinary order's steps, beside plain transactions writing the same rows."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.core_steps import STEPS, message
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.rounds import ROUNDS, Round, Say, processes, run_round, sum_up, tell
from mingzhang.app.bench.workers import Workers
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.app.settings import Settings
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.migrations import migrate
from mingzhang.kit.statistics import keep_fresh
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import FREE
from mingzhang.orders.context import Context
from mingzhang.orders.limit_rules import RULES

CALLERS: Final = (64, 128, 256)
HELD_AGAINST: Final = 128
WARM_S: Final = 2
# One buyer places all orders here: counted as in any shop, and never stopped.
COUNTED: Final = ",".join(f"{rule.name}={0 if rule.name == 'repeat' else 10**12}" for rule in RULES)


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[tuple[Desk, EmbeddedPostgres]]:
    """A durable database of its own with the sample shop; no outside party is called."""
    server = EmbeddedPostgres(folder / "database")
    dsn = await asyncio.to_thread(server.start)
    try:
        await migrate(dsn)
        desk = await open_desk(Settings(database_url=dsn, secret_key=os.urandom(32), limits=COUNTED))
        try:
            await desk.set_up_sample_shop()
            await _capital(desk.ctx)
            stop = asyncio.Event()
            statistics = asyncio.create_task(keep_fresh(desk.pool, stop))
            try:
                yield desk, server
            finally:
                stop.set()
                await statistics
        finally:
            await desk.aclose()
    finally:
        await asyncio.to_thread(server.stop)


async def _capital(ctx: Context) -> None:
    """Row 1: enough prefund for any number of orders, citing the operator's own statement."""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        note = message("fulu", "opening_balance", Standing.OWN, 100)
        cited = await evidence.keep(conn, ctx.rng, now, note)
        posting = postings.capital_in("CAPITAL-fulu", party="fulu", place=FREE, amount_fen=10**14)
        await ledger.write_shared(conn, posting, evidence_id=cited, now=now)


async def run_core(folder: Path, seconds: int, say: Say) -> dict[str, Any]:
    """The whole benchmark; `say(text, done)` hears of the progress, done from 0 to 1."""
    counts = sorted({1, processes()})
    settings = [(count, callers) for count in counts for callers in CALLERS]
    rounds: dict[tuple[int, int], list[Round]] = defaultdict(list)
    async with open_bench(folder) as (desk, server):
        floor = Floor(desk.settings.database_url, "core_floor.sql")
        if floor.possible:
            await make_schema(desk.settings.database_url)
            await floor.run(seconds=WARM_S)
        for n, count in enumerate(counts):
            with Workers(desk.settings, count) as workers:
                await asyncio.to_thread(workers.run, 64, WARM_S, f"warm-{count}")
                for round_ in range(ROUNDS):
                    for m, callers in enumerate(CALLERS):
                        done = (
                            (n * ROUNDS * len(CALLERS) + round_ * len(CALLERS) + m) / ROUNDS / len(settings)
                        )
                        say(f"{callers} callers in {count} process(es), round {round_ + 1} of {ROUNDS}", done)
                        name = f"{count}-{callers}-{round_}"
                        rounds[count, callers].append(
                            await run_round(workers, floor, server, (callers, seconds, name))
                        )
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
    return _result(rounds, report.ok)


def _result(rounds: dict[tuple[int, int], list[Round]], ok: bool) -> dict[str, Any]:
    runs = [sum_up("order", STEPS, count, callers, done) for (count, callers), done in rounds.items()]
    held = next(run for run in runs if (run["processes"], run["callers"]) == (processes(), HELD_AGAINST))
    return tell("core", "order", held, runs, ok)
