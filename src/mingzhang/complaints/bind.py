"""Which order a complaint is about: by the channel's own number and ours together, never by one that contradicts the other.

What fits becomes a fact, applied once: it opens a dispute, or joins the one it belongs to (`disputes.belongs`). What fits
nothing is a person's.
"""

from __future__ import annotations

import asyncpg

from mingzhang.complaints import store
from mingzhang.complaints.store import SQL, Row
from mingzhang.disputes import flow as disputes
from mingzhang.disputes.belongs import kind_of_complaint
from mingzhang.disputes.store import read_dispute
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Fact, Waiting
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_order_id, order_of_number
from mingzhang.orders.context import Context
from mingzhang.orders.store import open_turn, read_order
from mingzhang.payments.channels.complaints import Wish
from mingzhang.payments.store import read_payment

KIND = "complaint"


async def bind(ctx: Context, row: Row) -> bool:
    """Bind it by its numbers; whether it is bound now."""
    async with transaction(ctx.pool) as conn:
        order_id = await _order_of(conn, row)
        if not order_id:
            return False
        await _state(ctx, conn, row, order_id, "", row.evidence_id)
        return True


async def bind_by_hand(ctx: Context, channel: str, complaint_no: str, order_id: str, name: str) -> None:
    """A member of staff says which order it is about; our own word is the evidence.

    Raises `unknown_complaint`, `unknown_order`, `complaint_bound`.
    """
    if not is_order_id(order_id):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    async with transaction(ctx.pool) as conn:
        row = await store.read(conn, channel, complaint_no)
        await read_order(conn, order_id)
        if row.order_id:
            raise Problem("complaint_bound", Kind.CONFLICT)
        own = Message(
            party="shop",
            kind="complaint.bound",
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=f"{channel} {complaint_no} {order_id} {name}".encode(),
            content_type="text/plain",
        )
        evidence_id = await evidence.keep(conn, ctx.rng, ctx.now(), own)
        await _state(ctx, conn, row, order_id, name, evidence_id)


async def _order_of(conn: asyncpg.Connection, row: Row) -> str:
    """The order whose payment bears both numbers; empty when there is none, or the numbers disagree."""
    try:
        payment = await read_payment(conn, row.payment_no)
    except Problem:
        payment = None
    if payment is not None and payment.channel == row.channel:
        fits = row.transaction_id in ("", payment.transaction_id) or not payment.transaction_id
        return payment.order_id if fits else ""
    if not row.transaction_id or row.payment_no:
        return ""
    known = await conn.fetch(evidence.SQL.find_number, row.transaction_id)
    owners = {each["order_id"] for each in known if is_order_id(each["order_id"])}
    return owners.pop() if len(owners) == 1 else ""


async def _state(
    ctx: Context, conn: asyncpg.Connection, row: Row, order_id: str, name: str, evidence_id: str
) -> None:
    now = ctx.now()
    bound = await conn.fetchval(
        SQL.set_bound, row.channel, row.complaint_no, bucket_of(order_id), order_id, name, now
    )
    if bound is None:
        return
    fact = Fact(
        party=row.channel,
        kind=KIND,
        external_id=row.complaint_no,
        subject=order_id,
        content={"order": order_id},
        numbers=((KIND, row.complaint_no),),
    )
    await evidence.state_fact(conn, fact, evidence_id, now)


async def apply_complaint(ctx: Context, fact: Waiting) -> None:
    """Open the dispute of a bound complaint, or let it join the one it belongs to: once, under the order's lock."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, fact.subject, ctx.now(), ctx.rng)
        now = turn.now
        if not await evidence.begin(conn, fact, now):
            return
        row = await store.read(conn, fact.party, fact.external_id)
        opening = disputes.Opening(
            order_id=fact.subject,
            kind=await kind_of_complaint(turn),
            source="channel",
            words=_words(ctx, row),
            wish="refund" if row.wish == Wish.REFUND else "",
            channel=row.channel,
            complaint_no=row.complaint_no,
            outside_by=row.solved_by,
            evidence_id=fact.evidence_id,
        )
        try:
            opened = await disputes.open_in(ctx, turn, opening)
        except Problem as problem:
            if problem.kind is not Kind.TOO_MANY:
                raise
            return  # bound, with no case of its own: staff answer it on the page of complaints
        await turn.finish()
        said = (
            await read_dispute(conn, opened.dispute_id)
        ).said  # what was said before is not told there again
        await conn.execute(SQL.set_case, row.channel, row.complaint_no, opened.dispute_id, said, now)


def _words(ctx: Context, row: Row) -> str:
    return ctx.vault.open(row.words_enc)[:1000] if row.words_enc else ""


def order_in(number: str) -> str:
    """The order inside one of our numbers, for a person who binds; empty for any other text."""
    try:
        return order_of_number(number.strip().upper())
    except Problem:
        return ""
