"""What each call does. Business refusals carry WeChat's own codes and HTTP statuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.faults import number_of
from simulators.wechat import tell
from simulators.wechat.model import ABNORMAL, CLOSED, NOTPAY, SUCCESS, FullError, Order, Refund, WechatParty
from simulators.wechat.notify import Notifier
from simulators.wechat.wire import encrypt

_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_OPENID = re.compile(r"[0-9A-Za-z_\-]{6,128}")
MAX_FEN = 10_000_000_000
MAX_REFUNDS = 50
KINDS = {"native": "NATIVE", "h5": "MWEB", "jsapi": "JSAPI"}


class RefusedError(Exception):
    """WeChat's refusal: HTTP status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass
class Answer:
    """A reply. ``node`` None is an empty body; ``never``: carried out but not answered; ``number``: for faults."""

    node: dict[str, Any] | None = None
    status: int = 200
    never: bool = False
    number: str = ""
    spoil: str = ""


class Methods:
    """The calls, without HTTP or signatures."""

    def __init__(self, party: WechatParty, notifier: Notifier) -> None:
        self.party = party
        self.world = party.world
        self.notifier = notifier
        self.on_refund: list[Callable[[Order, Refund], None]] = []

    # -- create

    async def create(self, end: str, body: dict[str, Any]) -> Answer:
        """下单. The same number and content gives the same address; other content is a repeated number."""
        order = self._order(end, body)
        number = order.out_trade_no
        if self._takes(number, "notify_before_create_returns") and order.state == NOTPAY:
            self.party.pay(order)
            await self.notifier.pay_notify_now(order)
        if self._takes(number, "create_timeout"):
            return Answer(never=True)
        if self._takes(number, "create_unknown"):
            raise RefusedError(500, "SYSTEM_ERROR", "系统繁忙，请稍后重试")
        address = f"{self.party.base_url}/cashier?t={order.token}"
        node = {
            "native": {"code_url": address},
            "h5": {"h5_url": address},
            "jsapi": {"prepay_id": order.prepay_id},
        }[end]
        return Answer(dict(node), number=number)

    def _order(self, end: str, body: dict[str, Any]) -> Order:
        number, amount = _text(body, "out_trade_no"), _child(body, "amount")
        total = amount.get("total")
        payer = _text(_child(body, "payer"), "openid")
        self._ours(body, app=True)
        if not _NUMBER.fullmatch(number):
            raise _parameter("out_trade_no")
        if not 0 < len(_text(body, "description")) <= 127:
            raise _parameter("description")
        if not isinstance(total, int) or isinstance(total, bool) or not 0 < total <= MAX_FEN:
            raise _parameter("amount.total")
        if amount.get("currency", "CNY") != "CNY":
            raise _parameter("amount.currency")
        if not _text(body, "notify_url").startswith(("http://", "https://")):
            raise _parameter("notify_url")
        scene = _child(body, "scene_info")
        if end == "h5" and not (_text(scene, "payer_client_ip") and _text(_child(scene, "h5_info"), "type")):
            raise _parameter("scene_info")
        if end == "jsapi" and not _OPENID.fullmatch(payer):
            raise _parameter("payer.openid")
        until = _until(body)
        self.world.faults.meet(number)
        known = self.party.find(number)
        if known is not None:
            return self._again(known, KINDS[end], total, _text(body, "description"), payer)
        try:
            order = self.party.open(
                number,
                KINDS[end],
                _text(body, "description"),
                total,
                _text(body, "notify_url"),
                until,
                payer,
            )
        except FullError:
            raise RefusedError(500, "SYSTEM_ERROR", "系统繁忙，请稍后重试") from None
        self.notifier.created(order)
        return order

    def _again(self, order: Order, kind: str, total: int, description: str, payer: str) -> Order:
        if order.paid_fen:
            raise RefusedError(400, "ORDERPAID", "该订单已支付")
        if order.state == CLOSED:
            raise RefusedError(400, "ORDER_CLOSED", "该订单已关闭")
        same = (order.kind, order.amount_fen, order.description) == (kind, total, description)
        if not same or (payer and payer != order.payer):
            raise RefusedError(
                400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致，请核实后再重新提交"
            )
        return order

    # -- ask and close

    def query(self, order: Order | None, number: str, mchid: str) -> Answer:
        """By out_trade_no or transaction_id; 404 ORDER_NOT_EXIST when there is none."""
        if mchid != self.party.mchid:
            raise _parameter("mchid")
        if self._takes(number, "query_unknown"):
            raise RefusedError(500, "SYSTEM_ERROR", "系统错误")
        if self._takes(number, "query_timeout"):
            return Answer(never=True)
        if order is None:
            raise RefusedError(404, "ORDER_NOT_EXIST", "订单不存在")
        spoil = next((name for name in ("answer_signtest", "answer_stale") if self._takes(number, name)), "")
        return Answer(tell.trade(self.party, order), number=number, spoil=spoil)

    def close(self, number: str, body: dict[str, Any]) -> Answer:
        """204; a paid order cannot be closed, a closed one is closed."""
        self._ours(body)
        order = self.party.find(number)
        if order is not None and self._takes(number, "close_race_pay") and order.state == NOTPAY:
            self.party.pay(order)
            self.notifier.paid(order)
        if order is None:
            raise RefusedError(404, "ORDER_NOT_EXIST", "订单不存在")
        if order.paid_fen:
            raise RefusedError(400, "ORDERPAID", "该订单已支付")
        if order.state == NOTPAY:
            order.state, order.closed_at = CLOSED, self.world.now()
        return Answer(status=204, number=number)

    # -- refund

    def refund(self, body: dict[str, Any]) -> Answer:
        """申请退款, idempotent by out_refund_no: first PROCESSING, then what becomes of it."""
        number, amount = _text(body, "out_refund_no"), _child(body, "amount")
        fen, total = amount.get("refund"), amount.get("total")
        if not _REFUND_NUMBER.fullmatch(number):
            raise _parameter("out_refund_no")
        if not isinstance(fen, int) or isinstance(fen, bool) or fen <= 0 or amount.get("currency") != "CNY":
            raise _parameter("amount")
        order = self._paid_order(body)
        done = self.party.refunds.get(number)
        if done is not None:
            if done[0] is not order or done[1].fen != fen:
                raise RefusedError(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
            return Answer(tell.refund(order, done[1]), number=number)
        refused = self.world.faults.take(number, "wechat", "refund_refused")
        if refused is not None:
            raise RefusedError(
                403, str(refused.get("sub_code", "NOT_ENOUGH")), "基本账户余额不足，请充值后重新发起"
            )
        if self._takes(number, "refund_timeout_lost"):
            return Answer(never=True)
        self._refundable(order, fen, total)
        made = self.party.refund(order, number, fen, _text(body, "notify_url"))
        told = tell.refund(order, made)
        self._finish(order, made)
        if self._takes(number, "refund_unknown_then_success"):
            raise RefusedError(500, "SYSTEM_ERROR", "接口返回错误，请使用相同参数再次调用")
        if self._takes(number, "refund_timeout_executed"):
            return Answer(never=True)
        return Answer(told, number=number)

    def _paid_order(self, body: dict[str, Any]) -> Order:
        transaction_id, out_trade_no = _text(body, "transaction_id"), _text(body, "out_trade_no")
        order = (
            self.party.by_transaction.get(transaction_id)
            if transaction_id
            else self.party.orders.get(out_trade_no)
        )
        if order is None:
            raise RefusedError(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        if not order.paid_fen:
            raise RefusedError(400, "INVALID_REQUEST", "订单未支付")
        return order

    def _refundable(self, order: Order, fen: int, total: object) -> None:
        if total != order.amount_fen:
            raise RefusedError(400, "INVALID_REQUEST", "订单金额与原订单不一致")
        if len(order.refunds) >= MAX_REFUNDS:
            raise RefusedError(403, "RULE_LIMIT", "退款次数超限")
        if fen > order.paid_fen - order.refunded_fen:
            raise RefusedError(400, "INVALID_REQUEST", "申请退款金额大于可退金额")
        if fen > self.party.merchant_balance_fen + self.party.float_fen:
            raise RefusedError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")

    def _finish(self, order: Order, made: Refund) -> None:
        """A refund is PROCESSING when it is answered, and ends right after unless a fault holds it."""
        faults = self.world.faults
        slow = faults.find(made.out_refund_no, "wechat", "refund_slow")
        ends = SUCCESS
        if faults.find(made.out_refund_no, "wechat", "refund_abnormal") is not None:
            ends = ABNORMAL
        elif faults.find(made.out_refund_no, "wechat", "refund_closed") is not None:
            ends = CLOSED
        if slow is None:
            self.end_refund(order, made, ends)
            return

        async def later() -> None:
            self.end_refund(order, made, ends)

        self.world.after(number_of(slow, "s", 600), later)

    def end_refund(self, order: Order, made: Refund, status: str) -> None:
        """The refund ends, and WeChat tells."""
        self.party.end_refund(order, made, status)
        self.notifier.refund_ended(order, made)
        for heard in self.on_refund:
            heard(order, made)

    def refund_query(self, number: str) -> Answer:
        """By out_refund_no; 404 RESOURCE_NOT_EXISTS when there is none."""
        found = self.party.refunds.get(number)
        if found is None:
            raise RefusedError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return Answer(tell.refund(*found), number=number)

    # -- certificates

    def certificates(self) -> Answer:
        """The platform certificates, encrypted under the merchant's APIv3 key."""
        data = [
            {
                "serial_no": key.serial,
                "effective_time": tell.rfc3339(key.not_before),
                "expire_time": tell.rfc3339(key.not_after),
                "encrypt_certificate": encrypt(
                    key.certificate.encode(), self.party.api_v3_key, self.party.nonce()[:12], "certificate"
                ),
            }
            for key in self.party.certificates()
        ]
        return Answer({"data": data})

    def _ours(self, body: dict[str, Any], *, app: bool = False) -> None:
        if body.get("mchid") != self.party.mchid:
            raise RefusedError(400, "MCH_NOT_EXISTS", "商户号不存在")
        if app and body.get("appid") != self.party.app_id:
            raise RefusedError(400, "APPID_MCHID_NOT_MATCH", "AppID和mch_id不匹配")

    def _takes(self, number: str, name: str) -> bool:
        return bool(number) and self.world.faults.take(number, "wechat", name) is not None


def _until(body: dict[str, Any]) -> datetime | None:
    text = _text(body, "time_expire")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _parameter("time_expire") from None
    if moment.tzinfo is None:
        raise _parameter("time_expire")
    return moment


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _child(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _parameter(name: str) -> RefusedError:
    return RefusedError(400, "PARAM_ERROR", f"参数错误：{name}")
