"""The payment channel 彩虹易支付 (epay): one adapter for the many aggregators that speak its first protocol.

What the protocol lacks shapes this file (wire.md, 易支付):

- Nothing the aggregator says is signed with a key of its own. A notify is a hint; the fact is our own query,
  believed because we asked that host over TLS. So a plain ``http`` address is refused, except on loopback.
- The merchant's key travels in the query's address: no message, error or log line ever holds it.
- There is no call to close a trade, and unpaid rows vanish after a day: "not found" proves nothing (F1).
- One number may have two trades. A number that looks unpaid is looked for among the paid trades as well.
- A refund has no number of its own. Only whole amounts go back, which makes the trade itself the key (F14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import format_yuan
from mingzhang.kit.outbound import Answer, Outbound
from mingzhang.payments.channels import epay_bill, epay_notify
from mingzhang.payments.channels.base import (
    BillAnswer,
    CloseAnswer,
    Notify,
    OpenAnswer,
    Outcome,
    PaymentRequest,
    RefundAnswer,
    RefundRequest,
    RefundState,
    TradeAnswer,
    TradesAnswer,
    TradeState,
)
from mingzhang.payments.channels.epay_states import (
    Said,
    judge,
    means_not_found,
    means_not_refunded,
    means_refunded_before,
    read_row,
    text_of,
)
from mingzhang.payments.channels.epay_wire import FORM_TYPE, Encoding, Signing, cut_bytes, read_json

_MALFORMED: Final = "malformed_answer"
_SUBJECT_BYTES_MAX: Final = 127
_URL_MAX: Final = 1024
_ROWS_MAX: Final = 50  # the aggregator gives no more at once
_LISTED: Final = (1, 2, 3)  # paid, given back, frozen: each has a list of its own
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SCHEMES: Final = ("https://", "http://", "weixin://", "wxp://", "alipays://", "alipay://", "mqqapi://")
_REFUND_DONE: Final = frozenset({"0", "1"})  # by version

_PAGES: Final = frozenset({"page", "wap"})  # submit.php: a signed address, no call
_CALLS: Final = {  # mapi.php: the device that is told, and the field of the answer that suits it best
    "qr": ("pc", ("qrcode", "payurl", "urlscheme")),
    "h5": ("mobile", ("payurl", "urlscheme", "qrcode")),
    "jsapi": ("wechat", ("payurl", "urlscheme")),
}


class EpaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant at one aggregator. ``timeout_s`` is real seconds for a whole call.

    ``name``: the party in ledger and evidence, another one for each aggregator in use. ``pay_type``: alipay,
    wxpay, qqpay or bank, as the aggregator names them. ``previous_key``: still fits notifies while a key is
    changed. ``list_searched``: whether a number that looks unpaid is looked for among the latest paid trades.
    """

    base_url: str
    pid: str
    key: str
    previous_key: str = ""
    name: str = "epay"
    pay_type: str = "alipay"
    sign_encoding: Encoding = Encoding.PLAIN
    list_searched: bool = True
    timeout_s: float = 8.0

    def __repr__(self) -> str:
        return f"EpaySettings(base_url={self.base_url!r}, pid={self.pid!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("base_url", self.base_url), ("pid", self.pid)]


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end: readable `fields` when an answer came, else what went wrong in `said`."""

    said: Said
    fields: dict[str, Any] = {}
    messages: tuple[Message, ...] = ()


class Epay:
    """The adapter. `http` is shared and stays open."""

    methods = _PAGES | frozenset(_CALLS)
    payer_methods: frozenset[str] = frozenset()
    signed_methods = _PAGES
    refunds_whole_only = True

    def __init__(self, settings: EpaySettings, http: Outbound) -> None:
        address = urlsplit(settings.base_url)
        if address.scheme != "https" and address.hostname not in _LOOPBACK:
            raise Problem("epay_address_insecure", Kind.INVALID, "answers are unsigned: only https will do")
        self.name = settings.name
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._http = http
        self._signing = Signing(settings.key, settings.previous_key, settings.sign_encoding)

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        """Page and wap: a signed address of submit.php; qr, h5 and jsapi: mapi.php gives one.

        An amount, method or notify address that no aggregator could take raises `Problem`.
        """
        known = request.method in _PAGES or request.method in _CALLS
        # A query of its own would be escaped there, come back mixed with the signed fields, and not fit.
        if request.amount_fen <= 0 or not known or "?" in request.notify_url:
            raise Problem(
                "payment_invalid", Kind.INVALID, f"method {request.method!r}, {request.amount_fen} fen"
            )
        fields = {
            "pid": self._settings.pid,
            "type": self._settings.pay_type,
            "out_trade_no": request.payment_no,
            "notify_url": request.notify_url,
            "return_url": request.return_url or _origin(request.notify_url),
            "name": cut_bytes(request.subject, _SUBJECT_BYTES_MAX),
            "money": format_yuan(request.amount_fen),
        }
        if request.method in _PAGES:
            form = urlencode(self._signing.signed(fields))
            sent = self._sent("epay.submit", form, "")
            return OpenAnswer(outcome=Outcome.OK, url=f"{self._base}/submit.php?{form}", messages=(sent,))
        device, wanted = _CALLS[request.method]
        # Without the buyer's address the aggregator still wants one; it only feeds its risk rules.
        fields |= {"clientip": request.client_ip or "127.0.0.1", "device": device}
        form = urlencode(self._signing.signed(fields))
        return self._opened(await self._post("mapi.php", "epay.mapi", form, form), wanted)

    def _opened(self, called: _Called, wanted: tuple[str, ...]) -> OpenAnswer:
        said, url = called.said, ""
        if said.outcome is Outcome.OK:
            url = next((text for name in wanted if (text := text_of(called.fields, name))), "")
            if len(url) > _URL_MAX or not url.lower().startswith(_SCHEMES):
                said, url = _doubted(said), ""
        return OpenAnswer(
            outcome=said.outcome, url=url, code=said.code, text=said.text, messages=called.messages
        )

    async def query(self, payment_no: str) -> TradeAnswer:
        """``act=order`` by our number, and when it looks unpaid the latest paid trades as well (R4)."""
        answer = await self._order({"out_trade_no": payment_no})
        if answer.transaction_id and answer.payment_no != payment_no:
            return _untold(answer, _MALFORMED)
        open_still = answer.state in (TradeState.PENDING, TradeState.NOT_FOUND)
        if not open_still or not self._settings.list_searched:
            return answer
        listed = await self.list_trades(0, _ROWS_MAX)
        found = next((trade for trade in listed.trades if trade.payment_no == payment_no), None)
        if found is None:
            told = tuple(_without_others(message) for message in listed.messages)
            return msgspec.structs.replace(answer, messages=answer.messages + told)
        return msgspec.structs.replace(found, messages=answer.messages + listed.messages)

    async def query_transaction(self, transaction_id: str) -> TradeAnswer:
        """``act=order`` by the aggregator's own number; the answer says whose trade it is."""
        answer = await self._order({"trade_no": transaction_id})
        if answer.transaction_id not in ("", transaction_id):
            return _untold(answer, _MALFORMED)
        return answer

    async def list_trades(self, offset: int, limit: int) -> TradesAnswer:
        """``act=orders``: paid trades, newest first, at most 50. A row that cannot be read spoils the page."""
        return await self._list(offset, limit, _LISTED[0])

    async def _list(self, offset: int, limit: int, status: int) -> TradesAnswer:
        limit = max(1, min(limit, _ROWS_MAX))
        # Older versions know pages, newer ones an offset; the status filter is unknown to some.
        asked = {"limit": limit, "offset": offset, "page": offset // limit + 1, "status": status}
        called = await self._get("orders", {name: str(value) for name, value in asked.items()})
        said, rows = called.said, called.fields.get("data") or []
        trades: list[TradeAnswer | None] = []
        if said.outcome is Outcome.OK and isinstance(rows, list):
            trades = [read_row(row, self._settings.pid) if isinstance(row, dict) else None for row in rows]
        if not isinstance(rows, list) or None in trades:
            said, trades = _doubted(said), []
        return TradesAnswer(
            outcome=said.outcome,
            trades=tuple(trade for trade in trades if trade is not None and _was_paid(trade)),
            code=said.code,
            text=said.text,
            messages=called.messages,
        )

    async def fetch_bill(self, kind: str, day: date) -> BillAnswer:  # noqa: ARG002 - there is one list
        """A day's paid orders, gathered from the lists page by page: also what was given back or frozen since."""
        lists = [partial(self._list, status=status) for status in _LISTED]
        return await epay_bill.gather(lists, day, _ROWS_MAX)

    async def close(self, payment_no: str) -> CloseAnswer:
        """Refused without a call: the protocol has none. The buyer may pay until the row is deleted."""
        return CloseAnswer(
            outcome=Outcome.REFUSED, code="close_not_supported", text=f"该渠道没有关单接口:{payment_no}"
        )

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """``act=refund`` of the whole trade. Accepted, never arrived: only a query says that.

        The protocol knows no refund number, so part of an amount could go back twice: it is refused here.
        """
        if request.amount_fen != request.total_fen:
            return RefundAnswer(
                state=RefundState.REFUSED,
                outcome=Outcome.REFUSED,
                code="whole_amounts_only",
                text="该渠道只支持全额退款",
            )
        by = {"trade_no": request.transaction_id} if request.transaction_id else {}
        fields = {
            "pid": self._settings.pid,
            **(by or {"out_trade_no": request.payment_no}),
            "money": format_yuan(request.amount_fen),
        }
        form = urlencode({"act": "refund", **fields, "key": self._settings.key})
        shown = urlencode({"act": "refund", **fields})
        called = await self._post("api.php?act=refund", "epay.refund", form, shown, _REFUND_DONE)
        said = called.said
        if said.outcome is Outcome.OK:
            return _refund(said, called.messages, RefundState.ACCEPTED, request.amount_fen)
        if means_not_refunded(said):
            return _refund(said, called.messages, RefundState.REFUSED)
        if means_refunded_before(said):
            asked = await self.query_refund(request.payment_no, request.refund_no, request.transaction_id)
            messages = called.messages + asked.messages
            if asked.state is RefundState.ARRIVED:
                return msgspec.structs.replace(asked, messages=messages)
            return _refund(_doubted(said), messages, RefundState.UNKNOWN)
        unsure = Outcome.UNKNOWN if said.outcome is Outcome.REFUSED else said.outcome
        return _refund(msgspec.structs.replace(said, outcome=unsure), called.messages, RefundState.UNKNOWN)

    async def query_refund(
        self,
        payment_no: str,
        refund_no: str,  # noqa: ARG002 - the protocol knows no refund numbers
        transaction_id: str = "",
    ) -> RefundAnswer:
        """The trade's own state tells: refunded is arrived, else none was made under any number (F14)."""
        asked = {"trade_no": transaction_id} if transaction_id else {"out_trade_no": payment_no}
        trade = await self._order(asked)
        said = Said(outcome=trade.outcome, code=trade.code, text=trade.text)
        if trade.transaction_id and trade.payment_no != payment_no:
            return _refund(_doubted(said), trade.messages, RefundState.UNKNOWN)
        if trade.state is TradeState.REFUNDED:
            answer = _refund(said, trade.messages, RefundState.ARRIVED, trade.refunded_fen)
            return msgspec.structs.replace(
                answer, destination=trade.buyer_mask, reference=trade.transaction_id
            )
        if trade.state is TradeState.UNKNOWN or trade.refunded_fen:
            return _refund(said, trade.messages, RefundState.UNKNOWN)
        return _refund(said, trade.messages, RefundState.NOT_FOUND)

    def read_notify(self, http: HttpMessage) -> Notify:
        """See `epay_notify.read_notify`."""
        return epay_notify.read_notify(http, self._signing, party=self.name, pid=self._settings.pid)

    def acknowledge(self, accepted: bool) -> Reply:
        """Literally ``success``. Accepted means heard, not believed: some aggregators never say it again."""
        return Reply(status=200, body=b"success" if accepted else b"fail", content_type="text/plain")

    async def aclose(self) -> None:
        """Nothing of its own to free."""

    async def _order(self, by: Mapping[str, str]) -> TradeAnswer:
        called = await self._get("order", by)
        said = called.said
        told = TradeAnswer(
            state=TradeState.UNKNOWN,
            outcome=said.outcome,
            code=said.code,
            text=said.text,
            messages=called.messages,
        )
        if means_not_found(said):
            return msgspec.structs.replace(told, state=TradeState.NOT_FOUND, outcome=Outcome.OK)
        if said.outcome is not Outcome.OK:
            return _untold(told, said.code)
        trade = read_row(called.fields, self._settings.pid)
        if trade is None or trade.state is TradeState.UNKNOWN:
            return _untold(told, _MALFORMED)
        return msgspec.structs.replace(
            trade, code=trade.code or said.code, text=said.text, messages=called.messages
        )

    async def _get(self, act: str, by: Mapping[str, str]) -> _Called:
        """GET api.php. The key is part of the address, and of nothing else."""
        fields = {"act": act, "pid": self._settings.pid, **by}
        url = f"{self._base}/api.php?{urlencode({**fields, 'key': self._settings.key})}"
        kind = f"epay.{act}"
        ended = await self._http.get(url, self._settings.timeout_s)
        return self._ended(kind, urlencode(fields), ended)

    async def _post(
        self, path: str, kind: str, form: str, shown: str, success: frozenset[str] = frozenset({"1"})
    ) -> _Called:
        url = f"{self._base}/{path}"
        ended = await self._http.post(url, form.encode(), FORM_TYPE, self._settings.timeout_s)
        return self._ended(kind, shown, ended, success)

    def _ended(
        self, kind: str, shown: str, ended: Any, success: frozenset[str] = frozenset({"1"})
    ) -> _Called:
        if not isinstance(ended, Answer):
            outcome = Outcome.NOT_SENT if ended.nothing_sent else Outcome.UNKNOWN
            said = Said(outcome=outcome, code=ended.why.value, text="")
            return _Called(said=said, messages=(self._sent(kind, shown, ended.why.value),))
        fields = read_json(ended.body)
        doubt = f"http_{ended.status}" if ended.status != 200 else "not_json" if fields is None else ""
        received = Message(
            party=self.name,
            kind=kind,
            direction=Direction.IN,
            standing=Standing.HINT if doubt else Standing.ANSWER,
            body=self._signing.struck_out(ended.body),
            content_type=ended.content_type[:200] or "application/octet-stream",
            note=doubt,
        )
        messages = (self._sent(kind, shown, ""), received)
        if doubt or fields is None:
            return _Called(said=Said(outcome=Outcome.UNKNOWN, code=doubt, text=""), messages=messages)
        return _Called(said=judge(fields, success), fields=fields, messages=messages)

    def _sent(self, kind: str, shown: str, note: str) -> Message:
        """What we sent, without the key."""
        return Message(
            party=self.name,
            kind=kind,
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=shown.encode(),
            content_type=FORM_TYPE,
            note=note,
        )


def _was_paid(trade: TradeAnswer) -> bool:
    return trade.state in (TradeState.PAID, TradeState.REFUNDED)


def _without_others(message: Message) -> Message:
    """A list that does not name this payment: other buyers' trades are none of its evidence, their hash will do."""
    if message.direction is Direction.OUT:
        return message
    digest = hashlib.sha256(message.body).hexdigest()
    note = f"{message.note or 'not_listed'} sha256={digest}"
    return msgspec.structs.replace(message, body=b"", note=note)


def _doubted(said: Said) -> Said:
    """An answer that is not about what was asked, or can't be read: unknown."""
    return msgspec.structs.replace(said, outcome=Outcome.UNKNOWN, code=_MALFORMED)


def _untold(answer: TradeAnswer, code: str) -> TradeAnswer:
    """Unknown, with nothing in it that could be taken for a payment."""
    not_sent = answer.outcome is Outcome.NOT_SENT
    return TradeAnswer(
        state=TradeState.UNKNOWN,
        outcome=Outcome.NOT_SENT if not_sent else Outcome.UNKNOWN,
        code=code,
        text=answer.text,
        messages=answer.messages,
    )


def _refund(
    said: Said, messages: tuple[Message, ...], state: RefundState, amount_fen: int = 0
) -> RefundAnswer:
    return RefundAnswer(
        state=state,
        outcome=said.outcome,
        amount_fen=amount_fen,
        code=said.code,
        text=said.text,
        messages=messages,
    )


def _origin(url: str) -> str:
    """The shop's own front door, for when no page to come back to was given: submit.php insists on one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
