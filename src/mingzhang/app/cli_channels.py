"""`mingzhang channel set|show`: the register of payment channels (R11, R42) with its live figures (R10)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mingzhang.app import desk_channels
from mingzhang.app.cli_adapters import channel_app
from mingzhang.app.desk import open_desk
from mingzhang.app.here import settings_here
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.orders.context import Context
from mingzhang.web.model_staff import ChannelRow

WHO: Final = "command line"
Result = TypeVar("Result")
Text = str | None
out = Console(highlight=False, soft_wrap=True)


@channel_app.command("set")
def channel_set(
    name: Annotated[str, typer.Argument(help="its name, as `channel list` shows it", show_default=False)],
    rate: Annotated[Text, typer.Option(help="percent of the amount, 0.6")] = None,
    fixed: Annotated[Text, typer.Option(help="yuan a payment")] = None,
    settle: Annotated[Text, typer.Option(help="days: T+n")] = None,
    least: Annotated[Text, typer.Option("--min", help="yuan a payment")] = None,
    most: Annotated[Text, typer.Option("--max", help="yuan a payment, 0: no limit")] = None,
    day: Annotated[Text, typer.Option(help="yuan a Beijing day, 0: no limit")] = None,
    licensee: Annotated[Text, typer.Option(help="who holds the licence")] = None,
    licence: Annotated[Text, typer.Option(help="its number")] = None,
    until: Annotated[Text, typer.Option(help="its last day, 2027-12-31")] = None,
    source: Annotated[Text, typer.Option(help="where it is published")] = None,
) -> None:
    """Enter what a channel costs and takes, and its licence; what is not named stays as it is."""
    given = {
        "rate": rate, "fixed": fixed, "settle": settle, "min": least, "max": most, "day": day,
        "licensee": licensee, "licence": licence, "until": until, "source": source,
    }  # fmt: skip
    form = {key: text for key, text in given.items() if text is not None}
    _run(lambda ctx: desk_channels.set_terms(ctx, WHO, name, form))
    out.print("done", markup=False)


@channel_app.command("show")
def channel_show() -> None:
    """The register, with figures of the last 24 hours (at most 2,000 payments)."""
    out.print(_table(_run(desk_channels.read_channels)))


def _run(work: Callable[[Context], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        desk = await open_desk(settings_here())
        try:
            return await work(desk.ctx)
        finally:
            await desk.aclose()

    return asyncio.run(inside())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} of {whole}" if whole else "-"


def _table(rows: list[ChannelRow]) -> Table:
    table = Table(
        "channel", "answers", "fee", "T+", "limits", "licence", "opened", "paid", "delay", "by asking"
    )
    for row in rows:
        most = format_yuan(row.max_fen) if row.max_fen else "-"
        until = f" to {write_beijing(row.valid_until)[:10]}" if row.valid_until else ""
        table.add_row(
            row.name,
            "no" if row.down_since else "yes",
            f"{row.rate_ppm / 10_000:.2f}% + {format_yuan(row.fixed_fen)}"
            if row.registered
            else "not entered",
            str(row.settle_days),
            f"{format_yuan(row.min_fen)} to {most}, a day {format_yuan(row.day_fen) if row.day_fen else '-'}",
            f"{row.licensee} {row.licence_no}{until}",
            _share(row.opened, row.openings),
            _share(row.paid, row.ended),
            f"{row.delay_p50_ms} / {row.delay_p99_ms} ms of {row.told}" if row.told else "-",
            _share(row.found, row.paid),
        )
    return table
