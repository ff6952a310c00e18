"""`mingzhang verify` and `mingzhang log`: check receipts, look at the public record, drill it for tampering."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from mingzhang.app import logging as logs
from mingzhang.app import loop
from mingzhang.app.here import settings_here
from mingzhang.app.http_server import plain_config, serve_http
from mingzhang.app.http_witness import create_witness_app
from mingzhang.app.transparency import signer_of
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import open_pool
from mingzhang.transparency import verify_offline
from mingzhang.transparency.anchors import list_anchored, read_waiting
from mingzhang.transparency.notes import COSIGNED, Signer, parse_verifier
from mingzhang.transparency.recheck import Trouble, recheck
from mingzhang.transparency.tree import SQL
from mingzhang.transparency.witness import Memory, Witness

log_app = typer.Typer(
    help="The public record: its state, its key, and whether the books still say what it says."
)
out = Console()
WAITING_COUNTED = 10_000


def verify(
    file: Annotated[Path, typer.Argument(help="a receipt, a pack, or the text of a QR code")],
    key: Annotated[str, typer.Option(help="the record's key, known from elsewhere")] = "",
    witness: Annotated[list[str] | None, typer.Option(help="a witness that must have cosigned")] = None,
    tsa: Annotated[Path | None, typer.Option(help="the timestamp authority's root certificate (PEM)")] = None,
) -> None:
    """Check a receipt or an evidence pack offline; exit 1 and the reason when it does not hold, 2 when it cannot be read."""
    arguments = [str(file), *(["--key", key] if key else [])]
    for text in witness or []:
        arguments += ["--witness", text]
    if tsa is not None:
        arguments += ["--tsa", str(tsa)]
    sys.exit(verify_offline.main(arguments))


def witness(
    name: Annotated[str, typer.Option(help="the witness's name, for ever; a domain of yours is the custom")],
    log: Annotated[list[str], typer.Option(help="a log's key (mingzhang log key), for each log")],
    folder: Annotated[Path, typer.Option(help="where its key and its memory are kept")],
    host: Annotated[str, typer.Option(help="where to listen")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="where to listen")] = 8090,
) -> None:
    """Witness a shop's public record with a key of your own: sign each state that changes nothing before it."""
    logs.configure()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        signer = Signer(name, _own_seed(folder / "key"), COSIGNED)
        eye = Witness(signer, [parse_verifier(text) for text in log], Memory(folder / "seen.json"))
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        out.print(f"[red]The folder's key or memory cannot be read:[/] {type(error).__name__}")
        raise typer.Exit(2) from error
    out.print(
        f"Address and key for the shop's list of witnesses:\nhttp://{host}:{port} {signer.verifier.text()}"
    )

    async def serve() -> None:
        stop = asyncio.Event()
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        await serve_http(plain_config(create_witness_app(eye, signer.verifier), host, port), stop)

    loop.run(serve())


def _own_seed(path: Path) -> bytes:
    """The key in the file, made at the first start."""
    if not path.exists():
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as opened:
            opened.write(secrets.token_bytes(32).hex())
    seed = bytes.fromhex(path.read_text("ascii").strip())
    if len(seed) != 32:
        raise ValueError("not 32 bytes")
    return seed


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
            "anchors": [_told(one) for one in await list_anchored(pool, 1)],
            "anchors_waiting": [_told(row) for row in await read_waiting(pool)],
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


def _told(row: Any) -> dict[str, Any]:
    """A stamp, or a row that waits for one, without the token."""
    fields = row if isinstance(row, dict) else msgspec.structs.asdict(row)
    kept = {name: value for name, value in fields.items() if name not in {"token", "root"}}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}


def _with_pool(work: Any) -> Any:
    async def opened() -> Any:
        pool = await open_pool(settings_here().database_url, max_size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(opened())
