"""``/api/v1/…``: JSON signed in the headers, unsigned answers, faults in front and behind."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulators.faults import number_of
from simulators.kasushou import outcomes
from simulators.kasushou.methods import Methods, Outcome, account_in
from simulators.kasushou.model import PARTY, KasushouParty
from simulators.kasushou.outcomes import Refusal
from simulators.kasushou.wire import request_sign
from simulators.world import drop, hold

CLOCK_SLACK_S = 600.0
HTML_404 = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"


class Gateway:
    """HTTP in front of ``Methods``."""

    def __init__(self, party: KasushouParty, methods: Methods) -> None:
        self.party = party
        self._calls: dict[str, Callable[[dict[str, Any]], Outcome]] = {
            "order/buy": methods.buy,
            "order/info": methods.info,
            "user/info": methods.user_info,
            "goods/list": methods.goods_list,
            "goods/info": methods.goods_info,
            "goods/attach": methods.goods_attach,
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/v1/{group}/{action}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST JSON; always HTTP 200 with a code, unless a fault says otherwise."""
        path = f"{request.match_info['group']}/{request.match_info['action']}"
        try:
            body = json.loads(await request.read() or b"{}")
        except (ValueError, RecursionError):
            body = None
        wrong = self._wrong(request, body)
        if wrong is not None:
            return self.reply(Outcome(wrong))
        number, account = str(body.get("external_orderno") or ""), account_in(body)
        is_order = path == "order/buy"
        if is_order and number:
            self.party.world.faults.meet(number)
            stopped = await self._before(request, number, account)
            if stopped is not None:
                return stopped
        call = self._calls.get(path)
        outcome = call(body) if call is not None else Outcome(outcomes.BAD_PATH)
        return await self._after(request, outcome, number, account, is_order=is_order)

    def _wrong(self, request: web.Request, body: Any) -> Refusal | None:
        """Who calls, when, and whether the signature fits. (The vendor does not say that it checks the time.)"""
        party, time_ms = self.party, request.headers.get("Timestamp", "")
        if not isinstance(body, dict):
            return outcomes.MISSING
        if request.headers.get("UserId") != party.user_id:
            return outcomes.BAD_USER
        if not (time_ms.isascii() and time_ms.isdigit() and len(time_ms) == 13):
            return outcomes.BAD_TIME
        slack = max(CLOCK_SLACK_S, 30 * party.world.clock.speed)
        if abs(party.world.now().timestamp() - int(time_ms) / 1000) > slack:
            return outcomes.BAD_TIME
        try:
            expected = request_sign(time_ms, body, party.api_key)
        except ValueError:  # half of a surrogate pair
            return outcomes.MISSING
        given = request.headers.get("Sign", "")
        return None if hmac.compare_digest(expected.encode(), given.encode()) else outcomes.BAD_SIGN

    async def _before(self, request: web.Request, number: str, account: str) -> web.Response | None:
        """Faults that keep an order from being accepted at all."""
        party = self.party
        if party.fault(number, "timeout_before_acceptance", account, take=True) is not None:
            return await hold(request)
        if party.fault(number, "rate_limited_429", account, take=True) is not None:
            return web.Response(status=429, text="Too Many Requests")
        return None

    async def _after(
        self, request: web.Request, outcome: Outcome, number: str, account: str, *, is_order: bool
    ) -> web.StreamResponse:
        """Faults that spoil the answer to an order that was accepted."""
        party = self.party
        if is_order and outcome.refusal.code == outcomes.OK.code:
            if party.fault(number, "timeout_after_acceptance", account, take=True) is not None:
                return await hold(request)
            spoiled = self._spoiled(number, account)
            if spoiled is not None:
                return spoiled
        slow = party.fault(number, "slow", take=True) if number else None
        if slow is not None:
            await asyncio.sleep(min(60.0, party.world.clock.real_s(number_of(slow, "s", 3))))
        return drop(request) if party.world.down[PARTY] else self.reply(outcome)

    def _spoiled(self, number: str, account: str) -> web.Response | None:
        party = self.party
        if party.fault(number, "unknown_http500", account, take=True) is not None:
            return web.Response(status=500, text="Internal Server Error")
        if party.fault(number, "unknown_non_json", account, take=True) is not None:
            return web.Response(text="服务器繁忙，请稍后再试")
        if party.fault(number, "unknown_html404_after_acceptance", account, take=True) is not None:
            return web.Response(status=404, text=HTML_404, content_type="text/html")
        if party.fault(number, "unknown_9999", account, take=True) is not None:
            return self.reply(Outcome(outcomes.UNKNOWN))
        if party.fault(number, "duplicate_number", account, take=True) is not None:
            return self.reply(Outcome(outcomes.DUPLICATE))
        return None

    def reply(self, outcome: Outcome) -> web.Response:
        """The envelope, unsigned."""
        body = {
            "code": outcome.refusal.code,
            "msg": outcome.refusal.msg,
            "data": [] if outcome.data is None else outcome.data,
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return web.Response(text=text, content_type="application/json")
