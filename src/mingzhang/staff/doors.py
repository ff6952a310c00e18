"""Signing in and out: argon2id, a second factor, waits after wrong tries, sessions that end by themselves."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from mingzhang.kit.database import transaction
from mingzhang.kit.guesses import SIGN_IN, STRANGERS, Guesses
from mingzhang.kit.ids import new_id
from mingzhang.staff import passwords, record, recovery, totp
from mingzhang.staff.model import Member, Office
from mingzhang.staff.record import SQL
from mingzhang.staff.rights import rights_of

SESSION: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=1)
TOUCH_EVERY: Final = timedelta(minutes=1)
BROWSER_MAX: Final = 160


class From(NamedTuple):
    """Where somebody comes from. `known`: what this browser was given when this very person signed in before."""

    address: str = ""
    browser: str = ""
    known: str = ""


async def sign_in(
    office: Office, name: str, password: str, code: str = "", origin: From | None = None, old_token: str = ""
) -> str | None:
    """A new session's token; None when name, password or code is wrong, without saying which.

    An account with a second factor needs its `code`, or a recovery code; one without opens a weak session
    (`rights.NEEDS_TOTP`). The session of `old_token` ends: a browser has one. Raises Problem `too_many`.
    """
    came = origin or From()
    guesses = guesses_of(office)
    mine = f"sign-in:{name.casefold()}:{came.known or came.address}"
    anybody = f"sign-in:{name.casefold()}"
    blocks = await guesses.take(mine, SIGN_IN)
    if not came.known:
        blocks |= await guesses.take(anybody, STRANGERS)
    row = await office.pool.fetchrow(SQL.find_staff, name)
    right = await passwords.matches(row["password_hash"] if row is not None else None, password)
    if row is None:
        return None
    if not right or not row["active"] or not await code_fits(office, row, code):
        if blocks:
            await _note(office, name, "locked")
        return None
    await guesses.forget(mine)
    hashed = row["password_hash"]
    if passwords.HASHER.check_needs_rehash(hashed):
        hashed = await asyncio.to_thread(passwords.HASHER.hash, password)
    async with transaction(office.pool) as conn:
        now = office.clock.now()
        await conn.execute(SQL.record_success, name, now, hashed)
        await conn.execute(SQL.clear_sessions, now, idle_since(office, now))
        if old_token:
            await conn.execute(SQL.end_session, _hash(old_token))
        return await open_session(conn, office, name, came, strong=row["totp_since"] is not None)


async def open_session(
    conn: asyncpg.Connection, office: Office, name: str, origin: From, *, strong: bool
) -> str:
    """A new session, on record; returns its token, of which only the hash is kept."""
    token, now = secrets.token_urlsafe(32), office.clock.now()
    session_id = new_id(now, office.rng)
    ends = now + SESSION * office.clock.speed
    await conn.execute(
        SQL.open_session,
        _hash(token),
        name,
        session_id,
        strong,
        now,
        ends,
        origin.address,
        origin.browser[:BROWSER_MAX],
    )
    data = {"strong": strong}
    await record.write(conn, office.rng, now, name, "signed_in", session_id, kind="account", data=data)
    return token


def guesses_of(office: Office) -> Guesses:
    """The doors that staff try, on the machine's own time."""
    return Guesses(office.pool, office.vault.fingerprint, office.phone)


def idle_since(office: Office, now: datetime) -> datetime:
    """Sessions not used since then are over; real time, also in a demo."""
    return now - IDLE * office.clock.speed


async def code_fits(office: Office, row: asyncpg.Record, code: str) -> bool:
    """Whether this is the second factor of an account (or one of its recovery codes, used up by this).

    `row`: name, totp_enc, totp_since. Without a second factor every code fits.
    """
    if row["totp_since"] is None:
        return True
    if recovery.is_like_one(code):
        used = await recovery.use(office.pool, office, row["name"], code)
        if used:
            await _note(office, row["name"], "recovery_code_used")
        return used
    step = totp.matching_step(office.vault.open(row["totp_enc"]), code, office.phone.now())
    return step is not None and await office.pool.fetchval(SQL.use_totp_step, row["name"], step) is not None


async def _note(office: Office, name: str, action: str) -> None:
    async with transaction(office.pool) as conn:
        await record.write(conn, office.rng, office.clock.now(), name, action, name, kind="account")


async def who(office: Office, token: str) -> Member | None:
    """Who holds this token now, with what the session may do. Being asked for keeps a session alive."""
    if not token:
        return None
    now, hashed = office.clock.now(), _hash(token)
    row = await office.pool.fetchrow(SQL.find_session, hashed, now, idle_since(office, now))
    if row is None:
        return None
    if row["seen_at"] < now - TOUCH_EVERY * office.clock.speed:
        await office.pool.execute(SQL.touch_session, hashed, now)
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
