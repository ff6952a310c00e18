"""Which suppliers answer (供应商熔断), what our balance there is, and how they did: read from near-static rows (R14, R20).

A result that stays unknown is no outage: before the breaker opens, the supplier is asked what does not depend on any
order, our balance. Only silence to that, too, opens it.
"""

from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.fulfilment.figures import Figure, Prefund
from mingzhang.fulfilment.suppliers.base import Supplier, SupplyState
from mingzhang.kit.breaker import Breaker
from mingzhang.kit.sql import load

SQL = load("mingzhang.fulfilment", "health")
PAUSE_S: Final = 600  # the shop's seconds; the worker asks a silent supplier far more often
SILENT: Final = frozenset({SupplyState.UNKNOWN, SupplyState.NOT_SENT})


class SupplierHealth(Breaker):
    """As all processes know it, at most half a second old. ``figures``: by supplier and its product."""

    def __init__(self) -> None:
        super().__init__(SQL.set_supplier_down, SQL.set_supplier_up, SQL.list_suppliers_down, PAUSE_S)
        self.prefunds: dict[str, Prefund] = {}
        self.figures: dict[tuple[str, str], Figure] = {}

    async def _read(self, conn: asyncpg.Connection) -> None:
        await super()._read(conn)
        self.prefunds = {row["supplier"]: Prefund(**dict(row)) for row in await conn.fetch(SQL.list_watches)}
        self.figures = {
            (row["supplier"], row["supplier_product"]): Figure(**dict(row))
            for row in await conn.fetch(SQL.list_figures)
        }

    async def heard(
        self, pool: asyncpg.Pool, supplier: Supplier, state: SupplyState, code: str, now: datetime
    ) -> None:
        """A call about an order ended; `code` says how, for staff."""
        if state not in SILENT:
            await self.answered(pool, supplier.name, now)
        elif self.silent(supplier.name) and not (await supplier.balance()).known:
            await self.open(pool, supplier.name, code, now)
