"""The third supplier: 卡速售 2.0 (``/api/v1``), the same protocol at many sites.

Buying is asynchronous and keyed by ``external_orderno``, fixed and unique for ever (R5). What a submit or a
query answers is success, a refusal with a reason, or unknown; unknown is asked for by the same number and
never sent again (F9, F20). A callback is a hint, whatever its signature says. Source: wire.md, Suppliers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.suppliers import kasushou_codes, kasushou_wire
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
from mingzhang.fulfilment.suppliers.fulu_wire import fen_charged, fen_free
from mingzhang.fulfilment.suppliers.kasushou_goods import (
    AccountField,
    Goods,
    read_goods,
    read_template,
    text_of,
)
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import format_yuan
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Answer, Outbound, Silence

PARTY: Final = "kasushou"

_BUY: Final = "order/buy"
_INFO: Final = "order/info"
_USER: Final = "user/info"
_GOODS: Final = "goods/list"
_TEMPLATE: Final = "goods/attach"

# The query takes several numbers parted by commas: one of ours must be one number.
_NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{1,32}")
_TEXT_MAX: Final = 200
_GOODS_A_PAGE: Final = 100
_PAGES_MAX: Final = 50

_TURNED_AWAY: Final = 429
_CARDS_MISSING: Final = "供应商已报成功，卡密尚未给全，继续查询"


class KasushouSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One site of 卡速售. ``url``: scheme and host; ``user_id``: the appid; ``timeout_s``: real seconds a call.

    ``name``: the party in ledger and evidence, one for each site. ``callback_url``: empty = none is asked for.
    ``account_field``: the key of the account in the site's order templates. ``safe_price_each``: whether the
    site compares the safe price with the price of one unit (else of the whole order; the vendor does not say,
    and one unit errs to our side). ``unpaid_recheck_s``: real seconds after which an order that was unpaid is
    asked about again before it counts as failed: every order may be unpaid for the instant in which it is made.
    """

    url: str
    user_id: str
    api_key: str
    callback_url: str = ""
    name: str = PARTY
    account_field: str = "recharge_account"
    safe_price_each: bool = True
    timeout_s: float = 10.0
    unpaid_recheck_s: float = 5.0

    def __repr__(self) -> str:
        return f"KasushouSettings(url={self.url!r}, name={self.name!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("url", self.url), ("name", self.name)]


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end. `reply` only when it may be believed as an answer; else `code` says what was wrong."""

    reply: kasushou_wire.ReplyRead | None = None
    code: str = ""
    not_sent: bool = False
    messages: tuple[Message, ...] = ()


class Kasushou:
    """The adapter for one site. `http` is shared and stays open."""

    def __init__(self, settings: KasushouSettings, http: Outbound, clock: Clock) -> None:
        if not settings.api_key or not settings.user_id.isascii() or not settings.user_id.isprintable():
            raise Problem("kasushou_key_invalid", Kind.INVALID, "user_id or api_key is missing or malformed")
        self.name = settings.name
        self._settings = settings
        self._http = http
        self._clock = clock

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Send one order. A request that can't be sent at all raises `Problem`: that is our own mistake."""
        called = await self._call(_BUY, self._order(request))
        if called.not_sent:
            return SupplyAnswer(state=SupplyState.NOT_SENT, code=called.code, messages=called.messages)
        reply = called.reply
        if reply is None:
            return _unknown(called)
        if reply.code == kasushou_codes.OK:
            return _accepted(called, reply.data, request.attempt_no)
        reason = kasushou_codes.refusal_of(reply.code, reply.msg)
        if reason is None:
            return _unknown(called)
        words = reply.msg[:_TEXT_MAX]
        return SupplyAnswer(
            state=SupplyState.REFUSED,
            reason=reason,
            code=reply.code,
            text=words,
            feedback={"recharge_description": words} if words else {},
            messages=called.messages,
        )

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """``order/info`` over all days (the vendor looks back 30 by itself). No order told settles nothing."""
        if not _NUMBER.fullmatch(attempt_no):
            raise Problem("supply_invalid", Kind.INVALID, f"no number of ours: {attempt_no!r}")
        answer = await self._look(attempt_no, kind, quantity)
        if answer.code != kasushou_codes.UNPAID:
            return answer
        await asyncio.sleep(self._settings.unpaid_recheck_s)
        again = await self._look(attempt_no, kind, quantity)
        return msgspec.structs.replace(again, messages=answer.messages + again.messages)

    async def _look(self, attempt_no: str, kind: GoodsKind, quantity: int) -> SupplyAnswer:
        called = await self._call(_INFO, {"day": 0, "external_orderno": attempt_no, "ordersn": ""})
        reply = called.reply
        if reply is None:
            return _unknown(called)
        unknown = _unknown(called)
        if kasushou_codes.is_not_found(reply.code, reply.msg) or (
            reply.code == kasushou_codes.OK and reply.data == []
        ):
            return msgspec.structs.replace(unknown, state=SupplyState.NOT_FOUND)
        if reply.code != kasushou_codes.OK:
            return unknown
        rows = reply.data if isinstance(reply.data, list) else []
        ours = [r for r in rows if isinstance(r, dict) and r.get("external_orderno") == attempt_no]
        if len(ours) != 1:
            # Two orders under one number: which of them was ours, and what the other cost, a person must see.
            code = "several_orders" if ours else "malformed_answer"
            return msgspec.structs.replace(unknown, code=code)
        return _read_order(called, ours[0], kind, quantity)

    async def balance(self) -> BalanceAnswer:
        """``user/info``: the balance, rounded down to a fen."""
        called = await self._call(_USER, {})
        data = _data_of(called.reply)
        free_fen = fen_free(data.get("balance")) if isinstance(data, dict) else None
        if free_fen is None:
            return BalanceAnswer(known=False, messages=called.messages)
        return BalanceAnswer(known=True, free_fen=free_fen, messages=called.messages)

    async def goods(self) -> tuple[tuple[Goods, ...] | None, tuple[Message, ...]]:
        """``goods/list``, page by page; None when the site did not answer one of them."""
        found: list[Goods] = []
        messages: tuple[Message, ...] = ()
        for page in range(1, _PAGES_MAX + 1):
            called = await self._call(_GOODS, {"limit": _GOODS_A_PAGE, "page": page})
            messages += called.messages
            data = _data_of(called.reply)
            rows = data.get("list") if isinstance(data, dict) else None
            if not isinstance(rows, list):
                return None, messages
            found += read_goods(rows[:_GOODS_A_PAGE])
            if len(rows) < _GOODS_A_PAGE:
                break
        return tuple(found), messages

    async def template(
        self, supplier_product: str
    ) -> tuple[tuple[AccountField, ...] | None, tuple[Message, ...]]:
        """``goods/attach``: what the site wants to know for an order; None when it did not say."""
        called = await self._call(_TEMPLATE, {"goods_id": supplier_product})
        return read_template(_data_of(called.reply)), called.messages

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """At most a hint (F4): the attempt to ask about. Pure; never raises."""
        told_so = http.method in TOLD_BY
        small = told_so and len(http.body) <= ANSWER_BYTES_MAX
        read = kasushou_wire.read_callback(http.body) if small else None
        fits = read is not None and kasushou_wire.callback_fits(read, self._settings.api_key)
        fields = read if fits and read is not None else {}
        number = fields.get("external_orderno")
        message = Message(
            party=self.name,
            kind="kasushou.callback",
            direction=Direction.IN,
            standing=Standing.HINT if fits else Standing.FORGED,
            body=kasushou_wire.without_cards(http.body[:ANSWER_BYTES_MAX], genuine=fits),
            content_type=http.headers.get("content-type", "")[:_TEXT_MAX] or "application/octet-stream",
            occurred_at=kasushou_wire.read_time(fields.get("time")),
            note="" if fits else "bad_signature" if told_so else "wrong_method",
        )
        known = isinstance(number, str) and _NUMBER.fullmatch(number) is not None
        return CallbackHint(message=message, attempt_no=str(number) if known else "")

    def acknowledge(self, accepted: bool) -> Reply:
        """Literally ``ok``; anything else is sent again after 5, 10, 15, 20, 25 minutes."""
        return Reply(status=200, body=b"ok" if accepted else b"fail", content_type="text/plain")

    async def aclose(self) -> None:
        """Nothing of its own to free."""

    def _order(self, request: SupplyRequest) -> dict[str, object]:
        """The body of ``order/buy``. The safe price is rounded down; cards bear no ``attach``."""
        settings = self._settings
        sendable = _NUMBER.fullmatch(request.attempt_no) and request.quantity >= 1
        if not sendable or not request.supplier_product or request.safe_cost_fen < request.quantity:
            raise Problem("supply_invalid", Kind.INVALID, f"{request.quantity} under {request.attempt_no!r}")
        product = request.supplier_product
        units = request.quantity if settings.safe_price_each else 1
        fields: dict[str, object] = {
            "id": int(product) if product.isascii() and product.isdigit() else product,
            "external_orderno": request.attempt_no,
            "quantity": request.quantity,
            "safe_price": format_yuan(request.safe_cost_fen // units),
        }
        if settings.callback_url:
            fields["url"] = settings.callback_url
        if request.kind is not GoodsKind.CARD:
            fields["attach"] = {**dict(request.fields), settings.account_field: request.account}
        return fields

    async def _call(self, path: str, fields: Mapping[str, object]) -> _Called:
        settings = self._settings
        text, time_ms = kasushou_wire.request_text(fields), kasushou_wire.time_of(self._clock.now())
        headers = {
            "UserId": settings.user_id,
            "Timestamp": time_ms,
            "Sign": kasushou_wire.sign(time_ms, text, settings.api_key),
        }
        url, body = f"{settings.url.rstrip('/')}/api/v1/{path}", text.encode()
        ended = await self._http.post(url, body, kasushou_wire.JSON_TYPE, settings.timeout_s, headers)
        sent = Message(
            party=self.name,
            kind=f"kasushou.{path}",
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=body,
            content_type=kasushou_wire.JSON_TYPE,
            note=ended.why.value if isinstance(ended, Silence) else "",
        )
        if isinstance(ended, Silence):
            return _Called(code=ended.why.value, not_sent=ended.nothing_sent, messages=(sent,))
        return self._read_answer(path, sent, ended)

    def _read_answer(self, path: str, sent: Message, answer: Answer) -> _Called:
        """An answer bears no signature: all that speaks for it is the connection that we opened."""
        reply = kasushou_wire.read_reply(answer.body)
        doubt = ""
        if answer.status != 200:
            doubt = f"http_{answer.status}"
        elif reply is None:
            doubt = "not_json"
        received = Message(
            party=self.name,
            kind=f"kasushou.{path}",
            direction=Direction.IN,
            standing=Standing.HINT if doubt else Standing.ANSWER,
            body=kasushou_wire.without_cards(answer.body),
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


def _accepted(called: _Called, data: object, attempt_no: str) -> SupplyAnswer:
    """What a submit tells: the site's number and the whole order's price, no status and no cards."""
    if not isinstance(data, dict) or data.get("external_orderno") != attempt_no:
        return msgspec.structs.replace(_unknown(called), code="malformed_answer")
    return SupplyAnswer(
        state=SupplyState.PROCESSING,
        code=kasushou_codes.OK,
        supplier_order_id=text_of(data, "ordersn"),
        cost_fen=fen_charged(data.get("total_price")),
        feedback={"order_id": text_of(data, "ordersn")},
        messages=called.messages,
    )


def _read_order(called: _Called, row: Mapping[str, Any], kind: GoodsKind, quantity: int) -> SupplyAnswer:
    """One row of ``order/info``. What was given back after a success lowers what it cost."""
    status = kasushou_codes.status_of(row.get("status"))
    total, back = _yuan(row.get("total_price")), _yuan(row.get("has_back_money"))
    read = kasushou_wire.read_cards(row.get("card_list"))
    cards = read or ()
    hints = row.get("recharge_hints")
    words = kasushou_wire.hide_in(hints, _card_texts(cards))[:_TEXT_MAX] if isinstance(hints, str) else ""
    end = kasushou_codes.end_of(
        status,
        total=total,
        back=back,
        words=words,
        kind=kind,
        quantity=quantity,
        cards=len(cards) if read is not None else 1,
    )
    state, code, text = end.state, end.code, words
    ordered = end.units or max(quantity, 1)
    if state is SupplyState.SUCCEEDED and kind is GoodsKind.CARD and len(cards) < ordered:
        # Cards may lag behind the success; one card twice is one card (F7).
        state, code, text = SupplyState.PROCESSING, "cards_missing", _CARDS_MISSING
    spent = total - back if state is SupplyState.SUCCEEDED and total is not None and back else total
    told = {
        "order_id": text_of(row, "ordersn"),
        "order_state": kasushou_codes.WORDS_OF_STATUS.get(status, "") if status is not None else "",
        "recharge_description": words,
    }
    return SupplyAnswer(
        state=state,
        reason=end.reason,
        code=code,
        text=text,
        supplier_order_id=told["order_id"],
        cost_fen=fen_charged(spent),
        units=end.units if state is SupplyState.SUCCEEDED else None,
        credited_fen=fen_charged(total) if back and total and back >= total else fen_free(back),
        cards=cards if state is SupplyState.SUCCEEDED and kind is GoodsKind.CARD else (),
        feedback={name: said for name, said in told.items() if said},
        messages=called.messages,
    )


def _unknown(called: _Called) -> SupplyAnswer:
    reply = called.reply
    return SupplyAnswer(
        state=SupplyState.UNKNOWN,
        reason=Reason.DUPLICATE if reply and kasushou_codes.is_duplicate(reply.code, reply.msg) else None,
        code=called.code or (reply.code if reply else ""),
        text=reply.msg[:_TEXT_MAX] if reply else "",
        messages=called.messages,
    )


def _data_of(reply: kasushou_wire.ReplyRead | None) -> Any:
    return reply.data if reply is not None and reply.code == kasushou_codes.OK else None


def _yuan(value: object) -> Decimal | None:
    """An exact amount in yuan, not below 0; None when it is none or beyond reason."""
    if isinstance(value, bool) or fen_charged(value) is None or not isinstance(value, int | str | Decimal):
        return None
    return max(Decimal(value), Decimal(0))


def _card_texts(cards: tuple[Card, ...]) -> tuple[str, ...]:
    return tuple(text for card in cards for text in (card.number, card.password) if text)
