"""A PostgreSQL server of our own for trying, small shops and tests, when `DATABASE_URL` is not set.

Layout of the data folder: `cluster/` (PGDATA), `password` (of both roles), `port` (kept from start to start,
so that other processes find the server again after it died), `server.log`, `lock` (held while we live).
The application's role `mingzhang` owns the database and is no superuser.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from mingzhang.app.postgres_binaries import RunAs, choose_user, find_pgbench, postgres_bin_dir
from mingzhang.kit.errors import Kind, Problem

__all__ = ["EmbeddedPostgres", "find_pgbench", "open_database", "postgres_bin_dir"]

START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 30.0
_QUIT_SECONDS_MAX: Final = 5.0
_POLL_SECONDS: Final = 0.01
_LOG_BYTES_MAX: Final = 4 * 1024 * 1024

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Failed statements and their key values may hold personal data: they stay out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# Chinese sorting stays out of SQL: text is ordered by code point whatever the machine has installed.
_LOCALES: Final = (
    ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"],  # PostgreSQL 17 and newer
    ["--locale=C.UTF-8"],
    ["--locale=C"],
)


class EmbeddedPostgres:
    """One server on 127.0.0.1, one data folder, one owner process.

    `settings` are server parameters that override the defaults (tests only need fewer syncs).
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.cluster = self.data_dir / "cluster"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._owner_pid = os.getpid()

    @property
    def pid(self) -> int | None:
        """Process id of the running server, None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def dsn(self) -> str:
        """Where to connect; the same text from start to start."""
        password = (self.data_dir / "password").read_text(encoding="ascii").strip()
        return f"postgresql://mingzhang:{password}@127.0.0.1:{self._port()}/mingzhang"

    def start(self) -> str:
        """Start (making the cluster the first time) and return the DSN once connections are accepted.

        Raises Problem: `embedded_database_missing` (no PostgreSQL here), `_in_use` (another process has this
        folder), `_unreachable` (root and a closed folder), `_failed` (with the end of the server's log).
        """
        if self.running:
            return self.dsn
        bin_dir = postgres_bin_dir()
        if bin_dir is None:
            raise Problem(
                "embedded_database_missing",
                Kind.UNAVAILABLE,
                "No PostgreSQL 15 or newer was found. Set DATABASE_URL, or install the runtime lock.",
            )
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            run_as, bin_dir = choose_user(bin_dir, self.data_dir)
            self._end_orphan()
            if not self.cluster.exists():
                self._create_cluster(bin_dir, run_as)
            self._start_server(bin_dir, run_as)
        except BaseException:
            self.kill()
            self._release_lock()
            raise
        atexit.register(self._stop_at_exit)
        return self.dsn

    def stop(self) -> None:
        """Stop cleanly: open transactions are rolled back, everything committed is on disk."""
        if self._process is not None:
            _end(self._process.pid, self._process)
            self._process = None
        self._release_lock()
        atexit.unregister(self._stop_at_exit)

    def kill(self) -> None:
        """SIGKILL the server, for crash tests; `start` recovers."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _stop_at_exit(self) -> None:
        if os.getpid() == self._owner_pid:  # a forked child must not take its parent's database down
            self.stop()

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = (self.data_dir / "lock").open("a", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise Problem(
                "embedded_database_in_use",
                Kind.CONFLICT,
                f"Another process runs the database in {self.data_dir}. Stop it, or choose another folder.",
            ) from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end_orphan(self) -> None:
        """Stop a server that outlived its application, and clear what a killed one left lying."""
        pid_file = self.cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            pid = 0
        if pid > 0 and _serves(pid, self.cluster):
            _end(pid, None)
        # Safe only because we hold the lock and no process serves this folder; the number in a stale file
        # may meanwhile belong to any other process, which would make the server refuse to start.
        pid_file.unlink(missing_ok=True)

    def _create_cluster(self, bin_dir: Path, run_as: RunAs) -> None:
        """Make the cluster aside and rename it, so that a half-made one is never taken for a whole one."""
        password = secrets.token_hex(16)
        password_file = self.data_dir / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="ascii")
        run_as.hand_over(password_file)
        draft = self.data_dir / "cluster.draft"
        for locale in _LOCALES:
            shutil.rmtree(draft, ignore_errors=True)
            sync = [] if self._settings["fsync"] == "on" else ["--no-sync"]
            command = [str(bin_dir / "initdb"), "-D", str(draft), "-U", "postgres", "-E", "UTF8"]
            command += [
                "-A",
                "scram-sha-256",
                f"--pwfile={password_file}",
                "--no-instructions",
                *sync,
                *locale,
            ]
            if self._run(run_as, command, b""):
                break
        else:
            raise self._failure("initdb failed")
        # Single-user mode needs no server, no port and no client.
        statements = (
            f"CREATE ROLE mingzhang LOGIN CREATEDB PASSWORD '{password}';\n"
            "CREATE DATABASE mingzhang OWNER mingzhang;\n"
        )
        if not self._run(
            run_as,
            [str(bin_dir / "postgres"), "--single", "-D", str(draft), "postgres"],
            statements.encode("ascii"),
        ):
            raise self._failure("the database could not be created")
        draft.rename(self.cluster)

    def _run(self, run_as: RunAs, command: list[str], text: bytes) -> bool:
        with self._open_log() as log:
            child = run_as.popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self.data_dir
            )
            child.communicate(text, timeout=START_SECONDS_MAX)
            return child.returncode == 0

    def _start_server(self, bin_dir: Path, run_as: RunAs) -> None:
        """Start until it answers; tries again after a lost race for the port or while old backends end."""
        give_up = time.monotonic() + START_SECONDS_MAX
        while True:
            port = self._choose_port()
            command = [str(bin_dir / "postgres"), "-D", str(self.cluster), "-p", str(port)]
            command += [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
            with self._open_log() as log:
                self._process = run_as.popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.data_dir
                )
            if self._wait_until_ready(self._process, give_up):
                return
            self._process = None
            if time.monotonic() + 0.2 > give_up or not self._may_try_again():
                raise self._failure("the server did not start")
            time.sleep(0.2)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], give_up: float) -> bool:
        """Whether the server accepts connections; False when it ended or the time is over.

        The pid file of a killed predecessor says "ready" too, so the number in it must be our child's.
        """
        pid_file = self.cluster / "postmaster.pid"
        while process.poll() is None:
            with suppress(FileNotFoundError):
                lines = pid_file.read_text(encoding="utf-8").splitlines()
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return True
            if time.monotonic() > give_up:
                process.kill()
                process.wait()
                return False
            time.sleep(_POLL_SECONDS)
        return False

    def _may_try_again(self) -> bool:
        tail = self._log_tail()
        return any(
            sign in tail for sign in ("Address already in use", "pre-existing shared memory", "lock file")
        )

    def _port(self) -> int:
        return int((self.data_dir / "port").read_text(encoding="ascii"))

    def _choose_port(self) -> int:
        with suppress(FileNotFoundError, ValueError):
            port = self._port()
            if _is_free(port):
                return port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        (self.data_dir / "port").write_text(str(port), encoding="ascii")
        return port

    def _open_log(self) -> IO[bytes]:
        path = self.data_dir / "server.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES_MAX:
            path.replace(self.data_dir / "server.log.1")
        return path.open("ab")

    def _log_tail(self) -> str:
        try:
            return (self.data_dir / "server.log").read_bytes()[-2000:].decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _failure(self, what: str) -> Problem:
        return Problem("embedded_database_failed", Kind.UNAVAILABLE, f"{what}:\n{self._log_tail()}")


@contextmanager
def open_database(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The DSN to use: `DATABASE_URL` when set, else an embedded server that lives as long as the block."""
    if url := environ.get("DATABASE_URL"):
        yield url
        return
    server = EmbeddedPostgres(data_dir)
    try:
        yield server.start()
    finally:
        server.stop()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _serves(pid: int, cluster: Path) -> bool:
    """Whether process `pid` is a server of this cluster, and not a stranger that got its number."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == cluster.resolve()
        except OSError:
            return False
    listed = subprocess.run(  # noqa: S603 - a number in a fixed command
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(cluster) in listed.stdout


def _ended(pid: int, process: subprocess.Popen[bytes] | None) -> bool:
    if process is not None:
        return process.poll() is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _end(pid: int, process: subprocess.Popen[bytes] | None) -> None:
    """Fast shutdown, then harder; `process` when it is our child (which must be reaped), else None."""
    for number, seconds_max in (
        (signal.SIGINT, STOP_SECONDS_MAX),
        (signal.SIGQUIT, _QUIT_SECONDS_MAX),
        (signal.SIGKILL, _QUIT_SECONDS_MAX),
    ):
        if _ended(pid, process):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        give_up = time.monotonic() + seconds_max
        while time.monotonic() < give_up:
            if _ended(pid, process):
                return
            time.sleep(_POLL_SECONDS)
