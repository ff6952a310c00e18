"""``submit.php``, ``mapi.php`` and ``api.php``: HTTP in front of the aggregator's books.

Answers are unsigned JSON with HTTP 200. As in the public sources a number may be ordered again with the same
particulars and gives the same trade, and api.php takes the merchant's key in the clear.
"""

from __future__ import annotations

import asyncio
import re
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from simulators.epay.model import REFUNDED, UNPAID, EpayParty, FullError, Trade
from simulators.epay.notify import Notifier
from simulators.epay.signing import verifies
from simulators.faults import number_of
from simulators.money import fen, yuan
from simulators.world import beijing, hold

_NUMBER = re.compile(r"[a-zA-Z0-9._|-]{1,150}")
TYPES = ("alipay", "wxpay", "qqpay", "bank")
NAME_BYTES_MAX = 127
LIST_MAX = 50
MAX_FEN = 10_000_000_000
HTML_ERROR = "<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"


class RefusedError(Exception):
    """A refusal in words: code −1 … −5 and msg."""

    def __init__(self, msg: str, code: int = -1) -> None:
        super().__init__(msg)
        self.msg, self.code = msg, code


class Gateway:
    """The three scripts."""

    def __init__(self, party: EpayParty, notifier: Notifier) -> None:
        self.party = party
        self.world = party.world
        self.notifier = notifier

    # -- create

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """GET or POST by the buyer's browser: on to the cashier, or a page that says why not."""
        try:
            trade = self.create("submit", await _form(request))
        except RefusedError as refused:
            return web.Response(text=f"<h3>站点提示信息</h3>{escape(refused.msg)}", content_type="text/html")
        raise web.HTTPFound(f"/pay/submit/{trade.trade_no}/")

    async def mapi(self, request: web.Request) -> web.StreamResponse:
        """POST by the shop: a QR code for a desktop, an address for a phone."""
        fields = await _form(request)
        try:
            if not fields.get("clientip"):
                raise RefusedError("用户IP地址(clientip)不能为空")
            trade = self.create("mapi", fields)
        except RefusedError as refused:
            return _json(code=refused.code, msg=refused.msg)
        number, faults = trade.out_trade_no, self.world.faults
        if faults.take(number, "epay", "notify_before_create_returns") is not None and not trade.was_paid:
            self.party.pay(trade)
            await self.notifier.tell_success(trade)
        if faults.take(number, "epay", "create_timeout") is not None:
            return await hold(request)
        if faults.take(number, "epay", "create_unknown") is not None:
            return _html_error()
        field, kind = ("qrcode", "qrcode") if fields.get("device", "pc") == "pc" else ("payurl", "submit")
        address = f"{self.party.base_url}/pay/{kind}/{trade.trade_no}/"
        return await self._answer(trade, {"code": 1, "trade_no": trade.trade_no, field: address})

    def create(self, kind: str, fields: dict[str, str]) -> Trade:
        """Check, then the row: the one there is, or a new one. Raises RefusedError."""
        amount = self._checked(fields)
        number = fields["out_trade_no"]
        stored = {
            **fields,
            "name": escape(fields["name"].encode()[:NAME_BYTES_MAX].decode(errors="ignore")),
            "notify_url": escape(fields["notify_url"]),
            "return_url": escape(fields.get("return_url", "")),
        }
        self.world.faults.meet(number)
        before = self.party.find(number, "")
        again = self.world.faults.find(number, "epay", "number_not_unique") is not None
        if before is not None and not again:
            if before.was_paid:
                raise RefusedError(f"该订单({number})已完成支付，请勿重复发起支付")
            told = (before.amount_fen, before.name, before.notify_url, before.return_url)
            if told != (amount, stored["name"], stored["notify_url"], stored["return_url"]):
                raise RefusedError(f"该订单({number})支付参数有变化，请更换订单号重新发起支付")
            return before
        try:
            trade = self.party.open(kind, stored, amount)
        except FullError:
            raise RefusedError("创建订单失败，请返回重试！") from None
        self.notifier.created(trade)
        return trade

    def _checked(self, fields: dict[str, str]) -> int:
        if fields.get("pid") != self.party.pid:
            raise RefusedError("商户不存在！")
        if not verifies(fields, self.party.key, encoded=self.party.encoded):
            raise RefusedError("MD5签名校验失败", -3)
        for name in ("out_trade_no", "notify_url", "name", "money", "type"):
            if not fields.get(name):
                raise RefusedError(f"{name}不能为空")
        amount = fen(fields["money"])
        if amount is None or not 0 < amount <= MAX_FEN:
            raise RefusedError("金额不合法")
        if not _NUMBER.fullmatch(fields["out_trade_no"]):
            raise RefusedError("订单号(out_trade_no)格式不正确")
        if fields["type"] not in TYPES:
            raise RefusedError("支付方式不存在")
        return amount

    # -- ask and refund

    async def api(self, request: web.Request) -> web.StreamResponse:
        """``api.php?act=order|orders|refund``; the refund's fields are POSTed."""
        act = request.query.get("act", "")
        fields = await _form(request) if request.method == "POST" else dict(request.query)
        try:
            if fields.get("pid") != self.party.pid:
                raise RefusedError("商户ID不存在", -3)
            if fields.get("key") != self.party.key:
                raise RefusedError("商户密钥错误", -3)
            if act == "order":
                return await self._order(request, fields)
            if act == "orders":
                return _json(**self._orders(fields))
            if act == "refund" and request.method == "POST":
                return await self._refund(request, fields)
            raise RefusedError("No Act!", -5)
        except RefusedError as refused:
            return _json(code=refused.code, msg=refused.msg)

    async def _order(self, request: web.Request, fields: dict[str, str]) -> web.StreamResponse:
        number, faults = self._number(fields), self.world.faults
        if faults.take(number, "epay", "query_timeout") is not None:
            return await hold(request)
        if faults.take(number, "epay", "query_unknown") is not None:
            return _html_error()
        forgets = faults.take(number, "epay", "query_not_found_then_found") is not None
        trade = self.party.find(fields.get("out_trade_no", ""), fields.get("trade_no", ""))
        if trade is None or forgets:
            raise RefusedError("订单号不存在")
        return await self._answer(trade, {"code": 1, "msg": "succ", **self._row(trade)})

    def _orders(self, fields: dict[str, str]) -> dict[str, Any]:
        limit, offset = _whole(fields.get("limit"), 10), _whole(fields.get("offset"), 0)
        status = _whole(fields["status"], 0) if "status" in fields else None
        rows = islice(self.party.listed(status), offset, offset + min(limit, LIST_MAX))
        shown = [
            self._row(trade)
            for trade in rows
            if self.world.faults.find(trade.out_trade_no, "epay", "query_not_found_then_found") is None
        ]
        return {"code": 1, "msg": "查询订单记录成功！", "count": len(shown), "data": shown}

    async def _refund(self, request: web.Request, fields: dict[str, str]) -> web.StreamResponse:
        amount = fen(fields.get("money", ""))
        if amount is None:
            raise RefusedError("金额输入错误")
        number, faults = self._number(fields), self.world.faults
        trade = self.party.find(fields.get("out_trade_no", ""), fields.get("trade_no", ""))
        if trade is None:
            raise RefusedError("当前订单不存在！")
        if trade.status == UNPAID:
            raise RefusedError("该订单状态不支持退款！")
        if trade.status == REFUNDED:
            raise RefusedError("该订单已全额退款！")
        if amount > trade.amount_fen:
            raise RefusedError("退款金额不能大于订单金额")
        if amount < trade.amount_fen:
            raise RefusedError("当前支付通道不支持部分退款")
        short = amount > self.party.merchant_balance_fen + self.party.float_fen
        if short or faults.take(number, "epay", "refund_refused") is not None:
            raise RefusedError("商户余额不足，请先充值")
        if faults.take(number, "epay", "refund_timeout_lost") is not None:
            return await hold(request)
        refund_no = self.party.refund(trade)
        if faults.take(number, "epay", "refund_unknown_then_success") is not None:
            return _html_error()
        if faults.take(number, "epay", "refund_timeout_executed") is not None:
            return await hold(request)
        told = {"refund_no": refund_no, "trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no}
        money = yuan(amount)
        return await self._answer(
            trade, {"code": 0, **told, "money": money, "msg": f"退款成功！退款金额￥{money}"}
        )

    def _number(self, fields: dict[str, str]) -> str:
        """The merchant's number of what is asked for, also when it is asked by the aggregator's."""
        trade = self.party.trades.get(fields.get("trade_no", ""))
        number = trade.out_trade_no if trade is not None else fields.get("out_trade_no", "")
        if not number and not fields.get("trade_no"):
            raise RefusedError("订单号不能为空", -4)
        return number

    def _row(self, trade: Trade) -> dict[str, Any]:
        """An order row: texts as the database gives them, ``pid`` a number."""
        return {
            "trade_no": trade.trade_no,
            "out_trade_no": trade.out_trade_no,
            "api_trade_no": f"4200{trade.trade_no}" if trade.was_paid else None,
            "type": trade.type,
            "pid": int(self.party.pid),
            "addtime": beijing(trade.created_at),
            "endtime": beijing(trade.paid_at) or None,
            "name": trade.name,
            "money": yuan(trade.amount_fen),
            "param": trade.param or None,
            "buyer": trade.payer if trade.was_paid else None,
            "status": str(trade.status),
        }

    async def _answer(self, trade: Trade, body: dict[str, Any]) -> web.StreamResponse:
        slow = self.world.faults.take(trade.out_trade_no, "epay", "slow")
        if slow is not None:
            await asyncio.sleep(min(60.0, self.world.clock.real_s(number_of(slow, "s", 3))))
        return _json(**body)


def _json(**body: Any) -> web.Response:
    return web.json_response(body)


def _html_error() -> web.Response:
    return web.Response(status=502, text=HTML_ERROR, content_type="text/html")


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else default


async def _form(request: web.Request) -> dict[str, str]:
    if request.method == "GET":
        return dict(request.query)
    body = (await request.read()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))
