"""What staff read and do, over one context: the work list, claims, money put aside, an order with its notices.

Nothing here marks anything paid or delivered: asking again is all that one person can do (补发回调 asks the channel).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.app import desk_money, desk_transfers
from mingzhang.app.reading import read_codes
from mingzhang.app.work_complaints import complaint_items
from mingzhang.app.work_disputes import dispute_items
from mingzhang.app.work_money import MONEY_KINDS, money_items
from mingzhang.app.work_requests import request_items
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.manual import store as manual
from mingzhang.fulfilment.manual.store import Task
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_order_id, is_suspense_id, order_of_number
from mingzhang.notices import flow as notices
from mingzhang.notices import store as notice_store
from mingzhang.notices.model import Notice
from mingzhang.orders import claims, correct
from mingzhang.orders import store as orders
from mingzhang.orders.breaches import SQL as BREACHES
from mingzhang.orders.context import Context
from mingzhang.payments import claim_store, key_store
from mingzhang.payments import store as payments
from mingzhang.payments.claim_store import Claim
from mingzhang.payments.key_store import Ending
from mingzhang.refunds import store as refunds
from mingzhang.staff import approvals, record
from mingzhang.staff.approvals import Approval, MoneyAction
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right
from mingzhang.web.model import OrderPage, WorkItem
from mingzhang.web.model_staff import ApprovalRow, ClaimRow, NoticeRow, StaffOrder, SuspenseRow

# What a member of staff may do to each kind of row of the work list: the page and the address know no other.
STAFF_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "order": ("ask_channel", "ask_supplier"),
    "refund": ("ask_refund",),
    "claim": ("ask_claim",),
    "suspense": (),
    "notice": (),
    "payment": ("ask_channel",),
    "supply": ("ask_supplier",),
    "hint": (),
    "fact": (),
    "key": (),
    "manual": (),
    "request": (),
    **dict.fromkeys(MONEY_KINDS, ()),
}


async def read_work(ctx: Context) -> list[WorkItem]:
    """Whatever waits for a person or is past its time; the soonest deadline first within each kind."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        open_orders = await conn.fetch(orders.SQL.list_waiting_for_people, now)
        suspense = await conn.fetch(payments.SQL.list_suspense)
        late = await conn.fetch(refunds.SQL.list_late, now)
        shown = [it for it in await claim_store.list_open(conn) if it.state == "person" or it.flag]
        failed = await notice_store.list_failed(conn)
        handed = await conn.fetch(BREACHES.list_late_rows)
        endings = await key_store.list_ending(conn, now)
        by_hand = await manual.list_open(conn)
    items = [_work("order", row["order_id"], row["price_fen"], row) for row in open_orders]
    items += [_work("suspense", row["item_id"], row["amount_fen"], row) for row in suspense]
    items += [_work("refund", row["refund_no"], row["amount_fen"], row) for row in late]
    items += [_claim_work(claim) for claim in shown]
    items += [_notice_work(notice) for notice in failed]
    items += [_handed_work(row) for row in handed]
    items += [_manual_work(task) for task in by_hand]
    items += [_key_work(ending, now) for ending in endings]
    items += await request_items(ctx) + await dispute_items(ctx) + await complaint_items(ctx)
    items += await money_items(ctx)
    return items


def _handed_work(row: asyncpg.Record) -> WorkItem:
    """A payment, attempt, trade or fact that went past its time: its order is where one acts."""
    subject = row["subject"] or row["key"]
    return WorkItem(
        subject=subject,
        order_id=subject if is_order_id(subject) else "",
        kind=row["kind"],
        state=row["state"],
        reason=row["reason"],
        amount_fen=row["amount_fen"],
        holder=row["holder"],
        next_actor="person",
        due_at=row["due_at"],
        deadline_at=row["deadline_at"],
        actions=STAFF_ACTIONS[row["kind"]],
    )


def _work(kind: str, subject: str, amount_fen: int, row: asyncpg.Record) -> WorkItem:
    order_id = row["order_id"] if "order_id" in row else _order_in(subject)
    return WorkItem(
        subject=subject,
        order_id=order_id,
        kind=kind,
        state=row["state"],
        reason=row["cause"] if "cause" in row else row["reason"],
        amount_fen=amount_fen,
        holder=row["holder"],
        next_actor=row["next_actor"],
        due_at=row["due_at"],
        deadline_at=row["deadline_at"],
        actions=STAFF_ACTIONS[kind],
    )


def _order_in(number: str) -> str:
    owner = order_of_number(number)
    return owner if is_order_id(owner) else ""


def _claim_work(claim: Claim) -> WorkItem:
    return WorkItem(
        subject=claim.claim_id,
        order_id=claim.order_id,
        kind="claim",
        state=claim.state,
        reason=f"claim_{claim.flag}" if claim.flag else "claim_not_found",
        amount_fen=0,
        holder="",
        next_actor="person",
        due_at=claim.due_at,
        deadline_at=claim.deadline_at,
        actions=STAFF_ACTIONS["claim"],
    )


def _notice_work(notice: Notice) -> WorkItem:
    return WorkItem(
        subject=notice.notice_id,
        order_id=notice.subject if is_order_id(notice.subject) else "",
        kind="notice",
        state=notice.state,
        reason="notice_failed",
        amount_fen=0,
        holder="",
        next_actor="person",
        due_at=None,
        deadline_at=notice.deadline_at,
        actions=(),
    )


def _manual_work(task: Task) -> WorkItem:
    """Work by hand that nobody has ended."""
    return WorkItem(
        subject=task.attempt_no,
        order_id=_order_in(task.attempt_no),
        kind="manual",
        state=task.state,
        reason="",
        amount_fen=0,
        holder="",
        next_actor="person",
        due_at=None,
        deadline_at=task.deadline_at,
        actions=(),
    )


def _key_work(ending: Ending, now: datetime) -> WorkItem:
    """A key or certificate that has to be replaced; its end is the deadline."""
    return WorkItem(
        subject=ending.name,
        order_id="",
        kind="key",
        state="ended" if ending.ends_at <= now else "ending",
        reason="key_ends",
        amount_fen=0,
        holder="",
        next_actor="person",
        due_at=None,
        deadline_at=ending.ends_at,
        actions=(),
    )


async def do_action(ctx: Context, who: Member | str, kind: str, subject: str, action: str) -> None:
    """The safe actions only: asking again, on record in the same transaction.

    Raises `unknown_action` for anything that `STAFF_ACTIONS` does not list, `unknown_order`, `unknown_claim`,
    `claim_closed`.
    """
    if action not in STAFF_ACTIONS.get(kind, ()):
        raise Problem("unknown_action", Kind.INVALID)
    order_id = claim_store.order_of_claim(subject) if kind == "claim" else order_of_number(subject)
    async with transaction(ctx.pool) as conn:
        if is_suspense_id(order_id):  # the refund of money put aside: its buyer's timeline is another order's
            await conn.execute(refunds.SQL.set_asked_now, bucket_of(order_id), subject, ctx.now())
            await record.write(conn, ctx.rng, ctx.now(), who, action, subject)
            return
        turn = await orders.open_turn(conn, order_id, ctx.now(), ctx.rng)
        if action == "ask_channel":
            await conn.execute(payments.SQL.set_due, turn.order.bucket, order_id, turn.now)
        elif action == "ask_supplier":
            for attempt in await fulfilment.list_attempts(conn, order_id):
                await conn.execute(fulfilment.SQL.set_asked_now, attempt.bucket, attempt.attempt_no, turn.now)
        elif action == "ask_refund":
            await conn.execute(refunds.SQL.set_asked_now, turn.order.bucket, subject, turn.now)
        elif action == "ask_claim":
            await claims.ask_claim_now(conn, await claim_store.read_claim(conn, subject), turn.now)
        turn.event("staff_asked", reason=action)
        await turn.finish()
        await record.write(conn, ctx.rng, turn.now, who, action, subject)


async def list_claims(ctx: Context) -> list[ClaimRow]:
    """Every open claim, those for a person first."""
    async with ctx.pool.acquire() as conn:
        return [_claim_row(claim) for claim in await claim_store.list_open(conn)]


async def list_suspense(ctx: Context) -> list[SuspenseRow]:
    """Money put aside that is at no end."""
    async with ctx.pool.acquire() as conn:
        rows = await conn.fetch(payments.SQL.list_suspense)
    names = SuspenseRow.__struct_fields__
    return [SuspenseRow(**{name: row[name] for name in names}) for row in rows]


def _claim_row(claim: Claim) -> ClaimRow:
    names = [name for name in ClaimRow.__struct_fields__ if name != "picture"]
    return ClaimRow(picture=bool(claim.picture_id), **{name: getattr(claim, name) for name in names})


def _notice_row(notice: Notice) -> NoticeRow:
    names = [name for name in NoticeRow.__struct_fields__ if name != "order_id"]
    return NoticeRow(order_id=notice.subject, **{name: getattr(notice, name) for name in names})


async def read_staff_order(ctx: Context, member: Member, page: OrderPage) -> StaffOrder:
    """What the buyer sees of an order, and everything else that staff need; raises `unknown_order`."""
    order_id, now = page.order_id, ctx.now()
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        order = await orders.read_order(conn, order_id)
        told = await notice_store.list_notices(conn, order_id)
        shown = await claim_store.list_claims(conn, order_id)
        aside = await payments.list_items(conn, order_id)
        decided = await approvals.list_of_subject(conn, order_id)
        attempts = await fulfilment.list_attempts(conn, order_id)
    names = SuspenseRow.__struct_fields__
    waiting = any(approval.state == "proposed" and approval.expires_at > now for approval in decided)
    may_propose = member.may(Right.PROPOSE_MONEY) and not waiting
    money = await desk_money.list_open(ctx, order_id) if may_propose else frozenset[str]()
    by_transfer = MoneyAction.REFUND_BY_TRANSFER.value in money
    return StaffOrder(
        page=page,
        state=order.state,
        reason=order.reason,
        next_actor=order.next_actor,
        deadline_at=order.deadline_at,
        notices=tuple(_notice_row(notice) for notice in told),
        claims=tuple(_claim_row(claim) for claim in shown),
        suspense=tuple(SuspenseRow(**{name: getattr(item, name) for name in names}) for item in aside),
        approvals=tuple(approval_row(approval, member, now) for approval in reversed(decided)),
        money=money,
        transfer=await desk_transfers.read_plan(ctx, order_id) if by_transfer else None,
        payee=await desk_transfers.read_mask(ctx, order_id) if page.refund is not None else "",
        may_ask_buyer=member.may(Right.ANSWER_BUYERS) and correct.may_ask(order, attempts),
        may=frozenset(right.value for right in member.rights),
    )


def approval_row(approval: Approval, member: Member, now: datetime) -> ApprovalRow:
    names = [name for name in ApprovalRow.__struct_fields__ if not name.startswith("may_")]
    open_now = approval.state == "proposed" and approval.expires_at > now
    mine = approval.proposed_by == member.name
    return ApprovalRow(
        may_decide=open_now and not mine and member.may(Right.DECIDE_MONEY),
        may_withdraw=mine and approval.state in ("proposed", "approved"),
        **{name: getattr(approval, name) for name in names},
    )


async def ask_buyer(ctx: Context, member: Member, order_id: str, reason: str) -> None:
    """待您处理: staff found the account wrong or incomplete; the order waits for its buyer (R19), on record.

    Raises `unknown_reason`, `cannot_stop`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, order_id, ctx.now(), ctx.rng)
        await correct.stop_in(turn, reason)
        await turn.finish()
        await record.write(conn, ctx.rng, turn.now, member, "ask_buyer", order_id, reason=reason)


async def send_notice_again(ctx: Context, member: Member, order_id: str, notice_id: str) -> None:
    """A failed notice once more, on record. Raises `notice_not_failed`."""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        await notices.send_again(conn, notices.bucket_for(order_id), notice_id, now)
        await record.write(
            conn, ctx.rng, now, member, "send_notice_again", order_id, data={"notice": notice_id}
        )


async def answer_claim(ctx: Context, member: Member, claim_id: str, answer: str, reason: str) -> None:
    """A person's answer to a claim, with the reason on record. Raises what `claims.answer_claim` raises."""
    record.check_reason(reason)
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, claim_store.order_of_claim(claim_id), ctx.now(), ctx.rng)
        claim = await claim_store.read_claim(conn, claim_id)
        await claims.answer_claim(turn, claim, answer, member.name)
        await turn.finish()
        await record.write(
            conn,
            ctx.rng,
            turn.now,
            member,
            "answer_claim",
            claim_id,
            reason=reason,
            data={"answer": answer},
        )


async def reveal_picture(office: Office, member: Member, claim_id: str, reason: str) -> bytes:
    """A claim's screenshot (JPEG) for a person's eyes, on record before it is shown. Raises `unknown_claim`."""
    async with office.pool.acquire() as conn:
        claim = await claim_store.read_claim(conn, claim_id)
        sealed = await conn.fetchval(EVIDENCE.read_body, claim.picture_id) if claim.picture_id else None
    if sealed is None:
        raise Problem("unknown_claim", Kind.NOT_FOUND)
    text = await record.reveal(office, member, claim_id, "claim_picture", sealed, reason)
    return base64.b64decode(text)


async def reveal_codes(
    office: Office, member: Member, order_id: str, reason: str
) -> tuple[tuple[str, str], ...]:
    """An order's card codes for a person's eyes, on record before they are opened, in the order's own list, too."""
    async with office.pool.acquire() as conn:
        order = await orders.read_order(conn, order_id)
        now = office.clock.now()
        await record.look(office, member, Right.VIEW_CARD_CODES, order_id, "card_codes", reason)
        codes = await read_codes(conn, office.vault, order)
        if codes:
            viewer = f"staff:{member.name}"
            await fulfilment.keep_view(conn, office.rng, now, order_id, viewer, "staff", len(codes))
    return codes
