"""`bench log`: how far the public record is behind the hot path, and how fast it makes up for a standstill."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

from mingzhang.app.bench.core import open_bench
from mingzhang.app.bench.machine import percentile_ms
from mingzhang.app.bench.rounds import Say, every_second_core
from mingzhang.app.bench.workers import Workers
from mingzhang.app.desk import Desk
from mingzhang.app.transparency import PAUSE_REAL_S, POLL_REAL_S, signer_of
from mingzhang.evidence.store import SQL
from mingzhang.transparency.recheck import recheck
from mingzhang.transparency.sequencer import Appended, Sequencer

CALLERS: Final = 128
WARM_S: Final = 2


async def run_log(folder: Path, seconds: int, say: Say) -> dict[str, Any]:
    """Orders with the sequencer beside them, then as many without it, then what it takes to catch up."""
    async with open_bench(folder) as (desk, _):
        sequencer = Sequencer(desk.pool, signer_of(desk.settings), desk.ctx.now)
        with Workers(desk.settings, every_second_core()) as workers:
            await asyncio.to_thread(workers.run, CALLERS, WARM_S, "warm")
            await _drain(sequencer)
            say("orders, the record beside them", 0.1)
            parts, rounds, own_s = await _beside(workers, sequencer, seconds)
            await _drain(sequencer)
            say("orders alone", 0.4)
            await asyncio.to_thread(workers.run, CALLERS, seconds, "alone")
        say("catching up", 0.7)
        began = time.perf_counter()
        drained = await _drain(sequencer)
        took = time.perf_counter() - began
        say("the record made anew from the books", 0.9)
        entries, troubles = await recheck(desk.pool, signer_of(desk.settings).verifier, lambda *_: None)
        waiting = await _waiting(desk)
    laps = [each.lag_s for each in rounds]
    orders = sum(part.orders for part in parts)
    return {
        "bench": "log",
        "lag_p50_s": percentile_ms(laps, 0.5) / 1000,
        "lag_p99_s": percentile_ms(laps, 0.99) / 1000,
        "orders_per_s": round(sum(part.orders / part.seconds for part in parts)),
        "changes_per_s": round(sum(each.changes for each in rounds) / seconds),
        "sequencer_cpu_us_per_order": round(own_s / orders * 1e6),
        "backlog_entries": sum(each.entries for each in drained),
        "drain_s": round(took, 1),
        "appends_per_s": round(sum(each.entries for each in drained) / took),
        "appended_changes_per_s": round(sum(each.changes for each in drained) / took),
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


async def _beside(workers: Workers, sequencer: Sequencer, seconds: int) -> tuple[Any, list[Appended], float]:
    """Orders for so long, and the sequencer as the worker runs it; its CPU seconds are this process's own."""
    rounds: list[Appended] = []
    running = asyncio.create_task(asyncio.to_thread(workers.run, CALLERS, seconds, "beside"))
    before = time.process_time()
    while not running.done():
        appended = await sequencer.round()
        if appended is not None:
            rounds.append(appended)
        await asyncio.sleep(PAUSE_REAL_S if appended else POLL_REAL_S)
    return await running, rounds, time.process_time() - before


async def _waiting(desk: Desk) -> int:
    return int(await desk.pool.fetchval(SQL.read_waiting, 1_000))
