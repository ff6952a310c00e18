"""Recovery codes (恢复码): ten words for whoever lost the phone, each good for one sign-in, kept as keyed hashes."""

from __future__ import annotations

import secrets
from typing import Final

import asyncpg

from mingzhang.staff.model import Office
from mingzhang.staff.record import SQL

HOW_MANY: Final = 10
LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another
GROUP: Final = 4
GROUPS: Final = 3  # 58 bits


async def make(conn: asyncpg.Connection, office: Office, name: str) -> list[str]:
    """New codes instead of the old ones; shown once and never again."""
    codes = [
        "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))
        for _ in range(HOW_MANY)
    ]
    await conn.execute(SQL.clear_recovery, name)
    hashes = [_hash(office, name, code) for code in codes]
    await conn.execute(SQL.insert_recovery, name, hashes, office.clock.now())
    return codes


def is_like_one(code: str) -> bool:
    """Whether it has the shape of a recovery code, and so is none of the authenticator's."""
    return len(_bare(code)) == GROUP * GROUPS


async def use(conn: asyncpg.Connection | asyncpg.Pool, office: Office, name: str, code: str) -> bool:
    """Use a code up; False when it is none of this person's, or was used."""
    found = await conn.fetchval(SQL.use_recovery, name, _hash(office, name, code), office.clock.now())
    return found is not None


async def left(conn: asyncpg.Connection | asyncpg.Pool, name: str) -> int:
    """How many are not used yet."""
    return int(await conn.fetchval(SQL.count_recovery, name))


def _bare(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


def _hash(office: Office, name: str, code: str) -> bytes:
    return office.vault.fingerprint(f"recovery\n{name}\n{_bare(code)}")
