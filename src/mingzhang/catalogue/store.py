"""Products and rules: small, near-static tables."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.catalogue.listing import require_honest
from mingzhang.catalogue.model import (
    Category,
    ChangeLine,
    Listing,
    Product,
    Route,
    Rules,
    Texts,
    Tier,
)
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL = load("mingzhang.catalogue", "store")
ROUTE_MODES = ("ordered", "scored")
LOSS_FEN_MAX = 1_000_000
# Written by `set_routing` alone: a catalogue file does not name them.
ROUTING = frozenset({"route_mode", "allow_loss_fen", "offer_choice"})


__all__ = ["Category", "ChangeLine", "Listing", "Product", "Route", "Rules", "Texts", "Tier"]


def read_row(row: asyncpg.Record) -> Product:
    """A product out of its row."""
    return msgspec.convert({name: row[name] for name in Product.__struct_fields__}, Product)


def columns_of(product: Product) -> list[object]:
    """A product's columns, in the order in which the statements name them."""
    return [getattr(product, name) for name in Product.__struct_fields__ if name not in ROUTING]


async def list_products(conn: asyncpg.Connection) -> list[Product]:
    """Everything on sale, in the shop's order."""
    return [read_row(row) for row in await conn.fetch(SQL.list_products)]


async def read_product(conn: asyncpg.Connection, product_id: str) -> Product:
    """One product; raises `unknown_product`."""
    row = await conn.fetchrow(SQL.read_product, product_id)
    if row is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    return read_row(row)


async def read_any_product(conn: asyncpg.Connection, product_id: str) -> Product:
    """One product, on sale or not; raises `unknown_product`."""
    row = await conn.fetchrow(SQL.read_any_product, product_id)
    if row is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    return read_row(row)


async def add_product(conn: asyncpg.Connection, product: Product) -> None:
    """Put a product on sale; one that exists stays as it is. Raises Problem `listing_refused` (R30)."""
    require_honest(product, {})
    await conn.execute(SQL.insert_product, *columns_of(product))


async def add_route(conn: asyncpg.Connection, route: Route) -> None:
    """Name a further supplier; a position that is taken stays as it is."""
    await conn.execute(SQL.insert_route, *(getattr(route, name) for name in Route.__struct_fields__))


async def list_routes(conn: asyncpg.Connection, product_id: str) -> list[Route]:
    """A product's further suppliers in their order; the first stands in the product itself."""
    return [Route(**dict(row)) for row in await conn.fetch(SQL.list_routes, product_id)]


async def list_all_routes(conn: asyncpg.Connection) -> list[Route]:
    """Every product's further suppliers, for the cache."""
    return [Route(**dict(row)) for row in await conn.fetch(SQL.list_all_routes)]


async def set_routing(
    conn: asyncpg.Connection,
    product_id: str,
    route_mode: str,
    allow_loss_fen: int,
    *,
    offer_choice: bool = False,
) -> None:
    """How a product chooses its supplier, what loss on a unit is allowed, whether a refused buyer chooses.

    Raises `bad_routing`, `unknown_product`.
    """
    if route_mode not in ROUTE_MODES or not 0 <= allow_loss_fen <= LOSS_FEN_MAX:
        raise Problem("bad_routing", Kind.INVALID)
    if await conn.fetchval(SQL.set_routing, product_id, route_mode, allow_loss_fen, offer_choice) is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)


async def add_rules(conn: asyncpg.Connection, rules: Rules, now: datetime) -> None:
    """Publish the first rules, which hold at once; a version that exists stays as it is (`papers.publish`: later ones)."""
    digest = hashlib.sha256(f"{rules.text_zh}\n{rules.text_en}".encode()).digest()
    texts = (rules.text_zh, rules.text_en, digest)
    await conn.execute(SQL.insert_paper, "rules", rules.version, *texts, now, now, "", "")


async def read_rules(conn: asyncpg.Connection, now: datetime) -> Rules:
    """The rules in force; raises `no_rules` before set-up."""
    row = await conn.fetchrow(SQL.read_rules, now)
    if row is None:
        raise Problem("no_rules", Kind.UNAVAILABLE)
    return Rules(**dict(row))


def _listing(row: asyncpg.Record) -> Listing:
    return Listing(
        product=read_row(row),
        texts=Texts(**{name: row[name] or "" for name in Texts.__struct_fields__}),
        on_sale=row["active"],
        family_zh=row["family_zh"] or "",
        family_en=row["family_en"] or "",
    )


async def list_listings(conn: asyncpg.Connection) -> list[Listing]:
    """Everything, on sale or not, in the shop's order."""
    return [_listing(row) for row in await conn.fetch(SQL.list_listings)]


async def read_listings(conn: asyncpg.Connection, product_ids: Sequence[str]) -> dict[str, Listing]:
    """Those of these products that exist."""
    rows = await conn.fetch(SQL.read_listings, list(product_ids))
    return {row["product_id"]: _listing(row) for row in rows}


async def write_listing(conn: asyncpg.Connection, listing: Listing) -> None:
    """Write a product with its texts and its family, as they are; `change.py` decides whether it may be."""
    product, texts = listing.product, listing.texts
    await conn.execute(SQL.upsert_product, *columns_of(product), listing.on_sale)
    named = (getattr(texts, name) for name in Texts.__struct_fields__)
    await conn.execute(SQL.upsert_texts, product.product_id, *named)
    if product.family:
        await conn.execute(SQL.upsert_family, product.family, listing.family_zh, listing.family_en)


async def list_categories(conn: asyncpg.Connection) -> list[Category]:
    """Both levels, in the shop's order."""
    return [Category(**dict(row)) for row in await conn.fetch(SQL.list_categories)]


async def read_picture(conn: asyncpg.Connection, picture_id: str) -> bytes | None:
    """A stored picture (JPEG)."""
    found: bytes | None = await conn.fetchval(SQL.read_picture, picture_id)
    return found


async def list_changes(conn: asyncpg.Connection, subject: str, limit: int) -> list[ChangeLine]:
    """The newest changes of one subject (empty: of all)."""
    return [ChangeLine(**dict(row)) for row in await conn.fetch(SQL.list_changes, subject, limit)]
