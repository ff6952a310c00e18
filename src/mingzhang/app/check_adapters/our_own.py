"""The rig of manual fulfilment: its other side is our own database, and the staff are played by the rig."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from mingzhang.app.check_adapters.our_stock import stock_rig
from mingzhang.app.check_adapters.our_suppliers import goods
from mingzhang.app.check_adapters.rig import OpenRig, Setup, SupplierRig
from mingzhang.app.check_adapters.suite import Skipped
from mingzhang.fulfilment.manual import store
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason
from mingzhang.kit.adapter import Inner
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import transaction

_REFUSALS: Final = {
    "account_banned": Reason.ACCOUNT_BANNED,
    "velocity_refused": Reason.VELOCITY,
    "region_refused": Reason.WRONG_REGION,
}
_SILENT: Final = "silent"
_LOOK_REAL_S: Final = 0.3


class Staff:
    """People who end every task soon, as its order's fault says; with `silent`, only once they are told to."""

    def __init__(self, inner: Inner, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._faults: dict[str, str] = {}
        self.ready: Mapping[str, Any] = {}

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        """What shall become of an order."""
        del party, params
        self._faults[order] = name

    async def tell(self, method: str, path: str, body: object = None) -> None:
        """``POST /decide``: a silent one is worked on after all."""
        if (method, path) != ("POST", "/decide") or not isinstance(body, dict):
            raise Skipped(f"staff know no {method} {path}")
        self._faults.pop(body["order"], None)

    async def down(self, party: str, down: bool) -> None:
        """Our own database is not cut off."""
        raise Skipped(f"{party} cannot be {'cut off' if down else 'let back'}")

    async def books(self) -> Any:
        """Every task as it stands, in the shape of a supplier's orders."""
        rows = await self._inner.pool.fetch(store.SQL.list_tasks)
        return {
            "manual": {
                "orders": [
                    {
                        "customer_order_no": row["attempt_no"],
                        "order_id": row["attempt_no"],
                        "quantity": row["quantity"],
                        "cost_fen": 0,
                        "charged_fen": 0,
                        "credited_fen": 0,
                        "cards": [],
                        "topups_executed": int(row["state"] == "succeeded"),
                    }
                    for row in rows
                ]
            }
        }

    async def work(self) -> None:
        """Until cancelled: look at what is open, and end it."""
        while True:
            await asyncio.sleep(_LOOK_REAL_S)
            async with transaction(self._inner.pool) as conn:
                for task in await store.list_open(conn):
                    number, now = task.attempt_no, self._clock.now()
                    fault = next(
                        (name for order, name in self._faults.items() if number.startswith(order)), ""
                    )
                    if fault in _REFUSALS:
                        await store.set_refused(
                            conn, number, _REFUSALS[fault], "as the check says", "ann", now
                        )
                    elif fault != _SILENT:
                        await store.set_succeeded(
                            conn, number, "REF-1", "as the check says", ("ann", "bob"), now
                        )


@asynccontextmanager
async def manual_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """人工充值: no wire, no prefund, no callbacks, no secret; `setup.inner` has the database."""
    assert setup.inner is not None
    staff = Staff(setup.inner, setup.clock)
    supplier = setup.make({})
    setup.inbox.reply = supplier.acknowledge
    sold = goods(("by hand", 5000), ("by hand", 2, 2000), ("", 1, 0))
    working = asyncio.create_task(staff.work())
    try:
        yield SupplierRig(
            world=staff,
            clock=setup.clock,
            inbox=setup.inbox,
            party="manual",
            faults={name: name for name in (*_REFUSALS, _SILENT)},
            supplier=supplier,
            hasty=supplier,
            stranger=supplier,
            unreachable=supplier,
            products={kind: request for kind, request in sold.items() if kind is not GoodsKind.CARD},
            secrets=("13800001234",),
            has=frozenset({"own_table"}),
        )
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


OWN_RIGS: dict[str, dict[str, OpenRig]] = {"manual": {"manual": manual_rig}, "stock": {"stock": stock_rig}}
"""Rigs that need a database of their own for the run."""
