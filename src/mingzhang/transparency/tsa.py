"""A timestamp authority as an anchor (RFC 3161 over HTTP, section 3.4): `rfc3161-client`, wrapped.

Settings: TSA_URL turns it on; TSA_ROOT or TSA_ROOT_FILE (PEM): whom we trust; TSA_NAME: how pages call it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.adapter import Given
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound, Silence
from mingzhang.transparency.anchors import RFC3161, Stamp

QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
APART_MAX: Final = timedelta(hours=1)


def _refused(code: str, why: str) -> Problem:
    return Problem(code, Kind.UNAVAILABLE, why)


class Tsa:
    """One authority under one root."""

    def __init__(self, given: Given, url: str, root: x509.Certificate, authority: str) -> None:
        self.name = given.name
        self._http: Outbound = given.http
        self._clock: Clock = given.clock
        self._timeout_s = given.timeout_s
        self._url = url
        self._root = root
        self._authority = authority

    async def stamp(self, text: bytes) -> Stamp:
        """Raises Problem: `anchor_silent`, `anchor_refused`, `anchor_invalid` (it does not hold), `anchor_clock`."""
        asked = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
        question = asked.as_bytes()
        answer = await self._http.post(self._url, question, QUERY, self._timeout_s)
        if isinstance(answer, Silence):
            raise _refused("anchor_silent", answer.why.value)
        if answer.status != 200 or answer.content_type.partition(";")[0].strip() != REPLY:
            raise _refused("anchor_refused", f"HTTP {answer.status}")
        said = self._check(asked, answer.body, text)
        return Stamp(
            token=said.time_stamp_token(),
            stamped_at=self._time(said.tst_info.gen_time),
            form=RFC3161,
            authority=self._authority,
            root=self._root.public_bytes(Encoding.PEM).decode("ascii"),
            messages=(
                self._message(Direction.OUT, Standing.OWN, QUERY, question),
                self._message(Direction.IN, Standing.VERIFIED, REPLY, answer.body),
            ),
        )

    def _check(self, asked: TimeStampRequest, body: bytes, text: bytes) -> TimeStampResponse:
        """The answer, once status, signature, certificate, nonce and digest are found to hold."""
        try:
            said = decode_timestamp_response(body)
        except ValueError as error:
            raise _refused("anchor_invalid", "not a timestamp response") from error
        if said.status not in (0, 1):
            raise _refused("anchor_refused", f"status {said.status}")
        builder = VerifierBuilder().add_root_certificate(self._root)
        try:
            builder = builder.nonce(asked.nonce) if asked.nonce is not None else builder
            builder.build().verify_message(said, text)
        except (VerificationError, ValueError) as error:
            raise _refused("anchor_invalid", str(error)[:200]) from error
        return said

    def _time(self, at: datetime) -> datetime:
        """The authority's time. One that is far from ours tells that either clock is wrong: not kept."""
        if abs(at - self._clock.now()) > APART_MAX * self._clock.speed:
            raise _refused("anchor_clock", at.isoformat())
        return at

    def _message(self, direction: Direction, standing: Standing, kind: str, body: bytes) -> Message:
        return Message(
            party=self.name,
            kind="tsa.stamp",
            direction=direction,
            standing=standing,
            body=body,
            content_type=kind,
        )


def make_tsa(given: Given) -> Tsa | None:
    """The authority that the settings name; None without TSA_URL. Raises Problem `settings_invalid`."""
    url = given.settings.text("url")
    if not url:
        return None
    if urlsplit(url).scheme not in {"http", "https"}:
        raise given.settings.wrong("url", "must be http(s)://…")
    try:
        root = x509.load_pem_x509_certificate(given.settings.need("root").encode())
    except ValueError as error:
        raise given.settings.wrong("root", "is not a certificate (PEM)") from error
    return Tsa(given, url, root, given.settings.text("name") or urlsplit(url).netloc)
