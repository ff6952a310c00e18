"""The day's closing report (日终报告): what was held against what, what differs, what was posted, and from which files.

The JSON is the report; its bytes are canonical, so that its hash can be checked by anybody. The PDF shows it.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.reconciliation.sources import start_of
from mingzhang.reconciliation.store import SQL

LISTED_MAX: Final = 200
LATE: Final = timedelta(days=2)
"""So long a day's report waits for files that do not come; then it is made, and says which are missing."""

_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report as stored."""

    day: date
    n: int
    json_sha256: bytes
    pdf_sha256: bytes
    body_json: bytes
    body_pdf: bytes
    made_at: datetime


async def gather(conn: asyncpg.Connection, day: date, made_at: datetime) -> dict[str, Any]:
    """Everything that the report of a day says, as plain data; one moment of the database."""
    begin = start_of(day)
    days = await conn.fetch(SQL.list_days, day)
    files = await conn.fetch(SQL.list_files, day)
    used = {row["file_id"] for row in days if row["file_id"]}
    last = await conn.fetchrow(SQL.last_report, day)
    return {
        "report": "closing",
        "day": day.isoformat(),
        "n": 1 + (last["n"] if last else 0),
        "made_at": made_at.isoformat(),
        "sources": [
            {
                "source": row["source"],
                "state": row["state"],
                "code": row["code"],
                "agreed": row["agreed"],
                "totals": row["totals"],
                "file": row["file_id"],
            }
            for row in days
        ],
        "files": [
            {
                "file": row["file_id"],
                "source": row["source"],
                "name": row["name"],
                "sha256": row["sha256"].hex(),
                "bytes": row["size_bytes"],
                "lines": row["lines"],
                "standing": row["standing"],
                "known_at": row["known_at"].isoformat(),
                "used": row["file_id"] in used,
            }
            for row in files
        ],
        "open": [_plain(row) for row in await conn.fetch(SQL.sum_open, day)],
        "largest": [_plain(row) for row in await conn.fetch(SQL.list_open_heads, day, LISTED_MAX)],
        "ended": [_plain(row) for row in await conn.fetch(SQL.sum_ended, day)],
        "postings": [
            _plain(row) for row in await conn.fetch(SQL.sum_postings, begin, begin + timedelta(days=1))
        ],
    }


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(dict(row))
    return told


def encode(told: dict[str, Any]) -> bytes:
    """The canonical bytes of a report."""
    return _CANONICAL.encode(told)


async def keep(
    conn: asyncpg.Connection, day: date, n: int, body_json: bytes, body_pdf: bytes, made_at: datetime
) -> None:
    """Store a report; it is never changed, a later one has the next number."""
    hashes = (hashlib.sha256(body_json).digest(), hashlib.sha256(body_pdf).digest())
    await conn.execute(SQL.insert_report, day, n, *hashes, body_json, body_pdf, made_at)


async def read_last(conn: asyncpg.Connection, day: date) -> Report | None:
    """The newest report of a day."""
    row = await conn.fetchrow(SQL.last_report, day)
    return Report(**dict(row)) if row else None


async def closable(conn: asyncpg.Connection, today: date) -> date | None:
    """The oldest day that is held against its files and has no report yet."""
    day: date | None = await conn.fetchval(SQL.closable_day, today - LATE)
    return day
