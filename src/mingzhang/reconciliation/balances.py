"""A supplier's balance at the end of each day, asked for by its own call, against what the ledger has there (R14).

Suppliers' calls tell no list of a day's orders, but each tells the balance. What an order has reserved may be charged
already or not, and a top-up that the bank paid out may stand there already; so the balance must lie between what is free
and what is free, reserved or on its way. Both are read around the question. A supplier with which the ledger never had
money is not judged.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.reconciliation import merge
from mingzhang.reconciliation.model import BreakClass, Found, Kind, OurSide, TheirSide, Totals, Word
from mingzhang.reconciliation.sources import Source
from mingzhang.reconciliation.store import SQL


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking: ``known`` false: no answer. ``differs``: by how much beyond what may be under way, fen."""

    known: bool
    differs: int = 0
    opened: int = 0
    closed: int = 0


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What of ours is at a supplier by the ledger, or on its way there, fen; ``legs``: how many entries say so."""

    free_fen: int
    reserved_fen: int
    topup_fen: int
    legs: int


async def ask(ctx: Context, source: Source, day: date) -> Asked:
    """Ask once and write the day down; the caller has made the day's row."""
    before = await _held(ctx, source.party)
    answer = await ctx.suppliers[source.party].balance()
    async with transaction(ctx.pool) as conn:
        cited = await evidence.keep_all(conn, ctx.rng, ctx.now(), answer.messages)
    if not answer.known:
        return Asked(known=False)
    after = await _held(ctx, source.party)
    least = min(before.free_fen, after.free_fen)
    most = max(it.free_fen + it.reserved_fen + it.topup_fen for it in (before, after))
    differs = max(0, least - answer.free_fen, answer.free_fen - most) if after.legs else 0
    async with transaction(ctx.pool) as conn:
        await conn.fetchrow(SQL.lock_day, source.name, day)
        found = [_found(day, answer.free_fen, least, cited, ctx.now())] if differs else []
        changed = await merge.merge(ctx, conn, source, day, "", found, [])
        totals = Totals(
            kind=Kind.BALANCE.value, theirs_n=1, theirs_fen=answer.free_fen, ours_n=1, ours_fen=least
        )
        values = ("", ctx.now(), 0 if differs else 1, [msgspec.to_builtins(totals)])
        await conn.execute(SQL.set_judged, source.name, day, "judged", *values)
    return Asked(known=True, differs=differs, opened=changed.opened, closed=changed.closed)


async def _held(ctx: Context, supplier: str) -> Held:
    async with ctx.pool.acquire() as conn:
        return Held(**dict(await conn.fetchrow(SQL.read_supplier_money, supplier)))


def _found(day: date, theirs: int, ours: int, cited: str, now: datetime) -> Found:
    at, on, state = int(now.timestamp()), now.astimezone(BEIJING).date(), Word.DONE.value
    return Found(
        cls=BreakClass.AMOUNT,
        kind=Kind.BALANCE.value,
        key=day.isoformat(),
        theirs=TheirSide(
            position=0, our_no="", their_no="", amount_fen=theirs, fee_fen=None, state=state, at=at, day=on
        ),
        ours=OurSide(
            subject="",
            evidence_id=cited,
            our_no="",
            their_no="",
            amount_fen=ours,
            fee_fen=None,
            state=state,
            at=at,
            day=on,
        ),
    )
