"""`mingzhang staff …`: accounts are made and changed here and nowhere else (docs/staff.md)."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import segno
import typer
from rich.console import Console
from rich.table import Table

from mingzhang.app.here import settings_here
from mingzhang.app.settings import Settings
from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vault import Vault
from mingzhang.staff import accounts, totp, vouch
from mingzhang.staff.handbook import print_tables
from mingzhang.staff.model import Account, Office
from mingzhang.staff.rights import NEEDS_TOTP, Right, Role, rights_of

CODE_TRIES: Final = 3
Result = TypeVar("Result")
staff_app = typer.Typer(no_args_is_help=True, help="Members of staff: accounts, roles, second factor.")
out = Console(highlight=False, soft_wrap=True)

Name = Annotated[str, typer.Argument(help="as typed at the sign-in", show_default=False)]
Roles = Annotated[list[Role], typer.Option("--role", help="may be given several times")]


@staff_app.command("add")
def staff_add(name: Name, role: Roles = [Role.SUPPORT]) -> None:  # noqa: B006 - typer copies it
    """Make an account and ask for its password."""
    settings = settings_here()
    _ask_second(settings, name, role)
    password = _ask_password()
    _run(lambda office: accounts.add(office, name, password, role), settings)
    _say(f"done: {name} is {_roles(role)}")
    weak, every = rights_of(role, strong=False), rights_of(role, strong=True)
    if Right.MANAGE_SHOP in every or Right.MANAGE_CATALOGUE in every:
        _say(f"Set the shop up: {settings.base_url}/staff/setup")
    if every - weak:
        _say(f"Next: mingzhang staff totp {name}")
        _say(
            f"Until then: {', '.join(sorted(weak)) or 'nothing'}; not: {', '.join(sorted(every & NEEDS_TOTP))}"
        )


@staff_app.command("password")
def staff_password(name: Name) -> None:
    """Give another password; ends the person's sessions."""
    settings = settings_here()
    text = _ask_password()
    _run(lambda office: accounts.set_password(office, name, text), settings)
    _say("done")


@staff_app.command("role")
def staff_role(name: Name, role: Roles) -> None:
    """Give other roles, instead of those before; ends the person's sessions."""
    settings = settings_here()
    _ask_second(settings, name, role)
    _run(lambda office: accounts.set_roles(office, name, role), settings)
    _say(f"done: {name} is {_roles(role)}")


@staff_app.command("totp")
def staff_totp(name: Name) -> None:
    """Show a QR code for an authenticator app and put it in force with a code of it."""
    settings = settings_here()
    if not _run(lambda office: accounts.exists(office, name), settings):
        raise Problem("unknown_staff", Kind.NOT_FOUND, "there is no account of this name")
    secret = totp.new_secret()
    _show_secret(secret, name, settings.shop_name)
    codes: list[str] = []
    for left in reversed(range(CODE_TRIES)):
        codes = _codes_after(settings, name, secret, typer.prompt("Code now shown by the app"), last=not left)
        if codes:
            break
        _say("That code does not fit. Wait for the next one; is the phone's time right?")
    _say(f"done: from now on {name} signs in with a code")
    _say("Recovery codes, each good once instead of the app's. They are not shown again:")
    for code in codes:
        _say(f"  {code}")


@staff_app.command("revoke")
def staff_revoke(
    name: Name,
    sessions_only: Annotated[
        bool, typer.Option("--sessions-only", help="only sign the person out everywhere")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="open a revoked account again")] = False,
) -> None:
    """Close an account and end its sessions."""
    if undo:
        _run(lambda office: accounts.restore(office, name))
        _say(f"done: {name} may sign in again")
        return
    end = accounts.end_sessions if sessions_only else accounts.revoke
    ended = _run(lambda office: end(office, name))
    _say(f"done: {ended} session(s) ended" + ("" if sessions_only else f", {name} is closed"))


@staff_app.command("list")
def staff_list() -> None:
    """Everybody: roles, second factor, open sessions, last sign-in (Beijing time)."""
    found = _run(accounts.list_accounts)
    if not found:
        _say("nobody yet: mingzhang staff add NAME --role ROLE")
        return
    out.print(_table(found))


@staff_app.command("rights")
def staff_rights() -> None:
    """Print the table of roles and rights (docs/staff.md)."""
    sys.stdout.write(print_tables() + "\n")


def _run(work: Callable[[Office], Awaitable[Result]], settings: Settings | None = None) -> Result:
    return asyncio.run(_in_office(settings or settings_here(), work))


def _codes_after(settings: Settings, name: str, secret: str, code: str, *, last: bool) -> list[str]:
    """The recovery codes; none when the code did not fit."""
    try:
        return _run(lambda office: accounts.set_totp(office, name, secret, code), settings)
    except Problem as problem:
        if last or problem.code != "totp_wrong":
            raise
        return []


async def _in_office(settings: Settings, work: Callable[[Office], Awaitable[Result]]) -> Result:
    pool = await open_pool(settings.database_url, 1, 1)
    try:
        office = Office(
            pool=pool,
            vault=Vault(settings.secret_key),
            rng=random.SystemRandom(),
            clock=clock_from_spec(settings.clock),
        )
        return await work(office)
    finally:
        await pool.close()


def _ask_second(settings: Settings, name: str, roles: list[Role]) -> None:
    """The account of somebody who oversees the shop takes a second person: an admin, at this terminal."""
    if not vouch.takes_two(roles):
        return
    _say(f"{_roles(roles)}: this takes two people. The second one, an admin with an authenticator:")
    who: str = typer.prompt("Name")
    password: str = typer.prompt("Password", hide_input=True)
    code: str = typer.prompt("Code now shown by the app")
    _run(lambda office: vouch.vouch(office, who, password, code.strip(), name, roles), settings)


def _ask_password() -> str:
    text: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return text


def _say(line: str) -> None:
    out.print(line, markup=False)


def _roles(roles: list[Role]) -> str:
    return ", ".join(sorted({role.value for role in roles}))


def _show_secret(secret: str, name: str, shop_name: str) -> None:
    segno.make(totp.provisioning_uri(secret, name, shop_name), error="l").terminal(
        out=sys.stdout, compact=True
    )
    _say("Scan this with an authenticator app, or type in: " + " ".join(_fours(secret)))


def _fours(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def _table(found: list[Account]) -> Table:
    table = Table("name", "roles", "second factor", "sessions", "last sign-in", "")
    for account in found:
        seen = write_beijing(account.signed_in_at)[:16] if account.signed_in_at else "never"
        table.add_row(
            account.name,
            ", ".join(account.roles),
            "yes" if account.totp else "no",
            str(account.sessions),
            seen,
            "" if account.active else "revoked",
        )
    return table
