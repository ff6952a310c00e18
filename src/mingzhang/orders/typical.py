"""How long delivery took lately (常见到账时间), read for every page and therefore remembered for a few seconds."""

import time
from collections import OrderedDict
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.orders.store import SQL

FRESH_REAL_S = 5.0
THEN_MAX = 5_000


class Typical(msgspec.Struct, frozen=True):
    """Seconds from payment to arrival over the last ``n`` deliveries: median and 90th percentile, None when n is 0."""

    p50: float | None
    p90: float | None
    n: int


class TypicalTimes:
    """By product, at most five real seconds old."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Typical]] = {}
        self._then: OrderedDict[tuple[str, datetime], Typical] = OrderedDict()

    async def of(self, conn: asyncpg.Connection, product_id: str) -> Typical:
        """One product's times."""
        known = self._known.get(product_id)
        if known is not None and time.monotonic() - known[0] < FRESH_REAL_S:
            return known[1]
        row = await conn.fetchrow(SQL.read_typical, product_id)
        typical = Typical(_seconds(row["p50"]), _seconds(row["p90"]), row["n"])
        self._known[product_id] = (time.monotonic(), typical)
        return typical

    async def as_of(self, conn: asyncpg.Connection, product_id: str, moment: datetime) -> Typical:
        """What was known at a moment, to the minute: what the buyer was told when they ordered. It never changes."""
        minute = moment.replace(second=0, microsecond=0)
        if (product_id, minute) not in self._then:
            row = await conn.fetchrow(SQL.read_typical_then, product_id, minute)
            self._then[product_id, minute] = Typical(_seconds(row["p50"]), _seconds(row["p90"]), row["n"])
            if len(self._then) > THEN_MAX:
                self._then.popitem(last=False)
        return self._then[product_id, minute]


def _seconds(value: object) -> float | None:
    return None if value is None else float(str(value))
