"""The end of a batch: what was netted, short or in excess (row 6), then the roll-up; closed only when it matches."""

from __future__ import annotations

from typing import Final

import asyncpg
import msgspec

from mingzhang.custody.store import SQL as CUSTODY_SQL
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import CHANNEL, CUSTODY, MISSING
from mingzhang.orders.context import Context
from mingzhang.orders.suspense import open_subject, put_aside_at_bank
from mingzhang.settlement.store import SQL, Batch, batch_of, list_members

MEMBERS_MAX: Final = 1_000_000


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank line is beside the members' sum: netted refunds, missing money, or more than was said."""

    netted_fen: int
    short_fen: int
    excess_fen: int


def gap_of(batch: Batch) -> Gap:
    """net = payout + netted; bank = payout − short + excess."""
    assert batch.bank_fen is not None
    return Gap(
        netted_fen=batch.net_fen - batch.payout_fen,
        short_fen=max(0, batch.payout_fen - batch.bank_fen),
        excess_fen=max(0, batch.bank_fen - batch.payout_fen),
    )


async def close_batch(ctx: Context, batch: Batch) -> None:
    """Book what lies between, all at once under the bank's lock, and close. Raises `batch_open` (a conflict) while the
    members' legs do not come to the batch."""
    async with transaction(ctx.pool) as conn:
        await conn.fetchrow(CUSTODY_SQL.lock_bank, batch.bank)
        fresh = batch_of(await conn.fetchrow(SQL.lock_batch, batch.channel, batch.batch_id))
        if fresh.state != "received":
            return
        sums = await conn.fetchrow(
            SQL.read_roll_up, batch.channel, batch.batch_id, fresh.evidence_id, fresh.line_evidence_id
        )
        # Without a line both sides cite the list, and what went into transit came out of it.
        alone = fresh.evidence_id == fresh.line_evidence_id
        if (sums["sent"], sums["came"]) != ((0, 0) if alone else (fresh.net_fen, fresh.net_fen)):
            raise Problem("batch_open", Kind.CONFLICT, f"sent {sums['sent']}, came {sums['came']}")
        gap = gap_of(fresh)
        await _cover(ctx, conn, fresh, gap)
        await _charge(ctx, conn, fresh)
        if gap.excess_fen:
            await _put_aside(ctx, conn, fresh, gap.excess_fen)
        now = ctx.now()
        await conn.execute(
            SQL.set_batch, batch.channel, batch.batch_id, "closed", "", None, None, now, fresh.asked, now
        )


async def _cover(ctx: Context, conn: asyncpg.Connection, batch: Batch, gap: Gap) -> None:
    """Netted and short money, from the float first, then from the batch's own owners, last line first."""
    free = max(0, await ledger.read_float(conn, CUSTODY, batch.bank))
    netted, short = min(free, gap.netted_fen), min(max(0, free - gap.netted_fen), gap.short_fen)
    rows: list[Posting] = []
    if netted:
        rows.append(
            postings.batch_netted(batch.subject, channel=batch.channel, bank=batch.bank, amount_fen=netted)
        )
    if short:
        rows.append(postings.batch_short(batch.subject, bank=batch.bank, amount_fen=short))
    for seq, row in enumerate(rows, start=1):
        await ledger.write_shared(conn, row, evidence_id=batch.line_evidence_id, now=ctx.now(), seq=seq)
    await _take(ctx, conn, batch, (CHANNEL, batch.channel), gap.netted_fen - netted)
    await _take(ctx, conn, batch, (MISSING, batch.bank), gap.short_fen - short)


async def _charge(ctx: Context, conn: asyncpg.Connection, batch: Batch) -> None:
    """Row 27: what the channel charges of no trade, out of what was just netted there."""
    fen = int(await conn.fetchval(SQL.read_charges, batch.channel, batch.batch_id))
    if fen <= 0:
        return
    if await ledger.read_float(conn, CHANNEL, batch.channel) < fen:
        raise Problem("float_short", Kind.CONFLICT, f"{fen} charged by {batch.channel}")
    posting = postings.own_charges(batch.subject, at=(CHANNEL, batch.channel), amount_fen=fen)
    seq = await ledger.next_shared_seq(conn, batch.subject)
    await ledger.write_shared(conn, posting, evidence_id=batch.evidence_id, now=ctx.now(), seq=seq)


async def _take(
    ctx: Context, conn: asyncpg.Connection, batch: Batch, to: tuple[str, str], uncovered: int
) -> None:
    """What the float cannot cover, from the members themselves."""
    if not uncovered:
        return
    there: list[tuple[str, int]] = []
    for member in await list_members(conn, batch, ("received",), 0, MEMBERS_MAX):
        balances = await ledger.read_balances(conn, member.subject)
        held = sum(
            fen
            for (place, party, owner), fen in balances.items()
            if (place, party) == (CUSTODY, batch.bank) and owner in "oSL" and fen > 0
        )
        there.append((member.subject, min(held, member.net_fen)))
    for subject, fen in postings.share_uncovered(there, uncovered):
        turn = await open_subject(conn, subject, ctx.now(), ctx.rng)
        posting = postings.batch_taken(subject, await turn.balances(), bank=batch.bank, to=to, amount_fen=fen)
        await turn.post(posting, batch.line_evidence_id)
        await turn.finish()


async def _put_aside(ctx: Context, conn: asyncpg.Connection, batch: Batch, excess_fen: int) -> None:
    """More came than was said: nobody's money, put aside in custody for a person."""
    await put_aside_at_bank(
        conn,
        ctx.rng,
        ctx.now(),
        bank=batch.bank,
        line_key=batch.line_key,
        amount_fen=excess_fen,
        evidence_id=batch.line_evidence_id,
    )
