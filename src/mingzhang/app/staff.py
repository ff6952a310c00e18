"""Members of staff and their sessions: argon2id passwords, hashed session tokens, a lock after wrong tries."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mingzhang.kit import sql
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem

SQL: Final = sql.load("mingzhang.app", "staff")
LOCK: Final = timedelta(minutes=5)
SESSION: Final = timedelta(hours=12)
PASSWORD_MIN: Final = 8
NAME_MAX: Final = 64
_HASHER: Final = PasswordHasher()


@cache
def _decoy() -> str:
    return _HASHER.hash(secrets.token_hex(16))


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


async def add(pool: asyncpg.Pool, name: str, password: str, now: datetime) -> None:
    """Add a member of staff or give a new password. Raises Problem `staff_name_invalid`, `password_too_short`."""
    if not name.isprintable() or not 0 < len(name) <= NAME_MAX or name != name.strip():
        raise Problem("staff_name_invalid", Kind.INVALID, "1 to 64 printable characters")
    if len(password) < PASSWORD_MIN:
        raise Problem("password_too_short", Kind.INVALID, f"at least {PASSWORD_MIN} characters")
    hashed = await asyncio.to_thread(_HASHER.hash, password)
    async with transaction(pool) as conn:
        await conn.execute(SQL.add_staff, name, hashed, now)
        await conn.execute(SQL.close_sessions, name)  # whoever came in with the old password is out


async def sign_in(pool: asyncpg.Pool, name: str, password: str, now: datetime, speed: float) -> str | None:
    """A new session's token, None when name or password is wrong. Raises Problem `locked`.

    `speed`: virtual seconds per real one; sessions and locks last real hours, also in a demo.
    """
    row = await pool.fetchrow(SQL.find_staff, name)
    if row is not None and row["locked_until"] is not None and row["locked_until"] > now:
        raise Problem("locked", Kind.TOO_MANY)
    # A name that does not exist costs as long as a wrong password.
    hashed = row["password_hash"] if row is not None else await asyncio.to_thread(_decoy)
    right = await asyncio.to_thread(_matches, hashed, password)
    if row is None or not row["active"] or not right:
        await pool.execute(SQL.record_failure, name, now + LOCK * speed)
        return None
    token = secrets.token_urlsafe(32)
    await pool.execute(SQL.clear_failures, name)
    await pool.execute(SQL.open_session, _hash(token), name, now, now + SESSION * speed)
    return token


async def who(pool: asyncpg.Pool, token: str, now: datetime) -> str | None:
    """The name behind a session's token."""
    if not token:
        return None
    name: str | None = await pool.fetchval(SQL.find_session, _hash(token), now)
    return name


async def sign_out(pool: asyncpg.Pool, token: str, now: datetime) -> None:
    """End a session."""
    await pool.execute(SQL.close_session, _hash(token), now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
