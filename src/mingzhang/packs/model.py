"""What a pack is made of: plain data, gathered by the edge, no I/O here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

BYTES_MAX: Final = 16 * 1024 * 1024  # of a whole pack
PARTS_MAX: Final = 600


class Edition(StrEnum):
    """For whom a pack is made. Nobody but `AUDITOR` sees cost, fee or margin, legs, or a supplier's raw words."""

    BUYER = "buyer"
    STAFF = "staff"
    AUDITOR = "auditor"


class Part(msgspec.Struct, frozen=True):
    """One file of a pack. ``name``: lower case, ASCII; ``about``: what it is, in Chinese."""

    name: str
    data: bytes
    about: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter: ``<name>.json`` in the zip, and a table of that title on paper (no rows: none there).

    ``data``: plain JSON without floats. ``rows``: cells as texts, each row as wide as ``head``.
    """

    name: str
    title: str
    data: Any
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says beside its parts. ``made_at``: ISO 8601, UTC; ``log_key``: who signs."""

    edition: Edition
    order_id: str
    shop: str
    made_at: str
    collected: dict[str, Any]
    health: dict[str, Any]
    log_key: str
