"""The general way alone: a batch that finds nothing plain, so that every caller takes the order's lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from mingzhang.orders.batch import Done, OrderBatch, Step


class GeneralOnly(OrderBatch):
    """Records as ever, and applies only the steps that have no general way."""

    async def _apply(
        self, conn: asyncpg.Connection, bucket: int, steps: Sequence[Step]
    ) -> Mapping[str, Done]:
        plain = [step for step in steps if step.kind in {"place", "opened"}]
        found = dict(await super()._apply(conn, bucket, plain)) if plain else {}
        return {step.key: found.get(step.key, Done("not_plain")) for step in steps}
