"""What two people decide about a difference that no rule ends; each ending is a new posting or says why none is needed."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from mingzhang.custody.store import SQL as CUSTODY
from mingzhang.kit.errors import Kind as ProblemKind
from mingzhang.kit.errors import Problem
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CHANNEL, MISSING
from mingzhang.orders.context import Context
from mingzhang.reconciliation import merge
from mingzhang.reconciliation.model import Kind
from mingzhang.reconciliation.sources import source_named
from mingzhang.reconciliation.states import ask_now
from mingzhang.reconciliation.store import Break, lock_breaks, note, save

EXPLAIN: Final = "explain"
BOOK_CHARGE: Final = "book_charge"
WRITE_OFF: Final = "write_off"
WAYS: Final = (EXPLAIN, BOOK_CHARGE, WRITE_OFF)
_SUBJECTS: Final = {BOOK_CHARGE: "charge", WRITE_OFF: "loss"}
_ENDED: Final = {EXPLAIN: "explained", BOOK_CHARGE: "charge_booked", WRITE_OFF: "written_off"}


def ways_of(row: Break) -> tuple[str, ...]:
    """How two people may end it: say why the two sides differ, book the party's own charge (row 27), or give up what a
    payout was short of (row 26)."""
    if not row.open:
        return ()
    if row.kind == Kind.RECEIVED and row.theirs is not None and row.ours is not None:
        short = row.theirs["amount_fen"] < row.ours["amount_fen"]
        return (WRITE_OFF, EXPLAIN) if short else (EXPLAIN,)
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
    if way != EXPLAIN:
        place = CHANNEL if way == BOOK_CHARGE else MISSING
        # What is missing at a bank moves under that bank's lock alone (settlement/close.py, lines.py).
        await conn.fetchrow(CUSTODY.lock_bank, row.party)
        held = await ledger.read_float(conn, place, row.party)
        if held < row.stake_fen:
            raise Problem("float_short", ProblemKind.CONFLICT, f"{row.stake_fen} of {held} at {row.party}")
        book = postings.own_charges if way == BOOK_CHARGE else postings.written_off
        subject = f"{_SUBJECTS[way]}:{break_id}"
        posting = book(subject, at=(place, row.party), amount_fen=row.stake_fen)
        await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now)
    await merge.close(conn, row, "resolved", _ENDED[way], now, who=who, evidence_id=evidence_id, way=way)


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
