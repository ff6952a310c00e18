"""The first supplier: 福禄 (direct, mobile and card goods over ``/api/getway``).

Submitting is asynchronous and keyed by ``customer_order_no``, fixed and unique for ever (R5). What a submit
or a query answers is success, a refusal with a reason, or unknown; unknown is asked for by the same number
and never sent again (F9, F20). A callback is a hint, whatever its signature says. Source: wire.md, Suppliers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.suppliers import fulu_codes, fulu_wire
from mingzhang.fulfilment.suppliers.base import (
    TOLD_BY,
    BalanceAnswer,
    CallbackHint,
    Card,
    GoodsKind,
    Reason,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.kit.beijing import read_beijing, write_beijing
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import Fen
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Answer, Outbound, Silence

PARTY: Final = "fulu"

_MOBILE: Final = "fulu.order.mobile.add"
_DIRECT: Final = "fulu.order.direct.add"
_CARD: Final = "fulu.order.card.add"
_INFO: Final = "fulu.order.info.get"
_USER: Final = "fulu.user.info.get"
_GOODS: Final = "fulu.goods.list.get"
_MAINTAIN: Final = "fulu.mobile.maintain.check"

_NUMBER_MAX: Final = 50
_FIELDS: Final = {"region": "charge_game_region", "server": "charge_game_srv"}
_SECRET_BYTES: Final = 32
_TEXT_MAX: Final = 200
_GOODS_MAX: Final = 5000

# The buyer may read these and no others: cost and price are for finance only (ledger.md).
_FEEDBACK: Final = (
    "order_id",
    "order_state",
    "recharge_description",
    "operator_serial_number",
    "finish_time",
)

_Biz = Mapping[str, str | int | Decimal]

_TURNED_AWAY: Final = 429
_CARDS_MISSING: Final = "供应商已报成功，卡密尚未给全，继续查询"


class FuluSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant at 福禄. ``url``: the gateway's whole address; ``timeout_s``: real seconds a call."""

    url: str
    app_key: str
    app_secret: str
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"FuluSettings(url={self.url!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("url", self.url)]


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """One product of the supplier's list. Costs are for finance, never for the buyer."""

    product_id: str
    name: str
    face_value_fen: Fen | None
    cost_fen: Fen | None
    on_sale: bool


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end. `reply` only when it may be believed as an answer; else `code` says what was wrong."""

    reply: fulu_wire.ReplyRead | None = None
    code: str = ""
    not_sent: bool = False
    messages: tuple[Message, ...] = ()


class Fulu:
    """The adapter. `http` is shared and stays open."""

    name = PARTY

    def __init__(self, settings: FuluSettings, http: Outbound, clock: Clock) -> None:
        if not settings.app_secret.isascii() or len(settings.app_secret) != _SECRET_BYTES:
            raise Problem(
                "fulu_key_invalid", Kind.INVALID, f"app_secret must have {_SECRET_BYTES} characters"
            )
        self._settings = settings
        self._http = http
        self._clock = clock

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Send one order. A request that can't be sent at all raises `Problem`: that is our own mistake."""
        method, biz = _order(request)
        called = await self._call(method, biz)
        if called.not_sent:
            return SupplyAnswer(state=SupplyState.NOT_SENT, code=called.code, messages=called.messages)
        reply = called.reply
        if reply is None:
            return _unknown(called)
        if reply.code == fulu_codes.OK:
            return self._read_order(called, reply, request.attempt_no, request.kind, request.quantity)
        reason = fulu_codes.refusal_of(reply.code, reply.message)
        if reason is None:
            return _unknown(called)
        return SupplyAnswer(
            state=SupplyState.REFUSED,
            reason=reason,
            code=reply.code,
            text=reply.message[:_TEXT_MAX],
            feedback={"recharge_description": reply.message[:_TEXT_MAX]} if reply.message else {},
            messages=called.messages,
        )

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """``fulu.order.info.get``. An answer that tells of no order settles nothing, whatever its code."""
        called = await self._call(_INFO, {"customer_order_no": attempt_no})
        reply = called.reply
        if reply is None:
            return _unknown(called)
        if reply.code == fulu_codes.OK:
            return self._read_order(called, reply, attempt_no, kind, quantity)
        unknown = _unknown(called)
        if fulu_codes.is_not_found(reply.code, reply.message):
            return msgspec.structs.replace(unknown, state=SupplyState.NOT_FOUND)
        return unknown

    async def balance(self) -> BalanceAnswer:
        """``fulu.user.info.get``: the balance to four decimals, rounded down to a fen."""
        called = await self._call(_USER, {})
        result = _result_of(called.reply)
        free_fen = fulu_wire.fen_free(result.get("balance")) if isinstance(result, dict) else None
        if free_fen is None:
            return BalanceAnswer(known=False, messages=called.messages)
        return BalanceAnswer(known=True, free_fen=free_fen, messages=called.messages)

    async def goods(self) -> tuple[tuple[Goods, ...] | None, tuple[Message, ...]]:
        """``fulu.goods.list.get``; None when the supplier did not answer."""
        called = await self._call(_GOODS, {})
        rows = _result_of(called.reply)
        if not isinstance(rows, list):
            return None, called.messages
        return tuple(_goods(row) for row in rows[:_GOODS_MAX] if isinstance(row, dict)), called.messages

    async def in_maintenance(
        self, phone: str, face_value_fen: Fen
    ) -> tuple[bool | None, tuple[Message, ...]]:
        """``fulu.mobile.maintain.check`` (R20); None when the supplier did not say."""
        biz: _Biz = {"charge_phone": phone, "charge_value": fulu_wire.yuan_number(face_value_fen)}
        called = await self._call(_MAINTAIN, biz)
        if called.reply is not None and fulu_codes.is_maintenance(called.reply.code):
            return True, called.messages
        result = _result_of(called.reply)
        said = result.get("is_maintain") if isinstance(result, dict) else None
        return (bool(said) if said in (0, 1) else None), called.messages

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """At most a hint (F4): the attempt to ask about. Pure; never raises."""
        told_so = http.method in TOLD_BY
        small = told_so and len(http.body) <= ANSWER_BYTES_MAX
        fits = small and fulu_wire.callback_fits(http.body, self._settings.app_secret)
        fields = fulu_wire.read_object(http.body) if fits else None
        number = (fields or {}).get("customer_order_no")
        known = isinstance(number, str) and 0 < len(number) <= _NUMBER_MAX
        message = Message(
            party=PARTY,
            kind="fulu.callback",
            direction=Direction.IN,
            standing=Standing.HINT if fits else Standing.FORGED,
            body=http.body[:ANSWER_BYTES_MAX],
            content_type=http.headers.get("content-type", "")[:_TEXT_MAX] or "application/octet-stream",
            occurred_at=read_beijing((fields or {}).get("charge_finish_time")),
            note="" if fits else "bad_signature" if told_so else "wrong_method",
        )
        return CallbackHint(message=message, attempt_no=str(number) if known else "")

    def acknowledge(self, accepted: bool) -> Reply:
        """Literally ``success``."""
        return Reply(status=200, body=b"success" if accepted else b"fail", content_type="text/plain")

    async def aclose(self) -> None:
        """Nothing of its own to free."""

    def _read_order(
        self, called: _Called, reply: fulu_wire.ReplyRead, attempt_no: str, kind: GoodsKind, quantity: int
    ) -> SupplyAnswer:
        """Read an order as told by a submit or a query. ``order_price`` is per unit (交易单价)."""
        order = fulu_wire.read_object(reply.result)
        if order is None or order.get("customer_order_no") != attempt_no:
            return msgspec.structs.replace(_unknown(called), code="malformed_answer")
        state = fulu_codes.state_of(order.get("order_state"))
        words = _text(order, "recharge_description")
        reason, code = None, reply.code
        if state is SupplyState.REFUSED:
            reason = fulu_codes.reason_in(words) or Reason.SUPPLIER_ERROR
            state = SupplyState.REVERSED if fulu_codes.is_reversal(words) else state
            code = fulu_codes.PARTIAL_CREDIT if fulu_codes.is_partial(words) else code
        cost_fen = fulu_wire.fen_charged(order.get("order_price"), order.get("buy_num"))
        cards: tuple[Card, ...] = ()
        if state is SupplyState.SUCCEEDED and kind is GoodsKind.CARD:
            read = fulu_wire.read_cards(order.get("cards"), self._settings.app_secret)
            cards = read or ()
            if read is None or len(read) < max(quantity, 1):
                # Cards may lag behind the success; one card twice is one card (F7).
                state, code, words, cards = SupplyState.PROCESSING, "cards_missing", _CARDS_MISSING, ()
        return SupplyAnswer(
            state=state,
            reason=reason,
            code=code,
            text=words,
            supplier_order_id=_text(order, "order_id"),
            cost_fen=cost_fen,
            # Taken back after success: all of the charge, unless its words say that it was a part.
            credited_fen=cost_fen if state is SupplyState.REVERSED and code == reply.code else None,
            serial=_text(order, "operator_serial_number"),
            cards=cards,
            finished_at=read_beijing(order.get("finish_time")),
            feedback={name: _text(order, name) for name in _FEEDBACK if _text(order, name)},
            messages=called.messages,
        )

    async def _call(self, method: str, biz: _Biz) -> _Called:
        settings = self._settings
        fields = {
            "app_key": settings.app_key,
            "method": method,
            "timestamp": write_beijing(self._clock.now()),
            "version": "2.0",
            "format": "json",
            "charset": "utf-8",
            "sign_type": "md5",
            "app_auth_token": "",
            "biz_content": fulu_wire.biz_content(biz),
        }
        body = fulu_wire.signed_body(fields, settings.app_secret)
        ended = await self._http.post(settings.url, body, fulu_wire.JSON_TYPE, settings.timeout_s)
        sent = Message(
            party=PARTY,
            kind=method,
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=body,
            content_type=fulu_wire.JSON_TYPE,
            note=ended.why.value if isinstance(ended, Silence) else "",
        )
        if isinstance(ended, Silence):
            return _Called(code=ended.why.value, not_sent=ended.nothing_sent, messages=(sent,))
        return self._read_answer(method, sent, ended)

    def _read_answer(self, method: str, sent: Message, answer: Answer) -> _Called:
        reply = fulu_wire.read_reply(answer.body, self._settings.app_secret)
        doubt, standing = "", Standing.ANSWER
        if answer.status != 200:
            doubt, standing = f"http_{answer.status}", Standing.HINT
        elif reply is None:
            doubt, standing = "not_json", Standing.HINT
        # A refusal may come unsigned; a success never does, and no signature may be wrong.
        elif not reply.genuine and (reply.signed or reply.code == fulu_codes.OK):
            doubt, standing = "bad_signature", Standing.FORGED
        received = Message(
            party=PARTY,
            kind=method,
            direction=Direction.IN,
            standing=standing,
            body=answer.body,
            content_type=answer.content_type[:_TEXT_MAX] or "application/octet-stream",
            note=doubt,
        )
        return _Called(
            reply=None if doubt else reply,
            code=doubt,
            # Turned away at the door for coming too often: nothing was read, so nothing was accepted.
            not_sent=answer.status == _TURNED_AWAY,
            messages=(sent, received),
        )


def _order(request: SupplyRequest) -> tuple[str, _Biz]:
    """Method and business fields. ``customer_price`` is our safe price per unit, rounded down."""
    sendable = 0 < len(request.attempt_no) <= _NUMBER_MAX and request.quantity >= 1
    if not sendable or request.safe_cost_fen < request.quantity:
        raise Problem("supply_invalid", Kind.INVALID, f"{request.quantity} under {request.attempt_no!r}")
    product = request.supplier_product
    common: _Biz = {
        "customer_order_no": request.attempt_no,
        "customer_price": fulu_wire.yuan_number(request.safe_cost_fen // request.quantity),
    }
    if request.kind is GoodsKind.MOBILE:
        value = fulu_wire.yuan_number(request.face_value_fen * request.quantity)
        return _MOBILE, {"charge_phone": request.account, "charge_value": value, **common}
    bought: _Biz = {
        "product_id": int(product) if product.isascii() and product.isdigit() else product,
        "buy_num": request.quantity,
        **common,
    }
    if request.kind is GoodsKind.CARD:
        return _CARD, bought
    more: _Biz = {_FIELDS.get(name, name): text for name, text in request.fields}
    return _DIRECT, {**more, **bought, "charge_account": request.account}


def _unknown(called: _Called) -> SupplyAnswer:
    reply = called.reply
    return SupplyAnswer(
        state=SupplyState.UNKNOWN,
        reason=Reason.DUPLICATE if reply and fulu_codes.is_duplicate(reply.code, reply.message) else None,
        code=called.code or (reply.code if reply else ""),
        text=reply.message[:_TEXT_MAX] if reply else "",
        messages=called.messages,
    )


def _result_of(reply: fulu_wire.ReplyRead | None) -> Any:
    return fulu_wire.read_json(reply.result) if reply is not None and reply.code == fulu_codes.OK else None


def _goods(row: Mapping[str, Any]) -> Goods:
    return Goods(
        product_id=str(row.get("product_id", ""))[:_TEXT_MAX],
        name=_text(row, "product_name"),
        face_value_fen=fulu_wire.fen_charged(row.get("face_value")),
        cost_fen=fulu_wire.fen_charged(row.get("purchase_price")),
        on_sale=_text(row, "sales_status") in ("", "上架"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""
