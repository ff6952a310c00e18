"""`mingzhang backup` and `mingzhang restore`."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mingzhang.app import backup as backups
from mingzhang.app.here import settings_here
from mingzhang.kit.errors import Problem

out = Console()
NEXT = {
    "backup_program_missing": "Install PostgreSQL's client programs of the server's version.",
    "backup_failed": "Check the address, that the role may read everything (for --follow: has REPLICATION), and the disk.",
    "restore_not_empty": "Restore goes into an empty database or a new folder only. Nothing was changed.",
    "restore_failed": "Nothing was changed. Check that the backup is whole and the program not older than the server.",
}


def _refuse(problem: Problem) -> typer.Exit:
    out.print(f"[red]{problem.code}[/] {problem.detail}\n{NEXT.get(problem.code, '')}", highlight=False)
    return typer.Exit(1)


def backup(
    to: Annotated[Path, typer.Option(help="a folder of its own, on another disk")],
    follow: Annotated[
        bool, typer.Option("--follow", help="base backup, then every change as it happens, until Ctrl-C")
    ] = False,
) -> None:
    """Back the database up: one file now, or (--follow) base and WAL for a server of your own.

    --follow connects as MINGZHANG_BACKUP_URL says, a role with REPLICATION.
    """
    try:
        if follow:
            _follow(to)
            return
        made = backups.dump(settings_here().database_url, to, datetime.now(UTC))
    except Problem as problem:
        raise _refuse(problem) from problem
    out.print(
        f"{made.path}  {made.size_bytes:,} bytes  sha256 {made.sha256}", highlight=False, soft_wrap=True
    )
    out.print(
        "Keep the secret key (MINGZHANG_SECRET_KEY) apart from it: without the key no contact, account or card opens."
    )


def _follow(folder: Path) -> None:
    url = os.environ.get("MINGZHANG_BACKUP_URL") or settings_here().database_url
    ended = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: ended.set())
    following = backups.Following(url, folder)
    try:
        following.start(out.print)
        out.print("Following; Ctrl-C ends it, and starting again goes on from where it was.")
        while not ended.wait(1.0):
            if not following.running:
                out.print(
                    "[red]WAL is received no more[/]: the server is away, or refuses. Start again once it is back."
                )
                raise typer.Exit(1)
    finally:
        following.stop()


def restore(
    source: Annotated[Path, typer.Argument(help="a dump, or the folder that backup --follow wrote")],
    cluster: Annotated[Path | None, typer.Option(help="of a folder: the new PGDATA to make")] = None,
) -> None:
    """Restore a dump into the empty database of DATABASE_URL, or make a new PGDATA from base and WAL.

    Then: mingzhang migrate, mingzhang audit --full, mingzhang serve. What happened since is learnt by asking.
    """
    try:
        if source.is_dir():
            if cluster is None:
                out.print("Say where the new PGDATA goes: --cluster FOLDER")
                raise typer.Exit(2)
            pieces = backups.restore_base(source, cluster)
            out.print(
                f"{cluster}: base and {pieces} pieces of WAL. Start the server on it: it replays them first."
            )
        else:
            backups.restore_dump(source, settings_here().database_url)
            out.print("Restored. Next: mingzhang migrate, mingzhang audit --full, mingzhang serve.")
    except Problem as problem:
        raise _refuse(problem) from problem
