"""A fresh schema is the schema that an old database with data in it becomes; the ledger's constraint is the table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from catalogue import dump_catalogue

from mingzhang.kit.migrations import migrate, read_migrations
from mingzhang.ledger.places import sql_check

AT = datetime(2026, 1, 2, tzinfo=UTC)
BY_TYPE: dict[str, Any] = {
    "text": "x",
    "integer": 1,
    "smallint": 1,
    "bigint": 1,
    "boolean": True,
    "bytea": b"x",
    "timestamp with time zone": AT,
    "jsonb": "{}",
}
# What a check constraint wants, by table and column.
WANTED: dict[tuple[str, str], Any] = {
    ("evidence", "direction"): "in",
    ("evidence", "standing"): "verified",
    ("product", "kind"): "mobile",
    ("product", "promise_from_s"): 0,
    ("category", "parent"): "",
    ("product", "route_mode"): "ordered",
    ("pause", "scope"): "product",
    ("pause", "cause"): "maintenance",
    ("manual_task", "state"): "refused",
    ("manual_task", "kind"): "direct",
    ("leg", "place"): "channel",
    ("leg", "owner"): "o",
    ("leg", "subject"): "M1",
}

MAY_BE_EMPTIED = {"staff_session"}  # a migration may sign everybody out


async def fill(dsn: str) -> dict[str, int]:
    """One row into every table, whatever its columns are; returns the rows that must still be there later."""
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(
            """SELECT table_name, column_name, data_type FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name <> 'schema_migration' ORDER BY table_name, ordinal_position"""
        )
        tables: dict[str, dict[str, Any]] = {}
        for table, column, kind in columns:
            tables.setdefault(table, {})[column] = WANTED.get((table, column), BY_TYPE[kind])
        for table, row in tables.items():
            marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await connection.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values()
            )
        return dict.fromkeys(tables.keys() - MAY_BE_EMPTIED, 1)
    finally:
        await connection.close()


async def count(dsn: str, tables: dict[str, int]) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
    finally:
        await connection.close()


async def test_a_fresh_schema_equals_a_migrated_one(empty_database_url: str, database_url: str) -> None:
    steps = read_migrations()
    assert len(steps) > 1
    await migrate(empty_database_url, steps[:1])
    filled = await fill(empty_database_url)
    for n in range(2, len(steps) + 1):
        assert await migrate(empty_database_url, steps[:n]) == [steps[n - 1].label]
    assert await dump_catalogue(empty_database_url) == await dump_catalogue(database_url)
    assert await count(empty_database_url, filled) == filled


async def test_the_dump_tells_two_schemas_apart(pool: asyncpg.Pool, database_url: str) -> None:
    before = await dump_catalogue(database_url)
    for change in (
        "ALTER TABLE leg DISABLE TRIGGER leg_append_only",
        "ALTER TABLE leg DROP CONSTRAINT leg_permitted",
        "ALTER TABLE orders ALTER COLUMN reason DROP DEFAULT",
        "DROP INDEX leg_at",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    ):
        await pool.execute(change)
        after = await dump_catalogue(database_url)
        assert after != before, change
        before = after


async def test_the_legs_constraint_is_the_table_of_owners_and_places(pool: asyncpg.Pool) -> None:
    """Both texts go through the same parser, so that only their meaning is compared."""
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("CREATE TABLE told (LIKE leg)")
        check = sql_check(subject="subject")
        await conn.execute(f"ALTER TABLE told ADD CONSTRAINT leg_permitted CHECK ({check})")
        rows = await conn.fetch(
            "SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS text, convalidated "
            "FROM pg_constraint WHERE conname = 'leg_permitted'"
        )
    texts = {row["name"]: row["text"] for row in rows}
    assert texts["leg"] == texts["told"]
    assert all(row["convalidated"] for row in rows)


@pytest.mark.parametrize(
    ("subject", "place", "owner"),
    [
        ("M1", "operator", "o"),  # a user's money at the operator's own bank (R41)
        ("M1", "operator", "L"),
        ("S1", "supplier.reserved", "S"),
        ("S1", "channel", "o"),
        ("M1", "channel", "S"),
        ("M1", "supplier.reserved", "F"),
        ("M1", "nowhere", "o"),
        ("M1", "channel", "x"),
    ],
)
async def test_the_database_refuses_money_where_its_owner_may_not_stand(
    pool: asyncpg.Pool, subject: str, place: str, owner: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="leg_permitted"):
        await pool.execute(
            "INSERT INTO leg VALUES (0, $1, 1, 0, 'paid', $2, 'alipay', $3, 1, 'e', $4)",
            subject,
            place,
            owner,
            AT,
        )
