"""Pictures of products: drawn anew from what was uploaded, kept and served under the hash of what is served."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.catalogue.store import SQL
from mingzhang.kit.pictures import redraw

BYTES_MAX: Final = 120_000
_SIDES: Final = (1000, 700, 500, 300)


async def add_picture(pool: asyncpg.Pool, data: bytes, now: datetime) -> str:
    """Keep it; returns its id, the SHA-256 in hex. Raises `picture_too_large`, `picture_invalid`."""
    drawn = await asyncio.to_thread(redraw, data, BYTES_MAX, _SIDES)
    picture_id = hashlib.sha256(drawn).hexdigest()
    await pool.execute(SQL.insert_picture, picture_id, drawn, now)
    return picture_id
