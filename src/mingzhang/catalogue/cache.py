"""Products, rules and the calendar as the hot path reads them: from memory, at most half a second old."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.catalogue.pauses import Pause, list_pauses
from mingzhang.catalogue.store import Product, Route, Rules, list_all_routes, list_products, read_rules
from mingzhang.kit.errors import Kind, Problem

FRESH_REAL_S = 0.5


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """A product with all who could supply it. ``product`` None: no longer sold; ``routes``: its further suppliers."""

    product: Product | None
    routes: tuple[Route, ...]
    pauses: tuple[Pause, ...]


class CatalogueCache:
    """What is on sale. An order snapshots what it was placed under, so a price that is half a second old binds."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._products: dict[str, Product] = {}
        self._routes: dict[str, tuple[Route, ...]] = {}
        self._pauses: tuple[Pause, ...] = ()
        self._rules: Rules | None = None
        self._read_at = float("-inf")
        self._forgotten = 0
        self._reading = asyncio.Lock()

    async def _refresh(self, now: datetime) -> None:
        if time.monotonic() - self._read_at > FRESH_REAL_S:
            await self._read(now)

    async def warm(self, now: datetime) -> None:
        """Have it in memory, fresh."""
        await self._refresh(now)

    def remembered(self, product_id: str) -> Sources:
        """As `sources`, from memory alone: for those who hold a connection and must not wait for another."""
        return Sources(
            product=self._products.get(product_id),
            routes=self._routes.get(product_id, ()),
            pauses=self._pauses,
        )

    async def product(self, product_id: str, now: datetime) -> tuple[Product, Rules]:
        """A product on sale and the rules in force; raises `unknown_product`, `no_rules`."""
        await self._refresh(now)
        if product_id not in self._products:
            raise Problem("unknown_product", Kind.NOT_FOUND)
        if self._rules is None:
            raise Problem("no_rules", Kind.UNAVAILABLE)
        return self._products[product_id], self._rules

    async def sources(self, product_id: str, now: datetime) -> Sources:
        """Who could supply a product, and the calendar; also for one that is no longer sold."""
        await self._refresh(now)
        return self.remembered(product_id)

    async def _read(self, now: datetime) -> None:
        """One reads for all who ask meanwhile."""
        async with self._reading:
            if time.monotonic() - self._read_at <= FRESH_REAL_S:
                return
            forgotten = self._forgotten
            async with self._pool.acquire() as conn:
                products = await list_products(conn)
                routes = await list_all_routes(conn)
                self._pauses = tuple(await list_pauses(conn, now))
                self._rules = await read_rules(conn, now)
            self._products = {product.product_id: product for product in products}
            self._routes = _by_product(routes)
            if self._forgotten == forgotten:
                self._read_at = time.monotonic()

    def forget(self) -> None:
        """Read again at the next question: this process changed the catalogue."""
        self._forgotten += 1
        self._read_at = float("-inf")


def _by_product(routes: Sequence[Route]) -> dict[str, tuple[Route, ...]]:
    found: dict[str, tuple[Route, ...]] = {}
    for route in routes:
        found[route.product_id] = (*found.get(route.product_id, ()), route)
    return found
