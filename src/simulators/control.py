"""The control API: how a test, a demo or a person steers the outside world. JSON, its own port.

GET  /health · /time · /books[?order=prefix][&party=] · /faults[?order=prefix] · /faults/catalogue
GET  /scenarios · /scenarios/{name}?seed=&orders=[&late_s=][&channels=alipay,wechat,epay][&suppliers=all]
POST /time/step {"s"}: a stepped clock is set forward
POST /faults {"order"|"next","faults":[…]} · PUT /rates {"alipay.notify_lost":0.1}
POST /buyers/pay {"out_trade_no"|"qr_code"|"pay_url","outcome","pay_twice","late","delay_s"}
POST /decide {"order","outcome":"success|failed|silent","reason"}
PUT  /party/{party}/down {"down":bool} · /alipay/merchant-key · /fulu/notify-url {"url"}
PUT  /{supplier}/balance {"fen"}
POST /alipay/settle · /alipay/float {"fen"}
POST /alipay/take-back {"out_trade_no"}: what is left of the trade goes back to its payer by the channel's own decision
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from aiohttp import web

from simulators import catalogue, scenarios, supply_plan
from simulators.alipay.cashier import OUTCOMES, Cashier
from simulators.alipay.methods import RefusedError
from simulators.alipay.model import AlipayParty, FullError
from simulators.faults import Fault, UnknownFaultError
from simulators.fulu.model import PROCESSING, FuluParty, Order
from simulators.fulu.outcomes import BY_SUFFIX
from simulators.fulu.work import Worker
from simulators.keys import read_public
from simulators.refusals import BadRequestError
from simulators.world import World

MAX_DELAY_S = 30 * 86400.0


class Numbered(Protocol):
    """A trade, as far as a buyer's receipt tells it."""

    @property
    def trade_no(self) -> str: ...


class Offered(Protocol):
    """What a buyer may pay; ``amount_fen`` is the merchant's price."""

    @property
    def out_trade_no(self) -> str: ...

    @property
    def amount_fen(self) -> int: ...


class Done(Protocol):
    """What came of a buyer's action: paid, already_paid, insufficient, cancelled, closed, and the trades."""

    @property
    def result(self) -> str: ...

    @property
    def trades(self) -> Sequence[Numbered]: ...


class Paying(Protocol):
    """A channel's cashier: finds its own offers (None for a stranger's) and lets the buyer act on them."""

    def offer_by(self, *, out_trade_no: str = "", qr_code: str = "", pay_url: str = "") -> Any | None: ...

    def act(self, offer: Any, outcome: str, *, late: bool = False, twice: bool = False) -> Done: ...


class Supplying(Protocol):
    """A further supplier, as far as a person steers it from outside."""

    def decide_open(self, prefix: str, outcome: str, reason: str) -> list[str]:
        """End (success, failed) or silence every open order of this prefix; their numbers."""
        ...

    def set_balance(self, fen: int) -> None:
        """The merchant moves money to or from the supplier; the opening balance moves along."""
        ...


@web.middleware
async def errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every refusal is JSON with a code."""
    try:
        return await handler(request)
    except BadRequestError as bad:
        return web.json_response({"error": bad.code}, status=bad.status)
    except RefusedError as refused:
        return web.json_response({"error": refused.sub_code}, status=400)
    except UnknownFaultError as unknown:
        return web.json_response({"error": "unknown_fault", "detail": str(unknown)}, status=400)
    except FullError:
        return web.json_response({"error": "full"}, status=503)


class Control:
    """Handlers of the control API."""

    def __init__(
        self, world: World, alipay: AlipayParty, cashier: Cashier, fulu: FuluParty, worker: Worker
    ) -> None:
        self.world = world
        self.alipay = alipay
        self.cashier = cashier
        self.fulu = fulu
        self.worker = worker
        # Further parties join here (server.py): their books by name, and every cashier a buyer may pay at.
        self.books_of: dict[str, Callable[[str], dict[str, object]]] = {
            "alipay": alipay.books,
            "fulu": fulu.books,
        }
        self.cashiers: list[Paying] = [cashier]
        self.suppliers: dict[str, Supplying] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health", self.health),
            web.get("/time", self.time),
            web.post("/time/step", self.step),
            web.get("/books", self.books),
            web.get("/faults", self.faults_on),
            web.post("/faults", self.faults),
            web.get("/faults/catalogue", self.faults_catalogue),
            web.put("/rates", self.rates),
            web.get("/scenarios", self.scenario_names),
            web.get("/scenarios/{name}", self.scenario),
            web.post("/buyers/pay", self.buyers_pay),
            web.post("/decide", self.decide),
            web.put("/party/{party}/down", self.down),
            web.put("/alipay/merchant-key", self.merchant_key),
            web.post("/alipay/settle", self.settle),
            web.post("/alipay/float", self.float),
            web.post("/alipay/take-back", self.take_back),
            web.put("/fulu/notify-url", self.notify_url),
            web.put("/{supplier}/balance", self.balance),
        ]

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True, "down": self.world.down, "dropped": self.world.dropped})

    async def time(self, _: web.Request) -> web.Response:
        world, next_at = self.world, self.world.next_at
        told = {"now": world.now().isoformat(), "speed": world.clock.speed, "busy": world.busy}
        return web.json_response({**told, "next_at": next_at.isoformat() if next_at else None})

    async def step(self, request: web.Request) -> web.Response:
        seconds = (await _object(request)).get("s")
        if not isinstance(seconds, (int, float)):
            raise BadRequestError("seconds_needed")
        try:
            self.world.step(float(seconds))
        except ValueError:
            raise BadRequestError("no_such_step") from None
        return await self.time(request)

    async def books(self, request: web.Request) -> web.Response:
        prefix, party = request.query.get("order", ""), request.query.get("party", "")
        return web.json_response(
            {name: book(prefix) for name, book in self.books_of.items() if party in ("", name)}
        )

    # -- faults

    async def faults_on(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "faults": self.world.faults.on_order(request.query.get("order", "")),
                "rates": {f"{p}.{n}": r for (p, n), r in self.world.faults.rates.items()},
            }
        )

    async def faults(self, request: web.Request) -> web.Response:
        body = await _object(request)
        raw = body.get("faults")
        if not isinstance(raw, list) or len(raw) > 100:
            raise BadRequestError("faults_missing")
        parsed = [Fault.parse(each) for each in raw]
        if isinstance(body.get("next"), int):
            self.world.faults.for_next(body["next"], parsed)
        else:
            self.world.faults.for_order(str(body.get("order") or ""), parsed)
        return web.json_response({"ok": True})

    async def faults_catalogue(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": catalogue.describe(), "fulu_account_suffixes": BY_SUFFIX})

    async def rates(self, request: web.Request) -> web.Response:
        self.world.faults.set_rates(await _object(request))
        return web.json_response({"ok": True})

    async def scenario_names(self, _: web.Request) -> web.Response:
        return web.json_response({"scenarios": sorted(scenarios.SCENARIOS)})

    async def scenario(self, request: web.Request) -> web.Response:
        name, query = request.match_info["name"], request.query
        if name not in scenarios.SCENARIOS:
            raise BadRequestError("unknown_scenario", 404)
        try:
            seed, orders = int(query.get("seed", "0")), int(query.get("orders", "50"))
            late_s = float(query["late_s"]) if "late_s" in query else None
            channels = tuple(query.get("channels", "alipay").split(","))
        except ValueError:
            raise BadRequestError("not_a_number") from None
        if not set(channels) <= scenarios.CHANNELS:
            raise BadRequestError("unknown_channel", 404)
        if query.get("suppliers") == "all":
            if name != "supply":
                raise BadRequestError("only_supply_over_all_suppliers")
            return web.json_response(supply_plan.plan(seed, max(0, min(orders, scenarios.MAX_ORDERS))))
        return web.json_response(scenarios.plan(name, seed, orders, late_s, channels))

    # -- people

    async def buyers_pay(self, request: web.Request) -> web.Response:
        body = await _object(request)
        outcome = str(body.get("outcome", "pay"))
        if outcome not in OUTCOMES:
            raise BadRequestError("unknown_outcome")
        named = {key: str(body.get(key) or "") for key in ("out_trade_no", "qr_code", "pay_url")}
        cashier, offer = self._offer_by(named)
        late, twice = bool(body.get("late")), bool(body.get("pay_twice"))
        delay = body.get("delay_s", 0)
        if not isinstance(delay, (int, float)) or not 0 <= delay <= MAX_DELAY_S:
            raise BadRequestError("delay_out_of_range")
        if delay:

            async def act_later() -> None:
                cashier.act(offer, outcome, late=late, twice=twice)

            self.world.after(delay, act_later)
            return web.json_response({"result": "scheduled", "out_trade_no": offer.out_trade_no})
        return web.json_response(_told(offer, cashier.act(offer, outcome, late=late, twice=twice)))

    def _offer_by(self, named: dict[str, str]) -> tuple[Paying, Offered]:
        """The first cashier that knows the number or the address."""
        for cashier in self.cashiers:
            offer = cashier.offer_by(**named)
            if offer is not None:
                return cashier, offer
        raise BadRequestError("no_such_offer", 404)

    async def decide(self, request: web.Request) -> web.Response:
        body = await _object(request)
        prefix, outcome = str(body.get("order") or ""), body.get("outcome")
        if not prefix or outcome not in ("success", "failed", "silent"):
            raise BadRequestError("order_and_outcome_needed")
        open_orders = [
            order
            for number, order in self.fulu.orders.items()
            if number.startswith(prefix) and order.state == PROCESSING
        ]
        reason = str(body.get("reason") or "充值失败：运营商拒绝")
        for order in open_orders:
            self._decide(order, str(outcome), reason)
        decided = [order.customer_order_no for order in open_orders]
        for supplier in self.suppliers.values():
            decided += supplier.decide_open(prefix, str(outcome), reason)
        if not decided:
            raise BadRequestError("no_open_supplier_order", 404)
        return web.json_response({"decided": decided})

    def _decide(self, order: Order, outcome: str, reason: str) -> None:
        if outcome == "silent":
            order.silent = True
        else:
            self.worker.decide(order, reason if outcome == "failed" else "")

    # -- parties

    async def down(self, request: web.Request) -> web.Response:
        party = request.match_info["party"]
        if party not in self.world.down:
            raise BadRequestError("unknown_party", 404)
        self.world.down[party] = bool((await _object(request)).get("down"))
        return web.json_response(self.world.down)

    async def merchant_key(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode("utf-8", "replace").strip()
        if text.startswith("{"):
            text = str((await _object(request)).get("key") or "")
        try:
            self.alipay.merchant_key = read_public(text)
        except ValueError:
            raise BadRequestError("not_a_public_key") from None
        return web.json_response({"ok": True})

    async def settle(self, _: web.Request) -> web.Response:
        return web.json_response(self.alipay.settle())

    async def take_back(self, request: web.Request) -> web.Response:
        """A chargeback: 409 when nothing is left that the channel could take."""
        number = str((await _object(request)).get("out_trade_no") or "")
        trade = self.alipay.find(number, "")
        left = trade.paid_fen - trade.refunded_fen if trade is not None else 0
        if trade is None or left <= 0:
            raise BadRequestError("nothing_left", 409)
        refund = self.alipay.refund(trade, f"CB{trade.trade_no}", left)
        return web.json_response({"number": refund.out_request_no, "fen": refund.fen})

    async def float(self, request: web.Request) -> web.Response:
        self.alipay.float_fen = _fen(await _object(request))
        return web.json_response({"float_fen": self.alipay.float_fen})

    async def notify_url(self, request: web.Request) -> web.Response:
        self.fulu.notify_url = str((await _object(request)).get("url") or "")
        return web.json_response({"url": self.fulu.notify_url})

    async def balance(self, request: web.Request) -> web.Response:
        """The merchant moves money to or from the supplier: sets the balance; the opening one moves along."""
        wanted, name = _fen(await _object(request)), request.match_info["supplier"]
        if name in self.suppliers:
            self.suppliers[name].set_balance(wanted)
            return web.json_response({"balance_fen": wanted})
        if name != "fulu":
            raise BadRequestError("unknown_supplier", 404)
        self.fulu.opening_balance_fen += wanted - self.fulu.balance_fen
        self.fulu.balance_fen = wanted
        return web.json_response({"balance_fen": wanted})


def _told(offer: Offered, done: Done) -> dict[str, Any]:
    first = done.trades[0] if done.trades else None
    return {
        "result": done.result,
        "out_trade_no": offer.out_trade_no,
        "trade_no": first.trade_no if first else "",
        "trade_nos": [trade.trade_no for trade in done.trades],
        "amount_fen": offer.amount_fen,
    }


def _fen(body: dict[str, Any]) -> int:
    amount = body.get("fen")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= 10**15:
        raise BadRequestError("fen_needed")
    return amount


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise BadRequestError("not_json") from None
    if not isinstance(body, dict):
        raise BadRequestError("not_an_object")
    return body
