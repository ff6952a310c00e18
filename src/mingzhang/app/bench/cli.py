"""`mingzhang bench`: how much work the hot path does, as ratios, in one JSON object."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mingzhang.app import loop
from mingzhang.app.bench.cards import run_cards
from mingzhang.app.bench.core import run_core
from mingzhang.app.bench.inbound import run_inbound
from mingzhang.app.bench.pages import RUNS, run_pages
from mingzhang.app.bench.reconcile import run_reconcile
from mingzhang.app.bench.record import CALLERS, run_log

app = typer.Typer(no_args_is_help=True, help="Measure: ratios against plain transactions, side by side.")
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object")]
Seconds = Annotated[int, typer.Option(help="of each run; there are several", min=1, max=60)]


class Channels(StrEnum):
    """Whose payments are opened and told of."""

    ALIPAY = "alipay"
    ALL = "all"


Run = Callable[[Path, int, Callable[[str, float], None]], Awaitable[dict[str, Any]]]


def _bench(run: Run, seconds: int, as_json: bool) -> None:
    err = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="mingzhang-bench-", ignore_cleanup_errors=True) as folder,
        Progress(*columns, console=err, transient=True) as progress,
    ):
        task = progress.add_task("starting", total=1.0)

        def say(text: str, done: float) -> None:
            progress.update(task, description=text, completed=done)

        result = loop.run(_work(run, Path(folder), seconds, say))
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        Console().print_json(data=result)
    raise typer.Exit(0 if result["audit"] in ("ok", "not run") else 1)


async def _work(run: Run, folder: Path, seconds: int, say: Callable[[str, float], None]) -> dict[str, Any]:
    return await run(folder, seconds, say)


@app.command()
def core(seconds: Seconds = 4, as_json: AsJson = False) -> None:
    """An ordinary order's steps in process, beside pgbench writing the same rows in plain transactions."""
    _bench(run_core, seconds, as_json)


@app.command()
def http(
    seconds: Seconds = 4,
    channels: Annotated[Channels, typer.Option(help="alipay, or all mixed")] = Channels.ALIPAY,
    as_json: AsJson = False,
) -> None:
    """The inbound side over HTTP at 64 connections, beside pgbench writing the same rows."""
    _bench(partial(run_inbound, every_channel=channels is Channels.ALL), seconds, as_json)


@app.command()
def cards(seconds: Seconds = 4, as_json: AsJson = False) -> None:
    """One product's own stock sold by 64 callers, each card once, beside pgbench with FOR UPDATE SKIP LOCKED."""
    _bench(run_cards, seconds, as_json)


@app.command("log")
def record(
    seconds: Annotated[int, typer.Option(help="of each half", min=1, max=120)] = 20,
    callers: Annotated[
        int, typer.Option(help="who place orders at the same time", min=1, max=4096)
    ] = CALLERS,
    as_json: AsJson = False,
) -> None:
    """How far the public record is behind many callers' orders, and how fast it catches up after a standstill."""
    _bench(partial(run_log, callers=callers), seconds, as_json)


@app.command()
def reconcile(
    rows: Annotated[
        int, typer.Option(help="channel lines, and as many supplier lines", min=1000)
    ] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    growth: Annotated[bool, typer.Option(help="also at a tenth and at three times the size")] = True,
    as_json: AsJson = False,
) -> None:
    """A generated day held against its ledger on three sides, every planted difference found, beside the bare join."""

    async def run(folder: Path, _: int, say: Callable[[str, float], None]) -> dict[str, Any]:
        return await asyncio.to_thread(run_reconcile, folder, rows, seed, growth, say)

    _bench(run, 0, as_json)


@app.command()
def pages(
    orders: Annotated[
        int, typer.Option(help="loaded before, into a database of its own", min=10)
    ] = 1_000_000,
    data_dir: Annotated[
        Path | None, typer.Option(help="what `load-demo --data-dir` filled, instead of loading anew")
    ] = None,
    runs: Annotated[int, typer.Option(help="of each page", min=5, max=1000)] = RUNS,
    as_json: AsJson = False,
) -> None:
    """Every console page, the search by any number, and the order page's first paint, in a shop of that size."""

    async def run(folder: Path, _: int, say: Callable[[str, float], None]) -> dict[str, Any]:
        return await run_pages(folder, orders, data_dir, runs, say)

    _bench(run, 0, as_json)
