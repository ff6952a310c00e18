"""Backup and restore with PostgreSQL's own programs: a dump for small shops, base backup and WAL for an own server.

A dump is one moment. Base backup and WAL, followed without a pause, are every moment up to the last one received: what
outside parties did after it is learnt by asking them again, as after any crash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from mingzhang.app.postgres_binaries import postgres_bin_dir
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL = load("mingzhang.app", "backup")
SLOT: Final = "mingzhang_backup"
BASE: Final = "base"
WAL: Final = "wal"
TOLD_MAX: Final = 500
_SEGMENT_CHARS: Final = 24
_POLL_S: Final = 0.1
_END_S: Final = 10.0
_FIRST_S: Final = 60.0


class Dump(NamedTuple):
    """A dump that is whole. ``sha256`` in hex."""

    path: Path
    size_bytes: int
    sha256: str


def _program(name: str) -> str:
    folder = postgres_bin_dir()
    path = folder / name if folder else None
    found = str(path) if path and os.access(path, os.X_OK) else shutil.which(name)
    if not found:
        raise Problem("backup_program_missing", Kind.UNAVAILABLE, name)
    return found


def _environment(url: str) -> dict[str, str]:
    """Where and as whom, through the environment: a command line is read by everybody on the machine."""
    parts = urlsplit(url)
    given = {
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
    }
    kept = {
        name: os.environ[name] for name in ("PATH", "PGPASSFILE", "PGSSLMODE", "HOME") if name in os.environ
    }
    return {**kept, **{name: text for name, text in given.items() if text}, "LC_ALL": "C"}


def _run(code: str, program: str, arguments: Sequence[str], url: str) -> str:
    """Run to the end; what it says is not shown, for it may quote rows. Raises Problem ``code`` with its last line."""
    done = subprocess.run(  # noqa: S603 - one of PostgreSQL's own programs
        [_program(program), "-w", *arguments],
        env=_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith(program)]
        raise Problem(code, Kind.UNAVAILABLE, (lines or [f"{program}: exit {done.returncode}"])[0][:TOLD_MAX])
    return done.stdout


def dump(url: str, folder: Path, now: datetime) -> Dump:
    """The whole database as one file in ``folder``, under its final name only once it is whole. Raises `backup_failed`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"mingzhang-{now:%Y%m%dT%H%M%SZ}.dump"
    draft = path.with_suffix(".part")
    draft.touch(mode=0o600)
    _run("backup_failed", "pg_dump", ["--format=custom", "--no-owner", f"--file={draft}"], url)
    digest = hashlib.sha256()
    with draft.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        os.fsync(file.fileno())
    draft.replace(path)
    return Dump(path, path.stat().st_size, digest.hexdigest())


def restore_dump(file: Path, url: str) -> None:
    """Into an empty database, all of it or nothing. Raises `restore_not_empty` and `restore_failed`."""
    tables = _run(
        "restore_failed",
        "psql",
        [
            "-X",
            "-A",
            "-t",
            "-c",
            SQL.count_tables,
        ],
        url,
    )
    if tables.strip() != "0":
        raise Problem("restore_not_empty", Kind.CONFLICT)
    database = _environment(url)["PGDATABASE"]
    arguments = ["--no-owner", "--single-transaction", "--exit-on-error", f"--dbname={database}", str(file)]
    _run("restore_failed", "pg_restore", arguments, url)


class Following:
    """A base backup, and every piece of WAL from before it on, received until `stop`. Holds one replication slot."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self.folder = folder
        self._receiver: subprocess.Popen[bytes] | None = None

    def start(self, say: Callable[[str], None]) -> None:
        """Receive WAL, then copy the base beside it unless there is one. Raises `backup_failed`."""
        wal = self.folder / WAL
        wal.mkdir(mode=0o700, parents=True, exist_ok=True)
        slot = [f"--slot={SLOT}", f"--directory={wal}"]
        _run("backup_failed", "pg_receivewal", [*slot, "--create-slot", "--if-not-exists"], self._url)
        say("receiving WAL")
        self._receiver = subprocess.Popen(  # noqa: S603 - one of PostgreSQL's own programs
            [_program("pg_receivewal"), "-w", *slot, "--synchronous"],
            env=_environment(self._url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_first_piece(wal)
        base = self.folder / BASE
        if not base.exists():
            say("copying the base")
            draft = Path(tempfile.mkdtemp(prefix="base-", dir=self.folder))
            arguments = [f"--pgdata={draft}", "--wal-method=none", "--checkpoint=fast", "--no-manifest"]
            _run("backup_failed", "pg_basebackup", arguments, self._url)
            draft.rename(base)
        say("base and WAL are whole")

    def _await_first_piece(self, wal: Path) -> None:
        """The base is copied only while WAL is already received, so that nothing falls between the two."""
        give_up = time.monotonic() + _FIRST_S
        while not any(wal.iterdir()):
            if not self.running or time.monotonic() > give_up:
                self.stop()
                raise Problem("backup_failed", Kind.UNAVAILABLE, "pg_receivewal: no WAL comes")
            time.sleep(_POLL_S)

    @property
    def running(self) -> bool:
        """Whether WAL is being received."""
        return self._receiver is not None and self._receiver.poll() is None

    def stop(self) -> None:
        """End receiving; what was received stays."""
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        receiver.terminate()
        give_up = time.monotonic() + _END_S
        while receiver.poll() is None:
            if time.monotonic() > give_up:
                receiver.kill()
            time.sleep(_POLL_S)


def restore_base(folder: Path, cluster: Path) -> int:
    """A new PGDATA from base and WAL, up to the last piece received; returns how many pieces. The server replays them.

    Raises `restore_not_empty` when ``cluster`` exists, `restore_failed` when the backup is not whole.
    """
    if cluster.exists():
        raise Problem("restore_not_empty", Kind.CONFLICT)
    base, received = folder / BASE, sorted((folder / WAL).glob("*"))
    if not (base / "backup_label").exists() or not received:
        raise Problem("restore_failed", Kind.INVALID, "no base, or no WAL")
    draft = cluster.with_name(f"{cluster.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(base, draft, symlinks=True)
    draft.chmod(0o700)
    pieces = 0
    for piece in received:
        name = piece.name.removesuffix(".partial")
        history = name.endswith(".history")
        if len(name) == _SEGMENT_CHARS or history:
            shutil.copyfile(piece, draft / "pg_wal" / name)
            (draft / "pg_wal" / name).chmod(0o600)
            pieces += not history
    draft.rename(cluster)
    return pieces
