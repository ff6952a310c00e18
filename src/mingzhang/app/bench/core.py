"""`bench core`: an ordinary order's steps, beside plain transactions writing the same rows."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.core_steps import STEPS, Slice, message
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.machine import Usage, percentile_ms, read_usage
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

CALLERS: Final = (64, 128, 256)
HELD_AGAINST: Final = 128
ROUNDS: Final = 3
WARM_S: Final = 2


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One setting once: our processes' parts, the machine's use meanwhile, and the floor beside it."""

    parts: Sequence[Slice]
    usage: Usage
    floor: float | None

    @property
    def per_s(self) -> float:
        """Orders a second over all processes."""
        return sum(part.orders / part.seconds for part in self.parts)


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[tuple[Desk, EmbeddedPostgres]]:
    """A durable database of its own with the sample shop; no outside party is called."""
    server = EmbeddedPostgres(folder / "database")
    dsn = await asyncio.to_thread(server.start)
    try:
        await migrate(dsn)
        desk = await open_desk(Settings(database_url=dsn, secret_key=os.urandom(32)))
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


def processes() -> int:
    """How many share the load: every second core, the others are the database's."""
    return max(1, (os.cpu_count() or 1) // 2)


async def run_core(folder: Path, seconds: int, say: Any) -> dict[str, Any]:
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
                            await _round(workers, floor, server, (callers, seconds, name))
                        )
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
    return _result(rounds, report.ok)


async def _round(
    workers: Workers, floor: Floor, server: EmbeddedPostgres, what: tuple[int, int, str]
) -> Round:
    before = read_usage(server.pid)
    parts = await asyncio.to_thread(workers.run, *what)
    usage = read_usage(server.pid).since(before)
    return Round(parts=parts, usage=usage, floor=await floor.run(seconds=what[1]) if floor.possible else None)


def _result(rounds: dict[tuple[int, int], list[Round]], ok: bool) -> dict[str, Any]:
    runs = [_run(count, callers, done) for (count, callers), done in rounds.items()]
    held = next(run for run in runs if (run["processes"], run["callers"]) == (processes(), HELD_AGAINST))
    return {
        "bench": "core",
        **{name: held[name] for name in ("ratio", "orders_per_s", "floor_orders_per_s", "cpu_us_per_order")},
        "steps": held["steps"],
        "audit": "ok" if ok else "failed",
        "cores": os.cpu_count(),
        "processes": held["processes"],
        "other_load": held["other_load"],
        "note": "" if held["ratio"] is not None else "no pgbench on this machine: ratio unknown",
        "runs": runs,
    }


def _run(count: int, callers: int, done: list[Round]) -> dict[str, Any]:
    """One setting: medians over the rounds; the ratio is the median of the rounds' own ratios."""
    parts = [part for each in done for part in each.parts]
    orders = sum(part.orders for part in parts)
    floors = [each.floor for each in done if each.floor is not None]
    took = {step: [lap for part in parts for lap in part.took.get(step, [])] for step in STEPS}
    ratios = [each.per_s / each.floor for each in done if each.floor]
    own = sum(part.cpu_s for part in parts)
    spare = [each.usage.machine - each.usage.server - sum(part.cpu_s for part in each.parts) for each in done]
    return {
        "processes": count,
        "callers": callers,
        "ratio": round(statistics.median(ratios), 2) if ratios else None,
        "orders_per_s": round(statistics.median(each.per_s for each in done)),
        "floor_orders_per_s": round(statistics.median(floors)) if floors else None,
        "cpu_us_per_order": {
            "python": round(own / orders * 1e6),
            "postgres": round(sum(each.usage.server for each in done) / orders * 1e6),
        },
        "steps": {
            step: {"p50": percentile_ms(laps, 0.5), "p99": percentile_ms(laps, 0.99)}
            for step, laps in took.items()
        },
        "other_load": round(
            statistics.mean(max(0.0, left) / each.usage.at for left, each in zip(spare, done, strict=True)), 2
        ),
        "orders": orders,
    }
