"""Claiming due rows: never more than asked for, whatever plan the database chooses (scale rule 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest

from mingzhang.evidence import store as evidence
from mingzhang.fulfilment import store as fulfilment
from mingzhang.orders import store as orders
from mingzhang.payments import store as payments
from mingzhang.refunds import store as refunds

NOW: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ROWS: Final = 12
CLAIMS: Final = {
    "inbox": evidence.SQL.claim_inbox,
    "payment": payments.SQL.claim_payments,
    "supply_attempt": fulfilment.SQL.claim_attempts,
    "refund": refunds.SQL.claim_refunds,
    "orders": orders.SQL.claim_orders,
}
# The plans that a table without statistics may get, forced one after the other.
PLANS: Final = (
    (),
    ("enable_hashjoin", "enable_mergejoin", "enable_hashagg", "enable_sort", "enable_material"),
    ("enable_hashjoin", "enable_mergejoin", "enable_indexscan", "enable_bitmapscan"),
    ("enable_nestloop",),
)
VALUES: Final = {
    "text": "'row ' || n",
    "integer": "CASE WHEN column_is_bucket THEN 7 ELSE n END",
    "bigint": "n",
    "bytea": "''::bytea",
    "jsonb": "'{}'::jsonb",
    "timestamp with time zone": "$1::timestamptz - interval '1 hour'",
}


async def fill(conn: asyncpg.Connection, table: str) -> None:
    """`ROWS` due rows in bucket 7: every column that has to be given gets something of its type."""
    columns = await conn.fetch(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1 "
        "AND ((is_nullable = 'NO' AND column_default IS NULL) OR column_name IN ('due_at', 'deadline_at')) "
        "AND table_schema = 'public'",
        table,
    )
    names = ", ".join(row["column_name"] for row in columns)
    values = ", ".join(
        VALUES[row["data_type"]].replace("column_is_bucket", str(row["column_name"] == "bucket"))
        for row in columns
    )
    await conn.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {ROWS}) AS n", NOW
    )


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: "+".join(plan) or "free")
@pytest.mark.parametrize("table", CLAIMS)
async def test_a_claim_takes_no_more_than_its_limit_and_no_row_twice(
    pool: asyncpg.Pool, table: str, plan: tuple[str, ...]
) -> None:
    async with pool.acquire() as conn:
        await fill(conn, table)
        for setting in plan:
            await conn.execute(f"SET {setting} = off")
        until = NOW + timedelta(minutes=1)
        taken = []
        for expected in (1, 1, 5, 5, 0):
            rows = await conn.fetch(CLAIMS[table], 7, NOW, max(1, expected), "a worker", until)
            assert len(rows) == expected
            taken += [tuple(row.values()) for row in rows]
        assert len({str(row) for row in taken}) == ROWS
        later = await conn.fetch(CLAIMS[table], 7, until + timedelta(seconds=1), ROWS, "another", until)
        assert len(later) == ROWS  # what one worker left lying, another takes over
