"""One-time codes with which a buyer proves a contact (验证码): six digits, ten minutes, five tries, once.

Every refusal looks alike to who asks; the limits are kept with the rows, so that no second process has its own.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault

SQL: Final = load("mingzhang.shop", "codes")
DIGITS: Final = 6
LIFE_S: Final = 600
TRIES_MAX: Final = 5
PAUSE_S: Final = 60
HOUR_MAX: Final = 5
DAY_MAX: Final = 10


async def make_code(
    conn: asyncpg.Connection, vault: Vault, code_id: str, contact: str, code: str, now: datetime, speed: float
) -> datetime | None:
    """Put a code on record, its hash alone; returns until when it holds, or None when there were too many lately.

    Call it inside the transaction that queues the letter. `code` comes from a source nobody can foresee. Spans are
    real seconds, `speed` turns them into the product's.
    """
    contact_hash = vault.fingerprint(contact)
    row = await conn.fetchrow(
        SQL.count_codes,
        contact_hash,
        now - timedelta(seconds=PAUSE_S * speed),
        now - timedelta(hours=speed),
        now - timedelta(days=speed),
    )
    if row["fresh"] or row["hour"] >= HOUR_MAX or row["day"] >= DAY_MAX:
        return None
    until = now + timedelta(seconds=LIFE_S * speed)
    await conn.execute(SQL.drop_codes, contact_hash, now - timedelta(days=speed))
    await conn.execute(SQL.insert_code, code_id, contact_hash, _hash(vault, code_id, code), now, until)
    return until


async def use_code(conn: asyncpg.Connection, vault: Vault, contact: str, code: str, now: datetime) -> bool:
    """Whether this is the contact's newest code, and holds; it is used up. Each asking counts as a try.

    Commit it whatever the answer: a try that is rolled back was none.
    """
    contact_hash = vault.fingerprint(contact)
    row = await conn.fetchrow(SQL.count_try, contact_hash, now, TRIES_MAX)
    if row is None or not hmac.compare_digest(row["code_hash"], _hash(vault, row["code_id"], code)):
        return False
    return await conn.fetchval(SQL.set_used, row["code_id"], now) is not None


def _hash(vault: Vault, code_id: str, code: str) -> bytes:
    return vault.fingerprint(f"sign-in-code\n{code_id}\n{code}")
