"""What a person does with their own account: another password, an authenticator, recovery codes.

Each asks for the password (and the code, where there is one) again: an open session on somebody's desk is not enough.
"""

from __future__ import annotations

import base64
import binascii

import asyncpg
from cryptography.exceptions import InvalidTag

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import SIGN_IN
from mingzhang.staff import accounts, passwords, record, recovery, totp
from mingzhang.staff.doors import From, code_fits, guesses_of, open_session
from mingzhang.staff.model import Member, Office
from mingzhang.staff.record import SQL


async def change_password(
    office: Office, member: Member, password: str, code: str, new_password: str
) -> None:
    """Another password; ends the person's other sessions.

    Raises Problem `sign_in_failed`, `too_many`, `password_too_short`, `password_too_common`.
    """
    await _verify(office, member, password, code)
    hashed = await passwords.hash_new(new_password, member.name)
    async with transaction(office.pool) as conn:
        await conn.execute(SQL.set_password, member.name, hashed)
        await conn.execute(SQL.end_other_sessions, member.name, member.session_id)
        await _note(conn, office, member, "staff_password_set")


async def begin_totp(office: Office, member: Member, password: str, code: str) -> tuple[str, str]:
    """A new authenticator's secret, and the same sealed for the form that proves it. Nothing is kept yet.

    Raises Problem `sign_in_failed`, `too_many`.
    """
    await _verify(office, member, password, code)
    secret = totp.new_secret()
    return secret, base64.urlsafe_b64encode(office.vault.seal(f"{member.name}\n{secret}")).decode()


def opened(office: Office, member: Member, sealed: str) -> str:
    """The secret of `begin_totp`'s form. Raises Problem `totp_wrong` for what is not this person's."""
    try:
        name, _, secret = office.vault.open(base64.urlsafe_b64decode(sealed)).partition("\n")
    except (ValueError, binascii.Error, InvalidTag) as error:
        raise Problem("totp_wrong", Kind.INVALID) from error
    if name != member.name:
        raise Problem("totp_wrong", Kind.INVALID)
    return secret


async def enrol(
    office: Office, member: Member, sealed: str, code: str, origin: From
) -> tuple[str, list[str]]:
    """Put the authenticator in force: a strong session's token instead of this one, and the recovery codes.

    Raises Problem `totp_wrong`, `too_many`.
    """
    await guesses_of(office).take(f"own:{member.name}", SIGN_IN)
    codes = await accounts.set_totp(office, member.name, opened(office, member, sealed), code, member)
    await guesses_of(office).forget(f"own:{member.name}")
    async with transaction(office.pool) as conn:
        return await open_session(conn, office, member.name, origin, strong=True), codes


async def new_codes(office: Office, member: Member, password: str, code: str) -> list[str]:
    """Recovery codes instead of those before. Raises Problem `sign_in_failed`, `too_many`, `totp_missing`."""
    row = await _verify(office, member, password, code)
    if row["totp_since"] is None:
        raise Problem("totp_missing", Kind.CONFLICT)
    async with transaction(office.pool) as conn:
        await _note(conn, office, member, "recovery_codes_made")
        return await recovery.make(conn, office, member.name)


async def _verify(office: Office, member: Member, password: str, code: str) -> asyncpg.Record:
    await guesses_of(office).take(f"own:{member.name}", SIGN_IN)
    row = await office.pool.fetchrow(SQL.find_staff, member.name)
    right = await passwords.matches(row["password_hash"] if row is not None else None, password)
    if row is None or not right or not await code_fits(office, row, code):
        raise Problem("sign_in_failed", Kind.INVALID)
    await guesses_of(office).forget(f"own:{member.name}")
    return row


async def _note(conn: asyncpg.Connection, office: Office, member: Member, action: str) -> None:
    await record.write(conn, office.rng, office.clock.now(), member, action, member.name, kind="account")
