"""Reading a complaint at its channel: what it says now, line by line, kept sealed with its messages (R36, F2).

A notify only names a complaint; what counts is read here, and found again by the list when no notify came. Told twice or
out of order, it is the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import asyncpg
import msgspec

from mingzhang.complaints import states, store
from mingzhang.complaints.store import SQL, Row
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import HttpMessage, Message, Reply, Standing
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vault import Vault
from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import Complaint, ComplaintAnswer, Complaints, HasComplaints

SEALED = "application/octet-stream"
_OVERHEAD = 28


def desk_of(ctx: Context, channel: str) -> Complaints | None:
    """The channel's complaints, if it passes any on."""
    adapter: object = ctx.channels.get(channel)
    return adapter.complaints if isinstance(adapter, HasComplaints) else None


async def receive_notify(ctx: Context, channel: str, http: HttpMessage) -> Reply:
    """A channel's word that a complaint is new or changed: kept, then read by the worker. Raises `unknown_channel`."""
    desk = desk_of(ctx, channel)
    if desk is None:
        raise Problem("unknown_channel", Kind.NOT_FOUND)
    news, now = desk.read_notify(http), ctx.now()
    async with transaction(ctx.pool) as conn:
        await evidence.keep(conn, ctx.rng, now, news.message)
        if news.complaint_no and news.message.standing is not Standing.FORGED:
            await conn.execute(SQL.hear_complaint, channel, news.complaint_no, now)
    return ctx.channels[channel].acknowledge(accepted=news.message.standing is Standing.VERIFIED)


def sealed(vault: Vault, messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages as they are kept: people's words and numbers only under our key."""
    return tuple(
        msgspec.structs.replace(
            message,
            body=vault.seal_bytes(message.body[: evidence.BODY_MAX_BYTES - _OVERHEAD]),
            content_type=SEALED,
            note=f"sealed {message.note}".strip(),
        )
        for message in messages
    )


async def take_in(ctx: Context, desk: Complaints, row: Row) -> Row | None:
    """Read it there and write down what is new; None when it could not be read: it is tried again."""
    answer = await desk.read_complaint(row.complaint_no)
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        told = answer.complaint
        if told is None:
            await _unread(ctx, conn, row, answer, now)
            return None
        changed = await _changed(conn, row, told, answer)
        evidence_id = ""
        if changed:
            evidence_id = await evidence.keep_all(conn, ctx.rng, now, sealed(ctx.vault, answer.messages))
        await _write(ctx, conn, row, told, desk, now, evidence_id)
        for line in answer.lines:
            await store.insert_line(
                conn, row, line, ctx.vault.seal(line.text) if line.text else b"", now, evidence_id
            )
        return await store.read(conn, row.channel, row.complaint_no)


async def _changed(conn: asyncpg.Connection, row: Row, told: Complaint, answer: ComplaintAnswer) -> bool:
    """Whether anything is new: only then the messages are kept, however often it is read."""
    known = {line.line_id for line in await store.list_lines(conn, row)}
    same = (row.word, row.waits, row.refunded, row.changed_at) == (
        told.word,
        told.waits,
        told.refunded,
        told.changed_at,
    )
    return not same or any(line.line_id not in known for line in answer.lines)


async def _unread(
    ctx: Context, conn: asyncpg.Connection, row: Row, answer: ComplaintAnswer, now: datetime
) -> None:
    gone = answer.outcome is Outcome.REFUSED and row.made_at is None
    wait = states.RETRY_S[min(row.failures, len(states.RETRY_S) - 1)]
    if row.failures == 0 or gone:
        await evidence.keep_all(conn, ctx.rng, now, sealed(ctx.vault, answer.messages))
    due = None if gone else now + timedelta(seconds=wait)
    await conn.execute(SQL.set_unread, row.channel, row.complaint_no, answer.code[:64], now, due, gone)


async def _write(
    ctx: Context,
    conn: asyncpg.Connection,
    row: Row,
    told: Complaint,
    desk: Complaints,
    now: datetime,
    evidence_id: str,
) -> None:
    terms = desk.terms
    await conn.execute(
        SQL.set_read,
        row.channel,
        row.complaint_no,
        told.state.value,
        told.word,
        told.wish.value,
        told.made_at,
        told.changed_at,
        told.transaction_id,
        told.payment_no,
        told.amount_fen,
        told.asked_fen,
        told.waits,
        told.refunded,
        ctx.vault.seal(told.words) if told.words else b"",
        ctx.vault.seal(told.phone) if told.phone else b"",
        mask_phone(told.phone),
        list(told.images),
        told.made_at + timedelta(seconds=terms.first_s),
        told.made_at + timedelta(seconds=terms.solved_s),
        now,
        evidence_id,
    )


def mask_phone(phone: str) -> str:
    """``139****5678``; anything that is no such number shows its end alone."""
    if not phone:
        return ""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else f"****{phone[-2:]}"


def reread_at(row: Row, now: datetime, clock: Clock, *, case_open: bool, acts_open: bool) -> datetime | None:
    """When it is read again; None once it is over there and here, and nothing is left to do."""
    if acts_open:
        wait: float = states.LOOK_S
    elif store.is_open(row):
        wait = states.READ_S
    elif case_open:
        wait = states.CLOSED_READ_S
    else:
        return None
    return now + timedelta(seconds=max(wait, 0.5 * clock.speed))
