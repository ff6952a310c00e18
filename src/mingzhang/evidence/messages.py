"""What an outside party said, or what we said to it, exactly as it crossed the wire.

A message is raw and immutable. Secrets (keys in query strings, app secrets) are stripped by the adapter
before the message is built; signatures stay, they are not secret.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class Direction(StrEnum):
    """Which way the message went, seen from the shop."""

    IN = "in"
    OUT = "out"


class Standing(StrEnum):
    """How far a message may be believed (``wire.md``, the rule of the head).

    ``verified``: its signature binds every field with a key only the sender holds.
    ``answer``: the reply to our own authenticated call, over a connection we opened.
    ``hint``: unsigned, or signed with a shared secret; only a query can make a fact of it.
    ``forged``: the signature does not fit, or identity, amount or order are not the expected ones.
    ``own``: written by us (direction ``out``, or a member of staff).
    """

    VERIFIED = "verified"
    ANSWER = "answer"
    HINT = "hint"
    FORGED = "forged"
    OWN = "own"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One raw message. ``body``: at most 256 KiB; ``occurred_at``: the sender's own time if it gives one."""

    party: str
    kind: str
    direction: Direction
    standing: Standing
    body: bytes
    content_type: str = "application/octet-stream"
    occurred_at: datetime | None = None
    note: str = ""


class HttpMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came to a callback address, before anything was believed. Header names in lower case."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The protocol's own answer to a message that came in."""

    status: int
    body: bytes
    content_type: str
