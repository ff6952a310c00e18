"""Every table is decided: covered by the tamper drill, or listed with the reason why not; digests hold every column."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from mingzhang.transparency.covered import AUDIT, NOT_COVERED, RECORD
from mingzhang.transparency.digest import LEFT_OUT, ROWS_SQL, TABLES, Row, Span, differences

COLUMNS = """SELECT c.relname AS name, a.attname AS col FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""


async def test_every_table_is_decided_once_and_a_digest_holds_every_column(pool: asyncpg.Pool) -> None:
    known: dict[str, set[str]] = {}
    for row in await pool.fetch(COLUMNS):
        known.setdefault(row["name"], set()).add(row["col"])
    named = [*RECORD, *TABLES, *AUDIT, *NOT_COVERED]
    assert sorted(named) == sorted(known), "decide in transparency/covered.py or digest_rows.sql"
    for table in TABLES:
        text = ROWS_SQL[f"rows_{table}"].text
        hashed = text.partition("jsonb_build_array(")[2].partition(")::text")[0]
        out = {column for name, column in LEFT_OUT if name == table}
        held = {column for column in known[table] if f"t.{column}" in re.findall(r"[\w.]+", hashed)}
        assert held == known[table] - out, table
    assert {name for name, _ in LEFT_OUT} <= set(TABLES)


async def test_every_digest_can_be_read_of_an_empty_database(pool: asyncpg.Pool) -> None:
    for table in TABLES:
        statement = ROWS_SQL[f"rows_{table}"].text.replace("$1", "'-infinity'").replace("$2", "'infinity'")
        await pool.fetch(statement.replace("$3", "1"))


def test_a_difference_names_the_row() -> None:
    marks = [bytes([n]) * 16 for n in range(4)]
    at = datetime(2026, 11, 23, tzinfo=UTC)
    rows = [Row(f"r{n}", at, mark) for n, mark in enumerate(marks)]
    span = Span(3, at, at, marks)
    assert differences(span, rows) == []
    changed = [rows[0], Row("r1", at, b"x" * 16), *rows[2:]]
    assert [each.row for each in differences(span, changed)] == ["r1"]
    assert [each.row for each in differences(span, [rows[0], *rows[2:]])] == ["behind r0"]
    added = differences(span, [*rows, Row("r9", at, b"y" * 16)])
    assert [(each.row, each.what) for each in added] == [("r9", "was added after digest 3")]


def test_what_the_audit_covers_is_planted_in_its_own_tests() -> None:
    here = Path(__file__).parent
    planted = "".join(
        (here / name).read_text(encoding="utf-8")
        for name in ("audit_faults.py", "test_audit_planted.py", "test_audit_stock.py")
    )
    for table in AUDIT:
        assert re.search(rf"(UPDATE|DELETE FROM|INSERT INTO) {table}\b", planted), table
