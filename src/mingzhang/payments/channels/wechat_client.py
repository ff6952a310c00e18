"""Signed calls to WeChat Pay, and the verdict on what came back.

An answer is believed only when WeChat's signature covers it and it is fresh; everything else (HTTP errors
without a seal, timeouts, text, a foreign key) is unknown, and only a query resolves it (R4, F2, F14).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Answer, Outbound, Silence, multipart
from mingzhang.payments.channels.base import BILL_BYTES_MAX, Outcome
from mingzhang.payments.channels.wechat_keys import Doubt, PlatformKeys, standing_of
from mingzhang.payments.channels.wechat_notify import PARTY
from mingzhang.payments.channels.wechat_states import judge
from mingzhang.payments.channels.wechat_wire import (
    JSON_TYPE,
    SEALED_TYPE,
    Signer,
    invoke_text,
    read_json,
    read_seal,
    request_text,
    with_seal,
    write_json,
)

MALFORMED: Final = "malformed_answer"
NO_KEYS: Final = "no_platform_key"
_CERTIFICATES: Final = "/v3/certificates"
_FILE: Final = "/v3/billdownload/file"
_TARGET_MAX: Final = 2048
_SIGNING_THREADS: Final = 2
_AGENT: Final = "mingzhang"  # WeChat refuses calls without one


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call's end: verified `fields` when the outcome is ok or refused."""

    outcome: Outcome
    code: str = ""
    text: str = ""
    fields: dict[str, Any] = {}
    messages: tuple[Message, ...] = ()


class Client:
    """Signs, sends, verifies. `gateway`: scheme and host; `timeout_s`: real seconds for a whole call.

    `reply_serial`: the public key's id, by which WeChat is asked to sign its answers; empty for certificates.
    """

    def __init__(
        self,
        http: Outbound,
        clock: Clock,
        nonce: Callable[[], str],
        *,
        gateway: str,
        signer: Signer,
        keys: PlatformKeys,
        secrets: tuple[bytes, ...],
        timeout_s: float,
        reply_serial: str = "",
    ) -> None:
        self._http = http
        self._clock = clock
        self._nonce = nonce
        self._gateway = gateway.rstrip("/")
        self._signer = signer
        self._keys = keys
        self._secrets = secrets
        self._timeout_s = timeout_s
        self._reply_serial = reply_serial
        self._fetching = asyncio.Lock()
        self._threads = ThreadPoolExecutor(_SIGNING_THREADS, thread_name_prefix="wechat-sign")

    async def call(
        self, kind: str, method: str, target: str, payload: Mapping[str, object] | None = None
    ) -> Called:
        """One call; `target` is the path with its query, `payload` the JSON of a POST."""
        await self.fetch_keys()
        if self._keys.empty:
            # Nothing was sent: no answer could have been believed.
            return Called(outcome=Outcome.NOT_SENT, code=NO_KEYS, messages=(_own(kind, b"", NO_KEYS),))
        text, ended = await self._send(method, target, write_json(payload) if payload is not None else "")
        if isinstance(ended, Silence):
            outcome = Outcome.NOT_SENT if ended.nothing_sent else Outcome.UNKNOWN
            why = ended.why.value
            return Called(outcome=outcome, code=why, messages=(_own(kind, text, why),))
        return await self._read(kind, _own(kind, text, ""), ended)

    async def upload(self, kind: str, target: str, name: str, file: bytes) -> Called:
        """A JPEG under a name. The signature covers the ``meta`` alone, which names the file's hash."""
        await self.fetch_keys()
        if self._keys.empty:
            return Called(outcome=Outcome.NOT_SENT, code=NO_KEYS, messages=(_own(kind, b"", NO_KEYS),))
        meta = write_json({"filename": name, "sha256": hashlib.sha256(file).hexdigest()})
        headers, text = await self._authorize("POST", target, meta)
        body, media = multipart({"meta": meta}, "file", name, "image/jpeg", file, self._nonce())
        ended = await self._http.post(f"{self._gateway}{target}", body, media, self._timeout_s, headers)
        if isinstance(ended, Silence):
            outcome = Outcome.NOT_SENT if ended.nothing_sent else Outcome.UNKNOWN
            why = ended.why.value
            return Called(outcome=outcome, code=why, messages=(_own(kind, text, why),))
        return await self._read(kind, _own(kind, text, ""), ended)

    async def picture(self, kind: str, target: str, bytes_max: int) -> tuple[bytes | None, str, Message]:
        """A picture, which bears no seal: its bytes or None, why not, and our call. It is not kept as it came."""
        text, ended = await self._send("GET", target, "", bytes_max)
        why = (
            ended.why.value
            if isinstance(ended, Silence)
            else ""
            if ended.status == 200
            else f"http_{ended.status}"
        )
        content = ended.body if isinstance(ended, Answer) and not why else None
        return content, why, _own(kind, text, why)

    async def file(self, kind: str, url: str) -> tuple[bytes | None, str, tuple[Message, ...]]:
        """A file that bears no seal: its bytes or None, why not, and the evidence.

        The call is signed, so whatever host the address names, only its path is taken, to our own gateway.
        """
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        if parts.path != _FILE or len(target) > _TARGET_MAX:
            return None, MALFORMED, ()
        text, ended = await self._send("GET", target, "", BILL_BYTES_MAX)
        if isinstance(ended, Silence):
            return None, ended.why.value, (_own(kind, text, ended.why.value),)
        received = Message(
            party=PARTY,
            kind=kind,
            direction=Direction.IN,
            standing=Standing.ANSWER,
            body=ended.body[:ANSWER_BYTES_MAX],
            content_type=ended.content_type[:200] or "application/octet-stream",
            note=f"http_{ended.status}",
        )
        messages = (_own(kind, text, ""), received)
        if ended.status != 200:
            return None, f"http_{ended.status}", messages
        return ended.body, "", messages

    async def invoke(self, app_id: str, prepay_id: str) -> dict[str, str]:
        """The signed parameters of JSAPI payment, for the page's script (WeixinJSBridge)."""
        timestamp, nonce = self._stamp()
        package = f"prepay_id={prepay_id}"
        text = invoke_text(app_id, timestamp, nonce, package)
        return {
            "appId": app_id,
            "timeStamp": str(timestamp),
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": await self._in_thread(self._signer.sign, text),
        }

    async def fetch_keys(self) -> bool:
        """Fetch the platform certificates if that is due; whether new ones were taken over.

        One fetch at a time: while there is a key, others go on with it instead of waiting.
        """
        if self._fetching.locked():
            if self._keys.empty:
                async with self._fetching:
                    pass
            return False
        if not self._keys.due(self._clock.now()):
            return False
        async with self._fetching:
            self._keys.trying(self._clock.now())
            _, ended = await self._send("GET", _CERTIFICATES, "")
            if isinstance(ended, Silence) or ended.status != 200:
                return False
            return self._keys.take(ended.body, read_seal(ended.headers), self._secrets, self._clock.now())

    def close(self) -> None:
        """End the threads that sign."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(
        self, method: str, target: str, body: str, bytes_max: int = ANSWER_BYTES_MAX
    ) -> tuple[bytes, Answer | Silence]:
        headers, text = await self._authorize(method, target, body)
        url = f"{self._gateway}{target}"
        if method == "GET":
            return text, await self._http.get(url, self._timeout_s, headers, bytes_max)
        send = self._http.put if method == "PUT" else self._http.post
        return text, await send(url, body.encode(), JSON_TYPE, self._timeout_s, headers)

    async def _authorize(self, method: str, target: str, body: str) -> tuple[dict[str, str], bytes]:
        timestamp, nonce = self._stamp()
        text = request_text(method, target, timestamp, nonce, body)
        headers = {
            "Authorization": await self._in_thread(self._signer.authorization, text, timestamp, nonce),
            "Accept": JSON_TYPE,
            "User-Agent": _AGENT,
        }
        if self._reply_serial:
            headers["Wechatpay-Serial"] = self._reply_serial
        return headers, text

    async def _read(self, kind: str, sent: Message, answer: Answer) -> Called:
        doubt = self._check(answer)
        if doubt is Doubt.UNKNOWN_SERIAL and await self.fetch_keys():
            doubt = self._check(answer)
        received = Message(
            party=PARTY,
            kind=kind,
            direction=Direction.IN,
            # An answer without a seal may come from anything between here and WeChat: no proof of forgery.
            standing=Standing.HINT if doubt is Doubt.UNSIGNED else standing_of(doubt),
            body=with_seal(answer.headers, answer.body, ANSWER_BYTES_MAX),
            content_type=SEALED_TYPE,
            note=f"http_{answer.status}" if doubt is None else f"http_{answer.status} {doubt.value}",
        )
        messages = (sent, received)
        if doubt is not None:
            code = (
                f"http_{answer.status}" if doubt is Doubt.UNSIGNED and answer.status >= 400 else doubt.value
            )
            return Called(outcome=Outcome.UNKNOWN, code=code, messages=messages)
        fields = read_json(answer.body) if answer.body else {}
        if fields is None:
            return Called(outcome=Outcome.UNKNOWN, code=MALFORMED, messages=messages)
        outcome, code, text = judge(answer.status, fields)
        return Called(outcome=outcome, code=code, text=text, fields=fields, messages=messages)

    def _check(self, answer: Answer) -> Doubt | None:
        return self._keys.check(read_seal(answer.headers), answer.body, self._clock.now())

    def _stamp(self) -> tuple[int, str]:
        return int(self._clock.now().timestamp()), self._nonce()

    async def _in_thread(self, work: Callable[..., str], *arguments: object) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _own(kind: str, text: bytes, note: str) -> Message:
    """Our own call as evidence: the very text that was signed. The key and the signature stay out."""
    return Message(
        party=PARTY,
        kind=kind,
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=text[:ANSWER_BYTES_MAX],
        content_type="text/plain",
        note=note,
    )
