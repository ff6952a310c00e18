"""What people do with stock that is not sold: the recycle bin, and moving cards to another product.

Only cards that nobody was given can be withdrawn; what was withdrawn is kept, sealed, and can come back in a new
batch. Both go under the product's line, so that no sale is under way on the same cards. Source: issue 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from mingzhang.fulfilment.stock.importer import Imported, NewBatch, put_on_shelf
from mingzhang.fulfilment.stock.store import SQL, lock_lines
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vault import Vault


async def withdraw(
    pool: asyncpg.Pool,
    batch_id: str,
    numbers: Sequence[int] | None,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> list[int]:
    """Take cards off the shelf (None: all that are left); the numbers that really were taken off.

    Cards that are sold or were withdrawn before are left out, silently: the answer says what happened.
    """
    async with transaction(pool) as conn:
        return await _withdraw(conn, await _locked(conn, batch_id, now), numbers, reason, by, now)


async def move(
    pool: asyncpg.Pool,
    vault: Vault,
    batch_id: str,
    numbers: Sequence[int] | None,
    into: NewBatch,
    now: datetime,
) -> Imported:
    """Withdraw cards and put them on another product's shelf as the batch `into`, in one transaction.

    The codes stay the same, so they are no duplicates there. `nothing_to_move` when none of them is free.
    """
    async with transaction(pool) as conn:
        shelf = await conn.fetchrow(SQL.find_shelf, batch_id)
        if shelf is None:
            raise Problem("unknown_batch", Kind.NOT_FOUND, batch_id)
        await lock_lines(conn, [shelf["product"], into.product], now)
        if await conn.fetchrow(SQL.find_batch, into.batch_id) is not None:
            raise Problem("batch_reused", Kind.CONFLICT, into.batch_id)
        taken = await _withdraw(
            conn, await _locked(conn, batch_id, now), numbers, f"moved:{into.batch_id}", into.added_by, now
        )
        if not taken:
            raise Problem("nothing_to_move", Kind.CONFLICT, batch_id)
        await conn.execute(SQL.copy_cards, into.batch_id, batch_id, taken)
        request_hash = vault.fingerprint(msgspec.json.encode([batch_id, taken, into]).decode())
        await put_on_shelf(conn, into, len(taken), 0, request_hash, now)
    return Imported(batch_id=into.batch_id, cards=len(taken), skipped=0)


async def _locked(conn: asyncpg.Connection, batch_id: str, now: datetime) -> asyncpg.Record:
    """The batch's place on the shelf, read under its product's line."""
    shelf = await conn.fetchrow(SQL.find_shelf, batch_id)
    if shelf is None:
        raise Problem("unknown_batch", Kind.NOT_FOUND, batch_id)
    await lock_lines(conn, [shelf["product"]], now)
    return await conn.fetchrow(SQL.find_shelf, batch_id)


async def _withdraw(
    conn: asyncpg.Connection,
    shelf: asyncpg.Record,
    numbers: Sequence[int] | None,
    reason: str,
    by: str,
    now: datetime,
) -> list[int]:
    wanted = None if numbers is None else list(numbers)
    rows = await conn.fetch(SQL.withdraw_cards, shelf["batch_id"], wanted, reason, by, now)
    if rows:
        await conn.execute(SQL.reduce_shelf, shelf["batch_id"], len(rows))
    return sorted(row["n"] for row in rows)
