"""What the public record is told beside orders and suspense items: a hash that somebody may have to prove later.

A statement is a subject of its own with one change, whose ``evidence`` is the SHA-256 of a message that is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import asyncpg

from mingzhang.evidence import unlogged
from mingzhang.transparency.tree import SQL

PACK: Final = "PACK-"
"""Begins the subject of an evidence pack's manifest."""
PAPER: Final = "PAPER-"
"""… of a version of the rules, the agreement or the privacy terms, as it was published."""
OWED: Final = "OWED-"
"""… of what was owed to buyers at a day's end (`liabilities.py`)."""
SHOPS_BUCKET: Final = 0
"""Where statements are noted that belong to no order."""


def is_stated(subject: str) -> bool:
    """Whether a subject of the record is a statement, and no order, suspense item or shared account."""
    return subject.startswith((PACK, PAPER, OWED))


async def state(
    conn: asyncpg.Connection,
    bucket: int,
    subject: str,
    kind: str,
    evidence_id: str,
    now: datetime,
    data: dict[str, Any],
) -> None:
    """Have the record told, with the caller's transaction; the sequencer does so within a second or two.

    ``data`` stands behind the change's ``sealed`` hash: only an auditor's edition opens it.
    """
    await conn.execute(SQL.insert_statement, bucket, subject, kind, now, evidence_id, data)
    await unlogged.note(conn, bucket, subject, now)
