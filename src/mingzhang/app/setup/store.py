"""Notes of the set-up: the only SQL that writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.app.setup", "store")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried or chosen: ``outcome`` is a closed word of its subject, ``detail`` a code, a number or nothing."""

    subject: str
    outcome: str
    detail: str
    noted_by: str
    noted_at: datetime


async def list_notes(conn: asyncpg.Connection) -> dict[str, Note]:
    """By subject."""
    return {row["subject"]: Note(**dict(row)) for row in await conn.fetch(SQL.list_notes)}


async def write_note(conn: asyncpg.Connection, note: Note) -> None:
    """Instead of what was noted before."""
    await conn.execute(SQL.write_note, *(getattr(note, name) for name in Note.__struct_fields__))
