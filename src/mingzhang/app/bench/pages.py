"""`bench pages`: every console page, the search by any number, and the order page's first paint, over real HTTP.

Which pages there are is read off the application itself: every address that shows something to staff. One signed-in
person asks one thing after the other; each page is asked for at least RUNS times after it was warmed.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pyotp
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from mingzhang.app.bench.inbound import Server
from mingzhang.app.bench.machine import cpu_of_family, percentile_ms, read_usage
from mingzhang.app.bench.paint import first_paints
from mingzhang.app.bench.plain_http import Line
from mingzhang.app.bench.rounds import Say
from mingzhang.app.cli_load import LOAD_SETTINGS, load_into
from mingzhang.app.console.fill import fill_all
from mingzhang.app.coverage_watch import ensure_coverage, look_at_coverage
from mingzhang.app.demo import ensure_keys
from mingzhang.app.demo_load.loader import Wanted
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.app.here import ENV_FILE
from mingzhang.app.http import create_app
from mingzhang.app.http_guard import Caller, Guard
from mingzhang.app.http_session import STAFF_COOKIE
from mingzhang.app.settings import Settings
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import migrate
from mingzhang.kit.sql import load
from mingzhang.staff import accounts, doors
from mingzhang.staff.model import Office
from mingzhang.staff.rights import Role

SQL: Final = load("mingzhang.app.bench", "pages")
RUNS: Final = 40
SEARCH: Final = "/staff/search"
SEARCH_BEFORE: Final = "/staff/work"  # which opens the order behind a number
WARM: Final = 3
SEARCHES: Final = 60
SAMPLE: Final = 200
TARGETS: Final = {"p95_ms": 300.0, "search_p95_ms": 50.0, "first_paint_ms": 1000.0}
# Not pages: streams, files, and what signs people out.
NO_PAGES: Final = re.compile(r"/(live|stream|export|sign-in|csv|xlsx|download)(/|$|\.)")
FRONT: Final = ("/", "/?q=话费", "/products/{product_id}", "/trust")
_PART: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


async def run_pages(folder: Path, orders: int, data_dir: Path | None, runs: int, say: Say) -> dict[str, Any]:
    """The whole benchmark. ``data_dir``: a folder that `load-demo --data-dir` filled, instead of loading anew."""
    async with _open(folder, orders, data_dir, say) as (desk, database):
        cookie, parts = await _sign_in(desk), await _parts(desk)
        before = read_usage(database.pid)
        with tempfile.TemporaryDirectory(prefix="mingzhang-pages-") as logs:
            server = Server(_environ(desk), Path(logs) / "web.log")
            try:
                await server.ready()
                asker = _Asker(server.port, cookie)
                pages = console_pages(create_app(desk))
                console = await _ask_pages(asker, pages, parts, runs, say)
                front = await _ask_pages(asker, FRONT, parts, runs, say)
                search = await _search(asker, desk, pages, say)
                say("first paint", 0.95)
                paints = await first_paints(desk, server.port, parts["order_id"])
                used = read_usage(database.pid).since(before)
                spare = used.machine - used.own - used.server - cpu_of_family(server.process.pid)
                total = int(await desk.pool.fetchval(SQL.count_all))
            finally:
                server.process.terminate()
                await asyncio.to_thread(server.process.wait, 10)
    return sum_up_pages(total, console, front, search, paints, round(max(0.0, spare) / used.at, 2))


@asynccontextmanager
async def _open(
    folder: Path, orders: int, data_dir: Path | None, say: Say
) -> AsyncIterator[tuple[Desk, EmbeddedPostgres]]:
    where = data_dir or folder
    if data_dir is not None and not (data_dir / ENV_FILE).exists():
        raise Problem("bench_failed", Kind.NOT_FOUND, f"{data_dir} was not filled by `load-demo --data-dir`")
    database = EmbeddedPostgres(where / "postgres", LOAD_SETTINGS)
    dsn = await asyncio.to_thread(database.start)
    try:
        await migrate(dsn)
        keys = where.absolute() / "keys"
        ensure_keys(keys)
        secret = bytes.fromhex((keys / "secret.hex").read_text(encoding="ascii"))
        settings = Settings(database_url=dsn, secret_key=secret)
        if data_dir is None:
            done = 0

            def loaded(more: int) -> None:
                nonlocal done
                done += more
                say(f"{done:,} orders loaded", 0.5 * done / orders)

            wanted = Wanted(orders=orders, days=90, seed=1, now=datetime.now(UTC))
            await load_into(settings, wanted, loaded)
        desk = await open_desk(settings)
        try:
            say("the console's tables", 0.5)
            await fill_all(desk.ctx)
            await ensure_coverage(desk.ctx)
            await look_at_coverage(desk.ctx)
            yield desk, database
        finally:
            await desk.aclose()
    finally:
        await asyncio.to_thread(database.stop)


def _environ(desk: Desk) -> dict[str, str]:
    secret = desk.settings.secret_key.hex()
    return {"MINGZHANG_DATABASE_URL": desk.settings.database_url, "MINGZHANG_SECRET_KEY": secret}


async def _sign_in(desk: Desk) -> str:
    """A member of staff with every role and the second factor; the session's token."""
    ctx = desk.ctx
    office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
    name, password = f"bench-{time.time_ns()}", os.urandom(12).hex()
    await accounts.add(office, name, password, list(Role))
    secret = pyotp.random_base32()
    # The code before the present one proves the factor, so that the present one is left for signing in.
    app, at = pyotp.TOTP(secret), int(office.phone.now().timestamp())
    await accounts.set_totp(office, name, secret, app.at(at - 30))
    token = await doors.sign_in(office, name, password, app.at(at))
    if token is None:
        raise Problem("bench_failed", Kind.INTERNAL, "nobody could sign in")
    return token


async def _parts(desk: Desk) -> dict[str, list[str]]:
    """What to put into addresses: orders, items, products."""
    parts: dict[str, list[str]] = defaultdict(list)
    async with desk.pool.acquire() as conn:
        for row in await conn.fetch(SQL.sample_orders, "pages", SAMPLE, timeout=120):
            parts["order_id"].append(row["order_id"])
        for row in await conn.fetch(SQL.sample_parts):
            parts[row["part"]].append(row["value"])
    return parts


def console_pages(app: Litestar) -> list[str]:
    """Every address that shows staff a page, as written at its handler."""
    found = set()
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if not isinstance(handler, HTTPRouteHandler) or "GET" not in handler.http_methods:
                continue
            guards = [guard for guard in handler.resolve_guards() if isinstance(guard, Guard)]
            if any(guard.caller is Caller.STAFF for guard in guards) and not NO_PAGES.search(route.path):
                found.add(route.path)
    return sorted(found)


class _Asker:
    """One signed-in person's browser."""

    def __init__(self, port: int, cookie: str) -> None:
        self._line = Line("127.0.0.1", port)
        self._headers = f"Cookie: {STAFF_COOKIE}={cookie}\r\nAccept: text/html\r\nAccept-Language: zh-CN\r\n"

    async def ask(self, path: str) -> tuple[int, float]:
        """Status and seconds."""
        begun = time.perf_counter()
        said = await self._line.ask("GET", path, headers=self._headers)
        return said.status, time.perf_counter() - begun


async def _ask_pages(
    asker: _Asker, pages: Sequence[str], parts: Mapping[str, Sequence[str]], runs: int, say: Say
) -> dict[str, list[float]]:
    """Seconds by page; a page whose parts are not known, or that only leads elsewhere, is left out."""
    took: dict[str, list[float]] = {}
    for n, page in enumerate(pages):
        say(page, 0.5 + 0.3 * n / len(pages))
        names = _PART.findall(page)
        if any(not parts.get(name) for name in names):
            continue
        laps: list[float] = []
        for run in range(WARM + runs):
            filled = _PART.sub(lambda match, run=run: parts[match[1]][run % len(parts[match[1]])], page)  # type: ignore[misc]
            status, seconds = await asker.ask(_quoted(filled))
            if status >= 400:
                raise Problem("bench_failed", Kind.INTERNAL, f"{filled}: {status}")
            if status >= 300:
                break
            if run >= WARM:
                laps.append(seconds)
        if laps:
            took[page] = laps
    return took


def _quoted(path: str) -> str:
    return quote(path, safe="/?=&")


async def _search(asker: _Asker, desk: Desk, pages: Sequence[str], say: Say) -> dict[str, list[float]]:
    """Seconds by kind of number, each searched once: what staff type is hardly ever warm."""
    say("search", 0.85)
    took: dict[str, list[float]] = {}
    where = SEARCH if SEARCH in pages else SEARCH_BEFORE
    for kind, values in (await _numbers(desk, by_contact=where == SEARCH)).items():
        laps = []
        for value in values:
            status, seconds = await asker.ask(_quoted(f"{where}?q={value}"))
            if status >= 400:
                raise Problem("bench_failed", Kind.INTERNAL, f"{kind} {value}: {status}")
            laps.append(seconds)
        if laps:
            took[kind] = laps
    return took


async def _numbers(desk: Desk, *, by_contact: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    async with desk.pool.acquire() as conn:
        for row in await conn.fetch(SQL.sample_orders, "search", SEARCHES, timeout=120):
            found["order"].append(row["order_id"])
            if by_contact:
                found["contact"].append(desk.ctx.vault.open(row["contact_enc"]))
        for kind in ("transaction", "supplier", "serial"):
            rows = await conn.fetch(SQL.sample_numbers, kind, "search", SEARCHES, timeout=120)
            found[kind] = [row["value"] for row in rows]
        for row in await conn.fetch(SQL.sample_own_numbers, "search", SEARCHES, timeout=120):
            found[row["kind"]].append(row["value"])
    return found


def sum_up_pages(
    orders: int,
    console: Mapping[str, list[float]],
    front: Mapping[str, list[float]],
    search: Mapping[str, list[float]],
    paints: Sequence[float],
    other_load: float,
) -> dict[str, Any]:
    by_page = {page: percentile_ms(laps, 0.95) for page, laps in console.items()}
    slowest = max(by_page, key=lambda page: by_page[page])
    by_kind = {kind: percentile_ms(laps, 0.95) for kind, laps in search.items()}
    paint = sorted(paints)[len(paints) // 2] if paints else None
    held: dict[str, float | None] = {
        "p95_ms": by_page[slowest],
        "search_p95_ms": max(by_kind.values()),
        "first_paint_ms": paint,
    }
    short = [name for name, most in TARGETS.items() if (held[name] or 0.0) >= most]
    return {
        "bench": "pages",
        **held,
        "slowest": slowest,
        "orders": orders,
        "short_of_target": short,
        "pages_ms": {page: _lap(laps) for page, laps in sorted(console.items())},
        "front_ms": {page: _lap(laps) for page, laps in front.items()},
        "search_ms": {kind: _lap(laps) for kind, laps in search.items()},
        "cores": os.cpu_count(),
        "other_load": other_load,
        "runs": {"a page": len(next(iter(console.values()))), "searches": SEARCHES, "paints": len(paints)},
        "audit": "not run",
        "note": "" if paints else "no Chromium or playwright on this machine: first paint unknown",
    }


def _lap(laps: list[float]) -> dict[str, float]:
    return {"p50": percentile_ms(laps, 0.5), "p95": percentile_ms(laps, 0.95)}
