"""The whole path with simulated outside parties on the same cores: what an order costs each process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from mingzhang.app.bench.machine import cpu_of_family
from mingzhang.app.check import Check, Faults, drive_and_audit
from mingzhang.app.demo import Demo

# Twice what they cost: a shop stops its sale before its balance there runs out.
PREFUND_PER_ORDER_FEN: Final = 20_000


async def run_whole(folder: Path, orders: int) -> dict[str, Any]:
    """So many orders from placing to arrival, over real HTTP on every side; no ratio, there is no floor for it."""
    prefund = str(orders * PREFUND_PER_ORDER_FEN)
    simulators = ("--seed", "1", "--supplier-balance-fen", prefund)
    demo = Demo(folder, 0, simulators=simulators, console=Console(quiet=True))
    spent: dict[str, float] = {}
    try:
        await demo.start()
        before = {name: cpu_of_family(pid) for name, pid in demo.pids.items()}
        buyers, begun = time.process_time(), time.monotonic()

        def at_end() -> None:
            spent.update({name: cpu_of_family(pid) - before[name] for name, pid in demo.pids.items()})
            spent["buyers"] = time.process_time() - buyers
            spent["seconds"] = time.monotonic() - begun

        verdict = await drive_and_audit(demo, Check(orders=orders, faults=Faults.NONE), at_end)
    finally:
        await demo.stop()
    seconds = spent.pop("seconds")
    return {
        "orders": orders,
        "orders_per_s": round(orders / seconds, 1),
        "arrived": verdict.arrived,
        "cpu_us_per_order": {name: round(cpu_s / orders * 1e6) for name, cpu_s in spent.items()},
        "audit": "ok" if verdict.ok else "failed",
    }
