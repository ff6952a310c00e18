"""WeChat Pay (微信支付 APIv3): QR code (Native), H5 and JSAPI, in public-key and in certificate mode.

Our payment number is WeChat's ``out_trade_no``, the refund number its ``out_refund_no``: both are WeChat's own
idempotency keys. Nothing raises for what the outside does. Source: wire.md, WeChat Pay v3.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec

from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.kit.adapter import KeyTerm
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels import wechat_notify
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
from mingzhang.payments.channels.wechat_bill import Bill, Bills
from mingzhang.payments.channels.wechat_client import MALFORMED, Called, Client
from mingzhang.payments.channels.wechat_complaints import WechatComplaints
from mingzhang.payments.channels.wechat_keys import KeyFacts, PlatformKeys
from mingzhang.payments.channels.wechat_states import (
    CURRENCY,
    NOT_THERE,
    in_other_currency,
    read_refund,
    read_trade,
    text_of,
)
from mingzhang.payments.channels.wechat_wire import JSON_TYPE, Signer, platform_key, secret_key, write_json

_PARTY: Final = wechat_notify.PARTY
_SUBJECT_MAX: Final = 127
_REASON_MAX: Final = 80
_URL_MAX: Final = 1024
_TRANSACTION: Final = re.compile(r"[0-9]{16,32}")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{1,32}")
_REFUND_NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TRANSIT_REAL_S: Final = 30  # a message travels in real seconds, also where the shop's day passes faster
_ALREADY_CLOSED: Final = "ORDER_CLOSED"

_METHODS: Final = {  # our method → the path's end, and where the answer carries what the buyer needs
    "qr": ("native", "code_url"),
    "h5": ("h5", "h5_url"),
    "wap": ("h5", "h5_url"),
    "jsapi": ("jsapi", "prepay_id"),
}


class WechatKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of WeChat's: PEM of a public key with its `serial` (PUB_KEY_ID_…), or of a platform certificate."""

    pem: str
    serial: str = ""


class WechatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant at WeChat Pay.

    ``platform_keys``: one, or two while WeChat's key is being changed. Public-key mode needs one; in
    certificate mode it may be empty and ``certificates`` true: they are then fetched, and fetched again.
    ``api_v3_keys``: 32 characters each, two while ours is being changed. ``reply_serial``: the public key's id
    if answers are to be signed with it. ``refund_notify_url``: where refunds are told, usually the payments'
    address. ``merchant_cert_ends``: when our own certificate ends, if that is known. ``timeout_s``: real seconds
    for a call; ``fresh_s``: the shop's seconds that a message stays fresh.
    """

    mchid: str
    app_id: str
    merchant_serial: str
    merchant_private_key: str
    api_v3_keys: tuple[str, ...]
    gateway: str = "https://api.mch.weixin.qq.com"
    platform_keys: tuple[WechatKey, ...] = ()
    certificates: bool = False
    reply_serial: str = ""
    refund_notify_url: str = ""
    timeout_s: float = 8.0
    fresh_s: float = 300.0
    merchant_cert_ends: datetime | None = None

    def __repr__(self) -> str:
        return f"WechatSettings(gateway={self.gateway!r}, mchid={self.mchid!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("gateway", self.gateway), ("mchid", self.mchid)]


class Wechat:
    """The adapter. `http` is shared and stays open; `nonce` gives at most 32 letters and digits a call."""

    name = _PARTY
    methods = frozenset(_METHODS)
    payer_methods = frozenset({"jsapi"})

    def __init__(
        self,
        settings: WechatSettings,
        http: Outbound,
        clock: Clock,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        if not settings.platform_keys and not settings.certificates:
            raise Problem("wechat_key_invalid", Kind.INVALID, "neither a platform key nor certificate mode")
        if not settings.api_v3_keys:
            raise Problem("wechat_key_invalid", Kind.INVALID, "no APIv3 key")
        self._settings = settings
        self._clock = clock
        self._secrets = tuple(secret_key(text) for text in settings.api_v3_keys)
        self._keys = PlatformKeys(
            [platform_key(key.pem, key.serial) for key in settings.platform_keys],
            downloads=settings.certificates,
            fresh=timedelta(seconds=max(settings.fresh_s, _TRANSIT_REAL_S * clock.speed)),
        )
        signer = Signer(settings.mchid, settings.merchant_serial, settings.merchant_private_key)
        self._client = Client(
            http,
            clock,
            nonce,
            gateway=settings.gateway,
            signer=signer,
            keys=self._keys,
            secrets=self._secrets,
            timeout_s=settings.timeout_s,
            reply_serial=settings.reply_serial,
        )
        self._bills = Bills(self._client, clock)
        self.complaints = WechatComplaints(
            self._client, clock, settings.mchid, signer, self._keys, self._secrets
        )

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        """Place the order (下单). The trade exists from then on; the same number again gives the same address.

        A method or amount that no channel could take, H5 without the buyer's address (`client_ip`) or JSAPI
        without their openid (`payer_id`) raises `Problem`: that is our own mistake.
        """
        self._check(request)
        end, wanted = _METHODS[request.method]
        called = await self._client.call(
            f"wechat.{end}", "POST", f"/v3/pay/transactions/{end}", self._order(request, end)
        )
        found = text_of(called.fields, wanted)
        if called.outcome is Outcome.OK and not 0 < len(found) <= _URL_MAX:
            called = _doubted(called)
        answer = OpenAnswer(
            outcome=called.outcome, code=called.code, text=called.text, messages=called.messages
        )
        if called.outcome is not Outcome.OK:
            return answer
        if end == "jsapi":
            invoke = await self._client.invoke(self._settings.app_id, found)
            return msgspec.structs.replace(answer, invoke=invoke)
        if end == "h5" and request.return_url:
            found += f"{'&' if '?' in found else '?'}redirect_url={quote(request.return_url, safe='')}"
        return msgspec.structs.replace(answer, url=found)

    async def query(self, payment_no: str) -> TradeAnswer:
        """By ``out_trade_no``. ``refunded``: some of it, or all, went back; WeChat does not say how much."""
        called = await self._ask(f"out-trade-no/{_in_path(payment_no, _NUMBER)}")
        answer = self._read_trade(called)
        if answer.outcome is Outcome.OK and answer.payment_no not in ("", payment_no):
            return _trade(_doubted(called), TradeState.UNKNOWN, Outcome.UNKNOWN)
        return answer

    async def query_transaction(self, transaction_id: str) -> TradeAnswer:
        """By WeChat's own number (交易单号), for claims; the answer's ``payment_no`` says whose it is."""
        if not _TRANSACTION.fullmatch(transaction_id):
            return TradeAnswer(state=TradeState.NOT_FOUND, code="no_transaction_id")
        called = await self._ask(f"id/{transaction_id}")
        answer = self._read_trade(called)
        if answer.outcome is Outcome.OK and answer.transaction_id not in ("", transaction_id):
            return _trade(_doubted(called), TradeState.UNKNOWN, Outcome.UNKNOWN)
        return answer

    async def close(self, payment_no: str) -> CloseAnswer:
        """``ok``: WeChat took the order to close it. A query says what came of it: it also takes strange ones."""
        target = f"/v3/pay/transactions/out-trade-no/{_in_path(payment_no, _NUMBER)}/close"
        called = await self._client.call("wechat.close", "POST", target, {"mchid": self._settings.mchid})
        closed = called.outcome is Outcome.REFUSED and called.code == _ALREADY_CLOSED
        return CloseAnswer(
            outcome=Outcome.OK if closed else called.outcome,
            code=called.code,
            text=called.text,
            messages=called.messages,
        )

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Refund under ``out_refund_no``. A refusal is believed only once the number holds no refund.

        One code (INVALID_REQUEST) stands for an amount above what is left and for another amount under a
        number already used; so after a refusal the number is asked for before anybody takes it for nothing.
        """
        named = {"transaction_id": request.transaction_id, "out_trade_no": request.payment_no}
        payload: dict[str, object] = {
            next(name for name in named if named[name]): request.transaction_id or request.payment_no,
            "out_refund_no": request.refund_no,
            "reason": request.reason[:_REASON_MAX],
            "amount": {"refund": request.amount_fen, "total": request.total_fen, "currency": CURRENCY},
        }
        if self._settings.refund_notify_url:
            payload["notify_url"] = self._settings.refund_notify_url
        called = await self._client.call("wechat.refund", "POST", "/v3/refund/domestic/refunds", payload)
        if called.outcome is not Outcome.REFUSED:
            return _told_refund(called, request.payment_no, request.refund_no)
        asked = await self.query_refund(request.payment_no, request.refund_no)
        messages = called.messages + asked.messages
        if asked.state is RefundState.NOT_FOUND:
            return _refund(
                msgspec.structs.replace(called, messages=messages), RefundState.REFUSED, Outcome.REFUSED
            )
        made = asked.state in (RefundState.ACCEPTED, RefundState.ARRIVED)
        if made and asked.amount_fen == request.amount_fen:
            return msgspec.structs.replace(asked, messages=messages)
        return RefundAnswer(
            state=RefundState.UNKNOWN,
            outcome=Outcome.UNKNOWN,
            code=called.code,
            text=called.text,
            messages=messages,
        )

    async def query_refund(
        self,
        payment_no: str,
        refund_no: str,
        transaction_id: str = "",  # noqa: ARG002 - a refund's own number is enough here
    ) -> RefundAnswer:
        """By ``out_refund_no``. Not found: none made; the same number may be sent again.

        ``accepted`` with code ABNORMAL: the buyer's card is dead, the money waits at WeChat for a person.
        """
        target = f"/v3/refund/domestic/refunds/{_in_path(refund_no, _REFUND_NUMBER)}"
        called = await self._client.call("wechat.refund_query", "GET", target)
        if called.outcome is Outcome.REFUSED and called.code in NOT_THERE:
            return _refund(called, RefundState.NOT_FOUND, Outcome.OK)
        if called.outcome is Outcome.REFUSED:
            return _refund(called, RefundState.UNKNOWN, Outcome.UNKNOWN)
        return _told_refund(called, payment_no, refund_no)

    async def list_trades(self, offset: int, limit: int) -> TradesAnswer:
        """The payments of the last day whose bill (交易账单) is ready, newest first: for the day-end pass (R10)."""
        return await self._bills.list_trades(offset, limit)

    async def read_bill(self, day: date) -> Bill:
        """A whole day's bill, read; ready at 10:00 on the next day."""
        return await self._bills.read(day)

    async def fetch_bill(self, kind: str, day: date) -> BillAnswer:
        """A day's bill as it is, for reconciliation."""
        return await self._bills.fetch(kind, day)

    def read_notify(self, http: HttpMessage) -> Notify:
        """See `wechat_notify.read_notify`; payments' and refunds' notifies alike."""
        return wechat_notify.read_notify(
            http,
            self._keys,
            self._secrets,
            mchid=self._settings.mchid,
            app_id=self._settings.app_id,
            now=self._clock.now(),
        )

    def acknowledge(self, accepted: bool) -> Reply:
        """200, or a 4xx that makes WeChat send it again."""
        if accepted:
            return Reply(status=200, body=b'{"code":"SUCCESS"}', content_type=JSON_TYPE)
        body = write_json({"code": "FAIL", "message": "未受理"}).encode()
        return Reply(status=400, body=body, content_type=JSON_TYPE)

    async def refresh_keys(self) -> bool:
        """Fetch platform certificates if that is due: call it now and then, calls do it by themselves too."""
        return await self._client.fetch_keys()

    def key_facts(self) -> tuple[KeyFacts, ...]:
        """WeChat's keys in force with their terms, so that their expiry can be watched."""
        return self._keys.facts()

    def key_terms(self) -> tuple[KeyTerm, ...]:
        """When the last platform certificate ends, which WeChat replaces, and our own, which we do."""
        ends = [fact.not_after for fact in self._keys.facts() if fact.not_after is not None]
        terms = [KeyTerm(key="platform", ends_at=max(ends))] if ends else []
        if self._settings.merchant_cert_ends is not None:
            terms.append(KeyTerm(key="merchant", ends_at=self._settings.merchant_cert_ends))
        return tuple(terms)

    async def aclose(self) -> None:
        """End the threads that sign."""
        self._client.close()

    def _check(self, request: PaymentRequest) -> None:
        missing = ""
        if request.method not in _METHODS or request.amount_fen <= 0:
            missing = f"method {request.method!r}, {request.amount_fen} fen"
        elif _METHODS[request.method][0] == "h5" and not request.client_ip:
            missing = "the buyer's address, which H5 payment needs"
        elif request.method == "jsapi" and not request.payer_id:
            missing = "the buyer's openid, which JSAPI payment needs"
        if missing:
            raise Problem("payment_invalid", Kind.INVALID, missing)

    def _order(self, request: PaymentRequest, end: str) -> dict[str, object]:
        payload: dict[str, object] = {
            "appid": self._settings.app_id,
            "mchid": self._settings.mchid,
            "description": request.subject[:_SUBJECT_MAX],
            "out_trade_no": request.payment_no,
            "time_expire": request.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
            "notify_url": request.notify_url,
            "amount": {"total": request.amount_fen, "currency": CURRENCY},
        }
        if end == "h5":
            payload["scene_info"] = {"payer_client_ip": request.client_ip, "h5_info": {"type": "Wap"}}
        elif end == "jsapi":
            payload["payer"] = {"openid": request.payer_id}
        return payload

    async def _ask(self, end: str) -> Called:
        target = f"/v3/pay/transactions/{end}?mchid={quote(self._settings.mchid, safe='')}"
        return await self._client.call("wechat.query", "GET", target)

    def _read_trade(self, called: Called) -> TradeAnswer:
        if called.outcome is Outcome.REFUSED and called.code in NOT_THERE:
            return _trade(called, TradeState.NOT_FOUND, Outcome.OK)
        if called.outcome is not Outcome.OK:
            outcome = Outcome.UNKNOWN if called.outcome is Outcome.REFUSED else called.outcome
            return _trade(called, TradeState.UNKNOWN, outcome)
        trade = read_trade(called.fields)
        ours = (called.fields.get("mchid"), called.fields.get("appid")) == (
            self._settings.mchid,
            self._settings.app_id,
        )
        if trade is None or not ours:
            doubted = _doubted(called)
            if ours and in_other_currency(called.fields):
                doubted = msgspec.structs.replace(doubted, code="wrong_currency")
            return _trade(doubted, TradeState.UNKNOWN, Outcome.UNKNOWN)
        return TradeAnswer(
            state=trade.state,
            outcome=Outcome.UNKNOWN if trade.state is TradeState.UNKNOWN else Outcome.OK,
            payment_no=trade.payment_no,
            transaction_id=trade.transaction_id,
            amount_fen=trade.amount_fen,
            paid_at=trade.paid_at,
            buyer_mask=trade.buyer_mask,
            payer=trade.payer,
            code=text_of(called.fields, "trade_state"),
            text=text_of(called.fields, "trade_state_desc")[:200],
            messages=called.messages,
        )


def _in_path(number: str, form: re.Pattern[str]) -> str:
    """A number of ours as part of a signed path: what would need quoting there is our own mistake."""
    if not form.fullmatch(number):
        raise Problem("number_invalid", Kind.INVALID, f"no number of ours: {number[:80]!r}")
    return number


def _doubted(called: Called) -> Called:
    """A genuine answer that is not about what was asked, or can't be read: unknown."""
    return msgspec.structs.replace(called, outcome=Outcome.UNKNOWN, code=MALFORMED)


def _trade(called: Called, state: TradeState, outcome: Outcome) -> TradeAnswer:
    return TradeAnswer(
        state=state, outcome=outcome, code=called.code, text=called.text, messages=called.messages
    )


def _refund(called: Called, state: RefundState, outcome: Outcome) -> RefundAnswer:
    return RefundAnswer(
        state=state, outcome=outcome, code=called.code, text=called.text, messages=called.messages
    )


def _told_refund(called: Called, payment_no: str, refund_no: str) -> RefundAnswer:
    """What a verified answer tells of one refund."""
    if called.outcome is not Outcome.OK:
        return _refund(called, RefundState.UNKNOWN, called.outcome)
    told = read_refund(called.fields, "status")
    if (
        told is None
        or told.state is RefundState.UNKNOWN
        or (told.payment_no, told.refund_no) != (payment_no, refund_no)
    ):
        return _refund(_doubted(called), RefundState.UNKNOWN, Outcome.UNKNOWN)
    return RefundAnswer(
        state=told.state,
        outcome=Outcome.REFUSED if told.state is RefundState.REFUSED else Outcome.OK,
        amount_fen=told.amount_fen,
        destination=told.destination,
        reference=told.refund_id,
        code=told.word,
        messages=called.messages,
    )
