"""A batch from its list to its end: listed → settled (row 5) → received (row 6) → closed when the roll-up matches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.orders.breaches import SHARED, Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.settlement import book, close, unknown
from mingzhang.settlement.model import (
    LineKind,
    Member,
    Part,
    SettlementLine,
    SettlementList,
    check,
    members,
    refused,
    write_settlement,
)
from mingzhang.settlement.store import SQL, WAITING, Batch, batch_of, list_members, read_batch
from mingzhang.settlement.unknown import is_unknown

CHUNK: Final = 200
SETTLE_MAX: Final = timedelta(hours=24)
BANK_MAX: Final = timedelta(hours=72)
PERSON_MAX: Final = timedelta(hours=24)
RETRY_S: Final = (5, 30, 60, 300, 600)
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


async def list_batch(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    listed: SettlementList,
    bank: str,
    *,
    evidence_id: str = "",
    standing: Standing = Standing.OWN,
) -> bool:
    """Store a payout and its members before anything is booked; false when it was listed before, word for word.

    ``evidence_id``: the message the list was read from; without it the list itself is kept. Raises Problem
    ``settlement_refused``: it does not add up, a refund's trade is none of ours, or it was told otherwise before.
    """
    check(listed)
    said = hashlib.sha256(_CANONICAL.encode(msgspec.to_builtins(listed))).digest()
    known = await conn.fetchrow(SQL.read_batch, listed.channel, listed.batch_id)
    if known is not None:
        if known["content_hash"] != said:
            raise refused("corrected", 0, f"{listed.batch_id} was told otherwise before")
        return False
    parts = await _parts(conn, listed)
    found = members(listed.lines, parts)
    strange = [trade for trade, owners in parts.items() if is_unknown(owners[0].subject)]
    cited = evidence_id or await _keep(conn, rng, now, listed, standing)
    await conn.execute(
        SQL.insert_batch,
        listed.channel,
        listed.batch_id,
        bank,
        listed.reference,
        listed.day,
        len(listed.lines),
        len(found),
        sum(line.fee_fen for line in listed.lines),
        sum(member.net_fen for member in found),
        listed.payout_fen,
        said,
        cited,
        now,
        now + SETTLE_MAX,
    )
    await _insert(conn, listed, found)
    await unknown.ask_about(conn, rng, now, listed.channel, strange, cited)
    return True


async def _parts(conn: asyncpg.Connection, listed: SettlementList) -> dict[str, list[Part]]:
    """Whose each trade is. One that nobody knows yet is a member by its own number, and the channel is asked about it."""
    trades = sorted({line.transaction_id for line in listed.lines if line.kind is not LineKind.CHARGE})
    parts = await unknown.whose(conn, listed.channel, trades)
    for line in listed.lines:
        if line.kind is LineKind.PAY and line.transaction_id not in parts:
            part = Part(subject=unknown.name_of(line.transaction_id), amount_fen=line.gross_fen)
            parts[line.transaction_id] = [part]
    for line in listed.lines:
        if line.kind is LineKind.CHARGE:
            continue
        if line.transaction_id not in parts:  # what came back of a trade that nobody knows, nor this list
            raise refused("unknown_trade", line.position, line.transaction_id)
        paid = sum(part.amount_fen for part in parts[line.transaction_id])
        if line.kind is LineKind.PAY and paid != line.gross_fen:
            told = f"{line.transaction_id}: {line.gross_fen}, paid were {paid}"
            raise refused("amount_differs", line.position, told)
    return parts


async def _keep(
    conn: asyncpg.Connection, rng: Random, now: datetime, listed: SettlementList, standing: Standing
) -> str:
    body = write_settlement(listed)
    message = Message(
        party=listed.channel,
        kind="settlement.list",
        direction=Direction.IN,
        standing=standing,
        body=body,
        content_type="text/csv; charset=utf-8",
        note=hashlib.sha256(body).hexdigest(),
    )
    return await evidence.keep(conn, rng, now, message)


async def _insert(conn: asyncpg.Connection, listed: SettlementList, found: Sequence[Member]) -> None:
    lines: Sequence[SettlementLine] = listed.lines
    await conn.execute(
        SQL.insert_lines,
        listed.channel,
        listed.batch_id,
        [line.position for line in lines],
        [line.kind.value for line in lines],
        [line.transaction_id for line in lines],
        [line.refund_no for line in lines],
        [line.gross_fen for line in lines],
        [line.fee_fen for line in lines],
        [line.net_fen for line in lines],
    )
    await conn.execute(
        SQL.insert_members,
        listed.channel,
        listed.batch_id,
        [SHARED if is_unknown(member.subject) else bucket_of(member.subject) for member in found],
        [member.subject for member in found],
        [member.n for member in found],
        [member.fee_fen for member in found],
        [member.back_fen for member in found],
        [member.charged_fen for member in found],
        [member.net_fen for member in found],
        ["unknown" if is_unknown(member.subject) else "listed" for member in found],
    )


async def attach_line(
    conn: asyncpg.Connection,
    now: datetime,
    channel: str,
    batch_id: str,
    *,
    line_key: str,
    evidence_id: str,
    amount_fen: int,
) -> bool:
    """The bank's line of this batch: once. The caller books the line in the same transaction."""
    done = await conn.fetchval(SQL.set_line, channel, batch_id, line_key, evidence_id, amount_fen, now)
    return done is not None


async def work_batch(ctx: Context, channel: str, batch_id: str) -> None:
    """The worker's visit: book what can be booked, and go on or look again later."""
    async with ctx.pool.acquire() as conn:
        batch = await read_batch(conn, channel, batch_id)
    if batch is None or batch.state == "closed":
        return
    if batch.state == "listed":
        done = await _settle_all(ctx, batch)
        await (_advance(ctx, batch, "settled") if done else _later(ctx, batch))
    elif batch.state == "settled":
        if batch.bank_fen is None and batch.payout_fen:
            await _later(ctx, batch)
            return
        if batch.bank_fen is None:  # refunds ate all of it: nothing will come, and the list itself says so
            await _nothing_comes(ctx, batch)
        try:
            await _receive_all(ctx, batch)
        except Problem as problem:
            if problem.kind is not Kind.CONFLICT:
                raise
            await _later(ctx, batch)
    else:
        await _close(ctx, batch)


async def _settle_all(ctx: Context, batch: Batch) -> bool:
    """Row 5 of a chunk of members; true when all are booked."""
    after, waits = 0, False
    while True:
        async with ctx.pool.acquire() as conn:
            chunk = await list_members(conn, batch, WAITING, after, CHUNK)
        for each in chunk:
            known = await unknown.look(ctx, batch, each) if each.state == "unknown" else [each]
            waits = waits or not known
            for member in known:
                waits = bool(await book.settle(ctx, batch, member)) or waits
                ctx.crash_point("batch_member_settled")
        if len(chunk) < CHUNK:
            return not waits
        after = chunk[-1].n


async def _receive_all(ctx: Context, batch: Batch) -> None:
    async with ctx.pool.acquire() as conn:
        batch = batch_of(await conn.fetchrow(SQL.read_batch, batch.channel, batch.batch_id))
    while True:
        async with ctx.pool.acquire() as conn:
            chunk = await list_members(conn, batch, ("settled",), 0, CHUNK)
        for member in chunk:
            await book.receive(ctx, batch, member)
            ctx.crash_point("batch_member_received")
        if not chunk:
            break
    await _advance(ctx, batch, "received")


async def _nothing_comes(ctx: Context, batch: Batch) -> None:
    async with transaction(ctx.pool) as conn:
        await attach_line(
            conn,
            ctx.now(),
            batch.channel,
            batch.batch_id,
            line_key="",
            evidence_id=batch.evidence_id,
            amount_fen=0,
        )


async def _close(ctx: Context, batch: Batch) -> None:
    try:
        await close.close_batch(ctx, batch)
    except Problem as problem:
        if problem.kind is not Kind.CONFLICT:
            raise
        await _later(ctx, batch)


async def _advance(ctx: Context, batch: Batch, state: str) -> None:
    """Into the next state: the bank is next, or the shop itself."""
    now = ctx.now()
    waits_for_bank = state == "settled" and batch.bank_fen is None and batch.payout_fen > 0
    await _set(
        ctx,
        batch,
        state,
        "bank" if waits_for_bank else "shop",
        now,
        now + (BANK_MAX if waits_for_bank else SETTLE_MAX),
        now,
        0,
    )


async def _later(ctx: Context, batch: Batch) -> None:
    """Look again; past its deadline a person is next."""
    now = ctx.now()
    due = now + timedelta(seconds=RETRY_S[min(batch.asked, len(RETRY_S) - 1)])
    actor, deadline, since = batch.next_actor, batch.deadline_at, batch.since
    if deadline is None or deadline <= now:
        await _note_late(ctx, batch, now)
        actor, since = "person", now
        deadline = now + PERSON_MAX
    await _set(ctx, batch, batch.state, actor, min(due, deadline), deadline, since, batch.asked + 1)


async def _note_late(ctx: Context, batch: Batch, now: datetime) -> None:
    """On record, once for each deadline (R34)."""
    if batch.deadline_at is None:
        return
    late = Late("payout", batch.key, "", batch.state, batch.next_actor, batch.deadline_at)
    async with transaction(ctx.pool) as conn:
        await note_breach(conn, late, "person", now, bucket=SHARED)


async def _set(
    ctx: Context,
    batch: Batch,
    state: str,
    actor: str,
    due: datetime,
    deadline: datetime,
    since: datetime,
    asked: int,
) -> None:
    async with transaction(ctx.pool) as conn:
        fresh = await conn.fetchrow(SQL.lock_batch, batch.channel, batch.batch_id)
        if fresh["state"] != batch.state:
            return
        # The bank's line may have come while we looked: then there is nothing to wait for.
        came = fresh["bank_fen"] is not None and batch.bank_fen is None
        await conn.execute(
            SQL.set_batch,
            batch.channel,
            batch.batch_id,
            state,
            actor,
            min(due, fresh["due_at"]) if came and fresh["due_at"] is not None else due,
            deadline,
            since,
            asked,
            None,
        )
