"""`mingzhang supply …`: how suppliers stand, the calendar of maintenance and pauses, how products choose (R14, R20)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mingzhang.app import desk_supply
from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.catalogue.pauses import NewPause
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.orders.context import Context
from mingzhang.web.model_staff import SupplyBoard

WHO: Final = "command line"
Result = TypeVar("Result")
supply_app = typer.Typer(
    no_args_is_help=True, help="Suppliers: standing, maintenance, pauses, how one is chosen."
)
out = Console(highlight=False, soft_wrap=True)

Supplier = Annotated[str, typer.Option("--supplier", help="its name, as in the settings")]
Product = Annotated[str, typer.Option("--product", help="its id")]
Starts = Annotated[str, typer.Option("--from", help="Beijing time, 2026-12-01 02:00; empty: now")]
Ends = Annotated[str, typer.Option("--to", help="Beijing time; empty: until it is lifted")]
Note = Annotated[str, typer.Option("--note", help="shown to buyers as it is")]


@supply_app.command("show")
def supply_show() -> None:
    """How every supplier stands, and the calendar."""
    board = _run(desk_supply.read_board)
    out.print(_suppliers(board))
    out.print(_calendar(board))


@supply_app.command("opening")
def supply_opening() -> None:
    """Before the first order: ask each supplier what lies there, and book it as the shop's own capital, once."""

    async def book() -> dict[str, int]:
        desk = await open_desk(settings_here())
        try:
            return await desk.book_opening_balances()
        finally:
            await desk.aclose()

    booked = asyncio.run(book())
    for name, fen in booked.items():
        out.print(f"{name}: {format_yuan(fen)} yuan booked", markup=False)
    if not booked:
        out.print("nothing to book: each balance is zero or was booked before", markup=False)


@supply_app.command("maintenance")
def supply_maintenance(
    supplier: Supplier = "", product: Product = "", starts: Starts = "", ends: Ends = "", note: Note = ""
) -> None:
    """Enter a window in which nothing is sent to a supplier, or for a product, and nothing of it is sold."""
    _enter("maintenance", supplier, product, starts, ends, note)


@supply_app.command("pause")
def supply_pause(
    supplier: Supplier = "", product: Product = "", starts: Starts = "", ends: Ends = "", note: Note = ""
) -> None:
    """Stop selling a product, or using a supplier, for a time or until `resume`."""
    _enter("paused", supplier, product, starts, ends, note)


@supply_app.command("resume")
def supply_resume(
    pause_id: Annotated[str, typer.Argument(help="its id, as `supply show` prints it", show_default=False)],
) -> None:
    """End a window or a pause now."""
    _run(lambda ctx: desk_supply.lift_pause(ctx, WHO, pause_id))
    out.print("done", markup=False)


@supply_app.command("routing")
def supply_routing(
    product: Annotated[str, typer.Argument(help="its id", show_default=False)],
    mode: Annotated[str, typer.Option(help="ordered or scored")] = "ordered",
    allow_loss: Annotated[str, typer.Option(help="yuan the cost of a unit may be above its price")] = "0",
    offer_choice: Annotated[
        bool, typer.Option(help="whether the buyer of a refused order chooses: refund, or the next supplier")
    ] = False,
) -> None:
    """How a product chooses its supplier."""
    _run(lambda ctx: desk_supply.set_routing(ctx, WHO, product, mode, allow_loss, offer_choice=offer_choice))
    out.print("done", markup=False)


def _enter(cause: str, supplier: str, product: str, starts: str, ends: str, note: str) -> None:
    if bool(supplier) == bool(product):
        raise typer.BadParameter("name either a supplier or a product", param_hint="--supplier, --product")
    wish = NewPause(
        scope="supplier" if supplier else "product",
        name=supplier or product,
        cause=cause,
        note=note,
        starts_at=desk_supply.read_time(starts),
        ends_at=desk_supply.read_time(ends),
    )
    pause_id = _run(lambda ctx: desk_supply.enter_pause(ctx, WHO, wish))
    out.print(f"done: {pause_id}", markup=False)


def _run(work: Callable[[Context], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        desk = await open_desk(settings_here())
        try:
            return await work(desk.ctx)
        finally:
            await desk.aclose()

    return asyncio.run(inside())


def _suppliers(board: SupplyBoard) -> Table:
    table = Table("supplier", "answers", "success", "n", "median s", "prefund", "free", "lasts h")
    for row in board.suppliers:
        table.add_row(
            row.name,
            f"not since {write_beijing(row.down_since)[:16]}" if row.down_since else "yes",
            f"{row.succeeded / row.n:.1%}" if row.n else "-",
            str(row.n),
            str(row.median_s) if row.median_s is not None else "-",
            row.standing,
            format_yuan(row.free_fen) if row.free_fen is not None else "-",
            f"{row.runway_s / 3600:.1f}" if row.runway_s is not None else "-",
        )
    return table


def _calendar(board: SupplyBoard) -> Table:
    table = Table("pause", "of", "why", "from", "to", "now", "note")
    for row in board.pauses:
        table.add_row(
            row.pause_id,
            f"{row.scope} {row.name}",
            row.cause,
            write_beijing(row.starts_at)[:16],
            write_beijing(row.ends_at)[:16] if row.ends_at else "until lifted",
            "yes" if row.holds else "",
            row.note,
        )
    return table
