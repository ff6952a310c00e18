"""The rig: Acme Pay itself, small enough to run beside the check, and how the suite may handle it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from acme_pay.channel import JSON, SIGNATURE, sign
from mingzhang.app.check_adapters.rig import HASTY_S, ChannelRig, Setup
from mingzhang.app.check_adapters.suite import Skipped

KEY = "acme-key-0123456789abcdef"
PARTY = "acme-pay"


class AcmeParty:
    """Acme Pay: its books, its faults, its answers. It is the rig's `world`, too."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        self.url = ""
        self._payments: dict[str, dict[str, Any]] = {}
        self._refunds: dict[str, dict[str, Any]] = {}
        self._faults: dict[str, str] = {}
        self._down = False
        self._telling: set[asyncio.Task[None]] = set()

    # -- what the suite may ask of the party's own side ----------------------------------------------

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        self._faults[order] = name

    async def down(self, party: str, down: bool) -> None:
        self._down = down

    async def books(self) -> Any:
        rows = [
            {
                "order": number[:-2],
                "refunds": {
                    r["refund_no"]: r["amount_fen"]
                    for r in self._refunds.values()
                    if r["payment_no"] == number
                },
            }
            for number in self._payments
        ]
        return {PARTY: {"trades": rows}}

    async def tell(self, method: str, path: str, body: object = None) -> Any:
        raise Skipped(f"Acme has no {method} {path}")

    async def pay(self, url: str) -> None:
        """The buyer pays; Acme notifies."""
        payment = self._payments[url.rpartition("/")[2]]
        payment |= {"state": "paid", "paid_at": datetime.now(UTC).isoformat(), "payer": "a***@example.com"}
        payment["transaction_id"] = f"ACME{payment['payment_no']}"
        times = 3 if self._fault(payment["payment_no"], "notify_duplicate") else 1
        for _ in range(times):
            task = asyncio.create_task(self._notify(dict(payment)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _notify(self, payment: dict[str, Any]) -> None:
        told = {name: payment[name] for name in ("payment_no", "transaction_id", "amount_fen", "state")}
        body = msgspec.json.encode(told)
        headers = {SIGNATURE: sign(KEY, "notify", body), "Content-Type": JSON}
        async with (
            aiohttp.ClientSession() as session,
            session.post(payment["notify_url"], data=body, headers=headers),
        ):
            pass

    # -- the wire ------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._down:
            return web.Response(status=503, text="<html>down</html>")
        if request.headers.get(SIGNATURE) != sign(KEY, request.path, body):
            said: dict[str, Any] = {"error": "bad_signature"}
        else:
            said = self._do(request.method, request.path, msgspec.json.decode(body) if body else {})
        if said.pop("lost", False):
            return web.Response(status=500, text="<html>oops</html>")
        raw = msgspec.json.encode(said)
        return web.Response(body=raw, content_type=JSON, headers={SIGNATURE: sign(KEY, request.path, raw)})

    def _do(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        match method, path.strip("/").split("/"):
            case "POST", ["payments"]:
                return self._open(body)
            case "GET", ["payments", number]:
                if self._fault(number, "query_unknown"):
                    return {"lost": True}
                return dict(self._payments.get(number) or {"error": "no_such_payment"})
            case "POST", ["payments", number, "close"]:
                return self._close(number)
            case "POST", ["refunds"]:
                return self._refund(body)
            case "GET", ["refunds", number]:
                return dict(self._refunds.get(number) or {"error": "no_such_refund"})
        return {"error": "bad_request"}

    def _open(self, body: dict[str, Any]) -> dict[str, Any]:
        number = body["payment_no"]
        there = self._payments.setdefault(number, {**body, "state": "open", "refunded_fen": 0})
        if there["state"] != "open":
            return {"error": "already_paid"}
        if there["amount_fen"] != body["amount_fen"]:
            return {"error": "other_amount"}
        return {"pay_url": f"{self.url}/pay/{number}", "lost": self._fault(number, "open_unknown")}

    def _close(self, number: str) -> dict[str, Any]:
        payment = self._payments.get(number)
        if payment is None or payment["state"] != "open":
            return {"error": "not_open" if payment else "no_such_payment"}
        payment["state"] = "closed"
        return {"state": "closed"}

    def _refund(self, body: dict[str, Any]) -> dict[str, Any]:
        payment = self._payments.get(body["payment_no"])
        if payment is None:
            return {"error": "no_such_payment"}
        there = self._refunds.get(body["refund_no"])
        if there is not None:
            return dict(there) if there["amount_fen"] == body["amount_fen"] else {"error": "number_used"}
        if payment["refunded_fen"] + body["amount_fen"] > payment["amount_fen"]:
            return {"error": "too_much"}
        payment["refunded_fen"] += body["amount_fen"]
        if payment["refunded_fen"] == payment["amount_fen"]:
            payment["state"] = "refunded"
        self._refunds[body["refund_no"]] = body
        return {**body, "lost": self._fault(body["payment_no"], "refund_unknown")}

    def _fault(self, number: str, name: str) -> bool:
        """Whether this fault is on the order; it happens once."""
        order = number[:-2]
        if self._faults.get(order) != name:
            return False
        del self._faults[order]
        return True


@asynccontextmanager
async def open_rig(setup: Setup) -> AsyncIterator[ChannelRig]:
    """Start the party on loopback, make the four adapters, and say what this wire has."""
    party = AcmeParty()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", party.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    party.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = {"url": party.url, "merchant": "shop", "key": KEY}
    channel = setup.make(settings)
    setup.inbox.reply = channel.acknowledge
    try:
        yield ChannelRig(
            world=party,
            clock=setup.clock,
            inbox=setup.inbox,
            party=PARTY,
            faults={
                "open_unknown": "open_unknown",
                "query_unknown": "query_unknown",
                "refund_unknown_then_success": "refund_unknown",
                "notify_duplicate": "notify_duplicate",
            },
            channel=channel,
            hasty=setup.make(settings, HASTY_S),
            stranger=setup.make(settings | {"key": "another key"}),
            unreachable=setup.make(settings | {"url": "http://127.0.0.1:1"}),
            methods=("qr",),
            pay=party.pay,
            look=lambda _url: asyncio.sleep(0),
            secrets=(KEY,),
            has=frozenset({"close", "partial_refund", "refund_number", "refunded_sum"}),
        )
    finally:
        await runner.cleanup()
