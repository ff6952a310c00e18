"""The second supplier: DT One DVS, international top-ups and gift cards (REST over HTTP Basic).

A transaction is created, its price is looked at, and only then is it confirmed: the protocol knows no safe
price, so this is where ours is kept, and nothing that was merely created can ever top anything up. What was
created and never confirmed (a crash in between) is cancelled when it is asked about. Callbacks are unsigned:
hints, and only on an address that carries our own token. Source: wire.md, Suppliers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.suppliers import dtone_codes, dtone_wire
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
from mingzhang.fulfilment.suppliers.dtone_wire import TransactionRead
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound, Silence

PARTY: Final = "dtone"

_TEXT_MAX: Final = 200
_TURNED_AWAY: Final = 429
_CONFIRM_PAUSES_S: Final = (0.3, 1.0)  # real: the limit counts calls in real seconds
_CARDS_MISSING: Final = "供应商已报成功，卡密尚未给出，继续查询"
_NOT_CONFIRMED: Final = "not_confirmed"


class DtOneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account at DT One.

    ``url``: base address with the version (``https://dvs-api.dtone.com/v1``). ``callback_url``: ours, without
    a token; empty for none. ``currency``: the account's (ISO 4217). ``fen_per_unit``: fen booked for one unit
    of it, a decimal text ("712.35"); the same rate turns prices and the balance into fen. ``phone_prefix``:
    for bare numbers. ``confirm_within_s``: virtual seconds after which a transaction that was created and not
    confirmed is cancelled when asked about; longer than any submit takes. ``timeout_s``: real seconds a call;
    a submit makes two.
    """

    url: str
    api_key: str
    api_secret: str
    callback_url: str
    currency: str
    fen_per_unit: str
    phone_prefix: str = "+86"
    confirm_within_s: float = 120.0
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"DtOneSettings(url={self.url!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("url", self.url)]


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end. ``status`` 0: no answer. ``error``: the vendor's code and words, if it gave them."""

    status: int = 0
    body: bytes = b""
    code: str = ""
    error: tuple[str, str] | None = None
    not_sent: bool = False
    messages: tuple[Message, ...] = ()


class DtOne:
    """The adapter. `http` is shared and stays open."""

    name = PARTY

    def __init__(self, settings: DtOneSettings, http: Outbound, clock: Clock) -> None:
        try:
            rate = Decimal(settings.fen_per_unit)
        except InvalidOperation:
            rate = Decimal(0)
        if not rate.is_finite() or rate <= 0:
            raise Problem("dtone_rate_invalid", Kind.INVALID, "fen_per_unit must be a decimal above 0")
        self._settings = settings
        self._rate = rate
        self._http = http
        self._clock = clock
        self._auth = {"Authorization": dtone_wire.basic_auth(settings.api_key, settings.api_secret)}

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Create, look at the price, confirm (or cancel). A request without number raises `Problem`."""
        fields = self._order(request)
        if isinstance(fields, SupplyAnswer):
            return fields
        called = await self._call("create", "/async/transactions", fields)
        if called.not_sent or called.status == _TURNED_AWAY:
            return SupplyAnswer(
                state=SupplyState.NOT_SENT, code=called.code or "http_429", messages=called.messages
            )
        made = dtone_wire.read_transaction(dtone_wire.read_json(called.body))
        if called.status != 201 or made is None:
            return _refused_or_unknown(called)
        if made.external_id != request.attempt_no or made.product_id not in (None, fields["product_id"]):
            return msgspec.structs.replace(_unknown(called), code="malformed_answer")
        if made.class_name != dtone_codes.CREATED:
            return self._told(made, request.kind, request.quantity, called.messages)
        cost_fen = self._cost(made)
        if cost_fen is None:
            return await self._cancel(made, "price_unreadable", Reason.SUPPLIER_ERROR, called.messages)
        if cost_fen > request.safe_cost_fen:
            return await self._cancel(made, "price_above_safe", Reason.PRICE_CHANGED, called.messages)
        return await self._confirm(made, request, called.messages)

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """Ask by ``external_id``. What was created and stayed unconfirmed is cancelled here: see the head."""
        called = await self._call("query", f"/transactions?external_id={quote(attempt_no, safe='')}")
        if called.status == 404 and called.error and called.error[0] == dtone_codes.NOT_FOUND:
            return msgspec.structs.replace(_unknown(called), state=SupplyState.NOT_FOUND)
        rows = dtone_wire.read_json(called.body) if called.status == 200 else None
        if not isinstance(rows, list):
            return _unknown(called)
        ours = [row for row in rows if isinstance(row, dict) and row.get("external_id") == attempt_no]
        if not ours:
            empty = rows == []
            state = SupplyState.NOT_FOUND if empty else SupplyState.UNKNOWN
            code = dtone_codes.NOT_FOUND if empty else "malformed_answer"
            return SupplyAnswer(state=state, code=code, messages=called.messages)
        found = dtone_wire.read_transaction(ours[0])
        if found is None or len(ours) > 1:
            return msgspec.structs.replace(_unknown(called), code="malformed_answer")
        if found.class_name == dtone_codes.CREATED and self._left_behind(found):
            return await self._cancel(found, _NOT_CONFIRMED, Reason.SUPPLIER_ERROR, called.messages)
        return self._told(found, kind, quantity, called.messages)

    async def balance(self) -> BalanceAnswer:
        """``/balances``: what is available in the account's currency, rounded down to a fen."""
        called = await self._call("balances", "/balances?per_page=100")
        rows = dtone_wire.read_json(called.body) if called.status == 200 else None
        free_fen = dtone_wire.read_balance(rows, self._settings.currency, self._rate)
        if free_fen is None:
            return BalanceAnswer(known=False, messages=called.messages)
        return BalanceAnswer(known=True, free_fen=free_fen, messages=called.messages)

    async def operators(self, phone: str) -> tuple[tuple[str, ...] | None, tuple[Message, ...]]:
        """The operators that a number may belong to, likeliest first (R16: a hint); None: no answer."""
        number = dtone_wire.e164(phone, self._settings.phone_prefix)
        if number is None:
            return (), ()
        called = await self._call("lookup", "/lookup/mobile-number", {"mobile_number": number})
        rows = dtone_wire.read_json(called.body) if called.status == 200 else None
        if not isinstance(rows, list):
            return None, called.messages
        names = [row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)]
        return tuple(name[:_TEXT_MAX] for name in names), called.messages

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """At most a hint (F4): the attempt to ask about, named by the address's own token. Never raises."""
        attempt_no = dtone_wire.attempt_of_query(http.query, self._settings.api_secret)
        told_so = http.method in TOLD_BY
        fits = told_so and len(http.body) <= ANSWER_BYTES_MAX
        told = dtone_wire.read_transaction(dtone_wire.read_json(http.body)) if fits else None
        known = attempt_no != "" and told is not None and told.external_id == attempt_no
        message = Message(
            party=PARTY,
            kind="dtone.callback",
            direction=Direction.IN,
            standing=Standing.HINT if known else Standing.FORGED,
            body=dtone_wire.without_pins(http.body[:ANSWER_BYTES_MAX]),
            content_type=http.headers.get("content-type", "")[:_TEXT_MAX] or "application/octet-stream",
            note="" if known else "bad_token" if told_so else "wrong_method",
        )
        return CallbackHint(message=message, attempt_no=attempt_no if known else "")

    def acknowledge(self, accepted: bool) -> Reply:
        """Any 2xx is yes; everything else is sent again."""
        return Reply(status=200 if accepted else 503, body=b"", content_type="text/plain")

    async def aclose(self) -> None:
        """Nothing of its own to free."""

    def _order(self, request: SupplyRequest) -> dict[str, Any] | SupplyAnswer:
        """The creation's fields, or a refusal of what this supplier can't sell. Nothing was sent then."""
        settings = self._settings
        number, product = request.attempt_no, request.supplier_product
        if not 0 < len(number) <= dtone_wire.EXTERNAL_ID_MAX or request.quantity < 1:
            raise Problem("supply_invalid", Kind.INVALID, f"{request.quantity} under {number!r}")
        if request.quantity > 1:  # a transaction is one unit
            return _not_for_sale("quantity_unsupported", Reason.SUPPLIER_ERROR)
        if not (product.isascii() and product.isdigit() and len(product) < 10):
            return _not_for_sale("product_invalid", Reason.SUPPLIER_ERROR)
        fields: dict[str, Any] = {
            "external_id": number,
            "product_id": int(product),
            "auto_confirm": False,
        }
        if settings.callback_url:
            fields["callback_url"] = dtone_wire.callback_address(
                settings.callback_url, number, settings.api_secret
            )
        if request.kind is GoodsKind.MOBILE:
            phone = dtone_wire.e164(request.account, settings.phone_prefix)
            if phone is None:
                return _not_for_sale("phone_invalid", Reason.WRONG_ACCOUNT)
            fields["credit_party_identifier"] = {"mobile_number": phone}
        elif request.kind is GoodsKind.DIRECT:
            fields["credit_party_identifier"] = {"account_number": request.account}
        return fields

    async def _confirm(
        self, made: TransactionRead, request: SupplyRequest, before: tuple[Message, ...]
    ) -> SupplyAnswer:
        path = f"/async/transactions/{made.id}/confirm"
        called = await self._call("confirm", path, {}, before)
        # Turned away at the door; and confirming one transaction twice confirms it once.
        for pause_s in _CONFIRM_PAUSES_S:
            if called.status != _TURNED_AWAY:
                break
            await asyncio.sleep(pause_s)
            called = await self._call("confirm", path, {}, called.messages)
        found = dtone_wire.read_transaction(dtone_wire.read_json(called.body))
        if called.status != 202 or found is None or found.external_id != made.external_id:
            return _unknown(called)
        return self._told(found, request.kind, request.quantity, called.messages)

    async def _cancel(
        self, made: TransactionRead, code: str, reason: Reason, before: tuple[Message, ...]
    ) -> SupplyAnswer:
        """Refused once DT One says CANCELLED; it says so only of what was never confirmed."""
        called = await self._call("cancel", f"/transactions/{made.id}/cancel", {}, before)
        found = dtone_wire.read_transaction(dtone_wire.read_json(called.body))
        if called.status != 202 or found is None or found.class_name != dtone_codes.CANCELLED:
            return msgspec.structs.replace(_unknown(called), code=called.code or code)
        told = self._told(found, GoodsKind.DIRECT, 1, called.messages)
        return msgspec.structs.replace(told, reason=reason, code=code) if told.reason else told

    def _left_behind(self, found: TransactionRead) -> bool:
        since = timedelta(seconds=self._settings.confirm_within_s)
        return found.created_at is not None and self._clock.now() - found.created_at >= since

    def _cost(self, found: TransactionRead) -> int | None:
        return dtone_wire.fen_charged(found.price, self._settings.currency, self._rate)

    def _told(
        self, found: TransactionRead, kind: GoodsKind, quantity: int, messages: tuple[Message, ...]
    ) -> SupplyAnswer:
        """What a transaction's class means. DT One names no time of completion."""
        state = dtone_codes.state_of(found.class_id, found.class_name)
        cost_fen = self._cost(found)
        code, words = found.status or str(found.class_id), found.status
        cards: tuple[Card, ...] = ()
        if state is SupplyState.SUCCEEDED and kind is GoodsKind.CARD:
            if found.card is None or quantity > 1:
                state, code, words = SupplyState.PROCESSING, "cards_missing", _CARDS_MISSING
            else:
                cards = (found.card,)
        if found.class_name == dtone_codes.CREATED:
            code = _NOT_CONFIRMED
        gone = state in (SupplyState.REFUSED, SupplyState.REVERSED)
        feedback = {
            "order_id": str(found.id),
            "order_state": found.class_name,
            "recharge_description": found.status,
            "operator_serial_number": found.reference,
        }
        return SupplyAnswer(
            state=state,
            reason=dtone_codes.reason_of(found.status) if state is SupplyState.REFUSED else None,
            code=code,
            text=words,
            supplier_order_id=str(found.id),
            cost_fen=cost_fen,
            # Void and reversal always give the whole price back (the vendor's table of balance movements).
            credited_fen=cost_fen if gone else None,
            serial=found.reference,
            cards=cards,
            feedback={name: text for name, text in feedback.items() if text},
            messages=messages,
        )

    async def _call(
        self,
        kind: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        before: tuple[Message, ...] = (),
    ) -> _Called:
        """POST `fields`, or GET without them. The key travels in a header and is in no message."""
        settings, url = self._settings, self._settings.url + path
        if fields is None:
            sent_body = f"GET {path}".encode()
            ended = await self._http.get(url, settings.timeout_s, headers=self._auth)
        else:
            posted = msgspec.json.encode(fields) if fields else b""
            sent_body = posted or f"POST {path}".encode()
            ended = await self._http.post(
                url, posted, dtone_wire.JSON_TYPE, settings.timeout_s, headers=self._auth
            )
        sent = Message(
            party=PARTY,
            kind=f"dtone.{kind}",
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=sent_body,
            content_type=dtone_wire.JSON_TYPE if fields else "text/plain",
            note=ended.why.value if isinstance(ended, Silence) else "",
        )
        if isinstance(ended, Silence):
            return _Called(code=ended.why.value, not_sent=ended.nothing_sent, messages=(*before, sent))
        error = dtone_wire.read_error(ended.body) if ended.status >= 400 else None
        readable = error is not None or (ended.status < 300 and dtone_wire.read_json(ended.body) is not None)
        received = Message(
            party=PARTY,
            kind=f"dtone.{kind}",
            direction=Direction.IN,
            standing=Standing.ANSWER if readable else Standing.HINT,
            body=dtone_wire.without_pins(ended.body),
            content_type=ended.content_type[:_TEXT_MAX] or "application/octet-stream",
            note="" if readable else f"http_{ended.status}",
        )
        return _Called(
            status=ended.status,
            body=ended.body,
            code="" if readable else f"http_{ended.status}",
            error=error,
            messages=(*before, sent, received),
        )


def _refused_or_unknown(called: _Called) -> SupplyAnswer:
    """A creation that was answered with an error: the vendor's own code decides, anything else is unknown."""
    reason = dtone_codes.refusal_of(called.error[0]) if called.error else None
    if called.error is None or reason is None:
        return _unknown(called)
    code, words = called.error
    return SupplyAnswer(
        state=SupplyState.REFUSED,
        reason=reason,
        code=code,
        text=words or code,
        feedback={"recharge_description": words} if words else {},
        messages=called.messages,
    )


def _unknown(called: _Called) -> SupplyAnswer:
    code, words = called.error or (called.code or f"http_{called.status}", "")
    return SupplyAnswer(
        state=SupplyState.UNKNOWN,
        reason=Reason.DUPLICATE if dtone_codes.is_duplicate(code) else None,
        code=code,
        text=words,
        messages=called.messages,
    )


def _not_for_sale(code: str, reason: Reason) -> SupplyAnswer:
    """Refused by ourselves. The message says so: every refusal that is booked cites something."""
    note = Message(
        party=PARTY,
        kind="dtone.not_sent",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=code.encode(),
        content_type="text/plain",
    )
    return SupplyAnswer(state=SupplyState.REFUSED, reason=reason, code=code, text=code, messages=(note,))
