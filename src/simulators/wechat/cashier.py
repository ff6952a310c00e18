"""The buyer's side: the same small page as at Alipay, and the same actions for ``control``."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from simulators.alipay.cashier import BUTTONS, OUTCOMES, PAGE, SAYINGS
from simulators.money import yuan
from simulators.wechat.model import NOTPAY, Order, WechatParty
from simulators.wechat.notify import Notifier


@dataclass
class Result:
    """What the buyer's action led to: paid, already_paid, insufficient, cancelled or closed."""

    result: str
    trades: list[Order]


class Cashier:
    """Pages and actions of the buyer."""

    def __init__(self, party: WechatParty, notifier: Notifier) -> None:
        self.party = party
        self.notifier = notifier

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/cashier", self.show), web.post("/cashier/act", self.submit)]

    def offer_by(self, *, out_trade_no: str = "", qr_code: str = "", pay_url: str = "") -> Order | None:
        """The order behind a number, a cashier address, or ``prepay_id=…`` (what JSAPI hands over)."""
        if out_trade_no:
            return self.party.orders.get(out_trade_no)
        address = qr_code or pay_url
        if address.startswith("prepay_id="):
            wanted = address.removeprefix("prepay_id=")
            return next((o for o in self.party.orders.values() if o.prepay_id == wanted), None)
        token = parse_qs(urlsplit(address).query).get("t", [""])[0]
        return self.party.by_token.get(token)

    def act(self, offer: Order, outcome: str, *, late: bool = False, twice: bool = False) -> Result:
        """The buyer's action. ``late``: confirmed in time, but WeChat finished after the time limit.

        ``twice`` changes nothing: WeChat takes one payment for a number.
        """
        del twice
        if outcome == "cancel":
            return Result("cancelled", [])
        if late and offer.state == NOTPAY:
            offer.expires_at = None
        self.party.expire(offer)
        if offer.paid_fen:
            return Result("already_paid", [offer])
        if offer.state != NOTPAY:
            return Result("closed", [offer])
        if outcome == "insufficient":
            return Result("insufficient", [offer])
        self.party.pay(offer)
        self.notifier.paid(offer)
        return Result("paid", [offer])

    async def show(self, request: web.Request) -> web.Response:
        """GET /cashier?t=…[&redirect_url=…]: H5 comes back to the address that stands in its link."""
        order = self._order(request.query.get("t", ""))
        back = request.query.get("redirect_url", "")
        if back.startswith(("http://", "https://")):
            order.return_url = back
        if order.paid_fen:
            return self._page(order, f"<p>{SAYINGS['already_paid']}</p>")
        return self._page(order, BUTTONS.format(token=order.token))

    async def submit(self, request: web.Request) -> web.Response:
        """POST /cashier/act: then back to the merchant where H5 named an address."""
        form = await request.post()
        order, action = self._order(str(form.get("t", ""))), str(form.get("action", ""))
        if action not in OUTCOMES:
            raise web.HTTPBadRequest(text="unknown action")
        done = self.act(order, action)
        if order.return_url and done.result in ("paid", "already_paid"):
            raise web.HTTPFound(order.return_url)
        back = f'<p><a href="{escape(order.return_url)}">返回商户</a></p>' if order.return_url else ""
        return self._page(order, f"<p><strong>{SAYINGS[done.result]}</strong></p>{back}")

    def _order(self, token: str) -> Order:
        order = self.party.by_token.get(token)
        if order is None:
            raise web.HTTPNotFound(text="没有这笔交易")
        return order

    def _page(self, order: Order, body: str) -> web.Response:
        text = PAGE.format(
            subject=escape(order.description),
            amount=yuan(order.amount_fen),
            number=escape(order.out_trade_no),
            body=body,
        )
        return web.Response(text=text, content_type="text/html")
