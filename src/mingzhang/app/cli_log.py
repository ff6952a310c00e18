"""`mingzhang verify` and `mingzhang log`: check receipts, look at the public record, drill it for tampering."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console
from rich.progress import Progress

from mingzhang.app.here import settings_here
from mingzhang.app.transparency import signer_of
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import open_pool
from mingzhang.transparency import verify_offline
from mingzhang.transparency.recheck import Trouble, recheck
from mingzhang.transparency.tree import SQL

log_app = typer.Typer(
    help="The public record: its state, its key, and whether the books still say what it says."
)
out = Console()
WAITING_COUNTED = 10_000


def verify(
    file: Annotated[Path, typer.Argument(help="a receipt")],
    key: Annotated[str, typer.Option(help="the record's key, known from elsewhere")] = "",
    witness: Annotated[list[str] | None, typer.Option(help="a witness that must have cosigned")] = None,
) -> None:
    """Check a receipt offline; exit 1 and the reason when it does not hold, 2 when it cannot be read."""
    arguments = [str(file), *(["--key", key] if key else [])]
    for text in witness or []:
        arguments += ["--witness", text]
    sys.exit(verify_offline.main(arguments))


@log_app.command("key")
def show_key() -> None:
    """The record's public key: publish it where it can be found without this shop."""
    print(signer_of(settings_here()).verifier.text())


@log_app.command("status")
def status(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """How many entries, since when signed, and what waits."""

    async def work(pool: asyncpg.Pool) -> dict[str, Any]:
        head = await pool.fetchrow(SQL.read_head)
        waiting = await pool.fetchrow(EVIDENCE.read_waiting, WAITING_COUNTED)
        return {
            "size": head["size"] if head else 0,
            "root": head["root"].hex() if head else "",
            "signed_at": head["at"].isoformat() if head else None,
            "waiting": waiting["notes"],
            "waiting_since": waiting["oldest"].isoformat() if waiting["oldest"] else None,
        }

    told = _with_pool(work)
    if as_json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        out.print(f"{name:>14}  {value}")


@log_app.command("recheck")
def recheck_command(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """Make the whole record anew from the books and hold it against what was signed; exit 1 naming the rows."""

    async def work(pool: asyncpg.Pool) -> tuple[int, list[Trouble]]:
        with Progress(transient=True, console=Console(stderr=True)) as progress:
            task = progress.add_task("entries", total=None)

            def tell(done: int, of: int) -> None:
                progress.update(task, completed=done, total=of)

            return await recheck(pool, signer_of(settings_here()).verifier, tell)

    entries, troubles = _with_pool(work)
    if as_json:
        print(
            json.dumps({"entries": entries, "ok": not troubles, "troubles": [t._asdict() for t in troubles]})
        )
    else:
        for trouble in troubles:
            out.print(f"[red]{trouble.table}[/] {trouble.row}: {trouble.what}")
        out.print(f"{entries} entries: " + (f"{len(troubles)} rows disagree" if troubles else "all hold"))
    if troubles:
        raise typer.Exit(1)


def _with_pool(work: Any) -> Any:
    async def opened() -> Any:
        pool = await open_pool(settings_here().database_url, max_size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(opened())
