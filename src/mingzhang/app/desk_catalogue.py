"""The staff's use cases on the catalogue: looking, changing, importing; every change and every export on record."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence

import asyncpg

from mingzhang.catalogue import change, store
from mingzhang.catalogue.cells import COLUMNS, to_cells
from mingzhang.catalogue.change import Author, Line
from mingzhang.catalogue.listing import check_listing
from mingzhang.catalogue.model import Category, Listing
from mingzhang.catalogue.pictures import add_picture
from mingzhang.catalogue.plan import Plan
from mingzhang.catalogue.sheet import read_sheet, write_csv, write_xlsx
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model_catalogue import CatalogueEdit, CatalogueImport, CatalogueList, CatalogueRow

PAGE_ROWS = 50
SHOWN_ROWS = 200
WRITERS = {"csv": write_csv, "xlsx": write_xlsx}
_ORDER = {"refused": 0, "new": 1, "changed": 2, "same": 3}


def hidden_from(member: Member) -> frozenset[str]:
    """Columns whose present content this person may not see; setting them is part of managing the catalogue."""
    return frozenset() if member.may(Right.VIEW_COSTS) else frozenset({"cost"})


async def list_catalogue(ctx: Context, member: Member, query: str, number: int) -> CatalogueList:
    """One page of all products, or of those that hold every word asked for."""
    async with ctx.pool.acquire() as conn:
        listings = await store.list_listings(conn)
        categories = {one.category_id: one for one in await store.list_categories(conn)}
    words = query.casefold().split()[:8]
    found = [one for one in listings if all(word in _said(one) for word in words)]
    pages = max(1, -(-len(found) // PAGE_ROWS))
    number = max(1, min(number, pages))
    shown = found[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
    rows = tuple(_row(one, categories, member) for one in shown)
    return CatalogueList(rows=rows, query=query, page=number, pages=pages, found=len(found))


def _said(listing: Listing) -> str:
    product = listing.product
    return f"{product.product_id} {product.title_zh} {product.title_en} {product.category} {product.family}".casefold()


def _row(listing: Listing, categories: Mapping[str, Category], member: Member) -> CatalogueRow:
    product = listing.product
    broken = check_listing(product, listing.all_texts()) if listing.on_sale else []
    return CatalogueRow(
        product_id=product.product_id,
        title_zh=product.title_zh,
        title_en=product.title_en,
        kind=product.kind,
        category=categories.get(product.category),
        price_fen=product.price_fen,
        cost_fen=None if "cost" in hidden_from(member) else product.cost_fen,
        promise_s=product.promise_s,
        on_sale=listing.on_sale,
        faults=tuple(dict.fromkeys(one.rule for one in broken)),
    )


async def read_edit(ctx: Context, member: Member, product_id: str) -> CatalogueEdit:
    """A product as its form shows it; raises `unknown_product`."""
    hidden = hidden_from(member)
    async with ctx.pool.acquire() as conn:
        found = (await store.read_listings(conn, [product_id])).get(product_id)
        if found is None:
            raise Problem("unknown_product", Kind.NOT_FOUND)
        categories = await store.list_categories(conn)
        changes = await store.list_changes(conn, product_id, 30)
    return CatalogueEdit(
        product_id=product_id,
        cells={name: "" if name in hidden else text for name, text in to_cells(found).items()},
        categories=tuple(categories),
        changes=tuple(one for one in changes if one.field not in hidden),
        hidden=hidden,
    )


async def plan(ctx: Context, lines: Sequence[Line]) -> Plan:
    """What these rows would change."""
    async with ctx.pool.acquire() as conn:
        return await change.plan_lines(conn, lines)


async def apply(
    ctx: Context, member: Member, lines: Sequence[Line], way: str, subject: str, expect: str = ""
) -> Plan:
    """Apply all rows or none, and write the staff's record in the same transaction; raises what `apply_lines` does."""

    async def on_record(conn: asyncpg.Connection, done: Plan) -> None:
        counts = {f"rows_{outcome}": count for outcome, count in done.counts.items()}
        await record.write(
            conn,
            ctx.rng,
            ctx.now(),
            member,
            f"catalogue_{way}",
            subject,
            data={"digest": done.digest, **counts},
        )

    author = Author(name=member.name, way=way)
    done = await change.apply_lines(
        ctx.pool, ctx.rng, ctx.now(), author, lines, expect=expect, beside=on_record
    )
    ctx.catalogue.forget()
    return done


async def set_picture(ctx: Context, member: Member, product_id: str, data: bytes) -> None:
    """Draw an uploaded picture anew and show it with the product."""
    picture = await add_picture(ctx.pool, data, ctx.now())
    await apply(ctx, member, [(0, {"product_id": product_id, "picture": picture})], "page", product_id)


async def preview(ctx: Context, member: Member, data: bytes) -> CatalogueImport:
    """What a file would change, the first rows of it, refused ones in front."""
    try:
        made = await plan(ctx, await asyncio.to_thread(read_sheet, data))
    except Problem as problem:
        if problem.kind is Kind.INTERNAL:
            raise
        code, row = str(problem.params.get("reason", problem.code)), int(problem.params.get("row", 0))
        return CatalogueImport(problem=code, problem_row=row)
    rows = sorted(made.rows, key=lambda row: _ORDER[row.outcome])
    return CatalogueImport(
        rows=tuple(rows[:SHOWN_ROWS]),
        counts=made.counts,
        digest=made.digest,
        data=base64.b64encode(data).decode(),
        refused=bool(made.refused),
        hidden=hidden_from(member),
    )


async def export(ctx: Context, member: Member, form: str) -> bytes:
    """The whole catalogue as a file, on record; without what this person may not see."""
    async with transaction(ctx.pool) as conn:
        listings = await store.list_listings(conn)
        data = {"products": len(listings), "form": form}
        await record.write(
            conn, ctx.rng, ctx.now(), member, "catalogue_export", "catalogue", kind="seen", data=data
        )
    return WRITERS[form](listings, hidden_from(member))


def cells_of(form: Mapping[str, str]) -> dict[str, str]:
    """The cells of a form: the columns it holds, line ends as we keep them."""
    return {
        name: form[name].replace("\r\n", "\n") for name in COLUMNS if name in form and name != "product_id"
    }
