"""What two people decide about a difference that no rule ends; each ending is a new posting or says why none is needed."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from mingzhang.kit.errors import Kind as ProblemKind
from mingzhang.kit.errors import Problem
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CHANNEL
from mingzhang.orders.context import Context
from mingzhang.reconciliation import merge
from mingzhang.reconciliation.model import Kind
from mingzhang.reconciliation.sources import source_named
from mingzhang.reconciliation.states import ask_now
from mingzhang.reconciliation.store import Break, lock_breaks, note, save

EXPLAIN: Final = "explain"
BOOK_CHARGE: Final = "book_charge"
WAYS: Final = (EXPLAIN, BOOK_CHARGE)


def ways_of(row: Break) -> tuple[str, ...]:
    """How two people may end it: say why the two sides differ, or book the party's own charge (row 27)."""
    if not row.open:
        return ()
    charge = row.kind in (Kind.CHARGE, Kind.OTHER) and row.ours is None
    of_channel = source_named(row.source).side == "channel"
    return (BOOK_CHARGE, EXPLAIN) if charge and of_channel else (EXPLAIN,)


def terms_of(row: Break, way: str) -> dict[str, Any]:
    """What exactly is decided: this difference as it is now, in this way. Raises Problem `unknown_action`."""
    if way not in ways_of(row):
        raise Problem("unknown_action", ProblemKind.INVALID)
    return {"way": way, "class": row.class_, "file": row.file_id, "stake_fen": row.stake_fen}


async def settle(
    conn: asyncpg.Connection, ctx: Context, break_id: str, way: str, evidence_id: str, who: str
) -> None:
    """Carry a decision out, in the transaction that uses it up. Raises `unknown_action`, `float_short`."""
    row = (await lock_breaks(conn, [break_id]))[break_id]
    terms_of(row, way)
    now = ctx.now()
    if way == BOOK_CHARGE:
        held = await ledger.read_float(conn, CHANNEL, row.party)
        if held < row.stake_fen:
            raise Problem("float_short", ProblemKind.CONFLICT, f"{row.stake_fen} of {held} at {row.party}")
        posting = postings.own_charges(
            f"charge:{break_id}", at=(CHANNEL, row.party), amount_fen=row.stake_fen
        )
        await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now)
    resolution = "charge_booked" if way == BOOK_CHARGE else "explained"
    await merge.close(conn, row, "resolved", resolution, now, who=who, evidence_id=evidence_id, way=way)


async def ask_outside(conn: asyncpg.Connection, ctx: Context, break_id: str, who: str) -> None:
    """Somebody wants the outside asked at once. Raises `unknown_break`, `break_closed`."""
    row = (await lock_breaks(conn, [break_id])).get(break_id)
    if row is None:
        raise Problem("unknown_break", ProblemKind.NOT_FOUND)
    if not row.open:
        raise Problem("break_closed", ProblemKind.CONFLICT)
    merge.step(row, ask_now(row.party, ctx.now()), ctx.now())
    row.asked = 0
    await note(conn, row, "staff_asked", ctx.now(), who=who)
    await save(conn, row)
