from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import pytest

from mingzhang.kit import database
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import Migration, migrate, pending, read_migrations


def migration(number: int, text: str, sha256: str = "a" * 64) -> Migration:
    return Migration(number, "step", text, sha256)


async def test_jsonb_and_times_come_as_python_objects(pool: asyncpg.Pool) -> None:
    value = {"编号": [1, 2.5, None, "x"]}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT $1::jsonb[]", [value, 1]) == [value, 1]
    assert await pool.fetchval("SELECT $1::jsonb", msgspec.Raw(b'{"a":1}')) == {"a": 1}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert (await pool.fetchval("SELECT $1::timestamptz", now)).utcoffset() == now.utcoffset()
    assert await pool.fetchval("SHOW jit") == "off"
    assert await pool.fetchval("SHOW plan_cache_mode") == "auto"


async def test_a_transaction_commits_whole_or_not_at_all(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE scratch (n int PRIMARY KEY)")
    async with database.transaction(pool) as connection:
        await connection.execute("INSERT INTO scratch VALUES (1)")

    async def fail() -> None:
        async with database.transaction(pool) as connection:
            await connection.execute("INSERT INTO scratch VALUES (2)")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await pool.fetchval("SELECT array_agg(n) FROM scratch") == [1]


async def test_a_database_that_is_down_is_waited_for_and_then_named() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        dsn = f"postgresql://x:y@127.0.0.1:{taken.getsockname()[1]}/z"
        with pytest.raises(Problem) as caught:
            await database.open_pool(dsn, wait_seconds=0.2)
    assert (caught.value.code, caught.value.kind) == ("database_unavailable", Kind.UNAVAILABLE)


async def test_a_wrong_database_name_is_not_waited_for(database_server: str) -> None:
    wrong = database_server.rsplit("/", 1)[0] + "/no_such_database"
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncio.wait_for(database.open_pool(wrong), 10)


async def test_migrations_run_once_in_order_also_when_raced(empty_database_url: str) -> None:
    steps = [
        migration(1, "CREATE TABLE a (n int)"),
        migration(2, "ALTER TABLE a ADD m int; CREATE TABLE b ()"),
    ]
    ran = await asyncio.gather(*(migrate(empty_database_url, steps) for _ in range(4)))
    assert sorted(label for labels in ran for label in labels) == ["0001_step", "0002_step"]
    assert await migrate(empty_database_url, steps) == []


async def test_a_failing_migration_leaves_nothing(empty_database_url: str) -> None:
    steps = [migration(1, "CREATE TABLE a (n int)"), migration(2, "CREATE TABLE b (n int); SELECT 1/0")]
    with pytest.raises(asyncpg.DivisionByZeroError) as caught:
        await migrate(empty_database_url, steps)
    assert caught.value.__notes__ == ["in migration 0002_step"]
    connection = await database.connect(empty_database_url)
    assert await connection.fetchval("SELECT to_regclass('b') IS NULL AND to_regclass('a') IS NOT NULL")
    await connection.close()
    assert await migrate(empty_database_url, [steps[0], migration(2, "CREATE TABLE b ()")]) == ["0002_step"]


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ([migration(2, "", "b" * 64)], "migration_changed"),
        ([], "migration_missing"),
        ([migration(1, "SELECT 1"), migration(2, "")], "migration_out_of_order"),
    ],
)
async def test_history_is_not_rewritten(empty_database_url: str, then: list[Migration], code: str) -> None:
    await migrate(empty_database_url, [migration(2, "SELECT 1")])
    with pytest.raises(Problem, match=code):
        await migrate(empty_database_url, then)


async def test_the_template_is_up_to_date(database_url: str) -> None:
    assert await pending(database_url) == []


def test_migration_files_are_named_and_numbered(tmp_path: Path) -> None:
    (tmp_path / "0002_b.sql").write_text("SELECT 2")
    (tmp_path / "0001_a.sql").write_text("SELECT 1")
    (tmp_path / "README.md").touch()
    assert [one.label for one in read_migrations(tmp_path)] == ["0001_a", "0002_b"]
    (tmp_path / "0002_c.sql").touch()
    with pytest.raises(Problem, match="used twice"):
        read_migrations(tmp_path)
    (tmp_path / "0002_c.sql").rename(tmp_path / "three.sql")
    with pytest.raises(Problem, match="NNNN_name"):
        read_migrations(tmp_path)
    assert read_migrations(tmp_path / "none") == []
