"""`simulate --days`: shop days one after the other, with all that comes after an order (R8, R11, R14, R23, R25).

Orders come in waves over each day, the last one across midnight (日切). In the night the channels settle; the bank writes
its statement in the morning; at ten the worker fetches the bills of the day before. After the last day the run goes on until
its last difference had the files of two more days.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as day_time
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mingzhang.app import check
from mingzhang.app.check import Check
from mingzhang.app.check_buyers import Buyers
from mingzhang.app.clocks import exported
from mingzhang.app.days.night import BANK, Night
from mingzhang.app.days.verdict import Breaks, Held, Refunds, Statements, hold
from mingzhang.app.days.walk import SQL, STEP_S, Walker, stepped_clock
from mingzhang.app.demo import SPEED, Demo
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import clock_from_spec
from mingzhang.reconciliation.sources import SOURCES, of_bank

WAVES: Final = (day_time(10, 30), day_time(19, 0), day_time(23, 50))
SETTLED: Final = day_time(2, 0)
STATEMENT: Final = day_time(6, 0)
LISTS: Final = day_time(10, 30)
AFTER_DAYS: Final = 3
OPENS: Final = day_time(9, 30)
CAPITAL_FEN: Final = 50_000_000
PACE_S: Final = 1 / 15  # real; between two buyers
WAVE_CALM_S: Final = 4.0  # real; a wave is over when no order of it changed for so long
WAVE_MAX_S: Final = 60.0  # real; after the last of its buyers acted
REPORTS_MAX_S: Final = 120.0  # real; until every day has its closing report
GRACE: Final = timedelta(seconds=STEP_S + 10 * SPEED)
LOOK_S: Final = 0.5


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the run: its orders, and how long it took, real seconds."""

    day: date
    orders: int
    seconds: float


class DaysVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. Amounts in fen, ``seconds`` real. The keys are described in docs/operations.md."""

    orders: int
    days: list[Day]
    ends: dict[str, int]
    predicted: dict[str, int]
    lost_fen: int
    double_topups: int
    statements: Statements
    breaks: Breaks
    refunds: Refunds
    reports: int
    payouts: dict[str, int]
    instructions: dict[str, int]
    bank_faults: list[dict[str, str]]
    audit: str | list[str]
    clocks: str | list[str]
    steps: int
    stuck: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing doubled, every statement held against the ledger, nothing without its owner."""
        return not self.lost_fen and not self.double_topups and self.audit == "ok" and self.clocks == "ok"


def run_days(chosen: Check, as_json: bool) -> int:
    """Run it and print the verdict on standard output; the exit code is 0 only when everything agrees."""
    verdict = asyncio.run(_run(chosen))
    if as_json:
        sys.stdout.write(msgspec.json.encode(verdict).decode() + "\n")
    else:
        for name, value in msgspec.to_builtins(verdict).items():
            sys.stdout.write(f"{name}: {value}\n")
        sys.stdout.write("ok\n" if verdict.ok else "FAILED\n")
    return 0 if verdict.ok else 1


async def _run(chosen: Check) -> DaysVerdict:
    folder = Path(tempfile.mkdtemp(prefix="mingzhang-days-"))
    prefund = max(check.PREFUND_MIN_FEN, chosen.orders * check.PREFUND_PER_ORDER_FEN)
    first = datetime.now(BEIJING).date()
    demo = Demo(
        folder,
        0,
        settings={"buckets": str(chosen.buckets), "list_every_s": str(check.LIST_EVERY_S)},
        simulators=(
            *("--seed", str(chosen.seed), "--supplier-balance-fen", str(prefund)),
            *("--bank-statement-s", "0", "--bank-balance-fen", str(CAPITAL_FEN)),
        ),
        console=check.progress,
        clock=stepped_clock(folder, _at(first, OPENS)),
    )
    try:
        await demo.start()
        return await _drive(demo, chosen, first)
    finally:
        await demo.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _at(day: date, at: day_time) -> datetime:
    return datetime.combine(day, at, BEIJING)


async def _drive(demo: Demo, chosen: Check, first: date) -> DaysVerdict:
    settings = Settings.from_env(demo.environ)
    desk = await open_desk(settings)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
            return await Run(demo, chosen, settings, desk, http, first).play()
    finally:
        await desk.aclose()


class Run:
    """One run; `play` it once."""

    def __init__(
        self,
        demo: Demo,
        chosen: Check,
        settings: Settings,
        desk: Desk,
        http: aiohttp.ClientSession,
        first: date,
    ) -> None:
        self._demo, self._check, self._settings, self._desk, self._http = demo, chosen, settings, desk, http
        self._clock = clock_from_spec(settings.clock)
        self._days = [first + timedelta(days=n) for n in range(chosen.days)]
        self._buyers = Buyers(http, settings.base_url, settings.control_url, self._clock, chosen.seed)
        self._walker = Walker(http, settings.control_url, desk.pool, self._clock)
        self._night = Night(http, settings.control_url, desk.ctx, chosen.seed)
        self._findings: list[str] = []

    async def play(self) -> DaysVerdict:
        """All days and the days after, then the verdict."""
        started = time.monotonic()
        query = {
            "seed": str(self._check.seed),
            "orders": str(self._check.orders),
            "channels": ",".join(self._check.channels),
            "suppliers": self._check.suppliers.value,
        }
        plan = await check.read_json(
            self._http, f"{self._settings.control_url}/scenarios/{self._check.faults.value}", query
        )
        rows = plan["orders"]
        self._buyers.channels = {row["channel"] for row in rows}
        await self._night.open_account(self._settings.adapters["bank_account"], "days")
        days: list[Day] = []
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=len(self._days) + AFTER_DAYS)
            for n, day in enumerate(self._days):
                began = time.monotonic()
                share = rows[n * len(rows) // len(self._days) : (n + 1) * len(rows) // len(self._days)]
                bar.update(task, description=f"day {n + 1} of {len(self._days)}: {len(share)} orders")
                await self._play_day(n, day, share)
                days.append(Day(day=day, orders=len(share), seconds=round(time.monotonic() - began, 1)))
                bar.advance(task)
            for n in range(AFTER_DAYS):
                bar.update(task, description="days after: bills, statements, reports")
                day = self._days[-1] + timedelta(days=n + 1)
                await self._play_day(len(self._days) + n, day, [])
                bar.advance(task)
            await self._until_reported()
        return await self._judge(rows, days, started)

    async def _play_day(self, n: int, day: date, rows: Sequence[Mapping[str, Any]]) -> None:
        """One day's waves of buyers and, around ten in the morning, the lists of the day before; then its night."""
        before = day - timedelta(days=1)
        for at, part in zip(WAVES, _parts(rows, len(WAVES)), strict=True):
            await self._walker.until(_at(day, at))
            if at == WAVES[0] and before in self._days:
                await self._night.take_lists(before)
            if part:
                await self._wave(part)
        morning = day + timedelta(days=1)
        await self._walker.until(_at(morning, SETTLED))
        await self._night.plant(morning, n, self._check.channels)
        await self._night.settle(self._check.channels)
        if n and day in self._days:
            await self._night.prefund(comes_back=n % 2 == 1)
        await self._walker.until(_at(morning, STATEMENT))
        await self._night.write_statement()

    async def _wave(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Buyers come one after the other; afterwards their orders go on for a while in their own time."""
        acts = (self._buyers.act(row, SPEED, n * PACE_S) for n, row in enumerate(rows))
        results = await asyncio.gather(*acts, return_exceptions=True)
        self._findings += [f"driver: {it!r}" for it in results if isinstance(it, BaseException)]
        give_up, calm_since = time.monotonic() + WAVE_MAX_S, time.monotonic()
        seen: dict[str, str] = {}
        while time.monotonic() < give_up:
            ends = await check.read_ends(self._settings.database_url, self._buyers)
            if ends != seen:
                seen, calm_since = ends, time.monotonic()
            if "open" not in ends.values() or time.monotonic() - calm_since > WAVE_CALM_S:
                break
            await asyncio.sleep(LOOK_S)

    async def _until_reported(self) -> None:
        """The worker makes a day's report at a time, and looks seldom."""
        give_up = time.monotonic() + REPORTS_MAX_S
        while time.monotonic() < give_up:
            if len(await self._desk.pool.fetch(SQL.list_reports, self._days)) == len(self._days):
                return
            await asyncio.sleep(LOOK_S)

    async def _judge(self, rows: Sequence[Mapping[str, Any]], days: list[Day], started: float) -> DaysVerdict:
        bent = (await check.read_json(self._http, f"{self._settings.control_url}/bills/bent"))["bent"]
        looked_at = self._clock.now()
        await self._demo.stop_product()
        held = await self._hold(bent)
        books = await check.read_json(self._http, f"{self._settings.control_url}/books")
        clocks = {"table": exported(), "at": looked_at.isoformat(), "grace_s": GRACE.total_seconds()}
        told = await check.ask_auditor(self._settings.database_url, {"books": books, "clocks": clocks})
        ends = await check.read_ends(self._settings.database_url, self._buyers)
        findings = [*self._findings, *self._night.findings, *held.findings]
        findings += [f"not accounted for: {each}" for each in told["differences"]]
        findings += [f"order {order_id} is still open" for order_id, end in ends.items() if end == "open"]
        findings += await check.audit_own_books(self._settings)
        counts = Counter(ends.values())
        predicted = Counter(row["expected"] for row in rows)
        return DaysVerdict(
            orders=len(ends),
            days=days,
            ends={end: counts[end] for end in check.ENDS},
            predicted={end: predicted[end] for end in check.ENDS},
            lost_fen=told["lost_fen"],
            double_topups=told["double_topups"],
            statements=held.statements,
            breaks=held.breaks,
            refunds=held.refunds,
            reports=held.reports,
            payouts=held.payouts,
            instructions=held.instructions,
            bank_faults=self._night.planted,
            audit=findings or "ok",
            clocks=told["clocks"] or "ok",
            steps=self._walker.steps,
            stuck=self._walker.stuck,
            seconds=round(time.monotonic() - started, 1),
        )

    async def _hold(self, bent: Sequence[Mapping[str, Any]]) -> Held:
        ctx = self._desk.ctx
        sources = [
            source.name
            for source in SOURCES.values()
            if source.party in self._check.channels or source.party == "fulu"
        ]
        sources.append(of_bank(BANK).name)
        async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            return await hold(conn, self._days, sources, bent, self._clock.now(), GRACE)


def _parts(rows: Sequence[Mapping[str, Any]], count: int) -> list[Sequence[Mapping[str, Any]]]:
    """The rows in as many parts, as even as they come."""
    return [rows[n * len(rows) // count : (n + 1) * len(rows) // count] for n in range(count)]
