"""Staff: complaints at channels – what the channel has, whether our replies arrived, binding, answering (R36)."""

from __future__ import annotations

import asyncpg

from mingzhang.complaints import bind, store, talk
from mingzhang.complaints.read import desk_of
from mingzhang.complaints.states import OVER
from mingzhang.complaints.store import SQL, Act, Row
from mingzhang.disputes.states import read_number
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.staff import record
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right
from mingzhang.web.model_complaints import ActLine, ComplaintCard, OpenedWords

TEXT_MAX = 1000
SEEN_DIGITS = 6


async def read_board(ctx: Context) -> list[ComplaintCard]:
    """Unbound ones first, then open ones by their clock, then what is over; no words."""
    async with ctx.pool.acquire() as conn:
        return await _cards(conn, await store.list_rows(conn))


async def read_case(ctx: Context, dispute_id: str) -> list[ComplaintCard]:
    """The complaints that belong to a dispute, for its own page."""
    async with ctx.pool.acquire() as conn:
        rows = await store.list_of_order(conn, read_number(dispute_id)[0])
        return await _cards(conn, [row for row in rows if row.dispute_id == dispute_id])


async def _cards(conn: asyncpg.Connection, rows: list[Row]) -> list[ComplaintCard]:
    acts, lines = await store.acts_of(conn, rows), await store.lines_of(conn, rows)
    same = set(ComplaintCard.__struct_fields__) & set(Row.__struct_fields__)
    return [
        ComplaintCard(
            **{name: getattr(row, name) for name in same},
            over=row.state in OVER,
            lines=lines.get(row.key, 0),
            acts=tuple(_act(act) for act in acts[row.key]),
        )
        for row in rows
    ]


def _act(act: Act) -> ActLine:
    return ActLine(
        act=act.act,
        state=act.state,
        at=act.ended_at or act.asked_at or act.planned_at,
        tried=act.asked,
        code=act.code,
        seen=bool(act.line_id) or act.code == "seen",
    )


async def bind_to(ctx: Context, member: Member, channel: str, complaint_no: str, number: str) -> None:
    """Say which order a complaint is about. Raises `unknown_complaint`, `unknown_order`, `complaint_bound`."""
    order_id = bind.order_in(number)
    await bind.bind_by_hand(ctx, channel, complaint_no, order_id, member.name)
    await _note(ctx, member, "bind_complaint", complaint_no, {"order": order_id})


async def reply(
    ctx: Context, member: Member, channel: str, complaint_no: str, text: str, seen: str = ""
) -> None:
    """Answer a complaint that no open case answers. ``seen``: how many of our acts the page showed; sent twice it is one
    answer. Raises `message_empty`, `complaint_has_case`, `unknown_complaint`.
    """
    if not text.strip():
        raise Problem("message_empty", Kind.INVALID)
    async with ctx.pool.acquire() as conn:
        row = await store.read(conn, channel, complaint_no)
    desk = desk_of(ctx, channel)
    if (row.dispute_id and row.case_state != "closed") or desk is None or row.state in OVER:
        raise Problem("complaint_has_case", Kind.CONFLICT)
    shown = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < SEEN_DIGITS else 0
    await talk.plan_reply(ctx, desk, row, text[:TEXT_MAX], shown)
    await _note(ctx, member, "reply_complaint", complaint_no, {})


async def read_again(ctx: Context, member: Member, channel: str, complaint_no: str) -> None:
    """Ask the channel now. Raises `unknown_complaint`."""
    async with transaction(ctx.pool) as conn:
        row = await store.read(conn, channel, complaint_no)
        await conn.execute(SQL.hear_complaint, row.channel, row.complaint_no, ctx.now())
    await _note(ctx, member, "read_complaint", complaint_no, {})


async def reveal(
    ctx: Context, office: Office, member: Member, channel: str, complaint_no: str, reason: str
) -> OpenedWords:
    """The negotiation and the number to call, on record before they are shown. Raises `unknown_complaint`,
    `right_missing`, `reason_missing`.
    """
    async with ctx.pool.acquire() as conn:
        row = await store.read(conn, channel, complaint_no)
        lines = await store.list_lines(conn, row)
    await record.look(office, member, Right.VIEW_PERSONAL_DATA, complaint_no, "complaint", reason)
    opened = ctx.vault.open
    return OpenedWords(
        complaint_no=complaint_no,
        phone=opened(row.phone_enc) if row.phone_enc else "",
        words=tuple(
            (
                line.speaker,
                line.at,
                opened(line.text_enc) if line.text_enc else "",
                len(row.images) if line.opens else len(line.images),
            )
            for line in lines
        ),
    )


async def _note(ctx: Context, member: Member, action: str, subject: str, data: dict[str, str]) -> None:
    async with transaction(ctx.pool) as conn:
        await record.write(conn, ctx.rng, ctx.now(), member, action, subject, data=data)
