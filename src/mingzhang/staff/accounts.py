"""Accounts, each change on record. Whatever changes or ends one (password, roles, second factor, revocation)
ends its open sessions too.

Making accounts and giving somebody else a password is for the command line alone: a member of staff who could would be
two people at once (`approvals.py`). With `manage_staff` one can revoke an account and end sessions; roles take two
people (`team.py`); one's own password and second factor are one's own (`own.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import passwords, record, recovery, totp
from mingzhang.staff.doors import idle_since
from mingzhang.staff.model import COMMAND_LINE, Account, Member, Office, Session
from mingzhang.staff.record import SQL
from mingzhang.staff.rights import Right, Role

NAME_MAX: Final = 64

Actor = Member | str


async def add(
    office: Office,
    name: str,
    password: str,
    roles: Sequence[Role] = (Role.SUPPORT,),
) -> None:
    """A new account. Raises Problem `staff_name_invalid`, `staff_name_taken` (also when it only differs in
    case), `staff_role_missing`, `password_too_short`, `password_too_common`.
    """
    if (
        not name.isprintable()
        or not 0 < len(name) <= NAME_MAX
        or name != name.strip()
        or name == COMMAND_LINE
    ):
        raise Problem("staff_name_invalid", Kind.INVALID, "1 to 64 printable characters, not 'cli'")
    wanted = _roles(roles)
    hashed = await passwords.hash_new(password, name)
    async with transaction(office.pool) as conn:
        now = office.clock.now()
        if await conn.fetchval(SQL.insert_staff, name, hashed, wanted, now) is None:
            raise Problem(
                "staff_name_taken",
                Kind.CONFLICT,
                "there is such an account; `mingzhang staff password` gives another password",
            )
        await _note(conn, office, COMMAND_LINE, "staff_added", name, {"roles": wanted})


async def set_password(office: Office, name: str, password: str) -> None:
    """Another password. Raises Problem `unknown_staff`, `password_too_short`, `password_too_common`."""
    hashed = await passwords.hash_new(password, name)
    async with transaction(office.pool) as conn:
        _known(await conn.fetchval(SQL.set_password, name, hashed))
        await _end_sessions(conn, office, name)
        await _note(conn, office, COMMAND_LINE, "staff_password_set", name)


async def set_roles(office: Office, name: str, roles: Sequence[Role]) -> None:
    """Other roles. Raises Problem `unknown_staff`, `staff_role_missing`."""
    async with transaction(office.pool) as conn:
        await change_roles(conn, office, name, roles, COMMAND_LINE)


async def change_roles(
    conn: asyncpg.Connection, office: Office, name: str, roles: Sequence[Role], by: Actor
) -> None:
    """The same inside the caller's transaction: that of the two people's decision. Raises as `set_roles`."""
    wanted = _roles(roles)
    _known(await conn.fetchval(SQL.set_roles, name, wanted))
    await _end_sessions(conn, office, name)
    await _note(conn, office, by, "staff_roles_set", name, {"roles": wanted})


async def set_totp(office: Office, name: str, secret: str, code: str, by: Actor = COMMAND_LINE) -> list[str]:
    """Put a second factor in force, proved by a code of it; returns new recovery codes, to be shown once.

    Raises Problem `unknown_staff`, `totp_wrong`.
    """
    step = totp.matching_step(secret, code, office.phone.now())
    if step is None:
        raise Problem("totp_wrong", Kind.INVALID, "the code does not fit; is the phone's time right?")
    async with transaction(office.pool) as conn:
        now = office.clock.now()
        _known(await conn.fetchval(SQL.set_totp, name, office.vault.seal(secret), now, step))
        await _end_sessions(conn, office, name)
        await _note(conn, office, by, "staff_totp_set", name)
        return await recovery.make(conn, office, name)


async def revoke(office: Office, name: str, by: Actor = COMMAND_LINE) -> int:
    """Close an account and end its sessions; returns how many were open. What the person proposed can no longer
    be approved. Raises Problem `unknown_staff`, `right_missing`.
    """
    await _may(office, by, name)
    async with transaction(office.pool) as conn:
        _known(await conn.fetchval(SQL.set_active, name, False))  # noqa: FBT003 - a column's value
        ended = await _end_sessions(conn, office, name)
        await _note(conn, office, by, "staff_revoked", name, {"sessions": ended})
    return ended


async def restore(office: Office, name: str) -> None:
    """Open a revoked account again, with its old password. Raises Problem `unknown_staff`."""
    async with transaction(office.pool) as conn:
        _known(await conn.fetchval(SQL.set_active, name, True))  # noqa: FBT003 - a column's value
        await _note(conn, office, COMMAND_LINE, "staff_restored", name)


async def end_sessions(office: Office, name: str, by: Actor = COMMAND_LINE) -> int:
    """Sign a person out everywhere; returns how many sessions were open. One's own need no right. Raises Problem
    `right_missing`, `unknown_staff`.
    """
    await _may(office, by, name, own=True)
    if not await exists(office, name):
        _known(None)
    async with transaction(office.pool) as conn:
        ended = await _end_sessions(conn, office, name)
        await _note(conn, office, by, "sessions_ended", name, {"sessions": ended})
    return ended


async def end_session(office: Office, session_id: str, by: Actor) -> None:
    """End one session by its id; one's own need no right. Raises Problem `unknown_session`, `right_missing`."""
    name = await office.pool.fetchval(SQL.find_session_owner, session_id)
    await _may(office, by, name or session_id, own=True)
    async with transaction(office.pool) as conn:
        if await conn.fetchval(SQL.end_session_by_id, session_id) is None:
            raise Problem("unknown_session", Kind.NOT_FOUND)
        await _note(conn, office, by, "session_ended", name, {"session_id": session_id})


async def exists(office: Office, name: str) -> bool:
    """Whether there is an account of this name."""
    return await office.pool.fetchrow(SQL.find_staff, name) is not None


async def list_accounts(office: Office) -> list[Account]:
    """Everybody, by name."""
    now = office.clock.now()
    rows = await office.pool.fetch(SQL.list_staff, now, idle_since(office, now))
    return [Account(**{**dict(row), "roles": tuple(row["roles"])}) for row in rows]


async def list_sessions(office: Office, name: str) -> list[Session]:
    """A person's open sessions, oldest first; without a name: everybody's."""
    now = office.clock.now()
    rows = await office.pool.fetch(SQL.list_sessions, name, now, idle_since(office, now))
    return [Session(**dict(row)) for row in rows]


def _roles(roles: Sequence[Role]) -> list[str]:
    if not roles:
        raise Problem("staff_role_missing", Kind.INVALID, "at least one role")
    return sorted({Role(role).value for role in roles})


async def _may(office: Office, by: Actor, subject: str, *, own: bool = False) -> None:
    if isinstance(by, Member) and not (own and by.name == subject):
        await record.require(office, by, Right.MANAGE_STAFF, subject)


def _known(name: str | None) -> None:
    if name is None:
        raise Problem("unknown_staff", Kind.NOT_FOUND, "there is no account of this name")


async def _end_sessions(conn: asyncpg.Connection, office: Office, name: str) -> int:
    return sum(row["open"] for row in await conn.fetch(SQL.end_sessions, name, office.clock.now()))


async def _note(
    conn: asyncpg.Connection,
    office: Office,
    by: Actor,
    action: str,
    name: str,
    data: dict[str, Any] | None = None,
) -> None:
    await record.write(conn, office.rng, office.clock.now(), by, action, name, kind="account", data=data)
