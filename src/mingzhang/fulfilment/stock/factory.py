"""Own card stock, made like every other supplier; named by an entry point (`mingzhang.suppliers`)."""

from __future__ import annotations

from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.kit.adapter import Given


def make_stock(given: Given) -> Supplier | None:
    """On unless ``off`` is set: without cards it refuses with ``stock_out``."""
    if given.settings.flag("off"):
        return None
    house = given.house()
    return CardStock(house.pool, house.vault, given.clock, name=given.name, crash_point=house.crash_point)
