"""What people do with stock that is not sold: the recycle bin, moving cards to another product, giving them up.

Only cards that nobody was given can be withdrawn; what was withdrawn is kept, sealed, lies in the recycle bin at its
cost, and comes back in a new batch or is given up as a loss (ledger row 26). All of it goes under the product's line, so
that no sale is under way on the same cards. Source: issue 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.fulfilment.stock.importer import Entry, Imported, NewBatch, put_on_shelf
from mingzhang.fulfilment.stock.store import SQL, lock_lines
from mingzhang.fulfilment.stock.trade import NOTHING, Payment, book_loss, keep_record
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vault import Vault

BINNED_MAX: Final = 2_000_000  # a whole batch, and more


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

    The codes stay the same, so they are no duplicates there; cost, expiry and being reusable stay theirs, too, so that
    no money moves. `nothing_to_move` when none of them is free.
    """
    async with transaction(pool) as conn:
        shelf = await _lock_two(conn, batch_id, into, now)
        taken = await _withdraw(conn, shelf, numbers, f"moved:{into.batch_id}", into.added_by, now)
        if not taken:
            raise Problem("nothing_to_move", Kind.CONFLICT, batch_id)
        await _reshelve(conn, vault, shelf, taken, into, "moved", now)
    return Imported(batch_id=into.batch_id, cards=len(taken), skipped=0)


async def restore(
    pool: asyncpg.Pool,
    vault: Vault,
    batch_id: str,
    numbers: Sequence[int] | None,
    into: NewBatch,
    now: datetime,
) -> Imported:
    """Put cards of the recycle bin back on a shelf (None: all of the batch), as the batch `into`; else like `move`."""
    async with transaction(pool) as conn:
        shelf = await _lock_two(conn, batch_id, into, now)
        taken = await _binned(conn, batch_id, numbers)
        if not taken:
            raise Problem("nothing_to_move", Kind.CONFLICT, batch_id)
        await conn.execute(
            SQL.insert_exits, batch_id, taken, "restored", into.batch_id, 0, "", into.added_by, now
        )
        await _reshelve(conn, vault, shelf, taken, into, "restored", now)
    return Imported(batch_id=into.batch_id, cards=len(taken), skipped=0)


async def write_off(
    pool: asyncpg.Pool,
    rng: Random,
    batch_id: str,
    numbers: Sequence[int] | None,
    *,
    reason: str,
    by: str,
    now: datetime,
    binned: bool = False,
) -> list[int]:
    """Give cards up for good, with their cost as a loss (row 26): those on the shelf, or those in the bin.

    None: all that are there. The numbers that really were given up; what is sold or gone already is left out.
    """
    async with transaction(pool) as conn:
        shelf = await _locked(conn, batch_id, now)
        if binned:
            gone = await _binned(conn, batch_id, numbers)
        else:
            gone = await _withdraw(conn, shelf, numbers, reason, by, now)
        if not gone:
            return []
        unit_fen = 0 if shelf["reusable"] else shelf["unit_cost_fen"]
        told = {
            "batch_id": batch_id,
            "cards": gone,
            "reason": reason,
            "by": by,
            "cost_fen": unit_fen * len(gone),
        }
        cited = await keep_record(conn, rng, now, "stock.write_off", told)
        await conn.execute(SQL.insert_exits, batch_id, gone, "written_off", "", unit_fen, cited, by, now)
        await book_loss(conn, now, batch_id, amount_fen=unit_fen * len(gone), evidence_id=cited)
    return gone


async def write_off_expired(pool: asyncpg.Pool, rng: Random, *, by: str, now: datetime) -> dict[str, int]:
    """Row 26 for every batch that expired with cards left: cards given up by batch."""
    batches = [row["batch_id"] for row in await pool.fetch(SQL.list_expired, now)]
    return {
        batch_id: len(await write_off(pool, rng, batch_id, None, reason="expired", by=by, now=now))
        for batch_id in batches
    }


async def _lock_two(conn: asyncpg.Connection, batch_id: str, into: NewBatch, now: datetime) -> asyncpg.Record:
    """Both products' lines, in one order, and the batch's place as it is under them."""
    shelf = await conn.fetchrow(SQL.find_shelf, batch_id)
    if shelf is None:
        raise Problem("unknown_batch", Kind.NOT_FOUND, batch_id)
    await lock_lines(conn, [shelf["product"], into.product], now)
    if await conn.fetchrow(SQL.find_batch, into.batch_id) is not None:
        raise Problem("batch_reused", Kind.CONFLICT, into.batch_id)
    return await conn.fetchrow(SQL.find_shelf, batch_id)


async def _reshelve(
    conn: asyncpg.Connection,
    vault: Vault,
    shelf: asyncpg.Record,
    numbers: list[int],
    into: NewBatch,
    money: str,
    now: datetime,
) -> None:
    """The same sealed cards as another batch, at their own cost."""
    batch_id = shelf["batch_id"]
    kept = msgspec.structs.replace(
        into,
        unit_cost_fen=shelf["unit_cost_fen"],
        expires_at=shelf["expires_at"],
        reusable=shelf["reusable"],
        payment=Payment(money=NOTHING),
    )
    await conn.execute(SQL.copy_cards, kept.batch_id, batch_id, numbers)
    request_hash = vault.fingerprint(msgspec.json.encode([batch_id, numbers, kept]).decode())
    entry = Entry(count=len(numbers), skipped=0, request_hash=request_hash, money=money, evidence_id="")
    await put_on_shelf(conn, kept, entry, now)


async def _binned(conn: asyncpg.Connection, batch_id: str, numbers: Sequence[int] | None) -> list[int]:
    wanted = None if numbers is None else list(numbers)
    return [row["n"] for row in await conn.fetch(SQL.list_binned, batch_id, wanted, BINNED_MAX)]


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
