"""`mingzhang catalogue …`: what the shop sells, from the command line (docs/catalogue.md)."""

from __future__ import annotations

import asyncio
import getpass
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.supplier_template import read_template
from mingzhang.catalogue import change, store
from mingzhang.catalogue.cells import COLUMNS, to_cells, write_span
from mingzhang.catalogue.change import Author, Line
from mingzhang.catalogue.listing import check_listing
from mingzhang.catalogue.model import Category, ChangeLine, Listing
from mingzhang.catalogue.plan import Plan
from mingzhang.catalogue.sheet import FILE_BYTES_MAX, read_sheet, write_csv, write_xlsx
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import format_yuan

SHOWN_MAX: Final = 50
Result = TypeVar("Result")
Id = Annotated[str, typer.Argument(help="the product's id", show_default=False)]
catalogue_app = typer.Typer(
    no_args_is_help=True, help="Products, categories, prices: list, change, import, export."
)
out = Console(highlight=False, soft_wrap=True)


class _Shop:
    """The database and the clock, for one command."""

    def __init__(self, pool: asyncpg.Pool, now: datetime) -> None:
        self.pool = pool
        self.now = now
        self.rng = random.SystemRandom()

    async def apply(self, lines: Sequence[Line], way: str, told: Callable[[int], None] | None = None) -> Plan:
        """Apply under the name of whoever is signed in to this machine."""
        return await change.apply_lines(self.pool, self.rng, self.now, _author(way), lines, told=told)


def _author(way: str) -> Author:
    return Author(name=f"cli:{getpass.getuser()}"[:64], way=way)


def _run(work: Callable[[_Shop], Awaitable[Result]]) -> Result:
    async def whole() -> Result:
        settings = settings_here()
        pool = await open_pool(settings.database_url, 1, 2)
        try:
            return await work(_Shop(pool, clock_from_spec(settings.clock).now()))
        finally:
            await pool.close()

    return asyncio.run(whole())


def _say(line: str) -> None:
    out.print(line, markup=False)


async def _all(shop: _Shop) -> list[Listing]:
    async with shop.pool.acquire() as conn:
        return await store.list_listings(conn)


async def _one(shop: _Shop, product_id: str) -> Listing:
    async with shop.pool.acquire() as conn:
        found = await store.read_listings(conn, [product_id])
    if product_id not in found:
        raise Problem("unknown_product", Kind.NOT_FOUND, product_id)
    return found[product_id]


@catalogue_app.command("list")
def list_all(
    words: Annotated[str, typer.Argument(help="only products whose id or title holds this")] = "",
) -> None:
    """Every product: id, on sale, price, promise, title."""
    table = Table("product", "on sale", "category", "price", "promise", "title")
    for listing in _run(_all):
        product = listing.product
        if words.casefold() in f"{product.product_id} {product.title_zh} {product.title_en}".casefold():
            table.add_row(
                product.product_id,
                "yes" if listing.on_sale else "no",
                product.category,
                format_yuan(product.price_fen),
                write_span(product.promise_s),
                product.title_zh,
            )
    out.print(table)


@catalogue_app.command()
def show(product_id: Id) -> None:
    """Every cell of one product, and its latest changes."""
    listing = _run(lambda shop: _one(shop, product_id))
    for name, text in to_cells(listing).items():
        _say(f"{name:18}{text}")

    async def changes(shop: _Shop) -> list[ChangeLine]:
        async with shop.pool.acquire() as conn:
            return await store.list_changes(conn, product_id, 20)

    for row in _run(changes):
        _say(f"{write_beijing(row.at)[:16]} {row.changed_by} {row.field}: {row.old!r} -> {row.new!r}")


@catalogue_app.command("set")
def set_cells(
    product_id: Id,
    cells: Annotated[list[str], typer.Argument(help="column=value, as many as you like", show_default=False)],
) -> None:
    """Change some cells of a product, or make a new one; columns as in an export."""
    named = dict(cell.partition("=")[::2] for cell in cells)
    if not all("=" in cell for cell in cells) or not named.keys() <= COLUMNS.keys() - {"product_id"}:
        raise Problem("unknown_column", Kind.INVALID, f"columns are {', '.join(COLUMNS)}")
    _tell(_run(lambda shop: shop.apply([(0, {"product_id": product_id, **named})], "cli")))


@catalogue_app.command("on-sale")
def on_sale(
    product_ids: Annotated[list[str], typer.Argument(help="product ids", show_default=False)],
) -> None:
    """Put products on sale; refused, naming the rule, where the listing check objects."""
    _switch(product_ids, "yes")


@catalogue_app.command("off-sale")
def off_sale(
    product_ids: Annotated[list[str], typer.Argument(help="product ids", show_default=False)],
) -> None:
    """Take products off sale; placed orders go on."""
    _switch(product_ids, "no")


def _switch(product_ids: Sequence[str], to: str) -> None:
    async def work(shop: _Shop) -> Plan:
        for product_id in product_ids:
            await _one(shop, product_id)
        lines: list[Line] = [(0, {"product_id": product_id, "on_sale": to}) for product_id in product_ids]
        return await shop.apply(lines, "cli")

    _tell(_run(work))


@catalogue_app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV or XLSX; the first row names the columns", exists=True, dir_okay=False)
    ],
    preview: Annotated[bool, typer.Option("--preview", help="only say what would change")] = False,
) -> None:
    """All rows or none; exit 1 when a row is refused."""
    if file.stat().st_size > FILE_BYTES_MAX:
        raise Problem("too_large", Kind.TOO_LARGE, f"at most {FILE_BYTES_MAX // 1024 // 1024} MB")
    lines = read_sheet(file.read_bytes())

    async def look(shop: _Shop) -> Plan:
        async with shop.pool.acquire() as conn:
            return await change.plan_lines(conn, lines)

    plan = _run(look)
    _tell(plan, rows=True)
    if plan.refused:
        _say("nothing was changed")
        raise typer.Exit(1)
    if preview:
        _say("a preview: nothing was changed")
        return
    writing = sum(row.outcome in {"new", "changed"} for row in plan.rows)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("products", total=writing)
        _run(lambda shop: shop.apply(lines, "import", lambda n: progress.advance(task, n)))
    _say("done")


@catalogue_app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="ending in .csv or .xlsx", show_default=False)],
) -> None:
    """Every product, on sale or not, as the import reads it."""
    writers = {".csv": write_csv, ".xlsx": write_xlsx}
    if file.suffix.lower() not in writers:
        raise Problem("sheet_invalid", Kind.INVALID, "name a file ending in .csv or .xlsx")
    if not file.parent.is_dir():
        raise Problem("sheet_invalid", Kind.INVALID, f"there is no folder {file.parent}")
    listings = _run(_all)
    file.write_bytes(writers[file.suffix.lower()](listings))
    _say(f"{len(listings)} products in {file}")


@catalogue_app.command()
def template(
    product_id: Id,
    apply: Annotated[bool, typer.Option("--apply", help="ask buyers for it from now on")] = False,
) -> None:
    """What the product's first supplier wants to know for an order, as it says itself."""

    async def ask() -> dict[str, str]:
        desk = await open_desk(settings_here())
        try:
            return await read_template(desk.ctx, product_id)
        finally:
            await desk.aclose()

    cells = asyncio.run(ask())
    _say(cells["fields"])
    if apply:
        _tell(_run(lambda shop: shop.apply([(0, {"product_id": product_id, **cells})], "cli")))


@catalogue_app.command()
def category(
    category_id: Annotated[str, typer.Argument(help="the category's id", show_default=False)],
    zh: Annotated[str, typer.Option(help="its name in Chinese")],
    en: Annotated[str, typer.Option(help="its name in English")],
    parent: Annotated[str, typer.Option(help="the category above; empty for the upper level")] = "",
    position: Annotated[int, typer.Option(help="smaller comes first")] = 100,
) -> None:
    """Make or rename a category: two levels."""
    made = Category(category_id=category_id, parent=parent, title_zh=zh, title_en=en, position=position)
    _run(lambda shop: change.set_category(shop.pool, shop.rng, shop.now, _author("cli"), made))
    _say("done")


@catalogue_app.command()
def check() -> None:
    """Hold everything on sale against the listing check; exit 1 when something is found."""
    found = 0
    for listing in _run(_all):
        for rule, field, words in (
            check_listing(listing.product, listing.all_texts()) if listing.on_sale else []
        ):
            found += 1
            _say(f"{listing.product.product_id}: {rule} in {field}: {words}")
    _say(f"{found} found")
    raise typer.Exit(1 if found else 0)


def _tell(plan: Plan, *, rows: bool = False) -> None:
    for row in plan.refused[:SHOWN_MAX]:
        for column, code, detail in row.faults:
            sys.stderr.write(f"row {row.row} {row.product_id}: {code} in {column} {detail}".rstrip() + "\n")
    for row in plan.rows[:SHOWN_MAX] if rows else plan.rows:
        if row.outcome == "changed":
            _say(
                f"{row.product_id}: "
                + ", ".join(f"{one.column} {one.old} -> {one.new}" for one in row.changes)
            )
        elif row.outcome == "new":
            _say(f"{row.product_id}: new")
    _say(", ".join(f"{count} {outcome}" for outcome, count in sorted(plan.counts.items())) or "no rows")
