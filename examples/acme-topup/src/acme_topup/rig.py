"""The rig: Acme Top-up itself, small enough to run beside the check, and how the suite may handle it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from acme_topup.supplier import JSON, SIGNATURE, sign
from mingzhang.app.check_adapters.rig import HASTY_S, Setup, SupplierRig
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest

KEY = "acme-key-0123456789abcdef"
PARTY = "acme-topup"
PRICES = {"credit-50": 4900, "coins-1": 97}
AT_ONCE = {
    "insufficient_balance": "no_money",
    "maintenance": "closed_for_repair",
    "stock_out": "sold_out",
    "wrong_account": "no_such_account",
}
LATER = {
    "account_banned": "account_barred",
    "velocity_refused": "too_often",
    "region_refused": "other_region",
}
WORK_S = 0.2


class AcmeParty:
    """Acme Top-up: its books, its faults, its answers. It is the rig's `world`, too."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        self._orders: dict[str, dict[str, Any]] = {}
        self._faults: dict[str, str] = {}
        self._free_fen = 1_000_000
        self._down = False
        self._working: set[asyncio.Task[None]] = set()

    # -- what the suite may ask of the party's own side ----------------------------------------------

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        self._faults[order] = name

    async def down(self, party: str, down: bool) -> None:
        self._down = down

    async def books(self) -> Any:
        return {PARTY: {"orders": list(self._orders.values())}}

    async def tell(self, method: str, path: str, body: object = None) -> None:
        """``POST /decide``: go on with what was silent."""
        assert isinstance(body, dict)
        self._faults.pop(body["order"], None)
        self._begin(f"{body['order']}T1")

    # -- the wire ------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._down:
            return web.Response(status=503, text="<html>down</html>")
        if request.headers.get(SIGNATURE) != sign(KEY, request.path, body):
            said: dict[str, Any] | None = {"error": "bad_signature"}
        elif request.path == "/orders":
            said = self._order(msgspec.json.decode(body))
        elif request.path == "/balance":
            said = {"free_fen": self._free_fen}
        else:
            said = self._orders.get(request.path.rpartition("/")[2]) or {"error": "no_such_order"}
        if said is None:
            return web.Response(status=500, text="<html>oops</html>")
        raw = msgspec.json.encode(said)
        return web.Response(body=raw, content_type=JSON, headers={SIGNATURE: sign(KEY, request.path, raw)})

    def _order(self, body: dict[str, Any]) -> dict[str, Any] | None:
        number = body["number"]
        if number in self._orders:
            return {"error": "number_used"}
        fault = self._faults.get(number[:-2], "")
        cost_fen = PRICES[body["product"]] * body["quantity"]
        if fault in AT_ONCE:
            return {"error": AT_ONCE[fault], "text": f"Acme says: {AT_ONCE[fault]}"}
        if fault == "price_above_safe" or cost_fen > body["cost_fen_max"]:
            return {"error": "dearer", "text": "the price went up"}
        self._free_fen -= cost_fen
        self._orders[number] = {
            "customer_order_no": number,
            "order_id": f"A{number}",
            "id": f"A{number}",
            "state": "working",
            "quantity": body["quantity"],
            "cost_fen": cost_fen,
            "charged_fen": cost_fen,
            "credited_fen": 0,
            "cards": [],
            "topups_executed": 0,
            "callback": body["callback"],
        }
        if fault != "silent":
            self._begin(number)
        return None if fault == "unknown_http500" else dict(self._orders[number])

    def _begin(self, number: str) -> None:
        task = asyncio.create_task(self._work(number))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self, number: str) -> None:
        await asyncio.sleep(WORK_S)
        order, fault = self._orders[number], self._faults.get(number[:-2], "")
        if fault in LATER:
            order |= {"state": "failed", "why": LATER[fault], "text": f"Acme says: {LATER[fault]}"}
            order["credited_fen"] = order["cost_fen"]
            self._free_fen += order["cost_fen"]
        else:
            order |= {"state": "done", "serial": f"S{number}", "finished_at": datetime.now(UTC).isoformat()}
            order["topups_executed"] = 1
        body = msgspec.json.encode({"number": number})
        headers = {SIGNATURE: sign(KEY, "callback", body), "Content-Type": JSON}
        async with (
            aiohttp.ClientSession() as session,
            session.post(order["callback"], data=body, headers=headers),
        ):
            pass


@asynccontextmanager
async def open_rig(setup: Setup) -> AsyncIterator[SupplierRig]:
    """Start the party on loopback, make the four adapters, and say what it sells."""
    party = AcmeParty()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", party.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = {"url": url, "key": KEY}
    supplier = setup.make(settings)
    setup.inbox.reply = supplier.acknowledge
    mobile = SupplyRequest(
        attempt_no="",
        kind=GoodsKind.MOBILE,
        supplier_product="credit-50",
        quantity=1,
        account="13800001234",
        face_value_fen=5000,
        safe_cost_fen=5000,
    )
    direct = msgspec.structs.replace(
        mobile, kind=GoodsKind.DIRECT, supplier_product="coins-1", quantity=2, account="88881234"
    )
    faults = {name: name for name in (*AT_ONCE, *LATER, "price_above_safe", "silent", "unknown_http500")}
    try:
        yield SupplierRig(
            world=party,
            clock=setup.clock,
            inbox=setup.inbox,
            party=PARTY,
            faults=faults,
            supplier=supplier,
            hasty=setup.make(settings, HASTY_S),
            stranger=setup.make(settings | {"key": "another key"}),
            unreachable=setup.make(settings | {"url": "http://127.0.0.1:1"}),
            products={GoodsKind.MOBILE: mobile, GoodsKind.DIRECT: direct},
            secrets=(KEY,),
        )
    finally:
        await runner.cleanup()
