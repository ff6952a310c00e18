"""Refunds by bank transfer as staff see them: what would be proposed, and the payee in clear, once, on record (row 17)."""

from __future__ import annotations

import msgspec

from mingzhang.custody.instructions import Payee
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger.moves import Refused
from mingzhang.orders.context import Context
from mingzhang.orders.store import open_turn
from mingzhang.orders.suspense import open_item
from mingzhang.staff import record
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right
from mingzhang.transfers import aside, flow
from mingzhang.transfers.payee import list_payees
from mingzhang.web.model_refunds import TransferPlan


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Whom money is to be sent to, as somebody typed it."""

    name: str
    account: str


async def read_plan(ctx: Context, order_id: str) -> TransferPlan | None:
    """What two people could have sent now; None where nothing can be. Nothing is written."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        try:
            plan = await flow.check(turn)
        except Problem:
            return None
        waits = False
        try:
            await flow.preview(turn, plan)
        except Refused:
            waits = True
        heads = await conn.fetch(EVIDENCE.read_evidence_heads, [plan.proof])
    return TransferPlan(
        amount_fen=plan.amount_fen,
        to=plan.to,
        original=plan.original,
        code=plan.code,
        proof_sha256=heads[0]["sha256"].hex() if heads else "",
        waits=waits,
    )


async def read_mask(ctx: Context, order_id: str) -> str:
    """What the buyer named last, masked; empty when they named nothing."""
    async with ctx.pool.acquire() as conn:
        payees = await list_payees(conn, order_id)
    return payees[0].mask if payees else ""


async def read_proof(ctx: Context, item_id: str) -> str:
    """Of money put aside: the hash of the evidence that only a transfer is left; empty where it is not so."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        try:
            _, _, proof = await aside.check_open(turn)
        except Problem:
            return ""
        heads = await conn.fetch(EVIDENCE.read_evidence_heads, [proof])
    return heads[0]["sha256"].hex() if heads else ""


async def name_for_item(
    office: Office, ctx: Context, member: Member, item_id: str, given: Given, reason: str
) -> None:
    """One of the staff names the account for money put aside; from what they know it, is on record.

    Raises `right_missing`, `reason_missing` and what `aside.name` raises.
    """
    await record.require(office, member, Right.PROPOSE_MONEY, item_id)
    record.check_reason(reason)
    await aside.name(ctx, item_id, given.name, given.account)
    async with transaction(ctx.pool) as conn:
        await record.write(conn, ctx.rng, ctx.now(), member, "name_payee", item_id, reason=reason)


async def reveal(office: Office, member: Member, order_id: str, reason: str) -> str:
    """Name and account in clear, for one look. Raises `payee_missing`, `right_missing`, `reason_missing`."""
    async with office.pool.acquire() as conn:
        payees = await list_payees(conn, order_id)
    if not payees:
        await record.require(office, member, Right.VIEW_PERSONAL_DATA, order_id)
        raise Problem("payee_missing", Kind.CONFLICT)
    text = await record.reveal(office, member, order_id, "payee", payees[0].payee_enc, reason)
    payee = msgspec.json.decode(text, type=Payee)
    return f"{payee.name} {payee.account}"
