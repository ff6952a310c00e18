"""The adapter: Acme Pay's wire in the channels' protocol.

The wire: JSON over HTTP. Every call, answer and notify carries ``X-Acme-Signature``, the HMAC-SHA256 of path and body
under a key that both sides hold. A key that both hold proves nothing to a third person, so a notify is a hint, and an
answer counts because we asked.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.kit.adapter import Given
from mingzhang.kit.outbound import Answer, Outbound, Silence
from mingzhang.payments.channels.base import (
    Channel,
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

SIGNATURE = "x-acme-signature"
STATES = {
    "open": TradeState.PENDING,
    "paid": TradeState.PAID,
    "closed": TradeState.CLOSED,
    "refunded": TradeState.REFUNDED,
}
# Only words that are known to mean no; anything else is unknown, and is asked about.
REFUSALS = frozenset(
    {"other_amount", "already_paid", "not_open", "no_such_payment", "too_much", "bad_request"}
)
JSON = "application/json"


class AcmeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``previous_key`` still fits notifies while the key is changed."""

    url: str
    merchant: str
    key: str
    previous_key: str = ""
    timeout_s: float = 8.0

    def __repr__(self) -> str:
        return f"AcmeSettings(url={self.url!r}, merchant={self.merchant!r}, keys hidden)"


def make(given: Given) -> Channel | None:
    """The factory that the entry point names. Settings: MINGZHANG_ACME_PAY_URL, …_MERCHANT, …_KEY, …_PREVIOUS_KEY."""
    url = given.settings.text("url")
    if not url:
        return None
    settings = AcmeSettings(
        url=url,
        merchant=given.settings.need("merchant"),
        key=given.settings.need("key"),
        previous_key=given.settings.text("previous_key"),
        timeout_s=given.timeout_s,
    )
    return AcmePay(given.name, settings, given.http)


def sign(key: str, path: str, body: bytes) -> str:
    """What both sides put into the header."""
    return hmac.new(key.encode(), path.encode() + b"\n" + body, hashlib.sha256).hexdigest()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end: `fields` of an answer that fits, else empty. `refused`: a known word of refusal."""

    outcome: Outcome
    fields: dict[str, Any] = {}
    code: str = ""
    messages: tuple[Message, ...] = ()


class AcmePay:
    """The adapter. `http` is shared and stays open."""

    methods = frozenset({"qr"})
    payer_methods: frozenset[str] = frozenset()

    def __init__(self, name: str, settings: AcmeSettings, http: Outbound) -> None:
        self.name = name
        self._settings = settings
        self._http = http

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        """The same number again is the same payment; Acme refuses another amount."""
        body = {
            "merchant": self._settings.merchant,
            "payment_no": request.payment_no,
            "amount_fen": request.amount_fen,
            "subject": request.subject,
            "expires_at": request.expires_at.isoformat(),
            "notify_url": request.notify_url,
        }
        said = await self._post("/payments", body)
        url = str(said.fields.get("pay_url", ""))
        outcome = Outcome.UNKNOWN if said.outcome is Outcome.OK and not url else said.outcome
        return OpenAnswer(outcome=outcome, url=url, code=said.code, text=said.code, messages=said.messages)

    async def query(self, payment_no: str) -> TradeAnswer:
        said = await self._get(f"/payments/{payment_no}")
        if said.code == "no_such_payment":
            return TradeAnswer(state=TradeState.NOT_FOUND, code=said.code, messages=said.messages)
        state = STATES.get(str(said.fields.get("state")), TradeState.UNKNOWN)
        if said.outcome is not Outcome.OK or state is TradeState.UNKNOWN:
            unknown = Outcome.UNKNOWN if said.outcome is Outcome.OK else said.outcome
            return TradeAnswer(
                state=TradeState.UNKNOWN, outcome=unknown, code=said.code, messages=said.messages
            )
        paid_at = said.fields.get("paid_at")
        return TradeAnswer(
            state=state,
            transaction_id=str(said.fields.get("transaction_id", "")),
            amount_fen=int(said.fields["amount_fen"]),
            refunded_fen=int(said.fields["refunded_fen"]),
            paid_at=datetime.fromisoformat(paid_at) if paid_at else None,
            buyer_mask=str(said.fields.get("payer", "")),
            messages=said.messages,
        )

    async def close(self, payment_no: str) -> CloseAnswer:
        said = await self._post(f"/payments/{payment_no}/close", {})
        return CloseAnswer(outcome=said.outcome, code=said.code, text=said.code, messages=said.messages)

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        body = {
            "refund_no": request.refund_no,
            "payment_no": request.payment_no,
            "amount_fen": request.amount_fen,
        }
        return self._refund(await self._post("/refunds", body), RefundState.ACCEPTED)

    async def query_refund(self, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        said = await self._get(f"/refunds/{refund_no}")
        if said.code == "no_such_refund":
            return RefundAnswer(state=RefundState.NOT_FOUND, code=said.code, messages=said.messages)
        return self._refund(said, RefundState.ARRIVED)

    def read_notify(self, http: HttpMessage) -> Notify:
        """A hint at best: whoever reads it asks by its number."""
        signed = http.headers.get(SIGNATURE, "")
        keys = [key for key in (self._settings.key, self._settings.previous_key) if key]
        true = any(
            hmac.compare_digest(sign(key, "notify", http.body).encode(), signed.encode()) for key in keys
        )
        fields = _fields(http.body) if true else None
        if fields is None or not isinstance(fields.get("amount_fen"), int):
            refusal = "malformed" if true else "bad_signature"
            return Notify(
                message=self._message("notify", Direction.IN, Standing.FORGED, http.body, refusal),
                refusal=refusal,
            )
        return Notify(
            message=self._message("notify", Direction.IN, Standing.HINT, http.body),
            payment_no=str(fields.get("payment_no", "")),
            state=STATES.get(str(fields.get("state")), TradeState.UNKNOWN),
            transaction_id=str(fields.get("transaction_id", "")),
            amount_fen=fields["amount_fen"],
        )

    def acknowledge(self, accepted: bool) -> Reply:
        return Reply(
            status=200 if accepted else 400, body=b"ok" if accepted else b"no", content_type="text/plain"
        )

    async def aclose(self) -> None:
        """Nothing of its own is open."""

    def _refund(self, said: Said, state: RefundState) -> RefundAnswer:
        ended = {Outcome.OK: state, Outcome.REFUSED: RefundState.REFUSED}.get(
            said.outcome, RefundState.UNKNOWN
        )
        return RefundAnswer(
            state=ended,
            outcome=said.outcome,
            amount_fen=int(said.fields.get("amount_fen", 0)),
            code=said.code,
            text=said.code,
            messages=said.messages,
        )

    async def _post(self, path: str, body: dict[str, Any]) -> Said:
        raw = msgspec.json.encode(body)
        headers = {SIGNATURE: sign(self._settings.key, path, raw)}
        answer = await self._http.post(
            f"{self._settings.url}{path}", raw, JSON, self._settings.timeout_s, headers
        )
        return self._said(path, raw, answer)

    async def _get(self, path: str) -> Said:
        headers = {SIGNATURE: sign(self._settings.key, path, b"")}
        answer = await self._http.get(f"{self._settings.url}{path}", self._settings.timeout_s, headers)
        return self._said(path, b"", answer)

    def _said(self, path: str, sent: bytes, answer: Answer | Silence) -> Said:
        """A silence, a strange answer and a strange signature are unknown; only a known word is a refusal."""
        out = self._message("call", Direction.OUT, Standing.OWN, path.encode() + b"\n" + sent)
        if isinstance(answer, Silence):
            outcome = Outcome.NOT_SENT if answer.nothing_sent else Outcome.UNKNOWN
            return Said(outcome=outcome, code=answer.why.value, messages=(out,))
        messages = (out, self._message("answer", Direction.IN, Standing.ANSWER, answer.body))
        fields = _fields(answer.body)
        if fields is None or answer.headers.get(SIGNATURE) != sign(self._settings.key, path, answer.body):
            return Said(outcome=Outcome.UNKNOWN, code="not_believed", messages=messages)
        code = str(fields.get("error", ""))
        if code:
            outcome = Outcome.REFUSED if code in REFUSALS else Outcome.UNKNOWN
            return Said(outcome=outcome, code=code, messages=messages)
        return Said(outcome=Outcome.OK, fields=fields, messages=messages)

    def _message(
        self, kind: str, direction: Direction, standing: Standing, body: bytes, note: str = ""
    ) -> Message:
        return Message(
            party=self.name,
            kind=f"acme.{kind}",
            direction=direction,
            standing=standing,
            body=body,
            content_type=JSON,
            note=note,
        )


def _fields(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None
