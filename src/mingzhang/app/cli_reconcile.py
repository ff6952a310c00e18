"""`mingzhang reconcile`: hold a day against the outside world, from fetched bills or from a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mingzhang.app import loop
from mingzhang.app.closing import make_report
from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.reconcile_watch import read_shop
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.reconciliation import flow, payouts
from mingzhang.reconciliation.flow import Given, Judged
from mingzhang.reconciliation.report import Report
from mingzhang.reconciliation.sources import SOURCES, Source, of_bank, source_named

STEPS = {
    "fetch": "fetching",
    "read": "reading lines",
    "ledger": "reading the ledger",
    "match": "matching",
    "differences": "writing differences",
    "done": "done",
}
Say = Callable[[str, float], None]


def reconcile(
    day: Annotated[str, typer.Option(help="the Beijing day, 2026-11-22; without it: yesterday")] = "",
    source: Annotated[
        str, typer.Option(help="one source, or a party; without it: all that are fetched")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="a file as downloaded, for one --source", exists=True, dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Hold a day's bills and lists against the ledger; exit 1 when a file is missing or refused, or a difference is new.

    Repeating it is safe: the same file changes nothing, a corrected file is judged anew.
    """
    content = file.read_bytes() if file is not None else None
    results = loop.run(_run(day, source, file.name if file else "", content))
    if as_json:
        sys.stdout.write(msgspec.json.encode({"days": results}).decode() + "\n")
    else:
        Console().print(table_of(results))
    trouble = any(it["result"] in ("waiting", "refused") or it["opened"] for it in results)
    raise typer.Exit(1 if trouble else 0)


def closing(
    day: Annotated[str, typer.Option(help="the Beijing day, 2026-11-22; without it: yesterday")] = "",
    out: Annotated[Path, typer.Option(help="the folder for the two files", file_okay=False)] = Path(),
) -> None:
    """Make a day's closing report now, and write it as PDF and JSON."""
    made = loop.run(_close(day))
    out.mkdir(parents=True, exist_ok=True)
    for form, body in (("pdf", made.body_pdf), ("json", made.body_json)):
        path = out / f"closing-{made.day}-{made.n}.{form}"
        path.write_bytes(body)
        typer.echo(path)


async def _close(day: str) -> Report:
    desk = await open_desk(settings_here())
    try:
        return await make_report(desk.ctx, _day(day, desk.ctx), await read_shop(desk.ctx))
    finally:
        await desk.aclose()


def _day(text: str, ctx: Context) -> date:
    try:
        return date.fromisoformat(text) if text else _yesterday(ctx)
    except ValueError:
        raise typer.BadParameter("a day looks like 2026-11-22", param_hint="--day") from None


def _chosen(name: str, content: bytes | None) -> list[Source]:
    if content is not None:
        return [source_named(name)]
    if not name:
        return [it for it in SOURCES.values() if it.bill or it.asked]
    of_party = [it for it in SOURCES.values() if it.party == name]
    return of_party or [source_named(name)]


async def _run(day: str, name: str, file_name: str, content: bytes | None) -> list[dict[str, Any]]:
    desk = await open_desk(settings_here())
    try:
        ctx = desk.ctx
        chosen = _day(day, ctx)
        sources = [
            it
            for it in _chosen(name, content)
            if it.party in ctx.channels or it.party in ctx.suppliers or it.side == "bank"
        ]
        if not name:
            async with ctx.pool.acquire() as conn:
                sources += [of_bank(bank) for bank in await payouts.list_banks(conn)]
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        results = []
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            for source in sources:
                task = progress.add_task(source.name, total=1.0)

                def say(step: str, done: float, task: Any = task, name: str = source.name) -> None:
                    progress.update(task, description=f"{name}: {STEPS.get(step, step)}", completed=done)

                results.append(await reconcile_one(ctx, source, chosen, file_name, content, say))
        return results
    finally:
        await desk.aclose()


def _yesterday(ctx: Context) -> date:
    return ctx.now().astimezone(BEIJING).date() - timedelta(days=1)


async def reconcile_one(
    ctx: Context, source: Source, day: date, file_name: str, content: bytes | None, say: Say
) -> dict[str, Any]:
    """One source's day as data; a refusal is a result, too."""
    try:
        if content is None:
            judged = await flow.fetch_day(ctx, source.name, day, say)
        else:
            given = Given(name=file_name, content=content, origin="command")
            judged = await flow.take_file(ctx, source.name, day, given, say)
    except Problem as problem:
        judged = Judged(source=source.name, day=day, result="refused", code=problem.code)
        return {**_told(judged), "why": str(problem), "params": dict(problem.params)}
    return _told(judged)


def _told(judged: Judged) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(judged)
    return told


def table_of(results: list[dict[str, Any]]) -> Table:
    """The summary on a terminal."""
    table = Table(title=f"对账 {results[0]['day']}" if results else "对账", expand=False)
    for name in ("source", "result", "lines", "agreed", "differences", "opened", "closed"):
        table.add_column(name, justify="right" if name in ("lines", "agreed", "opened", "closed") else "left")
    for it in results:
        counts = ", ".join(f"{name} {n}" for name, n in sorted(it["counts"].items())) or "-"
        result = f"{it['result']} ({it['code']})" if it["code"] else it["result"]
        if it["result"] == "refused":
            counts = it["why"]
        numbers = (f"{it['lines']:,}", f"{it['agreed']:,}")
        table.add_row(it["source"], result, *numbers, counts, str(it["opened"]), str(it["closed"]))
    return table
