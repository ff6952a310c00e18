"""Three ways: what a channel says it paid out, what the ledger has of it, and what the bank shows (到账核对).

The channel's own account (资金账单) is held against its settlement list, the list against the bank's line, by the reference
that both bear. A line of one side alone waits for the other's, 72 hours at most; then two people decide.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import asyncpg

from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.reconciliation import merge
from mingzhang.reconciliation.bills.bank import BankLine, write_lines_of_day
from mingzhang.reconciliation.model import Kind
from mingzhang.reconciliation.states import await_line
from mingzhang.reconciliation.store import SQL, Break, lock_breaks, note, save

REOPENED: Final = timedelta(days=60)
"""So far back a day is judged again for lines that came late."""


async def list_banks(conn: asyncpg.Connection) -> list[str]:
    """Banks with an account of ours."""
    return [row["bank"] for row in await conn.fetch(SQL.list_banks)]


async def read_day(conn: asyncpg.Connection, bank: str, day: date) -> tuple[bytes, str] | None:
    """A bank's lines of a day as a file, and the evidence of the statement that brought them; empty bytes when there is
    none. None while something is expected and no statement reaches to that day: a bank may write none of a still day."""
    rows = await conn.fetch(SQL.list_bank_lines, bank, day)
    told = await conn.fetchval(SQL.is_bank_day_told, bank, day)
    if not told and (rows or await conn.fetchval(SQL.is_payout_expected, bank, day)):
        return None
    lines = [BankLine(**{name: row[name] for name in BankLine.__struct_fields__}) for row in rows]
    return (write_lines_of_day(lines), rows[-1]["evidence_id"]) if rows else (b"", "")


async def reopen_days(ctx: Context) -> None:
    """Days that were judged before a later statement brought lines of them are judged once more."""
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        await conn.execute(SQL.reopen_bank_days, now, now - REOPENED)


async def look_again(ctx: Context, break_id: str) -> None:
    """Whether the other side's line has come meanwhile, and both say the same; else it is awaited on."""
    async with transaction(ctx.pool) as conn:
        row = (await lock_breaks(conn, [break_id]))[break_id]
        if row.state != "waiting":
            return
        now = ctx.now()
        if await _has_met(conn, row):
            resolution = "listed_since" if row.theirs is None else "booked_since"
            await merge.close(conn, row, "resolved", resolution, now)
            return
        to = await_line(row.party, row.next_actor, row.since, now)
        asked = row.asked + 1
        merge.step(row, to, now)
        row.asked = asked
        if to.state == "person":
            await note(conn, row, "needs_person", now)
        await save(conn, row)


async def _has_met(conn: asyncpg.Connection, row: Break) -> bool:
    side = row.theirs or row.ours
    assert side is not None
    if row.kind == Kind.SETTLED:
        found = await conn.fetch(SQL.payouts_by_key, row.party, [row.key])
        return row.theirs is not None and [it["amount_fen"] for it in found] == [side["amount_fen"]]
    stand = await conn.fetchrow(SQL.stand_of_reference, row.party, row.key)
    told = stand["told_fen"]
    return stand["lines"] > 0 and not stand["waiting"] and told in (None, stand["lines_fen"])
