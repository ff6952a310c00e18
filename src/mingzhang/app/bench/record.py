"""`bench log`: how far the public record is behind the hot path, and how fast it makes up for a standstill."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

from mingzhang.app import loop
from mingzhang.app.bench.core import open_bench
from mingzhang.app.bench.machine import percentile_ms, read_usage
from mingzhang.app.bench.rounds import Say, every_second_core
from mingzhang.app.bench.workers import Workers
from mingzhang.app.desk import Desk
from mingzhang.app.transparency import PAUSE_REAL_S, POLL_REAL_S, signer_of
from mingzhang.evidence.store import SQL
from mingzhang.transparency.recheck import recheck
from mingzhang.transparency.sequencer import Appended, Sequencer

CALLERS: Final = 256
WARM_S: Final = 2


async def run_log(folder: Path, seconds: int, say: Say, callers: int = CALLERS) -> dict[str, Any]:
    """Orders with the sequencer beside them, then as many without it, then what it takes to catch up."""
    async with open_bench(folder) as (desk, server):
        loop.settle_heap()  # as the worker does
        sequencer = Sequencer(desk.pool, signer_of(desk.settings), desk.ctx.now)
        with Workers(desk.settings, every_second_core()) as workers:
            await asyncio.to_thread(workers.run, callers, WARM_S, "warm")
            await _drain(sequencer)
            say("orders, the record beside them", 0.1)
            parts, rounds, own_s = await _beside(workers, sequencer, callers, seconds)
            await _drain(sequencer)
            say("orders alone", 0.4)
            await asyncio.to_thread(workers.run, callers, seconds, "alone")
        say("catching up", 0.7)
        before = read_usage(server.pid)
        drained = await _drain(sequencer)
        usage = read_usage(server.pid).since(before)
        say("the record made anew from the books", 0.9)
        entries, troubles = await recheck(desk.pool, signer_of(desk.settings).verifier, lambda *_: None)
        waiting = await _waiting(desk)
    laps = [each.lag_s for each in rounds]
    orders = sum(part.orders for part in parts)
    appended = sum(each.entries for each in drained)
    return {
        "bench": "log",
        "callers": callers,
        "lag_p50_s": percentile_ms(laps, 0.5) / 1000,
        "lag_p99_s": percentile_ms(laps, 0.99) / 1000,
        "orders_per_s": round(sum(part.orders / part.seconds for part in parts)),
        "changes_per_s": round(sum(each.changes for each in rounds) / seconds),
        "sequencer_cpu_us_per_order": round(own_s / orders * 1e6),
        "backlog_entries": appended,
        "drain_s": round(usage.at, 1),
        "appends_per_s": round(appended / usage.at),
        "appended_changes_per_s": round(sum(each.changes for each in drained) / usage.at),
        "append_cpu_us": {
            "python": round(usage.own / appended * 1e6),
            "postgres": round(usage.server / appended * 1e6),
        },
        "entries": entries,
        "audit": "ok" if not troubles and not waiting else "failed",
        "cores": os.cpu_count(),
        "seconds": seconds,
    }


async def _drain(sequencer: Sequencer) -> list[Appended]:
    done = []
    while (appended := await sequencer.round()) is not None:
        done.append(appended)
    return done


async def _beside(
    workers: Workers, sequencer: Sequencer, callers: int, seconds: int
) -> tuple[Any, list[Appended], float]:
    """Orders for so long, and the sequencer as the worker runs it; its CPU seconds are this process's own."""
    rounds: list[Appended] = []
    running = asyncio.create_task(asyncio.to_thread(workers.run, callers, seconds, "beside"))
    before = time.process_time()
    while not running.done():
        appended = await sequencer.round()
        if appended is not None:
            rounds.append(appended)
        await asyncio.sleep(PAUSE_REAL_S if appended else POLL_REAL_S)
    return await running, rounds, time.process_time() - before


async def _waiting(desk: Desk) -> int:
    return int(await desk.pool.fetchval(SQL.read_waiting, 1_000))
