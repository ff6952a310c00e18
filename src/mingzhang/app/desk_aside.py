"""Money put aside: one item as staff see it, and sending it back by the original path, by two people (row 23; F15, F18)."""

import asyncpg

from mingzhang.app.desk_staff import approval_row
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_suspense_id
from mingzhang.ledger.postings import trail
from mingzhang.ledger.store import read_balances
from mingzhang.orders.breaches import list_breaches
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.suspense import check_send_back, open_item, send_back
from mingzhang.payments.store import Item, read_item
from mingzhang.staff import approvals
from mingzhang.staff.approvals import MoneyAction
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model import TimelineItem
from mingzhang.web.model_staff import MissedRow, SuspensePage, SuspenseRow

SHOWN = ("channel", "amount_fen", "reason")


def _terms(item: Item) -> dict[str, str]:
    """What exactly two people agree to: this trade's money, and no other."""
    return {"channel": item.channel, "transaction_id": item.transaction_id}


async def read_page(ctx: Context, member: Member, item_id: str) -> SuspensePage:
    """One item with its trail, owner, clock, evidence and decisions; raises `unknown_order`."""
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
    waiting = any(approval.state == "proposed" and approval.expires_at > now for approval in decided)
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
        may_send_back=member.may(Right.PROPOSE_MONEY) and _may_go_back(item) and not waiting,
        may_see_amounts=member.may(Right.VIEW_COSTS),
    )


def _may_go_back(item: Item) -> bool:
    try:
        check_send_back(item)
    except Problem:
        return False
    return True


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


async def propose_send_back(ctx: Context, member: Member, item_id: str, reason: str) -> str:
    """Put before a second person; returns the approval's id. Raises `suspense_not_open`, `unknown_order`."""
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        check_send_back(turn.item)
        return await approvals.propose(
            conn,
            ctx.rng,
            turn.now,
            member,
            MoneyAction.REFUND_SUSPENSE,
            item_id,
            turn.item.amount_fen,
            reason,
            _terms(turn.item),
        )


async def decide_send_back(
    ctx: Context, member: Member, item_id: str, approval_id: str, word: str, reason: str
) -> None:
    """The second person's word (approve, reject; withdraw is the first one's); approved, it is done at once.

    Raises what `approvals` raises, `suspense_not_open`, `unknown_action`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        now, action = turn.now, MoneyAction.REFUND_SUSPENSE
        found = await approvals.read_approval(conn, item_id, approval_id)
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, item_id, approval_id)
            return
        if word not in ("approve", "reject") or found.action != action.value:
            raise Problem("unknown_action", Kind.INVALID)
        approve = word == "approve"
        await approvals.decide(
            conn, ctx.rng, now, member, item_id, approval_id, approve=approve, reason=reason
        )
        if approve:
            check_send_back(turn.item)
            await approvals.use(
                conn,
                ctx.rng,
                now,
                member,
                approval_id,
                action,
                item_id,
                turn.item.amount_fen,
                _terms(turn.item),
            )
            await send_back(turn, approval_id, (found.proposed_by, member.name), found.reason)
            await turn.finish()
