"""The resolution pack (处置资料包): what whoever takes over a shop that has failed needs on the first day.

Modelled on the resolution pack of the UK's CASS 10 and 15: whose money is where, everything that is open, who holds it
and how they are reached. One zip; each part is plain CSV or JSON; the manifest names each with its SHA-256 as canonical
JSON (RFC 8785) and is signed by the record's key. Personal data stays masked: whoever takes over has the database.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import IO, Any, Final

import asyncpg

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.oversight", "resolution")
FORMAT: Final = "mingzhang-resolution/v1"
TIMEOUT_S: Final = 3_600.0
CHUNK: Final = 2_000
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # of the zip's entries: the same books give the same bytes
# Every sheet, by name, with the statement that gives its rows.
SHEETS: Final[Mapping[str, str]] = {
    "books.csv": SQL.sum_books,
    "owed.csv": SQL.list_owed,
    "open/orders.csv": SQL.list_open_orders,
    "open/refunds.csv": SQL.list_open_refunds,
    "open/suppliers.csv": SQL.list_open_attempts,
    "open/unmatched.csv": SQL.list_open_suspense,
    "open/claims.csv": SQL.list_open_claims,
    "open/differences.csv": SQL.list_open_differences,
    "bank-accounts.csv": SQL.list_bank_accounts,
    "people.csv": SQL.list_people,
}
Tell = Callable[[str, int], None]
"""Told each part's name and how many rows it has."""


class Pack:
    """A zip that is written part by part, and what the manifest will say of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.parts: list[dict[str, Any]] = []

    def add(self, name: str, data: bytes, rows: int | None = None) -> None:
        """A small part, whole."""
        self._zip.writestr(_entry(name), data)
        self._note(name, len(data), hashlib.sha256(data).hexdigest(), rows)

    async def add_sheet(self, name: str, pages: AsyncIterator[Sequence[Mapping[str, Any]]]) -> int:
        """A CSV, a page of rows at a time; returns how many rows."""
        digest, size, rows = hashlib.sha256(), 0, 0
        with self._zip.open(_entry(name), "w", force_zip64=True) as part:
            async for page in pages:
                data = _csv(page, head=not rows)
                part.write(data)
                digest.update(data)
                size, rows = size + len(data), rows + len(page)
        self._note(name, size, digest.hexdigest(), rows)
        return rows

    def _note(self, name: str, size: int, sha256: str, rows: int | None) -> None:
        part: dict[str, Any] = {"name": name, "bytes": size, "sha256": sha256}
        self.parts.append(part if rows is None else {**part, "rows": rows})

    def close(self, manifest: bytes, note: str) -> None:
        """The manifest and its signature last."""
        self._zip.writestr(_entry("manifest.json"), manifest)
        self._zip.writestr(_entry("manifest.note"), note.encode())
        self._zip.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _csv(rows: Sequence[Mapping[str, Any]], *, head: bool) -> bytes:
    if not rows:
        return b""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if head:
        writer.writerow(rows[0].keys())
    writer.writerows([_text(value) for value in row.values()] for row in rows)
    return out.getvalue().encode()


def _text(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    return f"'{text}" if text[:1] in "=+@" or (text[:1] == "-" and not text[1:].isdecimal()) else text


async def write_sheets(conn: asyncpg.Connection, pack: Pack, tell: Tell) -> None:
    """Every sheet, streamed. Inside one repeatable-read transaction."""
    for name, statement in SHEETS.items():
        tell(name, await pack.add_sheet(name, _pages(conn, statement)))


async def _pages(conn: asyncpg.Connection, statement: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    cursor = await conn.cursor(statement, timeout=TIMEOUT_S)
    while rows := await cursor.fetch(CHUNK, timeout=TIMEOUT_S):
        yield rows


__all__ = ["FORMAT", "SHEETS", "SQL", "Pack", "Tell", "write_sheets"]
