"""Every hot statement and function against the rules that keep it distributable (scale.md 1-4, 9, 12)."""

from __future__ import annotations

import re

import asyncpg
import pytest

BUCKETED = (
    "orders",
    "event",
    "leg",
    "payment",
    "supply_attempt",
    "applied",
    "delivered_card",
    "refund",
    "suspense",
    "untold",
    "unlogged",
    "log_entry",
)
PER_BUCKET = ("apply_batch",)
HOT = (*PER_BUCKET, "record_batch")
# Card stock is a supplier with tables of its own, never split by order bucket (rule 17).
NOBODYS_BUCKET = {"claim_cards"}
VOLATILE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|random|nextval|gen_random_uuid|pg_advisory\w*)\s*\(|"
    r"\bcurrent_timestamp\b|\bctid\b|\bMERGE\s+INTO\b|\bWITH\b[^;]*\b(INSERT|UPDATE|DELETE)\b",
    re.IGNORECASE,
)
READS = re.compile(rf"\b(?:FROM|JOIN|UPDATE|USING)\s+({'|'.join(BUCKETED)})\b(?!\s*\()", re.IGNORECASE)
PINNED = re.compile(r"\bbucket = p_bucket\b")


@pytest.fixture
async def functions(pool: asyncpg.Pool) -> dict[str, asyncpg.Record]:
    rows = await pool.fetch(
        """SELECT p.proname, p.prosrc, l.lanname, p.proretset, p.proargnames, p.proargtypes::regtype[]::text[] AS types
           FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = current_schema::regnamespace"""
    )
    return {row["proname"]: row for row in rows}


async def test_the_hot_functions_are_the_ones_the_database_has(functions: dict[str, asyncpg.Record]) -> None:
    """A function that joins later must join this test, too."""
    assert {name for name, row in functions.items() if row["proretset"]} == {*HOT, *NOBODYS_BUCKET}


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_function_is_one_call_with_arrays(
    functions: dict[str, asyncpg.Record], name: str
) -> None:
    row = functions[name]
    assert row["lanname"] == "plpgsql"  # rule 3: no parameterised SQL functions
    assert not VOLATILE.search(row["prosrc"])  # rules 4 and 9
    assert not re.search(r"\bLOOP\b|\bEXECUTE\b", row["prosrc"])  # rule 3: set-based
    scalars = [kind for kind in row["types"] if not kind.endswith("[]")]
    assert scalars == ([] if name == "record_batch" else ["integer", "timestamp with time zone"])


@pytest.mark.parametrize("name", PER_BUCKET)
async def test_every_table_of_a_bucket_is_reached_with_one_bucket(
    functions: dict[str, asyncpg.Record], name: str
) -> None:
    for statement in functions[name]["prosrc"].split(";"):
        read = READS.findall(statement)
        assert len(PINNED.findall(statement)) >= len(read), statement
        for table in re.findall(r"INSERT INTO (\w+) \(bucket", statement):
            assert table in BUCKETED
            assert re.search(r"SELECT p_bucket,", statement), statement


async def test_recording_touches_no_table_of_a_bucket(functions: dict[str, asyncpg.Record]) -> None:
    source = functions["record_batch"]["prosrc"]
    assert not READS.search(source)
    assert not set(re.findall(r"INSERT INTO (\w+)", source)) & set(BUCKETED)


@pytest.mark.parametrize("name", HOT)
async def test_upserts_on_the_hot_path_change_nothing(
    functions: dict[str, asyncpg.Record], name: str
) -> None:
    """Rule 4: DO UPDATE may hold only excluded.*, columns and constants; here there is none at all."""
    assert "DO UPDATE" not in functions[name]["prosrc"]
