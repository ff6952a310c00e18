"""The adapter: Acme Top-up's wire in the suppliers' protocol.

The wire: JSON over HTTP, signed both ways like Acme Pay's. An order is made under our number, and told of by it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.suppliers.base import (
    BalanceAnswer,
    CallbackHint,
    GoodsKind,
    Reason,
    Supplier,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.kit.adapter import Given
from mingzhang.kit.outbound import Answer, Outbound, Silence

SIGNATURE = "x-acme-signature"
JSON = "application/json"
# Acme's words → ours. A word that is not here is unknown: it is asked about, never taken for a refusal.
REASONS = {
    "no_money": Reason.PREFUND_SHORT,
    "closed_for_repair": Reason.MAINTENANCE,
    "sold_out": Reason.STOCK_OUT,
    "no_such_account": Reason.WRONG_ACCOUNT,
    "account_barred": Reason.ACCOUNT_BANNED,
    "too_often": Reason.VELOCITY,
    "other_region": Reason.WRONG_REGION,
    "dearer": Reason.PRICE_CHANGED,
}


def make(given: Given) -> Supplier | None:
    """The factory that the entry point names. Settings: MINGZHANG_ACME_TOPUP_URL and …_KEY."""
    url = given.settings.text("url")
    if not url:
        return None
    return AcmeTopup(given.name, url, given.settings.need("key"), given.hook_url, given.http, given.timeout_s)


def sign(key: str, path: str, body: bytes) -> str:
    """What both sides put into the header."""
    return hmac.new(key.encode(), path.encode() + b"\n" + body, hashlib.sha256).hexdigest()


class AcmeTopup:
    """The adapter. `http` is shared and stays open; `hook_url`: where Acme calls back."""

    def __init__(
        self, name: str, url: str, key: str, hook_url: str, http: Outbound, timeout_s: float
    ) -> None:
        self.name = name
        self._url = url
        self._key = key
        self._hook_url = hook_url
        self._http = http
        self._timeout_s = timeout_s

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Sent once. A number that Acme has already is no refusal: what became of it must be asked."""
        body = {
            "number": request.attempt_no,
            "product": request.supplier_product,
            "quantity": request.quantity,
            "account": request.account,
            "cost_fen_max": request.safe_cost_fen,
            "callback": self._hook_url,
        }
        return self._read(*await self._call("/orders", body))

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        fields, code, messages = await self._call(f"/orders/{attempt_no}")
        if code == "no_such_order":
            return SupplyAnswer(state=SupplyState.NOT_FOUND, code=code, messages=messages)
        answer = self._read(fields, code, messages)
        # Only a submit can have been kept from leaving; a question that was not asked leaves it open.
        if answer.state is SupplyState.NOT_SENT:
            return msgspec.structs.replace(answer, state=SupplyState.UNKNOWN)
        return answer

    async def balance(self) -> BalanceAnswer:
        fields, _, messages = await self._call("/balance")
        if not fields or not isinstance(fields.get("free_fen"), int):
            return BalanceAnswer(known=False, messages=messages)
        return BalanceAnswer(known=True, free_fen=fields["free_fen"], messages=messages)

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """Whom to ask about, and nothing more."""
        signed = http.headers.get(SIGNATURE, "")
        fields = _fields(http.body)
        true = hmac.compare_digest(sign(self._key, "callback", http.body).encode(), signed.encode())
        if not true or not fields:
            return CallbackHint(message=self._message("callback", Direction.IN, Standing.FORGED, http.body))
        message = self._message("callback", Direction.IN, Standing.HINT, http.body)
        return CallbackHint(message=message, attempt_no=str(fields.get("number", "")))

    def acknowledge(self, accepted: bool) -> Reply:
        return Reply(
            status=200 if accepted else 400, body=b"ok" if accepted else b"no", content_type="text/plain"
        )

    async def aclose(self) -> None:
        """Nothing of its own is open."""

    def _read(self, fields: dict[str, Any], code: str, messages: tuple[Message, ...]) -> SupplyAnswer:
        if code == "never_connected":
            return SupplyAnswer(state=SupplyState.NOT_SENT, code=code, messages=messages)
        state, word = str(fields.get("state", "")), code or str(fields.get("why", ""))
        if state == "done":
            return SupplyAnswer(
                state=SupplyState.SUCCEEDED,
                code=state,
                supplier_order_id=fields["id"],
                cost_fen=fields["cost_fen"],
                serial=fields["serial"],
                finished_at=datetime.fromisoformat(fields["finished_at"]),
                feedback={"order_state": "success", "operator_serial_number": fields["serial"]},
                messages=messages,
            )
        if word in REASONS and state in ("", "failed"):
            text = str(fields.get("text", word))
            return SupplyAnswer(
                state=SupplyState.REFUSED,
                reason=REASONS[word],
                code=word,
                text=text,
                supplier_order_id=str(fields.get("id", "")),
                feedback={"recharge_description": text},
                messages=messages,
            )
        working = state == "working"
        return SupplyAnswer(
            state=SupplyState.PROCESSING if working else SupplyState.UNKNOWN,
            code=word or state,
            supplier_order_id=str(fields.get("id", "")),
            messages=messages,
        )

    async def _call(
        self, path: str, body: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], str, tuple[Message, ...]]:
        """Fields of an answer that fits, or a code of what went wrong; and the raw messages."""
        raw = b"" if body is None else msgspec.json.encode(body)
        headers = {SIGNATURE: sign(self._key, path, raw)}
        answer: Answer | Silence
        if body is None:
            answer = await self._http.get(f"{self._url}{path}", self._timeout_s, headers)
        else:
            answer = await self._http.post(f"{self._url}{path}", raw, JSON, self._timeout_s, headers)
        out = self._message("call", Direction.OUT, Standing.OWN, path.encode() + b"\n" + raw)
        if isinstance(answer, Silence):
            return {}, answer.why.value, (out,)
        messages = (out, self._message("answer", Direction.IN, Standing.ANSWER, answer.body))
        fields = _fields(answer.body)
        if fields is None or answer.headers.get(SIGNATURE) != sign(self._key, path, answer.body):
            return {}, "not_believed", messages
        return fields, str(fields.get("error", "")), messages

    def _message(self, kind: str, direction: Direction, standing: Standing, body: bytes) -> Message:
        return Message(
            party=self.name,
            kind=f"acme.{kind}",
            direction=direction,
            standing=standing,
            body=body,
            content_type=JSON,
        )


def _fields(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None
