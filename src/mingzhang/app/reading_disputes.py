"""Disputes as their buyers see them: whose turn it is, the terms, the whole conversation."""

from __future__ import annotations

import asyncpg

from mingzhang.disputes import clock, flow, store
from mingzhang.disputes.belongs import kinds_for
from mingzhang.disputes.states import PAUSES_MAX, dispute_number, read_number, turn_of
from mingzhang.disputes.store import Dispute, Message
from mingzhang.kit import attachments
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.vault import Vault
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, read_order
from mingzhang.web.model_disputes import DisputePage, DisputesPage, DisputeTerm, DisputeWord
from mingzhang.web.model_shop import DisputeLine
from mingzhang.web.model_staff import ApprovalRow


def dispute_line(row: Dispute, viewer: str) -> DisputeLine:
    """A dispute in one line, as its reader (buyer, shop) stands to it."""
    term = clock.next_term(row) if row.next_actor == "shop" else None
    return DisputeLine(
        dispute_id=row.dispute_id,
        order_id=row.order_id,
        number=row.n,
        kind=row.kind,
        state=row.state,
        turn=turn_of(row.state, row.next_actor, viewer),
        wish=row.wish,
        opened_at=row.opened_at,
        deadline_at=row.deadline_at,
        term=term.stage if term else "",
        paused=row.paused_at is not None,
        outcome=row.outcome,
        remedy=row.remedy,
        amount_fen=row.amount_fen,
        missed=tuple(row.missed),
    )


async def read_lines(conn: asyncpg.Connection, order_id: str) -> tuple[DisputeLine, ...]:
    """An order's disputes for its buyer, newest first."""
    return tuple(dispute_line(row, "buyer") for row in await store.list_disputes(conn, order_id))


async def read_list(ctx: Context, order_id: str) -> DisputesPage:
    """What the buyer disputed, and what can be disputed now. Raises `unknown_order`."""
    async with ctx.pool.acquire() as conn:
        order = await read_order(conn, order_id)
        rows = await store.list_disputes(conn, order_id)
    alive = {row.kind for row in rows if row.state != "closed"}
    may = len(rows) < flow.DISPUTES_MAX
    return DisputesPage(
        order_id=order_id,
        title_zh=order.title_zh,
        title_en=order.title_en,
        price_fen=order.price_fen,
        kinds=tuple(kind for kind in kinds_for(order) if kind not in alive) if may else (),
        lines=tuple(dispute_line(row, "buyer") for row in rows),
        now=ctx.now(),
    )


async def read_buyers(ctx: Context, order_id: str, n: int) -> DisputePage:
    """One dispute for its buyer, the whole conversation. Raises `unknown_dispute`, `unknown_order`."""
    async with ctx.pool.acquire() as conn:
        order = await read_order(conn, order_id)
        row = await store.read_dispute(conn, dispute_number(order_id, n))
        said = await store.list_messages(conn, row.dispute_id)
    words = tuple(word_of(ctx.vault, each) for each in said)
    return make_page(ctx, order, row, words, _buyer_may(ctx, row), "buyer")


def _buyer_may(ctx: Context, row: Dispute) -> frozenset[str]:
    if row.state == "closed":
        return frozenset({"reopen"}) if flow.may_reopen(row, ctx.now()) else frozenset()
    found = {"say"}
    if row.state == "offered":
        found |= {"accept", "refuse"}
    if row.state != "remedy":
        found |= {"withdraw", "arrived"}
    return frozenset(found)


def make_page(
    ctx: Context,
    order: Order,
    row: Dispute,
    words: tuple[DisputeWord, ...],
    may: frozenset[str],
    viewer: str,
    approval_rows: tuple[ApprovalRow, ...] = (),
) -> DisputePage:
    """A dispute's page; ``words`` and ``may`` are those of its reader."""
    return DisputePage(
        line=dispute_line(row, viewer),
        source=row.source,
        channel=row.channel,
        complaint_no=row.complaint_no,
        words=words,
        terms=_terms(row),
        may=may,
        held=row.held and row.closed_at is None,
        pauses_left=PAUSES_MAX - row.pauses,
        title_zh=order.title_zh,
        title_en=order.title_en,
        price_fen=order.price_fen,
        now=ctx.now(),
        approvals=approval_rows,
    )


def _terms(row: Dispute) -> tuple[DisputeTerm, ...]:
    """The shop's terms and what became of each."""
    running = clock.next_term(row)
    kept = {"first": row.first_at, "solution": row.solution_at, "final": row.closed_at}
    by = {
        "first": row.first_by,
        "solution": row.solution_by,
        "final": row.final_by,
        "outside": row.outside_by,
    }
    found = []
    for stage, at in by.items():
        if at is None:
            continue
        if stage in row.missed:
            state = "missed"
        elif kept.get(stage) is not None:
            state = "kept"
        elif row.state in ("closed", "remedy"):
            state = "over"
        elif row.paused_at is not None:
            state = "paused"
        else:
            state = "runs" if running is not None and running.stage == stage else "waits"
        found.append(DisputeTerm(stage=stage, by=at, state=state))
    return tuple(found)


def word_of(vault: Vault | None, said: Message, *, named: bool = False) -> DisputeWord:
    """A line of the conversation; no vault: without what was written. ``named``: with who of the staff."""
    text: str | None = ""
    if said.text_enc:
        text = vault.open(said.text_enc) if vault is not None else None
    return DisputeWord(
        n=said.n,
        at=said.at,
        speaker=said.speaker,
        kind=said.kind,
        text=text,
        name=said.name if named else "",
        remedy=said.remedy,
        amount_fen=said.amount_fen,
        stage=str(said.data.get("stage", "")),
        outcome=str(said.data.get("outcome", "")),
        files=tuple(said.files) if vault is not None else (),
    )


async def read_picture(ctx: Context, dispute_id: str, attachment_id: str) -> bytes:
    """A picture of the conversation; that its reader may see it is the caller's to know. Raises `unknown_attachment`."""
    bucket = bucket_of(read_number(dispute_id)[0])
    async with ctx.pool.acquire() as conn:
        return await attachments.read(
            conn, ctx.vault, bucket=bucket, owner=dispute_id, attachment_id=attachment_id
        )
