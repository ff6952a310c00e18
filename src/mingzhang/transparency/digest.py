"""Digests of append-only tables: which rows stood there over a span of time, entered in the public record.

Events, legs and the messages they cite are in the record change by change. What else must not change unseen (bank lines,
bills, decisions of reconciliation, what staff did, …) enters once a day: a span holds a mark of each row, and the record
holds the hash of the span as a change of the subject ``TABLE-<name>``. A byte changed behind the guards of the database
is then found, and the row is named. `digest_rows.sql` says which columns count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from mingzhang.evidence import unlogged
from mingzhang.kit.sql import load
from mingzhang.transparency.entry import EventRow, utc

ROWS_SQL: Final = load("mingzhang.transparency", "digest_rows")
SQL: Final = load("mingzhang.transparency", "digest_spans")
TABLES: Final = tuple(name.removeprefix("rows_") for name in ROWS_SQL)
PREFIX: Final = "TABLE-"
BUCKET: Final = 0
MARK_BYTES: Final = 16
ROWS_MAX: Final = 20_000  # of one span
SPANS_AT_ONCE: Final = 64
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
ALL: Final = None  # no LIMIT

# Columns of digested tables that stay out, and why. Everything else counts; a test holds the two together.
LEFT_OUT: Final[dict[tuple[str, str], str]] = {
    (
        "evidence",
        "body",
    ): "its SHA-256 counts, and the audit holds the body against that; an erasure empties it",
    ("account_correction", "old_mask"): "personal data: an erasure empties it",
    ("account_correction", "old_enc"): "personal data: an erasure empties it",
    ("account_correction", "old_hash"): "personal data: an erasure empties it",
    ("account_correction", "new_mask"): "personal data: an erasure empties it",
    ("account_correction", "new_enc"): "personal data: an erasure empties it",
    ("account_correction", "new_hash"): "personal data: an erasure empties it",
    (
        "refund_payee",
        "payee_enc",
    ): "sealed anew when the secret changes; whom it was paid to stands in the bank's lines",
    ("erased_message", "sealed"): "emptied when its term is over; the message's SHA-256 counts",
    ("dispute_message", "text_enc"): "personal data: an erasure empties it",
    ("attachment", "sealed"): "personal data: an erasure empties it; its SHA-256 counts",
    ("card", "card_enc"): "sealed anew when the key of cards changes; the code's keyed hash counts",
    ("card", "key_no"): "sealed anew when the key of cards changes",
    ("delivered_card", "card_enc"): "sealed anew when the key of cards changes; the code's keyed hash counts",
    ("delivered_card", "key_no"): "sealed anew when the key of cards changes",
}


class Row(NamedTuple):
    """A row that is digested. ``mark``: the first bytes of its hash."""

    key: str
    at: datetime
    mark: bytes


class Span(NamedTuple):
    """What a digest covered: rows dated from ``from_at`` on and before ``until_at``."""

    n: int
    from_at: datetime
    until_at: datetime
    marks: Sequence[bytes]


class Difference(NamedTuple):
    """A row that is not what was digested. ``row``: its name, or which rows it stood between."""

    row: str
    what: str


async def _rows(
    conn: asyncpg.Connection, table: str, since: datetime, until: datetime, limit: int | None
) -> list[Row]:
    found = await conn.fetch(ROWS_SQL[f"rows_{table}"].text, since, until, limit)
    return [Row(row["key"], row["at"], row["hash"][:MARK_BYTES]) for row in found]


async def digest_next(conn: asyncpg.Connection, table: str, until: datetime, now: datetime) -> int:
    """Digest what a table holds from its last span on and before ``until``, at most about `ROWS_MAX` rows of it.

    Returns how many rows; 0 when there is nothing new. Inside a repeatable-read transaction. What is dated before
    ``until`` must have been committed by now.
    """
    last = await conn.fetchrow(SQL.read_last_span, table)
    n, since = (last["n"] + 1, last["until_at"]) if last else (1, BEGINNING)
    if since >= until:
        return 0
    rows = await _rows(conn, table, since, until, ROWS_MAX + 1)
    if len(rows) > ROWS_MAX:
        # Rows of one moment stay together, so that a span is told by its times alone.
        until = rows[-1].at if rows[0].at < rows[-1].at else rows[-1].at + timedelta(microseconds=1)
        rows = await _rows(conn, table, since, until, ALL)
    if not rows:
        return 0
    marks = b"".join(row.mark for row in rows)
    kept = await conn.fetchval(SQL.insert_span, table, n, since, until, len(rows), marks, now)
    if kept is None:
        return 0
    await unlogged.note(conn, BUCKET, PREFIX + table, now)
    return len(rows)


async def read_spans(
    conn: asyncpg.Connection, subjects: Sequence[str], afters: Sequence[int], untils: Sequence[int]
) -> list[tuple[int, EventRow]]:
    """The spans of some subjects as the record tells them: which subject, from 1, and a line of its timeline."""
    tables = [subject.removeprefix(PREFIX) if subject.startswith(PREFIX) else "" for subject in subjects]
    rows = await conn.fetch(SQL.read_spans_of, tables, list(afters), list(untils))
    return [
        (
            row["which"],
            EventRow(
                row["n"],
                "rows_digested",
                row["made_at"],
                "",
                {
                    "from": utc(row["from_at"]),
                    "until": utc(row["until_at"]),
                    "rows": row["row_count"],
                    "marks": row["marks"].hex(),
                },
            ),
        )
        for row in rows
    ]


async def recheck_table(conn: asyncpg.Connection, table: str, add: Callable[[str, str, str], None]) -> int:
    """Hold every span of a table against its rows; ``add`` is told (table, row, what). Returns rows that were digested."""
    n, reached, counted = 1, BEGINNING, 0
    while spans := await conn.fetch(SQL.list_spans, table, n, SPANS_AT_ONCE):
        for row in spans:
            if (row["n"], row["from_at"]) != (n, reached):
                add("digest_span", f"{table} {row['n']}", "does not follow the span before")
            marks = [row["marks"][at : at + MARK_BYTES] for at in range(0, len(row["marks"]), MARK_BYTES)]
            span = Span(row["n"], row["from_at"], row["until_at"], marks)
            for difference in differences(span, await _rows(conn, table, span.from_at, span.until_at, ALL)):
                add(table, difference.row, difference.what)
            n, reached, counted = row["n"] + 1, row["until_at"], counted + len(marks)
    return counted


def differences(span: Span, rows: Sequence[Row]) -> list[Difference]:
    """Rows that are not what the span holds: changed, added, gone."""
    digested, known = Counter(span.marks), Counter(row.mark for row in rows)
    if digested == known:
        return []
    foreign, gone = known - digested, digested - known
    what = f"is not what digest {span.n} recorded" if gone else f"was added after digest {span.n}"
    found = [Difference(row.key, what) for row in rows if row.mark in foreign]
    if gone.total() > foreign.total():
        found += _holes(span, rows, gone)
    return found


def _holes(span: Span, rows: Sequence[Row], gone: Counter[bytes]) -> list[Difference]:
    """Where rows are missing: behind which row that is still there."""
    names = {row.mark: row.key for row in rows}
    found, before = [], "the beginning"
    for mark in span.marks:
        if mark in gone:
            found.append(Difference(f"behind {before}", f"a row of digest {span.n} is gone or was changed"))
        else:
            before = names[mark]
    return found
