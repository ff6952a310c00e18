"""Attachments of a conversation (附件): pictures alone, drawn anew, sealed, and opened only beside their owner's number.

A stranger's file is never kept as it came. What is no JPEG, PNG or WebP is refused by its first bytes: SVG and HTML run
scripts, archives unpack to anything, and a PDF holds scripts and other files that no redrawing takes out of it while its
text stays readable; whoever has one sends a screenshot of it. What is a picture is decoded with its pixels counted first
and drawn anew (`kit/pictures.py`), so that nothing hidden in it, before it or behind it is left. Bodies are bounded by
the handler that takes them in (`BODY_BYTES_MAX`) before they are read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id, new_id
from mingzhang.kit.pictures import UPLOAD_BYTES_MAX, redraw
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault

SQL: Final = load("mingzhang.kit", "attachments")

COUNT_MAX: Final = 4
"""Pictures of one message: what WeChat Pay takes in one reply to a complaint."""
OWNER_MAX: Final = 60
"""Pictures of one conversation, from everybody in it together."""
BODY_BYTES_MAX: Final = COUNT_MAX * UPLOAD_BYTES_MAX + 64 * 1024
"""What a form with its pictures may weigh: give it to the handler as `request_max_body_size`."""
KEPT_BYTES_MAX: Final = 400_000
MEDIA_TYPE: Final = "image/jpeg"
_SIDES: Final = (2200, 1600, 1200, 900, 600)
# Decoding one picture of 40 megapixels takes some 300 MB: one at a time.
_DRAWING: Final = ThreadPoolExecutor(1, thread_name_prefix="draw")


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One picture as listed; `sha256` (hex) and `size_bytes` are those of the JPEG that is served."""

    attachment_id: str
    sha256: str
    size_bytes: int
    kept_at: datetime


def draw(data: bytes) -> bytes:
    """The JPEG that may be kept of an uploaded file; pure, runs on strangers' bytes.

    Raises `attachment_not_picture` (PDF, SVG, HTML, archives, GIF …), `picture_too_large`, `picture_invalid`.
    """
    if not _is_picture(data):
        raise Problem("attachment_not_picture", Kind.INVALID, "JPEG, PNG or WebP")
    return redraw(data, KEPT_BYTES_MAX, _SIDES)


async def draw_all(uploads: Sequence[bytes]) -> tuple[bytes, ...]:
    """What may be kept of one message's files, all or none. Call it before any transaction is opened.

    Raises `too_many_attachments`, and what `draw` does.
    """
    if len(uploads) > COUNT_MAX:
        raise Problem("too_many_attachments", Kind.INVALID, params={"most": COUNT_MAX})
    loop = asyncio.get_running_loop()
    return tuple([await loop.run_in_executor(_DRAWING, draw, data) for data in uploads])


async def keep(
    conn: asyncpg.Connection,
    vault: Vault,
    rng: Random,
    now: datetime,
    *,
    bucket: int,
    owner: str,
    drawn: Sequence[bytes],
) -> tuple[str, ...]:
    """Keep what `draw_all` gave, in the caller's transaction; returns the ids, in order.

    The caller holds the owner's lock. Raises `too_many_attachments` when the conversation has its share.
    """
    if not drawn:
        return ()
    held = await conn.fetch(SQL.list_attachments, bucket, owner, OWNER_MAX)
    if len(held) + len(drawn) > OWNER_MAX:
        raise Problem("too_many_attachments", Kind.INVALID, params={"most": OWNER_MAX})
    ids = []
    for picture in drawn:
        attachment_id = new_id(now, rng)
        sealed = vault.seal_bytes(picture)
        digest = hashlib.sha256(picture).digest()
        await conn.execute(
            SQL.insert_attachment, bucket, attachment_id, owner, digest, len(picture), sealed, now
        )
        ids.append(attachment_id)
    return tuple(ids)


async def list_attachments(conn: asyncpg.Connection, bucket: int, owner: str) -> list[Attachment]:
    """What a conversation has, oldest first."""
    rows = await conn.fetch(SQL.list_attachments, bucket, owner, OWNER_MAX)
    return [Attachment(**{**dict(row), "sha256": row["sha256"].hex()}) for row in rows]


async def read(
    conn: asyncpg.Connection, vault: Vault, *, bucket: int, owner: str, attachment_id: str
) -> bytes:
    """The JPEG. Whether the reader may see that owner's conversation is the caller's to know, first.

    Raises `unknown_attachment`, also for one of another owner; `erased` when it was emptied.
    """
    sealed = None
    if is_id(attachment_id):
        sealed = await conn.fetchval(SQL.read_attachment, bucket, attachment_id, owner)
    if sealed is None:
        raise Problem("unknown_attachment", Kind.NOT_FOUND)
    return vault.open_bytes(sealed)


def _is_picture(data: bytes) -> bool:
    png_or_jpeg = data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
    return png_or_jpeg or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
