"""A worker that slept through its lease writes nothing back: whoever holds the row now asks by itself (F20)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from house import House, open_house
from mingzhang.app.worker import _ring
from mingzhang.fulfilment.suppliers.base import SupplyAnswer, SupplyState
from mingzhang.kit import lease
from mingzhang.orders import ask, claims, supply
from mingzhang.orders.claims import make_claim
from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import Outcome, TradeAnswer, TradeState


class Silent:
    """The real adapter, but that it gives no answer, so that a visit has nothing but its clock to write."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    async def query(self, payment_no: str) -> TradeAnswer:
        return TradeAnswer(state=TradeState.UNKNOWN, outcome=Outcome.UNKNOWN, code="timeout")


class SilentSupplier(Silent):
    """The same of a supplier."""

    async def query(self, attempt_no: str, kind: object = None, quantity: int = 1) -> Any:
        return SupplyAnswer(state=SupplyState.UNKNOWN, code="timeout")


async def visit(
    ctx: Context, work: Callable[[Context, str], Awaitable[None]], key: str, generation: int
) -> None:
    """As the worker does it: a task of its own, under the number of its claim."""

    async def claimed() -> None:
        lease.begin(generation)
        await work(ctx, key)

    await asyncio.create_task(claimed())


async def test_who_lost_the_lease_writes_nothing_back(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        silent = await house.buy(("fulu", "silent"))
        await house.until(silent, lambda page: page.supply_badge in {"processing", "confirming"})
        await house.stop_worker()
        ctx = house.desk.ctx
        channels: Any = ctx.channels
        channels["alipay"] = Silent(channels["alipay"])
        suppliers: Any = ctx.suppliers
        suppliers["fulu"] = SilentSupplier(suppliers["fulu"])
        order_id = await house.place()
        payment_no = await house.open(order_id)
        claim = await make_claim(ctx, order_id, "2026112422001400000001")
        cases: tuple[tuple[str, str, str, Callable[[Context, str], Awaitable[None]]], ...] = (
            ("payment", "payment_no", payment_no, ask.ask_channel),
            ("claim", "claim_id", claim.claim_id, claims.work_claim),
            ("supply_attempt", "attempt_no", f"{silent}T1", supply.work_attempt),
        )
        for table, column, key, work in cases:
            read = f"SELECT asked, due_at, lease_generation FROM {table} WHERE {column} = $1"
            await house.desk.pool.execute(
                f"UPDATE {table} SET lease_generation = lease_generation + 1 WHERE {column} = $1", key
            )
            before = await house.desk.pool.fetchrow(read, key)
            assert before is not None
            now = before["lease_generation"]
            await visit(ctx, work, key, now - 1)
            assert await house.desk.pool.fetchrow(read, key) == before, table
            await visit(ctx, work, key, now)
            after = await house.desk.pool.fetchrow(read, key)
            assert after is not None
            assert after["asked"] == before["asked"] + 1, table
        await _ring_is_heard_by_its_claimer(house)


async def _ring_is_heard_by_its_claimer(house: House) -> None:
    """An order's own clock: who lost the claim changes nothing, who holds it does."""
    order_id, pool = await house.place(), house.desk.pool
    read = "SELECT state, seq, lease_generation FROM orders WHERE order_id = $1"
    await pool.execute(
        "UPDATE orders SET lease_generation = lease_generation + 1, due_at = $2, deadline_at = $2 WHERE order_id = $1",
        order_id,
        house.desk.clock.now(),
    )
    before = await pool.fetchrow(read, order_id)
    assert before is not None
    await visit(house.desk.ctx, _ring, order_id, before["lease_generation"] - 1)
    assert await pool.fetchrow(read, order_id) == before
    await visit(house.desk.ctx, _ring, order_id, before["lease_generation"])
    assert await pool.fetchval("SELECT state FROM orders WHERE order_id = $1", order_id) == "closed"
