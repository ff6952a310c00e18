"""Money put aside: one item as staff see it, and what giving it to an order would mean (row 23; F15, F18)."""

import asyncpg

from mingzhang.app import desk_money, desk_transfers
from mingzhang.app.desk_staff import approval_row
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_order_id, is_suspense_id
from mingzhang.ledger.postings import trail
from mingzhang.ledger.store import read_balances
from mingzhang.orders import match
from mingzhang.orders.breaches import list_breaches
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import read_order
from mingzhang.orders.suspense import open_item
from mingzhang.payments.store import Item, read_item
from mingzhang.staff import approvals
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model import TimelineItem
from mingzhang.web.model_staff import MatchPreview, MissedRow, SuspensePage, SuspenseRow

SHOWN = ("channel", "amount_fen", "reason", "account")


async def read_page(ctx: Context, member: Member, item_id: str, order_id: str = "") -> SuspensePage:
    """One item with its trail, owner, clock, evidence and decisions; raises `unknown_order`.

    `order_id`: the order that somebody thinks of giving it to, for the preview.
    """
    if not is_suspense_id(item_id):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    now = ctx.now()
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        item = await read_item(conn, item_id)
        if item is None:
            raise Problem("unknown_order", Kind.NOT_FOUND)
        events = await conn.fetch(ORDERS.list_events, bucket_of(item_id), item_id, 0)
        cited = [row["evidence_id"] for row in events if row["evidence_id"]]
        heads = {row["evidence_id"]: row for row in await conn.fetch(EVIDENCE.read_evidence_heads, cited)}
        balances = await read_balances(conn, item_id)
        decided = await approvals.list_of_subject(conn, item_id)
        breaches = await list_breaches(conn, item_id)
    payee, proof = await desk_transfers.read_mask(ctx, item_id), await desk_transfers.read_proof(ctx, item_id)
    waiting = any(approval.state == "proposed" and approval.expires_at > now for approval in decided)
    may = member.may(Right.PROPOSE_MONEY) and not waiting
    return SuspensePage(
        row=SuspenseRow(**{name: getattr(item, name) for name in SuspenseRow.__struct_fields__}),
        transaction_id=item.transaction_id,
        payment_no=item.payment_no,
        trade_fen=item.trade_fen,
        known_at=item.known_at,
        trail=tuple(_line(row, heads.get(row["evidence_id"])) for row in events),
        places=tuple((place, fen) for (place, _), fen in sorted(trail(balances).items())),
        missed=tuple(
            MissedRow(deadline_at=it.deadline_at, late_actor=it.late_actor, next_actor=it.next_actor)
            for it in breaches
        ),
        approvals=tuple(approval_row(approval, member, now) for approval in reversed(decided)),
        money=await desk_money.list_open(ctx, item_id) if may else frozenset(),
        may_match=may and item.state == "open" and item.next_actor == "person" and item.holder == "channel",
        match=await preview_match(ctx, item, order_id) if may else None,
        may_name=may and bool(proof),
        may_reveal=bool(payee) and member.may(Right.VIEW_PERSONAL_DATA),
        payee=payee,
        proof_sha256=proof,
        may_see_amounts=member.may(Right.VIEW_COSTS),
    )


def _line(row: asyncpg.Record, head: asyncpg.Record | None) -> TimelineItem:
    return TimelineItem(
        seq=row["seq"],
        kind=row["kind"],
        at=row["at"],
        params={name: str(value) for name, value in row["data"].items() if name in SHOWN},
        evidence_sha256=head["sha256"].hex() if head else "",
        evidence_party=head["party"] if head else "",
        evidence_standing=head["standing"] if head else "",
        known_at=head["known_at"] if head else None,
    )


async def preview_match(ctx: Context, item: Item, order_id: str) -> MatchPreview | None:
    """What giving the item to that order would mean, before anybody proposes it; None without an order's number."""
    if not order_id:
        return None
    if not is_order_id(order_id):
        return MatchPreview(order_id=order_id[:40], problem="unknown_order")
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item.item_id, ctx.now(), ctx.rng)
        try:
            order = await read_order(conn, order_id)
        except Problem as problem:
            return MatchPreview(order_id=order_id, problem=problem.code)
        try:
            _, supports = await match.check(turn, order_id)
            refusal = ""
        except Problem as problem:
            supports, refusal = await match.support(conn, item, order), problem.code
    return MatchPreview(
        order_id=order_id,
        title_zh=order.title_zh,
        title_en=order.title_en,
        price_fen=order.price_fen,
        state=order.state,
        supports=supports,
        problem=refusal,
    )
