"""Plain-SQL numbered migrations: `src/mingzhang/migrations/NNNN_name.sql`, inside the package.

Each file runs once, in a transaction of its own, in the order of its number. What has run is recorded with
the SHA-256 of the file; a file changed afterwards is refused. There is no way back but forward.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import asyncpg

from mingzhang.kit import database
from mingzhang.kit.errors import Kind, Problem

_FILE_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
_LOCK_KEY: Final = (
    0x6D7A_6D69  # "mzmi": the only advisory lock in the product; correctness elsewhere needs none
)

_LOCK: Final = "SELECT pg_advisory_xact_lock($1)"
_CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number int NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schema_migration_pkey PRIMARY KEY (number)
)
"""
_TABLE_EXISTS: Final = "SELECT to_regclass('schema_migration') IS NOT NULL"
_APPLIED: Final = "SELECT number, name, sha256 FROM schema_migration ORDER BY number"
_RECORD: Final = "INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name, text, and the SHA-256 of its bytes in hex."""

    number: int
    name: str
    text: str
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.number:04d}_{self.name}"


def read_migrations(folder: Traversable | None = None) -> list[Migration]:
    """All migrations in order; `migration_invalid` for a misnamed file or a number used twice."""
    folder = folder if folder is not None else files("mingzhang").joinpath("migrations")
    found: dict[int, Migration] = {}
    if not folder.is_dir():
        return []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not item.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(item.name)
        if match is None:
            raise Problem("migration_invalid", Kind.INTERNAL, f"not NNNN_name.sql: {item.name}")
        number, data = int(match.group(1)), item.read_bytes()
        if number in found:
            raise Problem("migration_invalid", Kind.INTERNAL, f"number used twice: {item.name}")
        found[number] = Migration(
            number, match.group(2), data.decode("utf-8"), hashlib.sha256(data).hexdigest()
        )
    return list(found.values())


async def migrate(dsn: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Bring the database up to date, waiting for it to come up; returns the labels of what ran now.

    Several processes may call this at once: they queue on a lock and the later ones find nothing to do.
    Raises `migration_changed` for an applied file with another hash, `migration_missing` when the database
    is ahead of this code, `migration_out_of_order` for a new file below one already applied.
    """
    wanted = read_migrations() if migrations is None else list(migrations)
    connection = await database.when_ready(lambda: database.connect(dsn, command_timeout=None))
    try:
        if _pending(wanted, await _applied(connection)) == []:
            return []
        ran: list[str] = []
        while (label := await _run_next(connection, wanted)) is not None:
            ran.append(label)
        return ran
    finally:
        await connection.close()


async def pending(dsn: str) -> list[str]:
    """Labels of the migrations that this code has and the database does not."""
    connection = await database.connect(dsn)
    try:
        return await pending_on(connection)
    finally:
        await connection.close()


async def pending_on(connection: asyncpg.Connection) -> list[str]:
    """The same over an open connection, for readiness checks. Raises what `migrate` would refuse."""
    return [migration.label for migration in _pending(read_migrations(), await _applied(connection))]


async def _applied(connection: asyncpg.Connection) -> dict[int, tuple[str, str]]:
    if not await connection.fetchval(_TABLE_EXISTS):
        return {}
    return {row["number"]: (row["name"], row["sha256"]) for row in await connection.fetch(_APPLIED)}


async def _run_next(connection: asyncpg.Connection, wanted: list[Migration]) -> str | None:
    """Run the first migration not yet applied, if there is one, and say which it was."""
    async with connection.transaction():
        await connection.execute(_LOCK, _LOCK_KEY)
        await connection.execute("SET LOCAL client_min_messages = warning")
        await connection.execute(_CREATE_TABLE)
        todo = _pending(wanted, await _applied(connection))
        if not todo:
            return None
        migration = todo[0]
        try:
            await connection.execute(migration.text)
        except asyncpg.PostgresError as error:
            error.add_note(f"in migration {migration.label}")
            raise
        await connection.execute(_RECORD, migration.number, migration.name, migration.sha256)
        return migration.label


def _pending(wanted: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    known = {migration.number: migration for migration in wanted}
    for number, (name, sha256) in applied.items():
        migration = known.get(number)
        if migration is None:
            raise Problem(
                "migration_missing",
                Kind.UNAVAILABLE,
                f"the database has {number:04d}_{name}, this code has not",
            )
        if migration.sha256 != sha256:
            raise Problem(
                "migration_changed", Kind.CONFLICT, f"{migration.label} changed after it was applied"
            )
    todo = [migration for migration in wanted if migration.number not in applied]
    if todo and applied and todo[0].number < max(applied):
        raise Problem(
            "migration_out_of_order", Kind.CONFLICT, f"{todo[0].label} is below one already applied"
        )
    return todo
