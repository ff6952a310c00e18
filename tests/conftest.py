"""What every test may ask for: a fresh migrated database on a real PostgreSQL, a pool, no outside network.

One server per test process (from `DATABASE_URL`, else embedded), one migrated template database on it, and
for each test a copy of the template.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import hypothesis
import pytest
from argon2 import PasswordHasher

from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.kit.database import open_pool
from mingzhang.kit.migrations import migrate
from mingzhang.staff import passwords

WORKERS_MAX = 8
MEMORY_MIN_BYTES = 4 << 30

# Fewer syncs: tests kill processes, never the machine, and what the kernel has survives that.
# No autovacuum: its worker, a superuser's, must not stand in the way of dropping a test's database.
TEST_SETTINGS = {"fsync": "off", "shared_buffers": "32MB", "max_connections": "60", "autovacuum": "off"}

# The same function for a hundredth of its price: passwords are checked some hundred times in a run.
passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # type: ignore[misc]

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: three a core, since tests mostly wait, at most eight; each has a database server of its own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(3 * cores, WORKERS_MAX)


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return  # Unix sockets have a path for an address
    host = str(arguments[1][0])
    if host != "localhost" and not ipaddress.ip_address(host.split("%", 1)[0]).is_loopback:
        raise RuntimeError(f"tests talk to this machine only, not to {host}")


sys.addaudithook(_refuse_outside)


_held: weakref.WeakKeyDictionary[asyncio.Task[Any], list[Any]] = weakref.WeakKeyDictionary()
_acquire = asyncpg.pool.Pool._acquire


async def _acquire_one(pool: asyncpg.Pool, wait_s: float | None) -> Any:
    """Inside a transaction the product waits for no second connection: enough of those, and none is ever free."""
    task = asyncio.current_task()
    assert task is not None
    mine = [proxy for proxy in _held.get(task, []) if proxy._con is not None]
    if (
        any(proxy._holder._pool is pool and proxy.is_in_transaction() for proxy in mine)
        and _asked_by_product()
    ):
        raise AssertionError("a second connection is waited for inside a transaction")
    proxy = await _acquire(pool, wait_s)
    _held[task] = [*mine, proxy]
    return proxy


def _asked_by_product() -> bool:
    frame = sys._getframe(2)
    while frame is not None and "/tests/" not in frame.f_code.co_filename:
        if "/mingzhang/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


asyncpg.pool.Pool._acquire = _acquire_one


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop and thread of its own, so that the test's event loop is left alone."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def with_database(dsn: str, name: str) -> str:
    """The same server's DSN with another database name."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _in_memory() -> Path | None:
    """A file system in memory with room for every worker's server: there a database is copied in a tenth of the time."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > MEMORY_MIN_BYTES:
        return shared
    return None


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """DSN of a server on which databases may be created."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    # Not pytest's own temporary folder: that one is closed to the user that the server runs as under root.
    folder = Path(tempfile.mkdtemp(prefix="mingzhang-test-", dir=_in_memory()))
    server = EmbeddedPostgres(folder, TEST_SETTINGS)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(database_server: str) -> Iterator[str]:
    """Name of a database with every migration applied, to be copied and never connected to."""
    name = f"mz_{os.getpid()}_template"
    run_apart(_execute(database_server, f"CREATE DATABASE {name}"))
    try:
        run_apart(migrate(with_database(database_server, name)))
        yield name
    finally:
        run_apart(_execute(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """DSN of a fresh database in which nothing has been created."""
    name = f"mz_{os.getpid()}_{next(_numbers)}"
    run_apart(_execute(database_server, f"CREATE DATABASE {name}"))
    yield with_database(database_server, name)
    run_apart(_execute(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database_url(database_server: str, template_database: str) -> Iterator[str]:
    """DSN of a fresh database with the current schema, this test's alone."""
    name = f"mz_{os.getpid()}_{next(_numbers)}"
    # In memory it is cheapest to copy files, on a disk through the log.
    strategy = "file_copy" if _in_memory() else "wal_log"
    copy = f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY {strategy}"
    run_apart(_execute(database_server, copy))
    yield with_database(database_server, name)
    run_apart(_execute(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on this test's database, opened as the product opens it."""
    pool = await open_pool(database_url, min_size=1, max_size=8)
    yield pool
    await asyncio.wait_for(pool.close(), 10)
