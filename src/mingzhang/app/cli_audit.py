"""`mingzhang audit`: every invariant of the books; with `--log` the tamper drill: the public record made anew as well."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from mingzhang.app.audit import AuditReport, run_audit
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.oversight_watch import told_of
from mingzhang.app.transparency import signer_of
from mingzhang.kit.database import transaction
from mingzhang.oversight import chores
from mingzhang.transparency.recheck import Trouble, recheck

out: Final = Console()


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """What the drill of the record found: each row that says something else than what was recorded."""

    entries: int
    ok: bool
    troubles: list[Trouble]


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """Both: the books against themselves, and the books against the record."""

    ok: bool
    audit: AuditReport
    log: Drill


def audit(
    full: Annotated[bool, typer.Option("--full", help="from the first row on")] = False,
    log: Annotated[
        bool,
        typer.Option("--log", help="from the first row on, and the public record made anew from the books"),
    ] = False,
    ask: Annotated[
        bool, typer.Option(help="ask outside parties again where state and money disagree")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Check every invariant since the last clean audit, or all; exit 1 when something is wrong, naming the rows."""
    report, drill = asyncio.run(_work(full=full or log, log=log, ask=ask))
    ok = report.ok and (drill is None or drill.ok)
    if as_json:
        told = report if drill is None else Whole(ok=ok, audit=report, log=drill)
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        _say(report, drill)
    raise typer.Exit(0 if ok else 1)


async def _work(*, full: bool, log: bool, ask: bool) -> tuple[AuditReport, Drill | None]:
    desk = await open_desk(settings_here())
    try:
        report = await run_audit(desk.ctx, full, ask=ask)
        return report, await run_drill(desk) if log else None
    finally:
        await desk.aclose()


async def run_drill(desk: Desk) -> Drill:
    """The record made anew from the books; the result is kept for the overseers' page."""
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("entries", total=None)

        def tell(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        entries, troubles = await recheck(desk.pool, signer_of(desk.settings).verifier, tell)
    async with transaction(desk.pool) as conn:
        await chores.set_told(conn, "drill", desk.clock.now(), told_of(entries, troubles))
    return Drill(entries=entries, ok=not troubles, troubles=troubles)


def _say(report: AuditReport, drill: Drill | None) -> None:
    for line in report.lines:
        out.print(line, markup=False)
    for trouble in drill.troubles if drill else ():
        out.print(f"log {trouble.table} {trouble.row}: {trouble.what}", markup=False)
    out.print(
        f"{'ok' if report.ok else 'FAILED'} ({report.scope}): {report.subjects} of {report.orders} orders "
        f"and other subjects checked, {report.found} findings, {report.missing_fen} fen missing"
    )
    if drill is not None:
        state = "every row says what was recorded" if drill.ok else f"{len(drill.troubles)} rows differ"
        out.print(f"{'ok' if drill.ok else 'FAILED'} (log): {drill.entries} entries made anew, {state}")
