"""`mingzhang pack ORDER`: the evidence pack of one order, written to a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.app.packs import make_pack
from mingzhang.packs.model import Edition


def pack(
    order: Annotated[str, typer.Argument(help="the order's number")],
    edition: Annotated[Edition, typer.Option(help="for whom")] = Edition.BUYER,
    out: Annotated[Path | None, typer.Option(help="where to write it; an existing file is kept")] = None,
) -> None:
    """Write an order's evidence pack to a file; `mingzhang verify FILE` checks it."""
    path = out or Path(f"mingzhang-{order}-{edition.value}.zip")

    async def work() -> bytes:
        desk = await open_desk(settings_here())
        try:
            return await make_pack(desk.ctx, desk.settings, order, edition, made_by="command", to_buyer=False)
        finally:
            await desk.aclose()

    made = asyncio.run(work())
    with path.open("xb") as file:
        file.write(made)
    print(path)
