"""`simulate --disputes`: a plan of orders whose buyers dispute them, under a time that is set forward (R34-R36, R43).

Buyers open disputes of every kind, some before anything was sent; staff answer, ask, offer, solve, decline or say nothing;
the channel takes some of the money back by itself. The run goes on until every dispute had the time for all its terms.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from mingzhang.app import check
from mingzhang.app.check import SQL, Check
from mingzhang.app.check_buyers import Buyers
from mingzhang.app.check_disputants import Disputants
from mingzhang.app.clocks import exported
from mingzhang.app.days.walk import STEP_S, Walker, stepped_clock
from mingzhang.app.demo import SPEED, Demo
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import Clock, clock_from_spec

# When everybody looks at their disputes, hours after the orders ended; the last ones give pauses and a reopening time.
ROUNDS_H: Final = (1, 5, 11, 20, 30, 50, 71, 80, 110, 150, 190, 230, 270, 310, 340)
EARLY_PERCENT: Final = 30
GRACE: Final = timedelta(seconds=STEP_S + 10 * SPEED)


class DisputesVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. ``opened`` by kind, ``outcomes`` of those that ended; ``within``: open and within their clock;
    ``late``: open beyond it; ``missed``: terms by stage, all told to the regulator; ``taken``: trades that the channel took
    back; ``both``: orders delivered and refunded, ``decided``: those of them with their decision on record;
    ``again``: second deliveries that two people decided, which are no double top-ups.
    """

    orders: int
    opened: dict[str, int]
    outcomes: dict[str, int]
    within: int
    late: list[str]
    missed: dict[str, int]
    taken: int
    both: int
    decided: int
    again: int
    lost_fen: int
    double_topups: int
    audit: str | list[str]
    clocks: str | list[str]
    steps: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Every dispute at its end or within its clock, every double decided, nothing lost, no finding."""
        sound = not self.lost_fen and not self.double_topups and not self.late and self.both == self.decided
        return sound and self.audit == "ok" and self.clocks == "ok"


def run_disputes(chosen: Check, as_json: bool) -> int:
    """Run it and print the verdict on standard output; the exit code is 0 only when everything agrees."""
    verdict = asyncio.run(_run(chosen))
    if as_json:
        sys.stdout.write(msgspec.json.encode(verdict).decode() + "\n")
    else:
        for name, value in msgspec.to_builtins(verdict).items():
            sys.stdout.write(f"{name}: {value}\n")
        sys.stdout.write("ok\n" if verdict.ok else "FAILED\n")
    return 0 if verdict.ok else 1


async def _run(chosen: Check) -> DisputesVerdict:
    folder = Path(tempfile.mkdtemp(prefix="mingzhang-disputes-"))
    prefund = max(check.PREFUND_MIN_FEN, chosen.orders * check.PREFUND_PER_ORDER_FEN)
    demo = Demo(
        folder,
        0,
        settings={"buckets": str(chosen.buckets), "list_every_s": str(check.LIST_EVERY_S)},
        simulators=("--seed", str(chosen.seed), "--supplier-balance-fen", str(prefund)),
        console=check.progress,
        clock=stepped_clock(folder, datetime.now(BEIJING)),
    )
    try:
        await demo.start()
        settings = Settings.from_env(demo.environ)
        desk = await open_desk(settings)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
                return await _play(demo, chosen, settings, desk, http)
        finally:
            await desk.aclose()
    finally:
        await demo.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _play(
    demo: Demo, chosen: Check, settings: Settings, desk: Desk, http: aiohttp.ClientSession
) -> DisputesVerdict:
    started = time.monotonic()
    clock = clock_from_spec(settings.clock)
    people = Disputants(desk, http, chosen.seed)
    await people.hire()
    findings = await _orders(chosen, settings, clock, people, http)
    walker = Walker(http, settings.control_url, desk.pool, clock)
    began = clock.now()
    for hours in ROUNDS_H:
        await walker.until(began + timedelta(hours=hours))
        alive = await people.round()
        check.progress.print(
            f"+{hours} h · disputes with a term to come {alive}", markup=False, highlight=False
        )
        if not alive:
            break
    findings += people.errors
    looked_at = clock.now()
    await demo.stop_product()
    books = await check.read_json(http, f"{settings.control_url}/books")
    clocks = {"table": exported(), "at": looked_at.isoformat(), "grace_s": GRACE.total_seconds()}
    told = await check.ask_auditor(
        settings.database_url, {"books": books, "clocks": clocks, "disputes": True}
    )
    findings += [f"not accounted for: {each}" for each in told["differences"]]
    findings += await check.audit_own_books(settings)
    rows = await check.fetch(settings.database_url, SQL.list_disputes)
    return DisputesVerdict(
        orders=chosen.orders,
        opened=dict(sorted(people.opened.items())),
        outcomes=dict(sorted(Counter(row["outcome"] for row in rows if row["outcome"]).items())),
        within=sum(row["state"] != "closed" and row["deadline_at"] + GRACE >= looked_at for row in rows),
        late=[
            row["dispute_id"]
            for row in rows
            if row["state"] != "closed" and row["deadline_at"] + GRACE < looked_at
        ],
        missed={
            row["stage"]: row["n"] for row in await check.fetch(settings.database_url, SQL.count_reports)
        },
        taken=people.taken,
        both=told["disputes"]["both"],
        decided=told["disputes"]["decided"],
        again=told["disputes"]["again"],
        lost_fen=told["lost_fen"],
        double_topups=told["double_topups"] - told["disputes"]["again"],
        audit=findings or "ok",
        clocks=told["clocks"] or "ok",
        steps=walker.steps,
        seconds=round(time.monotonic() - started, 1),
    )


async def _orders(
    chosen: Check, settings: Settings, clock: Clock, people: Disputants, http: aiohttp.ClientSession
) -> list[str]:
    """The plan's buyers; some dispute at once, the others when their order is at its end."""
    query = {
        "seed": str(chosen.seed),
        "orders": str(chosen.orders),
        "channels": ",".join(chosen.channels),
        "suppliers": chosen.suppliers.value,
    }
    plan = await check.read_json(http, f"{settings.control_url}/scenarios/{chosen.faults.value}", query)
    rows = plan["orders"]
    buyers = Buyers(http, settings.base_url, settings.control_url, clock, chosen.seed)
    buyers.channels = {row["channel"] for row in rows}

    async def act(row: dict[str, Any]) -> None:
        await buyers.act(row, SPEED, row["index"] * check.PACE_S)
        if row["index"] % 100 < EARLY_PERCENT and buyers.ids[row["index"]] in buyers.paid:
            await asyncio.sleep(1.0)
            await people.dispute(row["index"], buyers.ids[row["index"]])

    acts = [act(row) for row in rows]
    _, findings = await check.until_all_ended(settings.database_url, buyers, acts, rows, kills=False)
    for index, order_id in sorted(buyers.ids.items()):
        if index % 100 >= EARLY_PERCENT and order_id in buyers.paid:
            await people.dispute(index, order_id)
    return [it for it in findings if not it.startswith("came to no end in time")]
