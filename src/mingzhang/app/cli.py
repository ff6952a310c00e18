"""The command `mingzhang` (alias `mz`)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NoReturn

import asyncpg
import typer
from rich.console import Console

from mingzhang.app import demo as supervisor
from mingzhang.app import logging as logs
from mingzhang.app import loop
from mingzhang.app.anchors import run_anchors
from mingzhang.app.bench.cli import app as bench_app
from mingzhang.app.check import CHANNELS, Check, Faults, Suppliers, run_check
from mingzhang.app.check_disputes import run_disputes
from mingzhang.app.cli_adapters import channel_app, supplier_app
from mingzhang.app.cli_audit import audit
from mingzhang.app.cli_backup import backup, restore
from mingzhang.app.cli_catalogue import catalogue_app
from mingzhang.app.cli_channels import add_commands
from mingzhang.app.cli_custody import custody_app
from mingzhang.app.cli_load import load_demo
from mingzhang.app.cli_log import log_app, verify, witness
from mingzhang.app.cli_packs import pack
from mingzhang.app.cli_reconcile import closing, reconcile
from mingzhang.app.cli_resolution import resolution_pack
from mingzhang.app.cli_staff import staff_app
from mingzhang.app.cli_stock import stock_app
from mingzhang.app.cli_supply import supply_app
from mingzhang.app.days.run import run_days
from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.http_server import plain_config, serve_http, web_config
from mingzhang.app.http_worker import create_worker_app
from mingzhang.app.keys import keep_keys
from mingzhang.app.oversight_watch import run_oversight
from mingzhang.app.settings import Settings
from mingzhang.app.transparency import run_log, run_witnesses, signer_of, witnesses_of
from mingzhang.app.worker import Pulse, run_worker
from mingzhang.app.worker_post import run_post
from mingzhang.kit.errors import Problem
from mingzhang.kit.migrations import migrate as run_migrations

KILLS_MAX: Final = 100
app = typer.Typer(no_args_is_help=True, add_completion=False, help="明账: every cent is at one named place.")
app.add_typer(bench_app, name="bench")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(custody_app, name="custody")
app.command()(audit)
app.command()(backup)
app.command()(restore)
app.command()(verify)
app.command()(pack)
app.command()(witness)
app.command()(pack)
app.command("resolution-pack")(resolution_pack)
app.add_typer(log_app, name="log")
app.add_typer(staff_app, name="staff")
app.add_typer(stock_app, name="stock")
add_commands(channel_app)
app.command()(reconcile)
app.command()(closing)
app.add_typer(channel_app, name="channel")
app.add_typer(supplier_app, name="supplier")
app.add_typer(supply_app, name="supply")
app.command("load-demo")(load_demo)
out = Console()


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


async def _serve(settings: Settings, role: Role) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    desk = await open_desk(settings)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_keys(desk.ctx, stop))
            if role is not Role.WEB:
                pulse = Pulse()
                group.create_task(run_worker(desk.ctx, stop, pulse))
                group.create_task(run_post(desk.ctx, desk.post, desk.routes, stop))
                group.create_task(run_log(desk.ctx, signer_of(settings), stop))
                group.create_task(run_oversight(desk.ctx, settings, stop))
                group.create_task(run_anchors(desk.ctx, settings, stop))
                group.create_task(run_witnesses(desk.ctx, desk.http, witnesses_of(settings), stop))
                if settings.worker_port:
                    group.create_task(
                        serve_http(
                            plain_config(create_worker_app(pulse), settings.host, settings.worker_port), stop
                        )
                    )
            if role is not Role.WORKER:
                group.create_task(serve_http(web_config(desk, settings.host, settings.port), stop))
            loop.settle_heap()
    finally:
        await desk.aclose()


@app.command()
def serve(role: Annotated[Role, typer.Option(help="all, web or worker")] = Role.ALL) -> None:
    """Serve buyers, work through due rows, or both, as the environment says (MINGZHANG_*)."""
    logs.configure()
    loop.run(_serve(Settings.from_env(os.environ), role))


@app.command()
def migrate() -> None:
    """Bring the database up to date."""
    ran = asyncio.run(run_migrations(settings_here().database_url))
    out.print("\n".join(ran) if ran else "up to date")


@app.command()
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


@app.command()
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


def main() -> None:
    """Entry point; an expected refusal is one line, not a traceback."""
    try:
        app()
    except Problem as problem:
        _refuse(str(problem))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        _refuse("database_not_migrated: run `mingzhang migrate` first")
    except asyncpg.ClientConfigurationError as error:
        _refuse(f"settings_invalid: DATABASE_URL: {error}")
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        _refuse(f"database_refused: {error}")


def _refuse(line: str) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    raise SystemExit(2) from None
