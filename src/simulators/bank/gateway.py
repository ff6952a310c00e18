"""The bank over HTTP, and how a test steers it.

POST /pain001 · GET /pain002/{id} · GET /statements?after= · GET /statements/{name}, each sealed with the agreed key.
Control: POST /bank/statement · PUT /bank/format {"form": camt|mt940} · POST /bank/charge {"fen"} ·
POST /bank/receive {"fen","reference","name"} · POST /settlements {"channel"[,"older_s"]}
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from simulators.bank import wire
from simulators.bank.model import BankParty, FullError, Line, Statement
from simulators.faults import number_of
from simulators.world import BEIJING, World, drop

Settle = Callable[[datetime | None], dict[str, Any]]


class BankSide:
    """Handlers of the bank's own address and of its steering."""

    def __init__(self, world: World, opening_fen: int, statement_s: float = 600.0) -> None:
        self.world = world
        self.party = BankParty(world, opening_fen)
        self.settlers: dict[str, Settle] = {}
        self._statement_s = statement_s
        self._url = ""

    def routes(self) -> list[web.RouteDef]:
        """What the merchant calls."""
        return [
            web.post("/pain001", self.pain001),
            web.get("/pain002/{order}", self.pain002),
            web.get("/statements", self.list_statements),
            web.get("/statements/{name}", self.statement),
        ]

    def steering(self) -> list[web.RouteDef]:
        """What a test, a demo or a person calls."""
        return [
            web.post("/bank/statement", self.issue),
            web.put("/bank/format", self.set_form),
            web.post("/bank/charge", self.charge),
            web.post("/bank/receive", self.receive),
            web.post("/settlements", self.settle),
        ]

    def begin(self, url: str) -> None:
        """Issue statements by itself from now on, unless only on request."""
        self._url = url
        if self._statement_s > 0:
            self.world.after(self._statement_s, self._tick)

    async def _tick(self) -> None:
        self.party.close()
        self.world.after(self._statement_s, self._tick)

    def ready(self) -> dict[str, str]:
        """What an installation must know."""
        return {"url": self._url, "account": self.party.account, "key": self.party.key}

    async def _checked(self, request: web.Request) -> bytes:
        body = await request.read()
        signed = "\n".join((request.headers.get("X-Time", ""), request.method, request.path_qs, "")).encode()
        seal = hmac.new(self.party.key.encode(), signed + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(seal, request.headers.get("X-Signature", "")):
            raise web.HTTPUnauthorized(text="bad seal")
        return body

    async def pain001(self, request: web.Request) -> web.Response:
        try:
            orders = wire.read_pain001(await self._checked(request))
            done = [self.party.instruct(order) for order in orders]
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        except FullError:
            return web.Response(status=503)
        # References are new each time, so this fault is put on the next order the bank meets, or on a prefix.
        if self.world.faults.take(done[0].order_id, "bank", "status_lost") is not None:
            return drop(request)
        return web.Response(body=wire.pain002(done[0], self.world.now()), content_type="application/xml")

    async def pain002(self, request: web.Request) -> web.Response:
        await self._checked(request)
        order = self.party.orders.get(request.match_info["order"])
        if order is None:
            return web.Response(status=404)
        return web.Response(body=wire.pain002(order, self.world.now()), content_type="application/xml")

    async def list_statements(self, request: web.Request) -> web.Response:
        await self._checked(request)
        after = request.query.get("after", "")
        names = [each.name for each in self.party.statements if each.name[:6] > after[:6] and self._out(each)]
        return web.Response(text="\n".join(names))

    def _out(self, made: Statement) -> bool:
        """Whether a statement is there to be read; one that is late holds up those after it, as they follow on it."""
        day = f"STATEMENT{made.closed_at.astimezone(BEIJING):%Y%m%d}"
        late = self.world.faults.find(day, "bank", "statement_late")
        wait = timedelta(seconds=number_of(late, "s", 7200)) if late else timedelta(0)
        return self.world.now() >= made.closed_at + wait

    async def statement(self, request: web.Request) -> web.Response:
        """A file. Faults hit its first reading; read again, it is right."""
        await self._checked(request)
        found = next((s for s in self.party.statements if s.name == request.match_info["name"]), None)
        if found is None:
            return web.Response(status=404)
        found.times_read += 1
        closing, lines = self._spoilt(found)
        write = wire.camt053 if found.form == "camt" else wire.mt940
        return web.Response(body=write(self.party.account, found, lines, closing=closing))

    def _spoilt(self, found: Statement) -> tuple[bool, list[Line]]:
        faults, lines = self.world.faults, list(found.lines)
        if found.times_read > 1:
            return True, lines
        twice = [line for line in lines if faults.take(line.reference, "bank", "duplicate_line") is not None]
        lines += twice
        lines = [line for line in lines if faults.take(line.reference, "bank", "line_missing") is None]
        lost = any(faults.take(line.reference, "bank", "no_closing") is not None for line in found.lines)
        return not lost, lines

    async def issue(self, _: web.Request) -> web.Response:
        made = self.party.close()
        return web.json_response({"name": made.name if made else ""})

    async def set_form(self, request: web.Request) -> web.Response:
        form = (await _object(request)).get("form")
        if form not in ("camt", "mt940"):
            return web.json_response({"error": "form_needed"}, status=400)
        self.party.form = form
        return web.json_response({"form": form})

    async def charge(self, request: web.Request) -> web.Response:
        self.party.charge(_fen(await _object(request)))
        return web.json_response({"balance_fen": self.party.balance_fen})

    async def receive(self, request: web.Request) -> web.Response:
        body = await _object(request)
        self.party.receive(_fen(body), str(body.get("reference") or ""), str(body.get("name") or "客户"))
        return web.json_response({"balance_fen": self.party.balance_fen})

    async def settle(self, request: web.Request) -> web.Response:
        """A channel settles now what was paid at least ``older_s`` ago: its list, and its payout on the way to the bank."""
        body = await _object(request)
        name, older_s = str(body.get("channel") or ""), body.get("older_s")
        if name not in self.settlers:
            return web.json_response({"error": "unknown_channel"}, status=404)
        before = self.world.now() - timedelta(seconds=older_s) if isinstance(older_s, (int, float)) else None
        listed = self.settlers[name](before)
        if listed["payout_fen"]:
            self.party.receive(listed["payout_fen"], listed["reference"], name)
        return web.json_response(listed)


def _fen(body: dict[str, Any]) -> int:
    fen = body.get("fen")
    if not isinstance(fen, int) or isinstance(fen, bool) or not 0 < fen <= 10**13:
        raise web.HTTPBadRequest(text="fen_needed")
    return fen


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="not_json") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="not_an_object")
    return body
