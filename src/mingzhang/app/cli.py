"""The command `mingzhang` (alias `mz`). Each subcommand loads what it needs when it is called, and no more."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import asyncpg
import typer
from typer.core import TyperGroup

from mingzhang.kit.errors import Problem

WHERE: Final = {
    "serve": "cli_serve:serve",
    "migrate": "cli_migrate:migrate",
    "demo": "cli_demo:demo",
    "simulate": "cli_demo:simulate",
    "audit": "cli_audit:audit",
    "backup": "cli_backup:backup",
    "restore": "cli_backup:restore",
    "verify": "cli_log:verify",
    "witness": "cli_log:witness",
    "pack": "cli_packs:pack",
    "resolution-pack": "cli_resolution:resolution_pack",
    "reconcile": "cli_reconcile:reconcile",
    "closing": "cli_reconcile:closing",
    "load-demo": "cli_load:load_demo",
    "bench": "bench.cli:app",
    "catalogue": "cli_catalogue:catalogue_app",
    "custody": "cli_custody:custody_app",
    "log": "cli_log:log_app",
    "staff": "cli_staff:staff_app",
    "stock": "cli_stock:stock_app",
    "channel": "cli_channels:channel_app",
    "supplier": "cli_adapters:supplier_app",
    "supply": "cli_supply:supply_app",
}
"""Each subcommand's function, or `Typer` with further ones, in `mingzhang.app`; in the order of the help."""


class Subcommands(TyperGroup):
    """Those of `WHERE`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base's signature
        """All of them, loaded or not."""
        return list(WHERE)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The one of that name, loaded now."""
        if cmd_name not in self.commands and cmd_name in WHERE:
            module, _, name = WHERE[cmd_name].partition(":")
            self.commands[cmd_name] = _command(
                cmd_name, getattr(import_module(f"mingzhang.app.{module}"), name)
            )
        return self.commands.get(cmd_name)


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


app = typer.Typer(cls=Subcommands, no_args_is_help=True, add_completion=False)


@app.callback()
def about() -> None:
    """明账: every cent is at one named place."""


def main() -> None:
    """Entry point; an expected refusal is one line, not a traceback."""
    try:
        app()
    except Problem as problem:
        _refuse(str(problem))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        _refuse("database_not_migrated: run `mingzhang migrate` first")
    except asyncpg.ClientConfigurationError as error:
        _refuse(f"settings_invalid: DATABASE_URL: {error}")
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        _refuse(f"database_refused: {error}")


def _refuse(line: str) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    raise SystemExit(2) from None
