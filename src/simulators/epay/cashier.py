"""The buyer's side of the aggregator: a small page, and the same actions for ``control``."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from simulators.alipay.cashier import BUTTONS, OUTCOMES, PAGE, SAYINGS
from simulators.epay.gateway import Gateway, RefusedError
from simulators.epay.model import EpayParty, Trade
from simulators.epay.notify import Notifier
from simulators.money import yuan


@dataclass
class Result:
    """What the buyer's action led to: paid, already_paid, insufficient, cancelled or closed."""

    result: str
    trades: list[Trade]


class Cashier:
    """Pages and actions of the buyer."""

    def __init__(self, party: EpayParty, gateway: Gateway, notifier: Notifier) -> None:
        self.party = party
        self.gateway = gateway
        self.notifier = notifier

    def offer_by(self, *, out_trade_no: str = "", qr_code: str = "", pay_url: str = "") -> Trade | None:
        """The trade behind a number, a cashier address, or a submit.php address; None for a stranger's."""
        if out_trade_no:
            return next(iter(self.party.trades_of.get(out_trade_no, [])), None)
        url = qr_code or pay_url
        if not url.startswith(self.party.base_url):
            return None
        parts = urlsplit(url)
        if parts.path == "/submit.php":
            try:
                return self.gateway.create("submit", dict(parse_qsl(parts.query, max_num_fields=100)))
            except RefusedError:
                return None
        return self.party.trades.get(parts.path.strip("/").rpartition("/")[2])

    def act(self, offer: Trade, outcome: str, *, late: bool = False, twice: bool = False) -> Result:
        """The buyer's action. ``late``: the bank's side took the money although the row was deleted since."""
        if outcome == "cancel":
            return Result("cancelled", [])
        self.party.sweep(offer)
        if offer.was_paid and not twice:
            return Result("already_paid", [offer])
        if offer.deleted and not late:
            return Result("closed", [offer])
        if outcome == "insufficient":
            return Result("insufficient", [offer])
        paid = [] if offer.was_paid else [offer]
        if twice or self.party.world.faults.find(offer.out_trade_no, "epay", "two_payments") is not None:
            paid.append(self.party.twin(offer))
        for each in paid:
            self.party.pay(each)
            self.notifier.paid(each)
        return Result("paid", paid)

    async def show(self, request: web.Request) -> web.Response:
        """GET /pay/{kind}/{trade_no}/."""
        trade = self._trade(request.match_info["trade_no"])
        if trade.was_paid:
            return _page(trade, f"<p>{SAYINGS['already_paid']}</p>")
        return _page(trade, BUTTONS.format(token=trade.trade_no))

    async def submit(self, request: web.Request) -> web.Response:
        """POST /cashier/act: then back to the merchant's return_url when there is one."""
        form = await request.post()
        trade, action = self._trade(str(form.get("t", ""))), str(form.get("action", ""))
        if action not in OUTCOMES:
            raise web.HTTPBadRequest(text="unknown action")
        done = self.act(trade, action)
        if trade.return_url and done.result in ("paid", "already_paid"):
            raise web.HTTPFound(self.notifier.return_address(trade))
        back = f'<p><a href="{trade.return_url}">返回商户</a></p>' if trade.return_url else ""
        return _page(trade, f"<p><strong>{SAYINGS[done.result]}</strong></p>{back}")

    def _trade(self, trade_no: str) -> Trade:
        trade = self.party.find("", trade_no) if trade_no else None
        if trade is None:
            raise web.HTTPNotFound(text="该订单号不存在，请返回来源地重新发起请求！")
        return trade


def _page(trade: Trade, body: str) -> web.Response:
    text = PAGE.format(
        subject=escape(unescape(trade.name)),
        amount=yuan(trade.amount_fen),
        number=escape(trade.out_trade_no),
        body=body,
    )
    return web.Response(text=text, content_type="text/html")
