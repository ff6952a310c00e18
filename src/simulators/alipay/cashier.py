"""The buyer's side: a small phone-first page, and the same actions for ``control``."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from aiohttp import web

from simulators.alipay.gateway import PAGE_METHODS, Gateway
from simulators.alipay.methods import Methods, RefusedError, payer_of
from simulators.alipay.model import WAIT, AlipayParty, FullError, Offer, Trade
from simulators.alipay.notify import Notifier
from simulators.keys import NOTIFY_UNSIGNED, rsa2_sign, sorted_pairs
from simulators.money import yuan
from simulators.world import beijing

PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>模拟收银台 · Simulated cashier</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f2f4f7;color:#1d2433}}
main{{max-width:26rem;margin:0 auto;padding:1rem}}
section{{background:#fff;border-radius:.75rem;padding:1.25rem}}
.warn{{background:#fff4d6;border-radius:.5rem;padding:.5rem .75rem;font-size:.9rem}}
.sum{{font-size:2.25rem;font-weight:700;text-align:center;margin:.5rem 0}}small{{color:#5a6475}}
button{{width:100%;padding:.9rem;margin-top:.6rem;border:0;border-radius:.6rem;
font-size:1.05rem;background:#e6e9ef}}
button.pay{{background:#0d5fd8;color:#fff}}</style></head><body><main>
<p class="warn">模拟收银台，不会动用真钱 · Simulated cashier, no real money</p>
<section><p>{subject}</p><p class="sum">¥{amount}</p>
<small>商户订单号 {number}</small>
{body}</section></main></body></html>"""
BUTTONS = """<form method="post" action="/cashier/act"><input type="hidden" name="t" value="{token}">
<button class="pay" name="action" value="pay">确认支付</button>
<button name="action" value="insufficient">余额不足（支付失败）</button>
<button name="action" value="cancel">取消</button></form>"""
OUTCOMES = ("pay", "insufficient", "cancel")
SAYINGS = {
    "paid": "支付成功",
    "insufficient": "支付失败：余额不足",
    "cancelled": "已取消，可以返回商户页面",
    "closed": "交易已关闭，不能再付款",
    "already_paid": "已经支付过了",
}


@dataclass
class Result:
    """What the buyer's action led to: paid, already_paid, insufficient, cancelled or closed."""

    result: str
    trades: list[Trade]


class Cashier:
    """Pages and actions of the buyer."""

    def __init__(self, party: AlipayParty, methods: Methods, notifier: Notifier, gateway: Gateway) -> None:
        self.party = party
        self.methods = methods
        self.notifier = notifier
        self.gateway = gateway

    def offer_by(self, *, out_trade_no: str = "", qr_code: str = "", pay_url: str = "") -> Offer | None:
        """The offer behind a number, a cashier address, or a page/wap pay address. Raises RefusedError."""
        if out_trade_no:
            return next(iter(self.party.offer_of.get(out_trade_no, [])), None)
        parts = urlsplit(qr_code or pay_url)
        token = parse_qs(parts.query).get("t", [""])[0]
        if token:
            return self.party.offers.get(token)
        params = dict(parse_qsl(parts.query, max_num_fields=100))
        kind = PAGE_METHODS.get(params.get("method", ""))
        if kind is None:
            return None
        biz = self.gateway.verified(params)
        return self.party.offers.get(self.methods.page_pay(kind, params, biz))

    def act(self, offer: Offer, outcome: str, *, late: bool = False, twice: bool = False) -> Result:
        """The buyer's action. ``late``: confirmed in time, but the channel finished after the time limit."""
        if outcome == "cancel":
            return Result("cancelled", [])
        now = self.party.world.now()
        if not offer.trade_no and offer.pay_until and now >= offer.pay_until and not late:
            return Result("closed", [])
        trade = self.party.authenticate(offer, payer_of(self.party, offer.out_trade_no))
        if late and trade.state == WAIT:
            trade.expires_at = None
        self.party.expire(trade)
        if trade.paid_fen and not twice:
            return Result("already_paid", [trade])
        if trade.state != WAIT and not trade.paid_fen:
            return Result("closed", [trade])
        if outcome == "insufficient":
            return Result("insufficient", [trade])
        paid = [trade] if trade.state == WAIT else []
        if twice or self.party.world.faults.find(offer.out_trade_no, "alipay", "two_payments") is not None:
            paid.append(self.party.second_trade(offer, trade.payer))
        for each in paid:
            self.party.pay(each)
            self.notifier.paid(each)
        return Result("paid", paid)

    async def show(self, request: web.Request) -> web.Response:
        """GET /cashier?t=…: scanning a QR code makes the trade exist; opening a page does not."""
        offer = self._offer(request.query.get("t", ""))
        if offer.kind == "precreate" and (
            offer.pay_until is None or self.party.world.now() < offer.pay_until
        ):
            self.party.authenticate(offer, payer_of(self.party, offer.out_trade_no))
        trade = self.party.trades.get(offer.trade_no)
        if trade is not None and trade.paid_fen:
            return self._page(offer, f"<p>{SAYINGS['already_paid']}</p>")
        return self._page(offer, BUTTONS.format(token=offer.token))

    async def submit(self, request: web.Request) -> web.Response:
        """POST /cashier/act: then back to the merchant's return_url when there is one."""
        form = await request.post()
        offer, action = self._offer(str(form.get("t", ""))), str(form.get("action", ""))
        if action not in OUTCOMES:
            raise web.HTTPBadRequest(text="unknown action")
        try:
            done = self.act(offer, action)
        except FullError:
            raise web.HTTPServiceUnavailable(text="full") from None
        if offer.return_url and done.result in ("paid", "already_paid"):
            raise web.HTTPFound(self._return_url(offer, done.trades[0]))
        back = f'<p><a href="{escape(offer.return_url)}">返回商户</a></p>' if offer.return_url else ""
        return self._page(offer, f"<p><strong>{SAYINGS[done.result]}</strong></p>{back}")

    def _offer(self, token: str) -> Offer:
        offer = self.party.offers.get(token)
        if offer is None:
            raise web.HTTPNotFound(text="没有这笔交易")
        return offer

    def _page(self, offer: Offer, body: str) -> web.Response:
        text = PAGE.format(
            subject=escape(offer.subject),
            amount=yuan(offer.amount_fen),
            number=escape(offer.out_trade_no),
            body=body,
        )
        return web.Response(text=text, content_type="text/html")

    def _return_url(self, offer: Offer, trade: Trade) -> str:
        params = {
            "app_id": self.party.app_id,
            "auth_app_id": self.party.app_id,
            "charset": "utf-8",
            "method": f"alipay.trade.{offer.kind}.pay.return",
            "out_trade_no": trade.out_trade_no,
            "seller_id": self.party.seller_id,
            "sign_type": "RSA2",
            "timestamp": beijing(self.party.world.now()),
            "total_amount": yuan(trade.amount_fen),
            "trade_no": trade.trade_no,
            "version": "1.0",
        }
        params["sign"] = rsa2_sign(self.party.notify_key, sorted_pairs(params, NOTIFY_UNSIGNED))
        return f"{offer.return_url}{'&' if '?' in offer.return_url else '?'}{urlencode(params)}"


__all__ = ["Cashier", "RefusedError", "Result"]
