"""A bank by files over HTTPS: instructions as pain.001, their status as pain.002, statements as the bank writes them.

Requests bear ``X-Account``, ``X-Time`` and ``X-Signature``: HMAC-SHA256 with the agreed key over time, method, target and
body. What comes back is the reply to our own call over a connection that we opened.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

import msgspec

from mingzhang.custody.banks.base import Bank, FileHead, OrderAnswer, OrderState, PaymentOrder
from mingzhang.custody.model import FILE_BYTES_MAX
from mingzhang.custody.pain import read_pain002, write_pain001
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.adapter import Given
from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Answer, Outbound, Silence

XML: Final = "application/xml"
_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,80}")


class BankSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``url``: no slash at the end; ``template``: what CSV files are read by."""

    name: str
    url: str
    account: str
    key: str
    template: str = ""
    timeout_s: float = 8.0


class FileBank:
    """One bank."""

    def __init__(self, settings: BankSettings, http: Outbound, clock: Clock) -> None:
        self.name = settings.name
        self.account = settings.account
        self._settings = settings
        self._http = http
        self._clock = clock

    async def send(self, order: PaymentOrder) -> OrderAnswer:
        """POST /pain001."""
        now = self._clock.now()
        body = write_pain001(order, now)
        told = self._message("bank.pain001", Direction.OUT, write_pain001(order.as_kept(), now))
        headers = self._sealed("POST", "/pain001", body)
        answer = await self._http.post(
            f"{self._settings.url}/pain001", body, XML, self._settings.timeout_s, headers
        )
        if isinstance(answer, Silence):
            state = OrderState.NOT_SENT if answer.nothing_sent else OrderState.UNKNOWN
            return OrderAnswer(state=state, code=answer.why.value, messages=(told,))
        return self._read(answer, order.order_id, (told,))

    async def ask(self, order_id: str) -> OrderAnswer:
        """GET /pain002/{id}."""
        target = f"/pain002/{order_id}"
        answer = await self._get(target)
        if isinstance(answer, Silence):
            return OrderAnswer(state=OrderState.UNKNOWN, code=answer.why.value)
        if answer.status == 404:
            return OrderAnswer(state=OrderState.NOT_FOUND, messages=(self._told(answer),))
        return self._read(answer, order_id, ())

    async def list_files(self, after: str) -> list[FileHead] | None:
        """GET /statements?after=: one name a line."""
        answer = await self._get(f"/statements?after={after}")
        if isinstance(answer, Silence) or answer.status != 200:
            return None
        names = answer.body.decode("utf-8", "replace").split()
        return [FileHead(name=name, template=self._template(name)) for name in names if _NAME.fullmatch(name)]

    async def read_file(self, name: str) -> bytes | None:
        """GET /statements/{name}."""
        answer = await self._get(f"/statements/{name}", FILE_BYTES_MAX)
        return None if isinstance(answer, Silence) or answer.status != 200 else answer.body

    async def aclose(self) -> None:
        """Nothing is held."""

    def _template(self, name: str) -> str:
        return self._settings.template if name.endswith(".csv") else ""

    async def _get(self, target: str, bytes_max: int = ANSWER_BYTES_MAX) -> Answer | Silence:
        return await self._http.get(
            f"{self._settings.url}{target}",
            self._settings.timeout_s,
            self._sealed("GET", target, b""),
            bytes_max=bytes_max,
        )

    def _sealed(self, method: str, target: str, body: bytes) -> dict[str, str]:
        at = self._clock.now().isoformat(timespec="seconds")
        signed = "\n".join((at, method, target, "")).encode() + body
        seal = hmac.new(self._settings.key.encode(), signed, hashlib.sha256).hexdigest()
        return {"X-Account": self.account, "X-Time": at, "X-Signature": seal}

    def _read(self, answer: Answer, order_id: str, before: tuple[Message, ...]) -> OrderAnswer:
        messages = (*before, self._told(answer))
        if answer.status != 200:
            return OrderAnswer(state=OrderState.UNKNOWN, code=f"http_{answer.status}", messages=messages)
        state, code = read_pain002(answer.body, order_id)
        return OrderAnswer(state=state, code=code, messages=messages)

    def _told(self, answer: Answer) -> Message:
        return self._message("bank.pain002", Direction.IN, answer.body)

    def _message(self, kind: str, direction: Direction, body: bytes) -> Message:
        standing = Standing.OWN if direction is Direction.OUT else Standing.ANSWER
        return Message(
            party=self.name, kind=kind, direction=direction, standing=standing, body=body, content_type=XML
        )


def make_bank(given: Given) -> Bank | None:
    """A bank by files: on when ``url`` is given."""
    settings = given.settings
    url = settings.text("url")
    if not url:
        return None
    made = BankSettings(
        name=given.name,
        url=url.rstrip("/"),
        account=settings.need("account"),
        key=settings.need("key"),
        template=settings.text("template"),
        timeout_s=given.timeout_s,
    )
    return FileBank(made, given.http, given.clock)
