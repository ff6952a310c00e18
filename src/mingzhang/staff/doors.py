"""Signing in and out: argon2id, a second factor, a lock after wrong tries, sessions that can be ended."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import timedelta
from functools import cache
from typing import Final

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.staff import record, totp
from mingzhang.staff.model import Member, Office
from mingzhang.staff.record import SQL
from mingzhang.staff.rights import rights_of

LOCK: Final = timedelta(minutes=5)
SESSION: Final = timedelta(hours=12)
HASHER: Final = PasswordHasher()  # argon2id with the library's current parameters


@cache
def _decoy() -> str:
    return HASHER.hash(secrets.token_hex(16))


def _matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


async def sign_in(office: Office, name: str, password: str, code: str = "") -> str | None:
    """A new session's token; None when name, password or code is wrong, without saying which.

    An account with a second factor needs its `code`; one without opens a weak session (`rights.NEEDS_TOTP`).
    Sessions and locks last real hours, also in a demo. Raises Problem `locked`.
    """
    now = office.clock.now()
    row = await office.pool.fetchrow(SQL.find_staff, name)
    if row is not None and row["locked_until"] is not None and row["locked_until"] > now:
        raise Problem("locked", Kind.TOO_MANY)
    # A name that does not exist costs as long as a wrong password.
    hashed = row["password_hash"] if row is not None else await asyncio.to_thread(_decoy)
    right = await asyncio.to_thread(_matches, hashed, password)
    if row is None:
        return None
    if not right or not row["active"] or not await _code_fits(office, row, code):
        await _wrong(office, name)
        return None
    if HASHER.check_needs_rehash(hashed):
        hashed = await asyncio.to_thread(HASHER.hash, password)
    token = secrets.token_urlsafe(32)
    strong = row["totp_since"] is not None
    async with transaction(office.pool) as conn:
        session_id = new_id(now, office.rng)
        ends = now + SESSION * office.clock.speed
        await conn.execute(SQL.record_success, name, now, hashed)
        await conn.execute(SQL.clear_sessions, now)
        await conn.execute(SQL.open_session, _hash(token), name, session_id, strong, now, ends)
        await record.write(
            conn, office.rng, now, name, "signed_in", session_id, kind="account", data={"strong": strong}
        )
    return token


async def _code_fits(office: Office, row: asyncpg.Record, code: str) -> bool:
    if row["totp_since"] is None:
        return True
    step = totp.matching_step(office.vault.open(row["totp_enc"]), code, office.phone.now())
    return step is not None and await office.pool.fetchval(SQL.use_totp_step, row["name"], step) is not None


async def _wrong(office: Office, name: str) -> None:
    now = office.clock.now()
    async with transaction(office.pool) as conn:
        if await conn.fetchval(SQL.record_failure, name, now + LOCK * office.clock.speed):
            await record.write(conn, office.rng, now, name, "locked", name, kind="account")


async def who(office: Office, token: str) -> Member | None:
    """Who holds this token now, with what the session may do."""
    if not token:
        return None
    row = await office.pool.fetchrow(SQL.find_session, _hash(token), office.clock.now())
    if row is None:
        return None
    return Member(
        name=row["name"],
        roles=tuple(row["roles"]),
        rights=rights_of(row["roles"], strong=row["strong"]),
        session_id=row["session_id"],
        strong=row["strong"],
    )


async def sign_out(office: Office, token: str) -> None:
    """End the session of a token; an unknown one is none."""
    now = office.clock.now()
    async with transaction(office.pool) as conn:
        ended = await conn.fetchrow(SQL.end_session, _hash(token))
        if ended is not None:
            await record.write(
                conn, office.rng, now, ended["name"], "signed_out", ended["session_id"], kind="account"
            )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
