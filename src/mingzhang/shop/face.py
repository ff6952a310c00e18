"""The shop's face: what may be set, kept in versions, and read from memory by every page."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.pictures import redraw_logo
from mingzhang.kit.sql import load
from mingzhang.shop.colours import HEX, nearest_readable, readable
from mingzhang.shop.model import ShopFace, Version
from mingzhang.shop.wind_down import WindDown, read_running

SQL: Final = load("mingzhang.shop", "face")
FRESH_REAL_S: Final = 1.0
LENGTHS: Final[dict[str, int]] = {
    "name_zh": 24,
    "name_en": 40,
    "accent": 7,
    "notice_zh": 400,
    "notice_en": 800,
    "support": 120,
    "support_url": 300,
    "address": 120,
    "licence": 160,
    "icp": 60,
}
"""The texts that may be set, and how many characters each may have; the logo is set by itself."""
LINES: Final = frozenset({"notice_zh", "notice_en"})
Ask = Callable[[asyncpg.Connection], Awaitable[bool]]
SCHEMES: Final = frozenset({"https", "mailto", "tel"})


def clean_face(texts: Mapping[str, str], logo: str) -> ShopFace:
    """A face from what was typed. Raises `setting_invalid` (with `field` and `reason`), `contrast_low`.

    `contrast_low` names the nearest colour that can be read.
    """
    found = {name: _clean_text(name, texts.get(name, ""), most) for name, most in LENGTHS.items()}
    found["accent"] = found["accent"].lower()
    if found["accent"] and HEX.fullmatch(found["accent"]) is None:
        raise _bad("accent", "colour_invalid")
    if found["accent"] and not readable(found["accent"]):
        better = nearest_readable(found["accent"])
        raise Problem(
            "contrast_low",
            Kind.INVALID,
            params={"field": "accent", "reason": "contrast_low", "better": better},
        )
    if found["support_url"] and not _opens(found["support_url"]):
        raise _bad("support_url", "link_invalid")
    return ShopFace(logo=logo, **found)


def _clean_text(name: str, text: str, most: int) -> str:
    text = text.strip().replace("\r\n", "\n")
    if len(text) > most:
        raise _bad(name, "text_too_long")
    plain = text.replace("\n", "") if name in LINES else text
    if not plain.isprintable():
        raise _bad(name, "text_unprintable")
    return text


def _opens(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    rest = parts.netloc if parts.scheme == "https" else parts.path
    return parts.scheme in SCHEMES and bool(rest) and not any(each.isspace() for each in url)


def _bad(field: str, reason: str) -> Problem:
    return Problem("setting_invalid", Kind.INVALID, params={"field": field, "reason": reason})


async def draw_logo(data: bytes) -> bytes:
    """An upload as it will be served. Raises `picture_too_large`, `picture_invalid`."""
    return await asyncio.to_thread(redraw_logo, data)


async def keep_logo(conn: asyncpg.Connection, drawn: bytes, now: datetime) -> str:
    """Keep what `draw_logo` made; returns its id."""
    logo_id = hashlib.sha256(drawn).hexdigest()
    await conn.execute(SQL.insert_logo, logo_id, drawn, now)
    return logo_id


async def read_logo(conn: asyncpg.Connection, logo_id: str) -> bytes | None:
    """A logo (PNG), of any version."""
    body: bytes | None = await conn.fetchval(SQL.read_logo, logo_id)
    return body


async def read_newest(conn: asyncpg.Connection) -> Version:
    """What holds now."""
    rows = await list_versions(conn, 1)
    return rows[0] if rows else Version()


async def list_versions(conn: asyncpg.Connection, limit: int = 20) -> list[Version]:
    """The newest versions first."""
    rows = await conn.fetch(SQL.list_versions, limit)
    return [
        Version(
            version=row["version"],
            face=msgspec.convert(row["face"], ShopFace),
            set_by=row["set_by"],
            reason=row["reason"],
            set_at=row["set_at"],
        )
        for row in rows
    ]


async def write_version(
    conn: asyncpg.Connection, after: int, face: ShopFace, set_by: str, reason: str, now: datetime
) -> int:
    """The version after the one that its author saw; returns its number. Raises `settings_changed`."""
    row = await conn.fetchval(
        SQL.insert_version, after + 1, msgspec.to_builtins(face), set_by, reason, now, after
    )
    if row is None:
        raise Problem("settings_changed", Kind.CONFLICT)
    return int(row)


class FaceCache:
    """What holds, as it was at most a second ago; while the database is away, what was known last."""

    def __init__(self, pool: asyncpg.Pool, in_custody: Ask | None = None) -> None:
        self._pool = pool
        self._in_custody = in_custody
        self._read_at = float("-inf")
        self.now = Version()
        self.winding_down: WindDown | None = None
        self.custody = False  # 存管: until it is known, pages say 未存管

    async def refresh(self) -> None:
        """Read it again when it is old."""
        if time.monotonic() - self._read_at <= FRESH_REAL_S:
            return
        self._read_at = time.monotonic()
        try:
            async with self._pool.acquire() as conn:
                self.now = await read_newest(conn)
                self.winding_down = await read_running(conn)
                if self._in_custody is not None:
                    self.custody = await self._in_custody(conn)
        except DATABASE_AWAY:
            return

    def forget(self) -> None:
        """Read it at the next look."""
        self._read_at = float("-inf")
