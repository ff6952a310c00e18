"""Products and rules as the hot path reads them: from memory, at most half a second old."""

import asyncio
import time
from datetime import datetime

import asyncpg

from mingzhang.catalogue.store import Product, Rules, list_products, read_rules
from mingzhang.kit.errors import Kind, Problem

FRESH_REAL_S = 0.5


class CatalogueCache:
    """What is on sale. An order snapshots what it was placed under, so a price that is half a second old binds."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._products: dict[str, Product] = {}
        self._rules: Rules | None = None
        self._read_at = float("-inf")
        self._forgotten = 0
        self._reading = asyncio.Lock()

    async def product(self, product_id: str, now: datetime) -> tuple[Product, Rules]:
        """A product on sale and the rules in force; raises `unknown_product`, `no_rules`."""
        if time.monotonic() - self._read_at > FRESH_REAL_S:
            await self._read(now)
        if product_id not in self._products:
            raise Problem("unknown_product", Kind.NOT_FOUND)
        if self._rules is None:
            raise Problem("no_rules", Kind.UNAVAILABLE)
        return self._products[product_id], self._rules

    async def _read(self, now: datetime) -> None:
        """One reads for all who ask meanwhile."""
        async with self._reading:
            if time.monotonic() - self._read_at <= FRESH_REAL_S:
                return
            forgotten = self._forgotten
            async with self._pool.acquire() as conn:
                products = await list_products(conn)
                self._rules = await read_rules(conn, now)
            self._products = {product.product_id: product for product in products}
            if self._forgotten == forgotten:
                self._read_at = time.monotonic()

    def forget(self) -> None:
        """Read again at the next question: this process changed the catalogue."""
        self._forgotten += 1
        self._read_at = float("-inf")
