"""`mingzhang load-demo`: a realistic history of any size, into this installation's database or one of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mingzhang.app.audit import run_audit
from mingzhang.app.audit_whole import read_checkpoint
from mingzhang.app.console.fill import fill_anew
from mingzhang.app.demo import ensure_keys, keep_private
from mingzhang.app.demo_load.loader import ORDERS_MAX, ORDERS_MIN, Say, Wanted, load_history
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.app.here import ENV_FILE, settings_here
from mingzhang.app.settings import Settings
from mingzhang.catalogue.store import list_products
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import migrate

# A server of its own is given room for what a large history writes at once.
LOAD_SETTINGS: Final = {"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
DAYS_MAX: Final = 3650
out = Console()


class _Rate(ProgressColumn):
    """Orders a second."""

    def render(self, task: Task) -> Text:
        """Nothing before there is anything to tell."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def own_database(folder: Path) -> Iterator[Settings]:
    """An embedded database of the folder's own, migrated and running as long as the block; its settings are kept beside."""
    folder.mkdir(parents=True, exist_ok=True)
    server = EmbeddedPostgres(folder / "postgres", LOAD_SETTINGS)
    dsn = server.start()
    try:
        asyncio.run(migrate(dsn))
        keys = folder.absolute() / "keys"
        ensure_keys(keys)
        environ = {"MINGZHANG_DATABASE_URL": dsn, "MINGZHANG_SECRET_KEY_FILE": str(keys / "secret.hex")}
        keep_private(folder / ENV_FILE, json.dumps(environ).encode())
        yield Settings.from_env(environ)
    finally:
        server.stop()


def refuse_production(settings: Settings) -> None:
    """Raise Problem `demo_refused` for an installation that buyers reach: no option leads into that."""
    if settings.secure_cookies:
        raise Problem(
            "demo_refused",
            Kind.CONFLICT,
            "BASE_URL is https: this is a shop's own installation; take --data-dir",
        )


async def load_into(settings: Settings, wanted: Wanted, say: Say) -> None:
    """Where nothing is on sale yet, the sample shop's products are sold. Raises what `load_history` raises.

    Audits start from checkpoints, and a history is older than those: where there is one, all is audited once. What the
    console has summed up is forgotten; the worker sums it up anew.
    """
    desk = await open_desk(settings)
    try:
        if await _sell_something(desk):  # by rules that are in force since just now
            wanted = msgspec.structs.replace(wanted, now=max(wanted.now, desk.clock.now()))
        await load_history(settings.database_url, settings.secret_key, settings.card_keys, wanted, say)
        async with desk.pool.acquire() as conn:
            audited = await read_checkpoint(conn)
        if audited is not None:
            await run_audit(desk.ctx, full=True)
        async with transaction(desk.pool) as conn:
            await fill_anew(conn, desk.clock.now())
    finally:
        await desk.aclose()


async def _sell_something(desk: Desk) -> bool:
    async with desk.pool.acquire() as conn:
        on_sale = await list_products(conn)
    if not on_sale:
        await desk.set_up_sample_shop()
    return not on_sale


@contextmanager
def progress_bar(total: int, console: Console) -> Iterator[Say]:
    """Done of how many, how fast, how long still."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("orders", total=total)

        def say(more: int) -> None:
            progress.advance(task, more)

        yield say


def load_demo(
    orders: Annotated[int, typer.Option(help="how many orders", min=ORDERS_MIN, max=ORDERS_MAX)],
    days: Annotated[int, typer.Option(help="over how many days up to now", min=1, max=DAYS_MAX)] = 90,
    seed: Annotated[int, typer.Option(help="the same seed gives the same history")] = 1,
    into_existing: Annotated[
        bool, typer.Option("--into-existing", help="also where others' orders are already")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="a folder for an embedded database of its own, made if need be")
    ] = None,
    processes: Annotated[int, typer.Option(help="0: one a core", min=0, max=64)] = 0,
) -> None:
    """Load a made-up history: for trying the pages and measuring. Interrupted, the same command goes on."""
    if data_dir is not None:
        with own_database(data_dir) as settings:
            _load(settings, orders, days, seed, processes, into_existing=into_existing)
        out.print(
            f"mingzhang bench pages --data-dir {data_dir}", markup=False, highlight=False, soft_wrap=True
        )
        return
    settings = settings_here()
    refuse_production(settings)
    _load(settings, orders, days, seed, processes, into_existing=into_existing)


def _load(
    settings: Settings, orders: int, days: int, seed: int, processes: int, *, into_existing: bool
) -> None:
    wanted = Wanted(
        orders=orders,
        days=days,
        seed=seed,
        now=clock_from_spec(settings.clock).now(),
        buckets=settings.buckets,
        into_existing=into_existing,
        processes=processes,
    )
    with progress_bar(orders, Console(stderr=True)) as say:
        try:
            asyncio.run(load_into(settings, wanted, say))
        except KeyboardInterrupt:
            raise Problem(
                "load_interrupted", Kind.UNAVAILABLE, "what is there is whole; the same command goes on"
            ) from None
    out.print(f"{orders:,} orders over {days} days, seed {seed}", highlight=False)
