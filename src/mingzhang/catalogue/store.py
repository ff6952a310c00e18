"""Products and rules: small, near-static tables."""

import hashlib
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL = load("mingzhang.catalogue", "store")


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product (商品): 直充, 话费 or 卡密. Money in fen for one unit, promise in seconds (R1, R17)."""

    product_id: str
    kind: str
    title_zh: str
    title_en: str
    face_value_fen: int
    price_fen: int
    cost_fen: int
    max_quantity: int
    supplier: str
    supplier_product: str
    account_template: str
    promise_s: int
    position: int


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A further supplier of a product (备用供应商). ``position`` from 1; ``cost_fen`` for one unit."""

    product_id: str
    position: int
    supplier: str
    supplier_product: str
    cost_fen: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the shop's rules (平台规则)."""

    version: int
    text_zh: str
    text_en: str


def _product(row: asyncpg.Record) -> Product:
    return Product(**{name: row[name] for name in Product.__struct_fields__})


async def list_products(conn: asyncpg.Connection) -> list[Product]:
    """Everything on sale, in the shop's order."""
    return [_product(row) for row in await conn.fetch(SQL.list_products)]


async def read_product(conn: asyncpg.Connection, product_id: str) -> Product:
    """One product; raises `unknown_product`."""
    row = await conn.fetchrow(SQL.read_product, product_id)
    if row is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    return _product(row)


async def add_product(conn: asyncpg.Connection, product: Product) -> None:
    """Put a product on sale; one that exists stays as it is."""
    await conn.execute(SQL.upsert_product, *(getattr(product, name) for name in Product.__struct_fields__))


async def add_route(conn: asyncpg.Connection, route: Route) -> None:
    """Name a further supplier; a position that is taken stays as it is."""
    await conn.execute(SQL.insert_route, *(getattr(route, name) for name in Route.__struct_fields__))


async def list_routes(conn: asyncpg.Connection, product_id: str) -> list[Route]:
    """A product's further suppliers in their order; the first stands in the product itself."""
    return [Route(**dict(row)) for row in await conn.fetch(SQL.list_routes, product_id)]


async def add_rules(conn: asyncpg.Connection, rules: Rules, now: datetime) -> None:
    """Publish rules; a version that exists stays as it is."""
    digest = hashlib.sha256(f"{rules.text_zh}\n{rules.text_en}".encode()).digest()
    await conn.execute(SQL.insert_rules, rules.version, rules.text_zh, rules.text_en, digest, now)


async def read_rules(conn: asyncpg.Connection, now: datetime) -> Rules:
    """The rules in force; raises `no_rules` before set-up."""
    row = await conn.fetchrow(SQL.read_rules, now)
    if row is None:
        raise Problem("no_rules", Kind.UNAVAILABLE)
    return Rules(**dict(row))
