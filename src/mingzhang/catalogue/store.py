"""Products and rules: small, near-static tables."""

import hashlib
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.catalogue.fields import AccountField
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL = load("mingzhang.catalogue", "store")


SLOW_FROM_S: Final = 86_400


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A price of one unit (阶梯价) for whoever buys at least that many, in fen."""

    from_quantity: int
    price_fen: int


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product (商品): 直充, 话费 or 卡密. Money in fen for one unit, promise in seconds (R1, R17).

    `family`: the products of one family are its variants (规格), named by `variant_zh`, `variant_en`. Quantities go
    from `min_quantity` in steps of `step_quantity`. `fields`: what the buyer is asked for beyond `account_template`.
    `double_entry`: the account is typed twice. `promise_from_s`: where the promised span begins, 0 for at once.
    `official`: the official channel that a large amount is better bought at (R46), as plain text.
    """

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
    category: str = ""
    family: str = ""
    variant_zh: str = ""
    variant_en: str = ""
    min_quantity: int = 1
    step_quantity: int = 1
    tiers: tuple[Tier, ...] = ()
    fields: tuple[AccountField, ...] = ()
    double_entry: bool = False
    promise_from_s: int = 0
    official: str = ""

    @property
    def slow(self) -> bool:
        """慢充: a day or more is promised, and the buyer is told so before paying."""
        return self.promise_s >= SLOW_FROM_S

    def sells(self, quantity: int) -> bool:
        """Whether that many can be bought at once."""
        within = self.min_quantity <= quantity <= self.max_quantity
        return within and (quantity - self.min_quantity) % self.step_quantity == 0

    def unit_fen(self, quantity: int) -> int:
        """The price of one unit for whoever buys that many."""
        reached = [tier.price_fen for tier in self.tiers if tier.from_quantity <= quantity]
        return reached[-1] if reached else self.price_fen

    def total_fen(self, quantity: int) -> int:
        """What that many cost together."""
        return self.unit_fen(quantity) * quantity


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


def read_row(row: asyncpg.Record) -> Product:
    """A product out of its row."""
    return msgspec.convert({name: row[name] for name in Product.__struct_fields__}, Product)


def columns_of(product: Product) -> list[object]:
    """A product's columns, in the order in which the statements name them."""
    return [getattr(product, name) for name in Product.__struct_fields__]


async def list_products(conn: asyncpg.Connection) -> list[Product]:
    """Everything on sale, in the shop's order."""
    return [read_row(row) for row in await conn.fetch(SQL.list_products)]


async def read_product(conn: asyncpg.Connection, product_id: str) -> Product:
    """One product; raises `unknown_product`."""
    row = await conn.fetchrow(SQL.read_product, product_id)
    if row is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    return read_row(row)


async def add_product(conn: asyncpg.Connection, product: Product) -> None:
    """Put a product on sale; one that exists stays as it is."""
    await conn.execute(SQL.insert_product, *columns_of(product))


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
