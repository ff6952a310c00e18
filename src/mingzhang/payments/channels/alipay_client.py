"""Signed calls to Alipay's gateway, and the verdict on what came back (wire.md, Alipay).

An answer is believed only when Alipay's RSA2 signature covers it; everything else is unknown (R4, F2, F14).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.clock import Clock
from mingzhang.kit.crew import Crew
from mingzhang.kit.outbound import Answer, Outbound, Silence, multipart
from mingzhang.payments.channels.alipay_cert import DOWNLOAD, CertVerifier, read_download
from mingzhang.payments.channels.alipay_notify import PARTY
from mingzhang.payments.channels.alipay_states import judge, text_of
from mingzhang.payments.channels.alipay_wire import (
    FORM_TYPE,
    Signer,
    Verifier,
    read_node,
    signed_text,
    write_form,
)
from mingzhang.payments.channels.base import Outcome

_SIGNING_THREADS: Final = 2


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end: verified `fields` when the outcome is ok or refused."""

    outcome: Outcome
    code: str = ""
    text: str = ""
    fields: dict[str, Any] = {}
    messages: tuple[Message, ...] = ()


class Client:
    """Signs, sends, verifies; in certificate mode with `certs`. `timeout_s`: real seconds for a whole call."""

    def __init__(
        self,
        http: Outbound,
        clock: Clock,
        *,
        gateway: str,
        app_id: str,
        signer: Signer,
        verifier: Verifier,
        certs: CertVerifier | None,
        timeout_s: float,
    ) -> None:
        self._http = http
        self._clock = clock
        self._gateway = gateway
        self._app_id = app_id
        self._verifier = verifier
        self._certs = certs
        self._timeout_s = timeout_s
        self._signing = Crew(signer.sign, _SIGNING_THREADS, "alipay-sign")

    def close(self) -> None:
        """End the threads that sign."""
        self._signing.close()

    async def upload(
        self, method: str, extra: Mapping[str, str], name: str, file: bytes, kind: str
    ) -> Called:
        """A call with a file in the part `name`, of the media type `kind`; no signature covers the file."""
        fields = await self.sign(method, {}, extra)
        url = f"{self._gateway}?charset={fields.pop('charset')}"
        body, media = multipart(fields, name, f"{name}.jpg", kind, file, secrets.token_hex(16))
        ended = await self._http.post(url, body, media, self._timeout_s)
        sent = own(method, write_form(fields), ended.why.value if isinstance(ended, Silence) else "")
        return (
            _unanswered(sent, ended) if isinstance(ended, Silence) else self._read_answer(method, sent, ended)
        )

    async def sign(self, method: str, biz: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
        fields = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": write_beijing(self._clock.now()),
            "version": "1.0",
            "biz_content": json.dumps(biz, ensure_ascii=False, separators=(",", ":")),
            **extra,
        }
        if self._certs is not None:
            fields |= {
                "app_cert_sn": self._certs.app_cert_sn,
                "alipay_root_cert_sn": self._certs.root_cert_sn,
            }
        present = {name: value for name, value in fields.items() if value}
        return {**present, "sign": await self._signing.make(signed_text(present).encode())}

    async def call(
        self, method: str, biz: Mapping[str, str], extra: Mapping[str, str] | None = None
    ) -> Called:
        sent, ended = await self._exchange(method, biz, extra or {})
        if not isinstance(ended, Answer):
            return _unanswered(sent, ended)
        learnt = await self._learn_certificate(method, ended)
        called = self._read_answer(method, sent, ended)
        return msgspec.structs.replace(called, messages=called.messages + learnt) if learnt else called

    async def _exchange(
        self, method: str, biz: Mapping[str, str], extra: Mapping[str, str]
    ) -> tuple[Message, Answer | Silence]:
        fields = await self.sign(method, biz, extra)
        # The gateway wants to know the charset before it reads the body.
        url = f"{self._gateway}?charset={fields.pop('charset')}"
        form = write_form(fields)
        ended = await self._http.post(url, form.encode(), FORM_TYPE, self._timeout_s)
        return own(method, form, ended.why.value if isinstance(ended, Silence) else ""), ended

    async def _learn_certificate(self, method: str, answer: Answer) -> tuple[Message, ...]:
        """Alipay signs with a certificate nobody here knows: ask for it, once in a while (no fetch storm).

        What comes is believed by its chain alone; the messages of the question are evidence.
        """
        node = read_node(answer.body, method) if self._certs is not None else None
        if node is None or self._certs is None or not self._certs.may_ask(node.cert_sn):
            return ()
        sent, ended = await self._exchange(DOWNLOAD, {"alipay_cert_sn": node.cert_sn}, {})
        if not isinstance(ended, Answer):
            return (sent,)
        told = read_node(ended.body, DOWNLOAD)
        if told is not None:
            self._certs.learn(read_download(text_of(told.fields, "alipay_cert_content")), node.cert_sn)
        return self._read_answer(DOWNLOAD, sent, ended).messages

    def _read_answer(self, method: str, sent: Message, answer: Answer) -> Called:
        node = read_node(answer.body, method)
        genuine = node is not None and self._verifier.fits(node.raw, node.sign, node.cert_sn)
        if answer.status != 200:
            doubt = f"http_{answer.status}"
        elif node is None:
            doubt = "not_json"
        else:
            doubt = "" if genuine else "bad_signature"
        standing = Standing.VERIFIED if genuine else Standing.HINT if node is None else Standing.FORGED
        received = Message(
            party=PARTY,
            kind=method,
            direction=Direction.IN,
            standing=standing,
            body=answer.body,
            content_type=answer.content_type[:200] or "application/octet-stream",
            note=doubt,
        )
        messages = (sent, received)
        if doubt or node is None:
            return Called(outcome=Outcome.UNKNOWN, code=doubt, messages=messages)
        outcome, code, text = judge(node.fields)
        return Called(outcome=outcome, code=code, text=text, fields=node.fields, messages=messages)


def _unanswered(sent: Message, silence: Silence) -> Called:
    outcome = Outcome.NOT_SENT if silence.nothing_sent else Outcome.UNKNOWN
    return Called(outcome=outcome, code=silence.why.value, messages=(sent,))


def own(method: str, form: str, note: str) -> Message:
    return Message(
        party=PARTY,
        kind=method,
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=form.encode(),
        content_type=FORM_TYPE,
        note=note,
    )
