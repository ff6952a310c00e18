"""查询密码: a password the buyer may set with an order, to open it later beside or instead of the contact.

Kept as a keyed hash bound to the order. The key is outside the database, so a stolen table can't be tried against a
list of passwords, and a slow hash would add nothing but load; guesses at the door are counted where the door is.
"""

import hmac

import asyncpg

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.vault import Vault
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL

LENGTH_MIN, LENGTH_MAX = 6, 64


def check_password(text: str, beside: tuple[str, ...]) -> None:
    """Raise Problem `bad_password` for one that is short, a single repeated sign, or what everybody sees (`beside`)."""
    sound = LENGTH_MIN <= len(text) <= LENGTH_MAX and text.isprintable() and len(set(text)) > 2
    if not sound or text in beside or text in "0123456789" or text in "9876543210":
        raise Problem("bad_password", Kind.INVALID, params={"field": "query_password", "min": LENGTH_MIN})


def _hash(vault: Vault, order_id: str, text: str) -> bytes:
    return vault.fingerprint(f"query-password:{order_id}:{text}")


async def keep_password(ctx: Context, order_id: str, text: str) -> None:
    """Keep the hash; a repetition of the same placing changes nothing."""
    await ctx.pool.execute(
        SQL.insert_password, bucket_of(order_id), order_id, _hash(ctx.vault, order_id, text), ctx.now()
    )


async def password_fits(conn: asyncpg.Connection, vault: Vault, order_id: str, text: str) -> bool:
    """Whether this is the order's query password; false for an order without one."""
    kept = await conn.fetchval(SQL.read_password, bucket_of(order_id), order_id)
    return kept is not None and hmac.compare_digest(kept, _hash(vault, order_id, text))
