"""`mingzhang demo` and `mingzhang simulate`: a platform of its own, with simulated outside parties."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from mingzhang.app import demo as supervisor
from mingzhang.app.check import CHANNELS, Check, Faults, Suppliers, run_check
from mingzhang.app.check_disputes import run_disputes
from mingzhang.app.days.run import run_days

KILLS_MAX: Final = 100


def demo(
    port: Annotated[int, typer.Option(help="where the pages are", min=0, max=65_535)] = 8000,
    data_dir: Annotated[
        Path, typer.Option(help="the demo's folder; its database is emptied at every start")
    ] = Path(".data/demo"),
    orders: Annotated[int, typer.Option(help="orders placed after the start", min=0, max=1000)] = 30,
    check: Annotated[int, typer.Option(help="drive this many orders, audit, stop", min=0, max=100_000)] = 0,
    faults: Annotated[Faults, typer.Option(help="with --check: what goes wrong")] = Faults.DEFAULT,
    seed: Annotated[int, typer.Option(help="with --check: the plan's seed")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="with --check: one JSON object")] = False,
) -> None:
    """The whole platform with simulated outside parties, on this machine only."""
    if check:
        raise typer.Exit(run_check(Check(orders=check, seed=seed, faults=faults), as_json))
    raise typer.Exit(asyncio.run(supervisor.run_demo(data_dir, port, orders)))


def simulate(
    orders: Annotated[int, typer.Option(help="how many orders", min=1, max=100_000)],
    seed: Annotated[int, typer.Option(help="the plan's seed")] = 1,
    buckets: Annotated[int, typer.Option(help="buckets the orders are spread over", min=1)] = 1,
    faults: Annotated[Faults, typer.Option(help="what goes wrong")] = Faults.DEFAULT,
    suppliers: Annotated[
        Suppliers, typer.Option(help="who sells: fulu, or all by each product's list")
    ] = Suppliers.FULU,
    kills: Annotated[
        int, typer.Option(help="kill -9 worker, web or PostgreSQL this often", min=0, max=KILLS_MAX)
    ] = 0,
    channels: Annotated[
        str,
        typer.Option(
            help="who is paid through: all, or names with commas between; without it alipay, with --days all"
        ),
    ] = "",
    settle: Annotated[
        bool, typer.Option(help="at the end the channels pay out, into custody at the simulated bank")
    ] = True,
    days: Annotated[
        int,
        typer.Option(help="over so many days: settlement, statements, bills, closing reports", min=0, max=31),
    ] = 0,
    disputes: Annotated[
        bool, typer.Option(help="buyers dispute their orders; the run goes on until every dispute is done")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Drive a seeded plan through a platform of its own and audit it; exit 1 when the books do not agree."""
    chosen = channels or ("all" if days else "alipay")
    named = tuple(CHANNELS if chosen == "all" else chosen.split(","))
    if not set(named) <= set(CHANNELS):
        raise typer.BadParameter(f"known are {', '.join(CHANNELS)}", param_hint="--channels")
    if days and kills:
        raise typer.BadParameter("--days kills nobody", param_hint="--kills")
    check = Check(
        orders=orders,
        seed=seed,
        faults=faults,
        suppliers=suppliers,
        buckets=buckets,
        kills=kills,
        channels=named,
        settle=settle,
        days=days,
        disputes=disputes,
    )
    if disputes:
        raise typer.Exit(run_disputes(check, as_json))
    raise typer.Exit(run_days(check, as_json) if days else run_check(check, as_json))
