"""`bench cards`: one product's stock sold by 64 callers, each card once, beside plain transactions (F7, F8).

The floor is pgbench with `FOR UPDATE SKIP LOCKED`, one order a transaction, at 16 and at 64 clients; the faster
counts. Source: issue 4.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.cards_steps import STEPS, Sold, add_stock, sell_slice
from mingzhang.app.bench.core import open_bench
from mingzhang.app.bench.floor import CLIENTS, Floor, make_schema
from mingzhang.app.bench.rounds import ROUNDS, Round, Say, every_second_core, run_round, sum_up, tell
from mingzhang.app.bench.workers import Workers
from mingzhang.app.desk import Desk
from mingzhang.kit.database import connect
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

CALLERS: Final = 64
FLOOR_CLIENTS: Final = (CLIENTS, CALLERS)
WARM_CARDS: Final = 10_000
WARM_S: Final = 2
FLOOR_RATE_MAX: Final = 20_000  # cards a second that the floor's stock lasts for
SQL: Final = load("mingzhang.app.bench", "cards_stock")


class Shelf:
    """The floor's stock, in its own schema; filled before it is needed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._cards = 0

    async def fill(self, free: int) -> None:
        """At least so many free cards."""
        conn = await connect(await make_schema(self._dsn), command_timeout=None)
        try:
            await conn.execute(SQL.make_marks)
            await conn.execute(SQL.index_marks)
            lacking = free - int(await conn.fetchval(SQL.count_marks))
            if lacking > 0:
                span = (self._cards + 1, self._cards + lacking)
                await conn.execute(SQL.add_cards, *span)
                await conn.execute(SQL.add_marks, *span)
                self._cards += lacking
            await conn.execute(SQL.weigh_marks)
            await conn.execute(SQL.weigh_cards)
        finally:
            await conn.close()


async def run_cards(folder: Path, seconds: int, say: Say) -> dict[str, Any]:
    """The whole benchmark: each round's stock is made to last about ``seconds``, and is sold to the last card."""
    rounds: dict[int, list[Round]] = defaultdict(list)
    counts = sorted({1, every_second_core()})
    async with open_bench(folder) as (desk, server):
        floor, shelf = Floor(desk.settings.database_url, "cards_floor.sql"), Shelf(desk.settings.database_url)
        if floor.possible:
            await shelf.fill(FLOOR_RATE_MAX * WARM_S)
            await floor.run(seconds=WARM_S)
        for n, count in enumerate(counts):
            with Workers(desk.settings, count, sell_slice) as workers:
                per_s = await _warm(desk, workers, f"warm{count}")
                for round_ in range(ROUNDS):
                    say(
                        f"{count} process(es), round {round_ + 1} of {ROUNDS}",
                        (n + round_ / ROUNDS) / len(counts),
                    )
                    name, cards = f"p{count}r{round_}", max(CALLERS, round(per_s * seconds))
                    await add_stock(desk.ctx, name, cards)
                    if floor.possible:
                        await shelf.fill(FLOOR_RATE_MAX * seconds * len(FLOOR_CLIENTS))
                    done = await run_round(
                        workers,
                        floor,
                        server,
                        (CALLERS, seconds * 10, name),
                        FLOOR_CLIENTS,
                        floor_seconds=seconds,
                    )
                    exactly_once(done.parts, cards)
                    rounds[count].append(done)
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
    runs = [sum_up("delivery", STEPS, count, CALLERS, done) for count, done in rounds.items()]
    return tell("cards", "delivery", runs[-1], runs, report.ok)


async def _warm(desk: Desk, workers: Workers, name: str) -> float:
    """Deliveries a second, of a first small stock."""
    await add_stock(desk.ctx, name, WARM_CARDS)
    parts = await asyncio.to_thread(workers.run, CALLERS, 60.0, name)
    exactly_once(parts, WARM_CARDS)
    return sum(part.orders / part.seconds for part in parts)


def exactly_once(parts: Sequence[Any], cards: int) -> None:
    """Every card of the stock was given, and to one caller. Raises Problem `bench_failed`."""
    given = [n for part in parts if isinstance(part, Sold) for n in part.given]
    if len(given) != cards or set(given) != set(range(1, cards + 1)):
        twice = len(given) - len(set(given))
        raise Problem(
            "bench_failed", Kind.INTERNAL, f"{len(given)} deliveries of {cards} cards, {twice} twice"
        )
