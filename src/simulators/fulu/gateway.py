"""``/api/getway``: one JSON endpoint, signed by sorted characters, faults in front and behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulators.faults import number_of
from simulators.fulu import outcomes
from simulators.fulu.methods import Methods, Outcome
from simulators.fulu.model import FuluParty
from simulators.fulu.outcomes import Refusal
from simulators.keys import fulu_sign, fulu_sign_fields
from simulators.world import drop, hold, read_beijing

CLOCK_SLACK_S = 600.0
HTML_404 = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
ORDER_METHODS = ("fulu.order.direct.add", "fulu.order.mobile.add", "fulu.order.card.add")
_COMMON = (
    "app_key",
    "method",
    "timestamp",
    "version",
    "format",
    "charset",
    "sign_type",
    "biz_content",
    "sign",
)


class Gateway:
    """HTTP in front of ``Methods``."""

    def __init__(self, party: FuluParty, methods: Methods) -> None:
        self.party = party
        self._calls: dict[str, Callable[[dict[str, Any]], Outcome]] = {
            "fulu.order.direct.add": methods.direct_add,
            "fulu.order.mobile.add": methods.mobile_add,
            "fulu.order.card.add": methods.card_add,
            "fulu.order.info.get": methods.order_info,
            "fulu.order.extend.get": methods.order_extend,
            "fulu.goods.list.get": methods.goods_list,
            "fulu.goods.info.get": methods.goods_info,
            "fulu.goods.template.get": methods.goods_template,
            "fulu.goods.stock.check": methods.stock_check,
            "fulu.mobile.maintain.check": methods.maintain_check,
            "fulu.user.info.get": methods.user_info,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST JSON; always HTTP 200 with a code, unless a fault says otherwise."""
        try:
            fields = json.loads(await request.read())
        except (ValueError, RecursionError):
            fields = None
        wrong, biz = self._checked(fields)
        if wrong is not None:
            return self.reply(Outcome(wrong))
        method, number = fields["method"], str(biz.get("customer_order_no", ""))
        is_order = method in ORDER_METHODS
        account = str(biz.get("charge_account") or biz.get("charge_phone") or "")
        if is_order and number:
            self.party.world.faults.meet(number)
            stopped = await self._before(request, number, account)
            if stopped is not None:
                return stopped
        call = self._calls.get(method)
        outcome = call(biz) if call is not None else Outcome(outcomes.BAD_METHOD)
        return await self._after(request, outcome, number, account, is_order=is_order)

    def _checked(self, fields: Any) -> tuple[Refusal | None, dict[str, Any]]:
        party = self.party
        if not isinstance(fields, dict) or any(not isinstance(fields.get(name), str) for name in _COMMON):
            return outcomes.MISSING, {}
        if fields["app_key"] != party.app_key:
            return outcomes.BAD_APP, {}
        if fields["sign"] != fulu_sign_fields(fields, party.app_secret):
            return outcomes.BAD_SIGN, {}
        sent_at = read_beijing(fields["timestamp"])
        slack = max(CLOCK_SLACK_S, 30 * party.world.clock.speed)
        if sent_at is None or abs((party.world.now() - sent_at).total_seconds()) > slack:
            return outcomes.BAD_TIME, {}
        try:
            biz = json.loads(fields["biz_content"] or "{}")
        except (ValueError, RecursionError):
            return outcomes.MISSING, {}
        return (None, biz) if isinstance(biz, dict) else (outcomes.MISSING, {})

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
        if is_order and outcome.refusal is outcomes.OK:
            if party.fault(number, "timeout_after_acceptance", account, take=True) is not None:
                return await hold(request)
            spoiled = self._spoiled(number, account)
            if spoiled is not None:
                return spoiled
        slow = party.fault(number, "slow", take=True) if number else None
        if slow is not None:
            await asyncio.sleep(min(60.0, party.world.clock.real_s(number_of(slow, "s", 3))))
        return drop(request) if party.world.down["fulu"] else self.reply(outcome)

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
        """The envelope: ``result`` is JSON text, signed; a refusal comes unsigned with an empty result."""
        done = outcome.refusal is outcomes.OK
        result = json.dumps(outcome.result, ensure_ascii=False, separators=(",", ":")) if done else ""
        body = {
            "code": outcome.refusal.code,
            "message": outcome.refusal.message,
            "result": result,
            "sign": fulu_sign(result, self.party.app_secret) if done else "",
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return web.Response(text=text, content_type="application/json")
