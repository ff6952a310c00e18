"""The tamper drill: one changed value in any table that is digested, behind the database's guards, is named (R32, R47)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from mingzhang.kit.database import transaction
from mingzhang.transparency.digest import LEFT_OUT, TABLES, digest_next, recheck_table
from mingzhang.transparency.notes import Signer
from mingzhang.transparency.recheck import Trouble, recheck_on
from mingzhang.transparency.sequencer import Sequencer

AT = datetime(2026, 1, 2, tzinfo=UTC)
NOW = AT + timedelta(days=2)
SIGNER = Signer("drill.example/log", b"\x05" * 32)
VALUES: dict[str, Any] = {
    "text": "x",
    "integer": 1,
    "smallint": 1,
    "bigint": 1,
    "boolean": True,
    "bytea": b"x" * 32,
    "timestamp with time zone": AT,
    "date": date(2026, 1, 2),
    "jsonb": {},
    "ARRAY": ["x"],
}
# One byte, or the smallest other value of a type that has none.
CHANGED: dict[str, str] = {
    "text": "'y'",
    "integer": "{0} + 1",
    "smallint": "{0} + 1",
    "bigint": "{0} + 1",
    "boolean": "NOT {0}",
    "bytea": "set_byte({0}, 0, 121)",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "date": "{0} + 1",
    "jsonb": """'{{"a": 1}}'""",
    "ARRAY": "ARRAY['y']",
}
FILLED = (*TABLES, "settlement_batch")  # whose time its lines have
COLUMNS = """SELECT column_name, data_type FROM information_schema.columns
  WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position"""
CHECKS = """SELECT c.conrelid::regclass::text AS name, c.conname FROM pg_constraint c
  WHERE c.contype IN ('c', 'f') AND c.conrelid::regclass::text = ANY ($1::text[])"""


def quiet(done: int, of: int) -> None:
    """Nobody watches."""


@asynccontextmanager
async def unguarded(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose changes are taken back; the guards are off (`filled`)."""
    async with pool.acquire() as conn:
        outer = conn.transaction(isolation="repeatable_read")
        await outer.start()
        yield conn
        await outer.rollback()


async def filled(pool: asyncpg.Pool) -> dict[str, dict[str, str]]:
    """A row in every digested table, digested and entered in the record; columns that count, with their types."""
    kinds: dict[str, dict[str, str]] = {}
    async with transaction(pool) as conn:
        for table in (*TABLES, "digest_span"):
            await conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for row in await conn.fetch(CHECKS, list(FILLED)):
            await conn.execute(f"ALTER TABLE {row['name']} DROP CONSTRAINT {row['conname']}")
        for table in FILLED:
            columns = {row["column_name"]: row["data_type"] for row in await conn.fetch(COLUMNS, table)}
            marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
            values = [VALUES[kind] for kind in columns.values()]
            await conn.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", *values)
            if table in TABLES:
                kinds[table] = {name: kind for name, kind in columns.items() if (table, name) not in LEFT_OUT}
    for table in TABLES:
        async with transaction(pool, "repeatable_read") as conn:
            assert await digest_next(conn, table, AT + timedelta(days=1), NOW) == 1, table
            assert await digest_next(conn, table, AT + timedelta(days=1), NOW) == 0
    sequencer = Sequencer(pool, SIGNER, lambda: NOW)
    appended = await sequencer.round()
    assert appended is not None
    assert appended.changes == len(TABLES)
    return kinds


async def changed(
    pool: asyncpg.Pool, table: str, column: str, kind: str, look: Callable[[asyncpg.Connection], Any]
) -> None:
    """Change one value, and see the table named."""
    async with unguarded(pool) as conn:
        await conn.execute(f"UPDATE {table} SET {column} = {CHANGED[kind].format(column)}")
        troubles: list[Trouble] = await look(conn)
    assert table in {trouble.table for trouble in troubles}, (table, column, troubles)
    assert all(trouble.row for trouble in troubles)


def of_table(table: str) -> Callable[[asyncpg.Connection], Any]:
    """The part of the drill that one table needs."""

    async def look(conn: asyncpg.Connection) -> list[Trouble]:
        found: list[Trouble] = []
        await recheck_table(conn, table, lambda *each: found.append(Trouble(*each)))
        return found

    return look


async def whole(conn: asyncpg.Connection) -> list[Trouble]:
    """The whole drill."""
    return (await recheck_on(conn, SIGNER.verifier, quiet))[1]


async def test_a_changed_value_in_each_digested_table_is_named(pool: asyncpg.Pool) -> None:
    kinds = await filled(pool)
    async with unguarded(pool) as conn:
        assert await whole(conn) == []
    for table, columns in kinds.items():
        column, kind = list(columns.items())[-1]
        await changed(pool, table, column, kind, of_table(table))
    # A row that is gone, one that was added, and a digest that was changed itself.
    async with unguarded(pool) as conn:
        await conn.execute("DELETE FROM staff_action")
        assert [trouble[:2] for trouble in await whole(conn)] == [("staff_action", "behind the beginning")]
    async with unguarded(pool) as conn:
        await conn.execute(
            "INSERT INTO placement SELECT client, 'z', request_hash, bucket, order_id, placed_at FROM placement"
        )
        assert [trouble[:2] for trouble in await whole(conn)] == [("placement", "x/z")]
    async with unguarded(pool) as conn:
        await conn.execute(
            "UPDATE digest_span SET marks = set_byte(marks, 0, get_byte(marks, 0) # 1) WHERE table_name = 'fact'"
        )
        assert {trouble[:2] for trouble in await whole(conn)} >= {("digest_span", "TABLE-fact 1–1")}


@pytest.mark.long
async def test_a_changed_value_in_each_column_is_named_by_the_whole_drill(pool: asyncpg.Pool) -> None:
    kinds = await filled(pool)
    for table, columns in kinds.items():
        for column, kind in columns.items():
            await changed(pool, table, column, kind, whole)
