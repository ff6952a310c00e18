"""The first payment channel: Alipay (支付宝), by QR code (当面付 precreate), page and wap.

An answer is believed only when Alipay's RSA2 signature covers it and it speaks of the number that was asked
for. Everything else (20000, HTTP errors, timeouts, text that is not JSON, a bad signature) is unknown, and
only a query resolves it (R4, F2, F14). Nothing raises for what the outside does. Source: wire.md, Alipay.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.kit.adapter import KeyTerm
from mingzhang.kit.beijing import read_beijing, write_beijing
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import format_yuan
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels import alipay_bill, alipay_notify
from mingzhang.payments.channels.alipay_cert import (
    AlipayCertificates,
    CertVerifier,
)
from mingzhang.payments.channels.alipay_client import Called, Client, own
from mingzhang.payments.channels.alipay_complaints import AlipayComplaints
from mingzhang.payments.channels.alipay_states import (
    TRADE_NOT_EXIST,
    mask_of,
    payer_of,
    read_fen,
    read_refund_state,
    read_trade,
    text_of,
)
from mingzhang.payments.channels.alipay_wire import (
    Signer,
    Verifier,
    write_form,
)
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
    TradeState,
)
from mingzhang.payments.channels.complaints import Terms

_PARTY: Final = alipay_notify.PARTY
_MALFORMED: Final = "malformed_answer"
_SUBJECT_MAX: Final = 128
_URL_MAX: Final = 1024

_PRECREATE: Final = "alipay.trade.precreate"
_METHODS: Final = {  # our method → the gateway's, and the product code that goes with it
    "qr": (_PRECREATE, ""),
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
}


class AlipaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant at Alipay. ``timeout_s`` is real seconds for a whole call.

    Keys are PEM or bare base64; ``alipay_public_key`` may hold two PEM blocks while Alipay changes its key.
    ``certificates``: certificate mode instead (公钥证书模式); ``alipay_public_key`` is not used then.
    ``complaint_first_s``, ``complaint_solved_s``: Alipay's clocks of a complaint, which its rules set by trade.
    """

    gateway: str
    app_id: str
    seller_id: str
    merchant_private_key: str
    alipay_public_key: str = ""
    certificates: AlipayCertificates | None = None
    timeout_s: float = 8.0
    complaint_first_s: int = 24 * 3600
    complaint_solved_s: int = 72 * 3600

    def __repr__(self) -> str:
        return f"AlipaySettings(gateway={self.gateway!r}, app_id={self.app_id!r}, keys hidden)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("gateway", self.gateway), ("app_id", self.app_id)]


class Alipay:
    """The adapter. `http` is shared and stays open; `aclose` ends only the threads that sign."""

    name = _PARTY
    methods = frozenset(_METHODS)
    payer_methods: frozenset[str] = frozenset()
    signed_methods = frozenset({"page", "wap"})

    def __init__(self, settings: AlipaySettings, http: Outbound, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        signer = Signer(settings.merchant_private_key)
        self._certs: CertVerifier | None = None
        if settings.certificates is not None:
            self._certs = CertVerifier(settings.certificates, signer, clock)
        self._verifier = self._certs or Verifier(settings.alipay_public_key)
        self._client = Client(
            http,
            clock,
            gateway=settings.gateway,
            app_id=settings.app_id,
            signer=signer,
            verifier=self._verifier,
            certs=self._certs,
            timeout_s=settings.timeout_s,
        )
        self.complaints = AlipayComplaints(
            self._client,
            http,
            clock,
            self._verifier,
            settings.gateway,
            settings.app_id,
            Terms(first_s=settings.complaint_first_s, solved_s=settings.complaint_solved_s),
        )

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        """QR: precreate. Page and wap: a signed address, no call; the trade exists once the buyer signs in.

        An amount or method that no channel could take raises `Problem`: that is our own mistake.
        """
        if request.amount_fen <= 0 or request.method not in _METHODS:
            raise Problem(
                "payment_invalid", Kind.INVALID, f"method {request.method!r}, {request.amount_fen} fen"
            )
        method, product_code = _METHODS[request.method]
        biz = {
            "out_trade_no": request.payment_no,
            "total_amount": format_yuan(request.amount_fen),
            "subject": request.subject[:_SUBJECT_MAX],
            "time_expire": write_beijing(request.expires_at),
        }
        if method == _PRECREATE:
            return await self._precreate(biz, request)
        biz["product_code"] = product_code
        if request.method == "wap" and request.return_url:
            biz["quit_url"] = request.return_url
        extra = {"notify_url": request.notify_url, "return_url": request.return_url}
        form = write_form(await self._client.sign(method, biz, extra))
        url = f"{self._settings.gateway}?{form}"
        return OpenAnswer(outcome=Outcome.OK, url=url, messages=(own(method, form, ""),))

    async def query(self, payment_no: str) -> TradeAnswer:
        """``alipay.trade.query``. A trade that nobody scanned or signed in for is not found, yet payable."""
        return await self._query({"out_trade_no": payment_no})

    async def fetch_bill(self, kind: str, day: date) -> BillAnswer:
        """A day's bill (``trade``, ``signcustomer``) as it is, for reconciliation; there in the morning after it."""
        called = await self._client.call(
            alipay_bill.METHOD, {"bill_type": kind, "bill_date": day.isoformat()}
        )
        if called.code == alipay_bill.NO_BILL:
            return alipay_bill.not_there(called.code, called.messages)
        if called.outcome is not Outcome.OK:
            return BillAnswer(outcome=Outcome.UNKNOWN, code=called.code, messages=called.messages)
        url = text_of(called.fields, "bill_download_url")
        return await alipay_bill.download(self._http, self._settings.gateway, url, kind, day, called.messages)

    async def query_transaction(self, transaction_id: str) -> TradeAnswer:
        """``alipay.trade.query`` by Alipay's own number (交易号); the answer's ``payment_no`` says whose it is."""
        return await self._query({"trade_no": transaction_id[:64]})

    async def _query(self, by: dict[str, str]) -> TradeAnswer:
        called = await self._client.call("alipay.trade.query", by)
        if called.outcome is Outcome.REFUSED and called.code == TRADE_NOT_EXIST:
            return _trade(called, TradeState.NOT_FOUND, Outcome.OK)
        if called.outcome is not Outcome.OK:
            return _trade(called, TradeState.UNKNOWN, called.outcome)
        fields = called.fields
        trade = read_trade(fields, "send_pay_date")
        transaction_id = text_of(fields, "trade_no")
        if trade is None or not transaction_id or any(text_of(fields, name) != by[name] for name in by):
            return _trade(_doubted(called), TradeState.UNKNOWN, Outcome.UNKNOWN)
        return TradeAnswer(
            state=trade.state,
            outcome=Outcome.UNKNOWN if trade.state is TradeState.UNKNOWN else Outcome.OK,
            payment_no=text_of(fields, "out_trade_no"),
            transaction_id=transaction_id,
            amount_fen=trade.amount_fen,
            refunded_fen=trade.refunded_fen,
            paid_at=read_beijing(fields.get("send_pay_date")),
            buyer_mask=mask_of(fields),
            payer=payer_of(fields),
            code=called.code,
            text=called.text,
            messages=called.messages,
        )

    async def close(self, payment_no: str) -> CloseAnswer:
        """``alipay.trade.close``. ``ACQ.TRADE_NOT_EXIST`` is a refusal: nothing to close, yet payable."""
        called = await self._client.call("alipay.trade.close", {"out_trade_no": payment_no})
        if called.outcome is Outcome.OK and text_of(called.fields, "out_trade_no") not in ("", payment_no):
            called = _doubted(called)
        return CloseAnswer(
            outcome=called.outcome, code=called.code, text=called.text, messages=called.messages
        )

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """``alipay.trade.refund`` under ``out_request_no``. Accepted, never arrived: only a query says that.

        ``fund_change`` N (a repeat, or not sure) proves nothing, so the refund is asked for at once.
        """
        biz = {
            "out_trade_no": request.payment_no,
            "trade_no": request.transaction_id,
            "refund_amount": format_yuan(request.amount_fen),
            "out_request_no": request.refund_no,
            "refund_reason": request.reason[:_SUBJECT_MAX],
        }
        called = await self._client.call(
            "alipay.trade.refund", {name: value for name, value in biz.items() if value}
        )
        if called.outcome is Outcome.OK and text_of(called.fields, "out_trade_no") != request.payment_no:
            called = _doubted(called)
        if called.outcome is Outcome.REFUSED:
            return _refund(called, RefundState.REFUSED, Outcome.REFUSED)
        if called.outcome is not Outcome.OK:
            return _refund(called, RefundState.UNKNOWN, called.outcome)
        if text_of(called.fields, "fund_change") == "Y":
            return _refund(called, RefundState.ACCEPTED, Outcome.OK, request.amount_fen)
        asked = await self.query_refund(request.payment_no, request.refund_no, request.transaction_id)
        messages = called.messages + asked.messages
        if asked.state in (RefundState.ARRIVED, RefundState.ACCEPTED):
            return msgspec.structs.replace(asked, messages=messages)
        return msgspec.structs.replace(
            asked, state=RefundState.UNKNOWN, outcome=Outcome.UNKNOWN, messages=messages
        )

    async def query_refund(self, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        """``alipay.trade.fastpay.refund.query``. Not found: none made; the same number may be sent again."""
        biz = {"out_trade_no": payment_no, "out_request_no": refund_no}
        if transaction_id:  # Alipay goes by its own number then: two trades may bear ours
            biz["trade_no"] = transaction_id
        called = await self._client.call("alipay.trade.fastpay.refund.query", biz)
        if called.outcome is Outcome.REFUSED and called.code == TRADE_NOT_EXIST:
            return _refund(called, RefundState.NOT_FOUND, Outcome.OK)
        if called.outcome is not Outcome.OK:
            return _refund(called, RefundState.UNKNOWN, called.outcome)
        state = read_refund_state(called.fields)
        if state is RefundState.NOT_FOUND:
            return _refund(called, state, Outcome.OK)
        amount_fen = read_fen(called.fields, "refund_amount")
        named = (text_of(called.fields, "out_trade_no"), text_of(called.fields, "out_request_no"))
        if state is RefundState.UNKNOWN or named != (payment_no, refund_no) or amount_fen is None:
            return _refund(_doubted(called), RefundState.UNKNOWN, Outcome.UNKNOWN)
        return _refund(called, state, Outcome.OK, amount_fen)

    def read_notify(self, http: HttpMessage) -> Notify:
        """See `alipay_notify.read_notify`; about 0.1 ms, most of it the form and the signature."""
        return alipay_notify.read_notify(
            http,
            self._verifier,
            app_id=self._settings.app_id,
            seller_id=self._settings.seller_id,
            now=self._clock.now(),
        )

    def acknowledge(self, accepted: bool) -> Reply:
        """Literally ``success``; anything else makes Alipay send it again."""
        return Reply(status=200, body=b"success" if accepted else b"fail", content_type="text/plain")

    def key_terms(self) -> tuple[KeyTerm, ...]:
        """When the certificates end; bare keys have no end."""
        if self._certs is None:
            return ()
        return tuple(KeyTerm(key=name, ends_at=at) for name, at in self._certs.expiries().items())

    async def aclose(self) -> None:
        """End the threads that sign."""
        self._client.close()

    async def _precreate(self, biz: dict[str, str], request: PaymentRequest) -> OpenAnswer:
        called = await self._client.call(_PRECREATE, biz, {"notify_url": request.notify_url})
        url = text_of(called.fields, "qr_code")
        if called.outcome is Outcome.OK and (
            not 0 < len(url) <= _URL_MAX or text_of(called.fields, "out_trade_no") != request.payment_no
        ):
            called = _doubted(called)
        return OpenAnswer(
            outcome=called.outcome,
            url=url if called.outcome is Outcome.OK else "",
            code=called.code,
            text=called.text,
            messages=called.messages,
        )


def _doubted(called: Called) -> Called:
    """A genuine answer that is not about what was asked, or can't be read: unknown."""
    return msgspec.structs.replace(called, outcome=Outcome.UNKNOWN, code=_MALFORMED)


def _trade(called: Called, state: TradeState, outcome: Outcome) -> TradeAnswer:
    return TradeAnswer(
        state=state, outcome=outcome, code=called.code, text=called.text, messages=called.messages
    )


def _refund(called: Called, state: RefundState, outcome: Outcome, amount_fen: int = 0) -> RefundAnswer:
    return RefundAnswer(
        state=state,
        outcome=outcome,
        amount_fen=amount_fen,
        destination=mask_of(called.fields),
        reference=text_of(called.fields, "trade_no"),
        code=called.code,
        text=called.text,
        messages=called.messages,
    )
