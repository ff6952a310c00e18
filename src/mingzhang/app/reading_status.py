"""Where orders stand, for many askers at a time: one statement for all who ask while the last one runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.batcher import Batcher
from mingzhang.kit.ids import bucket_of
from mingzhang.orders.states import FINAL
from mingzhang.orders.store import SQL
from mingzhang.web.model import OrderStatus

ENDED: Final = FINAL - {"closed"}


class _Asked(msgspec.Struct, frozen=True):
    """One asker. ``order_key`` keeps two who ask about the same order apart: reads need no turn."""

    bucket: int
    key: str
    order_key: int


class StatusReader:
    """Reads the short state of orders as they stand; `close` before the pool is closed."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._batcher: Batcher[_Asked, OrderStatus | None] = Batcher(_read, pool=pool, connections=1)
        self._n = 0

    async def read(self, order_id: str) -> OrderStatus | None:
        """One order's state, or None. Raises `unknown_order` for what is no order number."""
        self._n += 1
        return await self._batcher.submit(_Asked(bucket_of(order_id), order_id, self._n))

    async def close(self) -> None:
        """Finish what was asked."""
        await self._batcher.close()


async def _read(conn: asyncpg.Connection, bucket: int, asked: Sequence[_Asked]) -> list[OrderStatus | None]:
    rows = await conn.fetch(SQL.read_statuses, bucket, list({each.key for each in asked}))
    found = {row["order_id"]: OrderStatus(**dict(row), final=row["state"] in ENDED) for row in rows}
    return [found.get(each.key) for each in asked]
