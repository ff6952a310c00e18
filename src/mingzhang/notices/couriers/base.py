"""What a courier is: it hands one letter to one other side and says what that side answered, nothing else.

A courier raises nothing for what the outside does. Keys and addresses never stand in what it returns: the
answer is kept as evidence, and evidence is for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.outbound import Answer, Outbound, Silence

HIDDEN: Final = "***"
ANSWER_KEPT_BYTES: Final = 4096


class Outcome(StrEnum):
    """How an attempt ended.

    ``accepted``: the other side said yes. ``refused``: it said no for ever. ``not_now``: it said no for now, or
    our own settings are wrong. ``not_sent``: proof that nothing left. ``unknown``: no answer, or none that says
    yes or no; the letter may have arrived.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_NOW = "not_now"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One notice, ready to go. `subject` is one line; `link` may be empty; `written_at` is aware UTC. `key`: a webhook's
    own number, the same whenever it is sent; `template`, `values`: what a text message fills into a form of its own.
    """

    notice_id: str
    address: str
    subject: str
    text: str
    link: str
    written_at: datetime
    key: str = ""
    template: str = ""
    values: Mapping[str, str] = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt's end. `code`: a short snake_case name or the other side's number; `retry_after_s`: its wish."""

    outcome: Outcome
    code: str = ""
    retry_after_s: int = 0
    messages: tuple[Message, ...] = ()


class Courier(Protocol):
    """An adapter. `name` is the channel in rows, routes and evidence: it never changes."""

    name: str

    async def send(self, letter: Letter) -> Delivery:
        """Hand the letter over, within the courier's own timeout (real seconds)."""
        ...

    async def aclose(self) -> None:
        """Free connections."""
        ...


def mask_address(address: str) -> str:
    """`buyer@example.com` → `bu***@example.com`; other addresses keep at most their ends."""
    name, at, host = address.rpartition("@")
    if at:
        return f"{name[:2]}{HIDDEN}@{host}"
    return f"{address[:2]}{HIDDEN}{address[-2:]}" if len(address) > 8 else HIDDEN


def answer_message(party: str, letter: Letter, answer: bytes, sent: bytes, hide: Iterable[str]) -> Message:
    """The other side's answer as evidence: secrets and addresses hidden, with the SHA-256 of what was sent."""
    text = answer[:ANSWER_KEPT_BYTES].decode("utf-8", "replace")
    for secret in (*hide, letter.address):
        if secret:
            text = text.replace(secret, HIDDEN)
    return Message(
        party=party,
        kind="notice_answer",
        direction=Direction.IN,
        standing=Standing.ANSWER,
        body=text.encode(),
        content_type="text/plain; charset=utf-8",
        note=f"{letter.notice_id} sent sha256:{hashlib.sha256(sent).hexdigest()}",
    )


async def post_json(
    http: Outbound, url: str, payload: object, timeout_s: float
) -> tuple[Answer | Silence, bytes]:
    """POST a JSON body; returns what came back and the bytes that were sent."""
    body = msgspec.json.encode(payload)
    return await http.post(url, body, "application/json; charset=utf-8", timeout_s), body


def silent(silence: Silence) -> Delivery:
    """No answer: proof that nothing was sent, or unknown."""
    outcome = Outcome.NOT_SENT if silence.nothing_sent else Outcome.UNKNOWN
    return Delivery(outcome=outcome, code=silence.why.value)


def read_json(body: bytes) -> dict[str, object]:
    """An answer's JSON object; empty when it is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def cut(text: str, bytes_max: int) -> str:
    """At most so many UTF-8 bytes, never half a character."""
    return text.encode()[:bytes_max].decode("utf-8", "ignore")


def plain_text(letter: Letter) -> str:
    """Subject, text and link as one message, for chat robots."""
    return "\n".join(part for part in (letter.subject, letter.text, letter.link) if part)
