"""Rows 5, 6, 8, 15, 22 and 24 for one member of a batch, each in a turn of its order, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingzhang.fulfilment.schedule import WATCH_MAX_S
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting, Refused
from mingzhang.ledger.places import CHANNEL, CHARGEBACK, HOLD, MISSING, PAYER, UNEXPLAINED, Account, Balances
from mingzhang.ledger.store import read_float
from mingzhang.orders import freeze, unbooked
from mingzhang.orders.context import Context
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_subject
from mingzhang.settlement.store import SQL, Batch, Waiting, lock_member

EARN_MAX: Final = timedelta(days=7)


async def settle(ctx: Context, batch: Batch, member: Waiting) -> str:
    """Row 5 (15, 16) for one member; returns why it cannot be booked yet, or nothing."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, member.subject, ctx.now(), ctx.rng)
        fresh = await lock_member(conn, batch, member)
        if fresh is None or fresh.state not in ("listed", "difference"):
            return ""
        key = f"settle:{batch.key}"
        try:
            async with conn.transaction():  # all of its postings, or none
                await _post_settled(turn, batch, member, key)
        except Problem as problem:  # an earlier fact of the same order waits: first that one
            await _set(turn, batch, member, "difference", problem.code)
            return problem.code
        except Refused as refusal:
            await unbooked.put(conn, turn.now, member.subject, key, refusal.code)
            await _set(turn, batch, member, "difference", refusal.code)
            return refusal.code
        await unbooked.clear(conn, member.subject, key)
        await _set(turn, batch, member, "settled", "")
        await turn.finish()
        return ""


async def _post_settled(turn: Turn | ItemTurn, batch: Batch, member: Waiting, key: str) -> None:
    balances = await turn.balances()
    if not any(account.place in (PAYER, UNEXPLAINED) for account in balances):
        raise Refused("money_missing", "the payment is not booked yet")
    if _own(balances, HOLD, batch.channel):
        balances = await _let_go(turn, batch, key)
    rows: list[Posting] = []
    if _own(balances, MISSING, batch.channel):  # the channel pays it out, so it was there (row 24)
        rows.append(postings.found_at_channel(member.subject, balances, channel=batch.channel))
        balances = _after(balances, rows[-1])
    if member.fee_fen < 0:
        rows.append(
            postings.fee_returned(member.subject, balances, channel=batch.channel, amount_fen=-member.fee_fen)
        )
        balances = _after(balances, rows[-1])
    charged = await _charged(turn, batch, member, balances)
    if charged:
        rows.append(
            postings.charged_back(
                member.subject,
                balances,
                channel=batch.channel,
                amount_fen=charged,
                float_at_fen=await read_float(turn.conn, CHANNEL, batch.channel),
            )
        )
        balances = _after(balances, rows[-1])
    used = sum(sum(postings.float_needed(row).values()) for row in rows)
    rows.append(
        postings.channel_settled(
            member.subject,
            balances,
            channel=batch.channel,
            fee_fen=max(0, member.fee_fen),
            net_fen=member.net_fen,
            float_at_fen=await read_float(turn.conn, CHANNEL, batch.channel) - used,
        )
    )
    for row in rows:
        await turn.post(row, batch.evidence_id, books=key)


async def _let_go(turn: Turn | ItemTurn, batch: Batch, key: str) -> dict[Account, int]:
    """What a dispute held at the channel is paid out with the rest; the dispute holds it again where it arrives."""
    if not isinstance(turn, Turn) or not await freeze.lift(turn, batch.evidence_id, key):
        raise Refused("not_movable", "frozen money was settled")
    return await turn.balances()


async def _charged(turn: Turn | ItemTurn, batch: Batch, member: Waiting, balances: Balances) -> int:
    """What of the batch's chargebacks is not booked yet (row 22): a dispute may have told of them before."""
    if not member.charged_fen:
        return 0
    before = await turn.conn.fetchval(SQL.read_charged, member.bucket, batch.channel, member.subject)
    booked = _own(balances, CHARGEBACK, batch.channel)
    return max(0, min(member.charged_fen, int(before) + member.charged_fen - booked))


def _own(balances: Balances, place: str, party: str) -> int:
    return sum(
        fen for (where, whose, _), fen in balances.items() if (where, whose) == (place, party) and fen > 0
    )


def _after(balances: Balances, posting: Posting) -> dict[Account, int]:
    after = dict(balances)
    for leg in posting.legs:
        account = Account(leg.place, leg.party, leg.owner)
        after[account] = after.get(account, 0) + leg.amount_fen
    return {account: fen for account, fen in after.items() if fen}


async def receive(ctx: Context, batch: Batch, member: Waiting) -> None:
    """Row 6 (and 8) for one member: its stored amount goes from transit into custody. Raises `fact_waits`."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, member.subject, ctx.now(), ctx.rng)
        fresh = await lock_member(conn, batch, member)
        if fresh is None or fresh.state != "settled":
            return
        if member.net_fen:
            posting = postings.bank_received(
                member.subject,
                await turn.balances(),
                channel=batch.channel,
                bank=batch.bank,
                amount_fen=member.net_fen,
            )
            await turn.post(posting, batch.line_evidence_id)
        await _set(turn, batch, member, "received", "")
        if isinstance(turn, Turn):
            await plan_earning(turn, batch.bank, batch.line_evidence_id)
        await turn.finish()


async def plan_earning(turn: Turn, bank: str, evidence_id: str) -> None:
    """Row 11 may be looked at when the window in which the supplier may take success back is over."""
    order = turn.order
    due = max(turn.now, (order.finished_at or turn.now) + timedelta(seconds=WATCH_MAX_S))
    await turn.conn.execute(
        SQL.insert_earning, order.bucket, order.order_id, bank, evidence_id, due, due + EARN_MAX, turn.now
    )


async def _set(turn: Turn | ItemTurn, batch: Batch, member: Waiting, state: str, code: str) -> None:
    await turn.conn.execute(
        SQL.set_member,
        member.bucket,
        batch.channel,
        batch.batch_id,
        member.subject,
        state,
        code,
        turn.now,
    )
