"""`mingzhang resolution-pack`: everything that whoever takes over needs, in one zip."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.resolution_pack import write_pack
from mingzhang.oversight.resolution import SHEETS

out: Final = Console()
OTHERS: Final = 4  # coverage, rules, contacts, licences


def resolution_pack(
    file: Annotated[Path, typer.Option("--out", help="the zip; it must not exist yet")],
) -> None:
    """Whose money is where, everything that is open, who holds it and how they are reached; signed, masked."""

    async def work() -> bytes:
        desk = await open_desk(settings_here())
        try:
            with Progress(transient=True, console=Console(stderr=True)) as progress:
                task = progress.add_task("parts", total=len(SHEETS) + OTHERS)

                def tell(name: str, rows: int) -> None:
                    progress.update(task, advance=1, description=f"{name}: {rows}")

                with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as opened:
                    return await write_pack(desk, opened, tell)
        finally:
            await desk.aclose()

    try:
        manifest = asyncio.run(work())
    except FileExistsError as error:
        raise typer.BadParameter("there is such a file", param_hint="--out") from error
    out.print(f"{file}: {file.stat().st_size} bytes; manifest SHA-256 {hashlib.sha256(manifest).hexdigest()}")
