"""How long delivery took lately (常见到账时间), read for every page and therefore remembered for a few seconds."""

import time

import asyncpg
import msgspec

from mingzhang.orders.store import SQL

FRESH_REAL_S = 5.0


class Typical(msgspec.Struct, frozen=True):
    """Seconds from payment to arrival over the last ``n`` deliveries: median and 90th percentile, None when n is 0."""

    p50: float | None
    p90: float | None
    n: int


class TypicalTimes:
    """By product, at most five real seconds old."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Typical]] = {}

    async def of(self, conn: asyncpg.Connection, product_id: str) -> Typical:
        """One product's times."""
        known = self._known.get(product_id)
        if known is not None and time.monotonic() - known[0] < FRESH_REAL_S:
            return known[1]
        row = await conn.fetchrow(SQL.read_typical, product_id)
        typical = Typical(_seconds(row["p50"]), _seconds(row["p90"]), row["n"])
        self._known[product_id] = (time.monotonic(), typical)
        return typical


def _seconds(value: object) -> float | None:
    return None if value is None else float(str(value))
