"""`mingzhang channel …` and `mingzhang supplier …`: what is installed, and whether it keeps the contract."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from mingzhang.app.adapters import CHANNELS, SUPPLIERS, find
from mingzhang.app.check_adapters.runner import SUITES, Report, check_adapter, find_one, find_rigs
from mingzhang.app.check_adapters.suite import Ending, Result

channel_app = typer.Typer(
    no_args_is_help=True,
    help="Payment channels: which are installed, do they keep the contract, what they cost.",
)
supplier_app = typer.Typer(
    no_args_is_help=True, help="Suppliers: which are installed, do they keep the contract."
)
_MARKS: Final = {
    Ending.PASSED: "[green]passed[/]",
    Ending.FAILED: "[bold red]FAILED[/]",
    Ending.SKIPPED: "[dim]skipped[/]",
}

Name = Annotated[str, typer.Argument(help="as `list` shows it", show_default=False)]
Control = Annotated[
    str,
    typer.Option(help="control address of a party that runs already (docs/adapters.md)", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object")]


@channel_app.command("list")
def channel_list(as_json: AsJson = False) -> None:
    """Every channel that is installed, ours and others'."""
    _list(CHANNELS, as_json)


@channel_app.command("check")
def channel_check(name: Name, control: Control = "", as_json: AsJson = False) -> None:
    """Hold a channel to the contract suite; exit 1 when it fails."""
    _check(CHANNELS, name, control, as_json)


@supplier_app.command("list")
def supplier_list(as_json: AsJson = False) -> None:
    """Every supplier that is installed, ours and others'."""
    _list(SUPPLIERS, as_json)


@supplier_app.command("check")
def supplier_check(name: Name, control: Control = "", as_json: AsJson = False) -> None:
    """Hold a supplier to the contract suite; exit 1 when it fails."""
    _check(SUPPLIERS, name, control, as_json)


def _list(group: str, as_json: bool) -> None:
    found = find(group)
    if as_json:
        rows = [
            {"name": each.name, "package": each.package, "target": each.target} for each in found.values()
        ]
        sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
        return
    table = Table("name", "package", "made by")
    for each in found.values():
        table.add_row(each.name, f"{each.package} {each.version}".strip(), each.target)
    Console().print(table)


def _check(group: str, name: str, control: str, as_json: bool) -> None:
    total = len(SUITES[group][0].cases) * len(find_rigs(group, find_one(group, name)))
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json,
    )
    with progress:
        task = progress.add_task(name, total=total)

        def say(result: Result) -> None:
            progress.update(task, advance=1, description=result.name[:50])

        report = asyncio.run(check_adapter(group, name, control, say))
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _show(report)
    raise typer.Exit(0 if report.ok else 1)


def _show(report: Report) -> None:
    console = Console()
    table = Table("rig", "check", "", "why", "ms")
    for each in report.results:
        table.add_row(each.rig, each.checks, _MARKS[each.ending], each.why, str(each.took_ms))
    console.print(table)
    console.print(
        f"{'ok' if report.ok else 'FAILED'}: {report.adapter} ({report.package} {report.version}".rstrip()
        + f"): {report.passed} passed, {report.failed} failed, {report.skipped} skipped",
        markup=False,
    )
