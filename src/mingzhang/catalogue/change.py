"""Changing the catalogue: planned as cells, checked (R30), shown, then applied all or not at all, every change on record.

Every way in comes through here: the command line, the staff's pages, imports and the sample shop. Placed orders keep
what they were placed under; a price changed here is for new orders.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.catalogue.cells import ID, Fault, read_cells, to_cells
from mingzhang.catalogue.listing import BELOW_FLOOR, check_listing
from mingzhang.catalogue.model import Category, Listing
from mingzhang.catalogue.plan import Changed, Plan, RowPlan
from mingzhang.catalogue.store import SQL, list_categories, read_listings, write_listing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.money import format_yuan

ROWS_MAX: Final = 5_000
LOGGED_MAX: Final = 4_000
Line = tuple[int, Mapping[str, str]]
"""Row number in the file (or 0) and cells by column."""


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes, and by which way: cli, page, import, setup."""

    name: str
    way: str


async def plan_lines(conn: asyncpg.Connection, lines: Sequence[Line]) -> Plan:
    """What these rows would change; nothing is written."""
    plan, _ = await _plan(conn, lines)
    return plan


async def _plan(conn: asyncpg.Connection, lines: Sequence[Line]) -> tuple[Plan, list[Listing]]:
    if len(lines) > ROWS_MAX:
        raise Problem("too_large", Kind.TOO_LARGE, f"at most {ROWS_MAX} rows")
    named = [cells.get("product_id", "").strip() for _, cells in lines]
    before = await read_listings(conn, named)
    known = {category.category_id for category in await list_categories(conn)}
    pictures = await _unknown_pictures(conn, lines)
    twice = {name for name, times in Counter(named).items() if times > 1 and name}
    titles: dict[str, tuple[str, str]] = {}
    rows, made = [], []
    for (number, cells), name in zip(lines, named, strict=True):
        listing, faults = read_cells(cells, before.get(name))
        if name in twice:
            faults.append(Fault("product_id", "twice_in_file", name))
        if listing is not None:
            faults += _beside_others(listing, known, pictures, titles)
        row = _row(number, name, before.get(name), listing, faults)
        rows.append(row)
        if listing is not None and row.outcome in {"new", "changed"}:
            made.append(listing)
    digest = hashlib.sha256(msgspec.json.encode(rows)).hexdigest()
    return Plan(rows=tuple(rows), digest=digest), made


async def _unknown_pictures(conn: asyncpg.Connection, lines: Sequence[Line]) -> set[str]:
    named = sorted({cells["picture"].strip() for _, cells in lines if cells.get("picture", "").strip()})
    return set(named) - {row["picture_id"] for row in await conn.fetch(SQL.list_pictures, named)}


def _beside_others(
    listing: Listing, categories: set[str], no_pictures: set[str], titles: dict[str, tuple[str, str]]
) -> list[Fault]:
    """What is wrong only beside the rest of the catalogue or of the file, and the listing check itself."""
    product, faults = listing.product, []
    if product.category and product.category not in categories:
        faults.append(Fault("category", "unknown_category", product.category))
    picture = listing.texts.picture
    if picture in no_pictures:
        faults.append(Fault("picture", "unknown_picture", picture[:12]))
    if product.family:
        title = (listing.family_zh, listing.family_en)
        if titles.setdefault(product.family, title) != title:
            faults.append(Fault("family", "family_differs", product.family))
    if listing.on_sale:
        faults += [Fault(*found) for found in _violations(listing)]
    return faults


def _violations(listing: Listing) -> list[tuple[str, str, str]]:
    """Column, rule and what was found; a least price in yuan."""
    return [
        (field, rule, f"≥ {format_yuan(int(found))}" if rule == BELOW_FLOOR else found)
        for rule, field, found in check_listing(listing.product, listing.all_texts())
    ]


def _row(
    number: int, name: str, before: Listing | None, listing: Listing | None, faults: Sequence[Fault]
) -> RowPlan:
    if listing is None or faults:
        return RowPlan(row=number, product_id=name, outcome="refused", faults=tuple(faults))
    old = to_cells(before) if before is not None else {}
    changes = tuple(
        Changed(column=column, old=old.get(column, ""), new=text)
        for column, text in to_cells(listing).items()
        if old.get(column, "") != text
    )
    outcome = "new" if before is None else "changed" if changes else "same"
    return RowPlan(row=number, product_id=name, outcome=outcome, changes=changes)


async def apply_lines(
    pool: asyncpg.Pool,
    rng: Random,
    now: datetime,
    author: Author,
    lines: Sequence[Line],
    *,
    expect: str = "",
    told: Callable[[int], None] | None = None,
    beside: Callable[[asyncpg.Connection, Plan], Awaitable[None]] | None = None,
) -> Plan:
    """Apply all rows or none. Raises Problem `import_refused` (rows with faults), `catalogue_changed` (`expect` is the
    digest of another plan: somebody changed something in between). `told` hears of every row written; `beside` writes
    what belongs into the same transaction.
    """
    async with transaction(pool) as conn:
        await conn.execute(SQL.lock_catalogue)
        plan, made = await _plan(conn, lines)
        if plan.refused:
            first = plan.refused[0]
            raise _refusal(first, len(plan.refused))
        if expect and expect != plan.digest:
            raise Problem("catalogue_changed", Kind.CONFLICT)
        batch = new_id(now, rng)
        by_id = {row.product_id: row for row in plan.rows}
        for listing in made:
            await write_listing(conn, listing)
            row = by_id[listing.product.product_id]
            await _log(conn, rng, now, author, batch, row.product_id, row.changes)
            if told is not None:
                told(1)
        if beside is not None:
            await beside(conn, plan)
    return plan


def _refusal(row: RowPlan, rows: int) -> Problem:
    column, code, detail = row.faults[0]
    params: dict[str, str | int] = {
        "row": row.row,
        "field": column,
        "reason": code,
        "found": detail,
        "rows": rows,
    }
    return Problem(
        "import_refused", Kind.INVALID, f"{row.product_id}: {code} in {column} {detail}".strip(), params
    )


async def _log(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    author: Author,
    batch: str,
    subject: str,
    changes: Sequence[Changed],
) -> None:
    lines = [
        (new_id(now, rng), batch, subject, one.column, one.old, one.new, author.name, author.way, now)
        for one in changes
    ]
    await conn.executemany(SQL.insert_change, lines)


async def set_category(
    pool: asyncpg.Pool, rng: Random, now: datetime, author: Author, category: Category
) -> None:
    """Make or rename a category. Raises Problem `bad_category` for a third level or a parent that is not there."""
    async with transaction(pool) as conn:
        await conn.execute(SQL.lock_catalogue)
        known = {one.category_id: one for one in await list_categories(conn)}
        names = (category.title_zh, category.title_en)
        if ID.fullmatch(category.category_id) is None or not all(
            name.isprintable() and 0 < len(name) <= 40 for name in names
        ):
            raise Problem(
                "bad_category", Kind.INVALID, "an id of a-z, 0-9, - and two names", {"field": "category"}
            )
        above = known.get(category.parent)
        below = any(one.parent == category.category_id for one in known.values())
        if category.parent and (
            above is None or above.parent or below or category.parent == category.category_id
        ):
            raise Problem(
                "bad_category", Kind.INVALID, "two levels, and the upper one first", {"field": "parent"}
            )
        old = known.get(category.category_id)
        before = msgspec.structs.asdict(old) if old is not None else {}
        changes = [
            Changed(column=name, old=str(before.get(name, "")), new=str(value))
            for name, value in msgspec.structs.asdict(category).items()
            if str(before.get(name, "")) != str(value)
        ]
        named = (getattr(category, name) for name in Category.__struct_fields__)
        await conn.execute(SQL.upsert_category, *named)
        subject = f"category:{category.category_id}"
        await _log(conn, rng, now, author, new_id(now, rng), subject, changes)
