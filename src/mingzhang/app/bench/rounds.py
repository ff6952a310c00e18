"""One setting, several times, product and floor in turn: what every in-process benchmark counts and tells."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from mingzhang.app.bench.core_steps import Slice
from mingzhang.app.bench.floor import CLIENTS, Floor
from mingzhang.app.bench.machine import Usage, percentile_ms, read_usage
from mingzhang.app.bench.workers import Workers
from mingzhang.app.embedded import EmbeddedPostgres

ROUNDS: Final = 3
Say = Callable[[str, float], None]
"""Told what is going on, and how much is done, 0 to 1."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One setting once: our processes' parts, the machine's use meanwhile, and the floor beside it."""

    parts: Sequence[Slice]
    usage: Usage
    floor: float | None

    @property
    def per_s(self) -> float:
        """Units a second over all processes."""
        return sum(part.orders / part.seconds for part in self.parts)


def processes() -> int:
    """How many share an order's steps: three for four cores. More split the batches, fewer leave cores idle."""
    return max(1, (os.cpu_count() or 1) * 3 // 4)


def every_second_core() -> int:
    """How many share what costs the database as much as us: the other cores are the database's."""
    return max(1, (os.cpu_count() or 1) // 2)


async def run_round(
    workers: Workers,
    floor: Floor,
    server: EmbeddedPostgres,
    what: tuple[int, float, str],
    floor_clients: Sequence[int] = (CLIENTS,),
    floor_seconds: int | None = None,
) -> Round:
    """Callers, seconds and name go to the processes; then the floor as long, its best number of clients counting."""
    before = read_usage(server.pid)
    parts = await asyncio.to_thread(workers.run, *what)
    usage = read_usage(server.pid).since(before)
    length = round(what[1]) if floor_seconds is None else floor_seconds
    rates = [await floor.run(seconds=length, clients=clients) for clients in floor_clients if floor.possible]
    return Round(parts=parts, usage=usage, floor=max(rates, default=None))


def sum_up(
    unit: str, steps: Sequence[str], count: int, callers: int, done: Sequence[Round]
) -> dict[str, Any]:
    """One setting: medians over the rounds; the ratio is the median of the rounds' own ratios."""
    parts = [part for each in done for part in each.parts]
    units = sum(part.orders for part in parts)
    floors = [each.floor for each in done if each.floor is not None]
    took = {step: [lap for part in parts for lap in part.took.get(step, [])] for step in steps}
    ratios = [each.per_s / each.floor for each in done if each.floor]
    own = sum(part.cpu_s for part in parts)
    spare = [each.usage.machine - each.usage.server - sum(part.cpu_s for part in each.parts) for each in done]
    return {
        "processes": count,
        "callers": callers,
        "ratio": round(statistics.median(ratios), 2) if ratios else None,
        f"{plural(unit)}_per_s": round(statistics.median(each.per_s for each in done)),
        f"floor_{plural(unit)}_per_s": round(statistics.median(floors)) if floors else None,
        f"cpu_us_per_{unit}": {
            "python": round(own / units * 1e6),
            "postgres": round(sum(each.usage.server for each in done) / units * 1e6),
        },
        "steps": {
            step: {"p50": percentile_ms(laps, 0.5), "p99": percentile_ms(laps, 0.99)}
            for step, laps in took.items()
        },
        "other_load": round(
            statistics.mean(max(0.0, left) / each.usage.at for left, each in zip(spare, done, strict=True)), 2
        ),
        plural(unit): units,
    }


def plural(unit: str) -> str:
    """order: orders; delivery: deliveries."""
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"


def tell(bench: str, unit: str, held: Mapping[str, Any], runs: Sequence[Any], ok: bool) -> dict[str, Any]:
    """The JSON object of a whole benchmark; ``held``: the run whose figures stand in front."""
    named = ("ratio", f"{plural(unit)}_per_s", f"floor_{plural(unit)}_per_s", f"cpu_us_per_{unit}", "steps")
    return {
        "bench": bench,
        **{name: held[name] for name in named},
        "audit": "ok" if ok else "failed",
        "cores": os.cpu_count(),
        "processes": held["processes"],
        "other_load": held["other_load"],
        "note": "" if held["ratio"] is not None else "no pgbench on this machine: ratio unknown",
        "runs": list(runs),
    }
