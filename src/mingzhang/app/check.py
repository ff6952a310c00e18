"""A checked run: a platform of its own, a seeded plan of orders and faults, and at the end both audits (R12)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec
from rich.console import Console

from mingzhang.app.audit import run_audit
from mingzhang.app.check_buyers import Buyers
from mingzhang.app.check_kills import Intent, Kill, Killer, heard_numbers, plan_kills
from mingzhang.app.check_settle import settle_all
from mingzhang.app.clocks import exported
from mingzhang.app.demo import SPEED, Demo
from mingzhang.app.desk import open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import DATABASE_AWAY, connect
from mingzhang.kit.sql import load

SQL = load("mingzhang.app", "check")
ENDS: Final = ("arrived", "refunded", "waiting_for_person", "closed")
WAIT_S: Final = 90.0  # real; every order may add a little to it
WAIT_PER_ORDER_S: Final = 0.3
LOOK_S: Final = 0.5
CALM_S: Final = 2.0  # real; all orders at an end for this long is the end
LATE_CALM_S: Final = 22.0  # real; the same after kills: two of a silent supplier's slow questions
LATE_SUCCESS_S: Final = 12.0  # real; a success after a refusal is eight seconds late
LATE_WORDS: Final = frozenset({"success_then_reversed", "success_after_failure"})
PREFUND_PER_ORDER_FEN: Final = 10_000
PREFUND_MIN_FEN: Final = 100_000_000
KILLS_WITHIN_S: Final = 15.0  # real; most of what an order does lies in it
PACE_S: Final = 1 / 15  # real; between two buyers
SPREAD_S: Final = 10.0  # real; with kills the buyers come one after the other, so that every step is hit
GRACE_REAL_S: Final = 10.0  # so late may the worker's look at a row be when everything stops
LIST_EVERY_S: Final = 480.0  # the shop's seconds between passes over a channel's own list
LISTED: Final = frozenset({"epay"})  # whose list shows a trade at once; WeChat's bill is ready the next day
DATABASE_DOWN: Final = (*DATABASE_AWAY, asyncpg.PostgresError)
progress = Console(stderr=True)


class Faults(StrEnum):
    """What goes wrong: the simulators' plan of that name."""

    DEFAULT = "default"
    PAYMENT = "payment"
    SUPPLY = "supply"
    NONE = "none"
    ALL = "all"


class Suppliers(StrEnum):
    """Who sells: 福禄 alone, or every product of the sample shop by its list of suppliers."""

    FULU = "fulu"
    ALL = "all"


CHANNELS: Final = ("alipay", "wechat", "epay")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``kills``: how often a process of the product or PostgreSQL is killed under way. ``settle``: at the end
    every channel pays out, into custody at the simulated bank. ``days``: over so many days (`app.days`), else at once.
    ``disputes``: buyers dispute their orders (`app.check_disputes`)."""

    orders: int
    seed: int = 1
    faults: Faults = Faults.DEFAULT
    suppliers: Suppliers = Suppliers.FULU
    buckets: int = 1
    kills: int = 0
    channels: tuple[str, ...] = ("alipay",)
    settle: bool = False
    days: int = 0
    disputes: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How often payments came to be known in one way, and how long after the buyer paid, the shop's seconds."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. Amounts in fen, ``seconds`` real; ``audit`` is "ok" or what is wrong, line by line;
    ``clocks`` likewise: rows that waited longer than the printed table allows, or whose end is not on record.

    ``predicted`` is the scenario's, but that an order of ``never_sent`` (a kill came between the intent and the
    call to the supplier) waits for a person instead. ``lapsed``: orders that could not be paid in their window
    because the shop was out of service; their buyers placed them anew. ``found``: how payments came to be known:
    notify, question_after_notify (a weakly signed one), and for lost notifies sweep, claim or day_end (the
    channel's own list). ``claims``: how many buyers and guessers made. ``aside``: further or other money by what
    became of it.
    """

    orders: int
    arrived: int
    refunded: int
    waiting_for_person: int
    closed: int
    lost_fen: int
    double_topups: int
    audit: str | list[str]
    clocks: str | list[str]
    predicted: dict[str, int]
    kills: list[Kill]
    never_sent: int
    lapsed: int
    channels: dict[str, int]
    found: dict[str, Found]
    aside: dict[str, int]
    claims: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Every count as predicted, nothing lost, nothing topped up twice, no finding."""
        counts = {end: getattr(self, end) for end in ENDS}
        sound = not self.lost_fen and not self.double_topups
        return counts == self.predicted and sound and self.audit == "ok" and self.clocks == "ok"


def run_check(check: Check, as_json: bool) -> int:
    """Run it and print the verdict on standard output; the exit code is 0 only when everything agrees."""
    verdict = asyncio.run(_run(check))
    if as_json:
        sys.stdout.write(msgspec.json.encode(verdict).decode() + "\n")
    else:
        for name, value in msgspec.to_builtins(verdict).items():
            sys.stdout.write(f"{name}: {value}\n")
        sys.stdout.write("ok\n" if verdict.ok else "FAILED\n")
    return 0 if verdict.ok else 1


async def _run(check: Check) -> Verdict:
    folder = Path(tempfile.mkdtemp(prefix="mingzhang-check-"))
    prefund = max(PREFUND_MIN_FEN, check.orders * PREFUND_PER_ORDER_FEN)
    demo = Demo(
        folder,
        0,
        settings={"buckets": str(check.buckets), "list_every_s": str(LIST_EVERY_S)},
        simulators=("--seed", str(check.seed), "--supplier-balance-fen", str(prefund)),
        console=progress,
    )
    try:
        await demo.start()
        return await drive_and_audit(demo, check)
    finally:
        await demo.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def drive_and_audit(demo: Demo, check: Check, at_end: Callable[[], None] = lambda: None) -> Verdict:
    """Drive the plan through a platform that runs, then audit it. `at_end` is called before anything is stopped."""
    started = time.monotonic()
    settings = Settings.from_env(demo.environ)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        query = {
            "seed": str(check.seed),
            "orders": str(check.orders),
            "channels": ",".join(check.channels),
            "suppliers": check.suppliers.value,
        }
        plan = await read_json(http, f"{settings.control_url}/scenarios/{check.faults.value}", query)
        clock = clock_from_spec(settings.clock)
        buyers = Buyers(http, settings.base_url, settings.control_url, clock, check.seed)
        buyers.channels = {row["channel"] for row in plan["orders"]}
        killer = Killer(demo, clock, plan_kills(check.seed, check.kills, KILLS_WITHIN_S))
        ends, findings = await _drive(demo, check, plan["orders"], buyers, killer)
        if check.settle:
            findings += await settle_all(settings, http, check.channels)
        at_end()
        looked_at = clock.now()
        await demo.stop_product()
        books = await read_json(http, f"{settings.control_url}/books")
    clocks = {"table": exported(), "at": looked_at.isoformat(), "grace_s": GRACE_REAL_S * SPEED}
    told = await ask_auditor(settings.database_url, {"books": books, "clocks": clocks})
    findings += [f"not accounted for: {json.dumps(each)}" for each in told["differences"]]
    unsent = killer.never_sent(await _unanswered(settings.database_url), heard_numbers(books))
    expected = _expect(plan["orders"], buyers.ids, unsent)
    findings += surprises(plan["orders"], expected, buyers.ids, ends)
    findings += await audit_own_books(settings)
    counts, predicted = Counter(ends.values()), Counter(expected.values())
    return Verdict(
        orders=len(ends),
        arrived=counts["arrived"],
        refunded=counts["refunded"],
        waiting_for_person=counts["waiting_for_person"],
        closed=counts["closed"],
        lost_fen=told["lost_fen"],
        double_topups=told["double_topups"],
        audit=findings or "ok",
        clocks=told["clocks"] or "ok",
        predicted={end: predicted[end] for end in ENDS},
        kills=killer.done,
        lapsed=len(buyers.lapsed),
        channels=dict(Counter(row["channel"] for row in plan["orders"])),
        found=_how_found(books, await fetch(settings.database_url, SQL.list_found)),
        aside={row["state"]: row["n"] for row in await fetch(settings.database_url, SQL.count_aside)},
        claims=buyers.claimant.made,
        never_sent=sum(expected[row["index"]] != row["expected"] for row in plan["orders"]),
        seconds=round(time.monotonic() - started, 1),
    )


async def _drive(
    demo: Demo, check: Check, rows: list[dict[str, Any]], buyers: Buyers, killer: Killer
) -> tuple[dict[str, str], list[str]]:
    """Buyers, killer and supervisor at once; the ends by order, and what went wrong. Afterwards nobody watches."""
    stop = asyncio.Event()
    watching = asyncio.create_task(demo.watch(stop)) if check.kills else None
    # A crowd that comes at once would wait longer at the door than the payment window, ×60, is open.
    step_s = max(PACE_S, SPREAD_S / len(rows)) if check.kills and rows else PACE_S
    acts = [buyers.act(row, SPEED, row["index"] * step_s) for row in rows]
    try:
        dsn = Settings.from_env(demo.environ).database_url
        ends, findings = await until_all_ended(dsn, buyers, [*acts, killer.run()], rows, bool(check.kills))
    finally:
        stop.set()
        if watching is not None:
            await watching
    if not check.kills:
        findings += [
            f"order {order_id} could not be paid in its window" for order_id in sorted(buyers.lapsed)
        ]
    else:
        findings += [*killer.findings(demo.restarts), *demo.own_ends]
    return ends, findings


def _expect(rows: list[dict[str, Any]], ids: dict[int, str], unsent: set[str]) -> dict[int, str]:
    """The end of each plan row: the scenario's, or the wait for a person when its instruction never went out."""
    return {
        row["index"]: "waiting_for_person" if ids.get(row["index"]) in unsent else row["expected"]
        for row in rows
    }


def _how_found(books: dict[str, Any], facts: list[Any]) -> dict[str, Found]:
    """By way: from the moment the channel's own books have to the moment the fact was on record."""
    paid_at = {
        (party, trade["trade_no"]): datetime.fromisoformat(trade["paid_at"])
        for party, book in books.items()
        for trade in book.get("trades", ())
        if trade.get("paid_at")
    }
    took = defaultdict[str, list[float]](list)
    for fact in facts:
        at = paid_at.get((fact["party"], fact["external_id"]))
        if at is not None:
            took[fact["way"]].append(max(0.0, (fact["known_at"] - at).total_seconds()))
    return {way: _found(sorted(waits)) for way, waits in sorted(took.items())}


def _found(waits: list[float]) -> Found:
    p99 = waits[min(len(waits) - 1, len(waits) * 99 // 100)]
    return Found(
        count=len(waits),
        p50_s=round(statistics.median(waits), 1),
        p99_s=round(p99, 1),
        max_s=round(waits[-1], 1),
    )


async def read_json(
    http: aiohttp.ClientSession, url: str, query: dict[str, str] | None = None
) -> dict[str, Any]:
    async with http.get(url, params=query) as answer:
        answer.raise_for_status()
        told: dict[str, Any] = await answer.json()
        return told


async def until_all_ended(
    dsn: str, buyers: Buyers, acts: list[Any], rows: list[dict[str, Any]], kills: bool
) -> tuple[dict[str, str], list[str]]:
    """Let everybody act and wait for every order, within a limit; the ends by order, and what went wrong."""
    tasks = [asyncio.create_task(act) for act in acts]
    told = LATE_WORDS & {fault["name"] for row in rows for fault in row["faults"]}
    acted_at = buyers.now()
    give_up = time.monotonic() + WAIT_S + WAIT_PER_ORDER_S * len(rows)
    calm_since, seen, ends = time.monotonic(), {"": ""}, dict[str, str]()
    try:
        while time.monotonic() < give_up:
            ends = await read_ends(dsn, buyers) or ends
            if ends != seen:
                calm_since, seen = time.monotonic(), ends
                _tell(ends)
            acted = all(task.done() for task in tasks)
            if not acted:
                acted_at = buyers.now()
            settled = acted and await _nothing_under_way(dsn, buyers, acted_at)
            as_planned = all(ends.get(buyers.ids.get(row["index"], "")) == row["expected"] for row in rows)
            # After a kill an order may be late: the buyer has a choice already and the goods are still to come.
            # So is a success that is taken back and found by asking again, or that comes after the refusal.
            calm_s = CALM_S if as_planned or not (kills or told) else LATE_CALM_S
            if "success_after_failure" in told:
                calm_s = max(calm_s, LATE_SUCCESS_S)
            if settled and "open" not in ends.values() and time.monotonic() - calm_since >= calm_s:
                break
            await asyncio.sleep(LOOK_S)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    findings = [f"driver: {error!r}" for error in results if isinstance(error, BaseException)]
    still_open = [order_id for order_id, end in ends.items() if end == "open"]
    findings += [
        "came to no end in time: " + ", ".join(f"{name} {value}" for name, value in row.items())
        for row in await fetch(dsn, SQL.list_open, still_open)
    ]
    return ends, findings


async def _nothing_under_way(dsn: str, buyers: Buyers, acted_at: datetime) -> bool:
    """No money on its way back, no question open, and the channels' own lists read since the last buyer acted."""
    try:
        (row,) = await fetch(dsn, SQL.count_under_way)
        (last,) = await fetch(dsn, SQL.read_last_pass, list(LISTED & buyers.channels))
    except DATABASE_DOWN:
        return False
    listed = not LISTED & buyers.channels or (last["done_at"] is not None and last["done_at"] > acted_at)
    return row["n"] == 0 and listed


async def read_ends(dsn: str, buyers: Buyers) -> dict[str, str]:
    """Every order's end as it stands; nothing while the database is down."""
    try:
        rows = await fetch(dsn, SQL.list_ends)
    except DATABASE_DOWN:
        return {}
    ends = {
        row["order_id"]: end_of(row["state"], row["next_actor"], row["order_id"] in buyers.paid)
        for row in rows
    }
    # What lapsed in an outage was placed anew; it must be closed like any unpaid order, and counts for nothing.
    return {
        order_id: end for order_id, end in ends.items() if end != "closed" or order_id not in buyers.lapsed
    }


async def _unanswered(dsn: str) -> list[Intent]:
    return [Intent(**dict(row)) for row in await fetch(dsn, SQL.list_unanswered)]


async def fetch(dsn: str, statement: str, *arguments: object) -> list[Any]:
    """One reading over a connection of its own: the server may have been killed since the last."""
    connection = await connect(dsn)
    try:
        rows: list[Any] = await connection.fetch(statement, *arguments)
        return rows
    finally:
        await connection.close()


def end_of(state: str, next_actor: str, paid: bool) -> str:
    """One of ENDS, else "open". A closed order whose buyer has paid is not at its end: the money will come."""
    if state == "closed":
        return "open" if paid else "closed"
    if state == "needs_person" or (state == "supplying" and next_actor in ("buyer", "person")):
        return "waiting_for_person"
    return {"delivered": "arrived", "refunded": "refunded"}.get(state, "open")


def _tell(ends: dict[str, str]) -> None:
    counts = Counter(ends.values())
    text = " · ".join(f"{name} {counts[name]}" for name in (*ENDS, "open") if counts[name])
    progress.print(text or "…", markup=False, highlight=False)


def surprises(
    rows: list[dict[str, Any]], expected: dict[int, str], ids: dict[int, str], ends: dict[str, str]
) -> list[str]:
    """Orders that did not end as predicted, even when the counts happen to agree."""
    found = []
    for row in rows:
        order_id = ids.get(row["index"], "")
        end, predicted = ends.get(order_id, "missing"), expected[row["index"]]
        if end != predicted:
            found.append(f"order {order_id} ({row['recipe']}): {end}, predicted {predicted}")
    return found


async def ask_auditor(dsn: str, given: dict[str, Any]) -> dict[str, Any]:
    """The auditor is a program of its own that shares no code with us."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auditor",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "AUDITOR_DATABASE_URL": dsn},
    )
    answer, _ = await process.communicate(json.dumps(given).encode())
    told: dict[str, Any] = json.loads(answer)
    return told


async def audit_own_books(settings: Settings) -> list[str]:
    desk = await open_desk(settings)
    try:
        return (await run_audit(desk.ctx, full=True)).lines
    finally:
        await desk.aclose()
