"""A refund by bank transfer (row 17): two people, the channel's refusal as proof, from custody, by one instruction.

The number of the refund is fixed as it is planned, the EndToEndId in the transaction that gathers the money; a lost answer
of the bank is asked for by it, and nothing is sent again (F14). The bank's own line says that it was paid out, or came back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.custody import instructions
from mingzhang.custody.instructions import RefundWish
from mingzhang.custody.store import list_accounts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import order_of_number, refund_number
from mingzhang.kit.workdays import promised_by
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Posting
from mingzhang.ledger.places import CUSTODY
from mingzhang.ledger.store import read_float
from mingzhang.orders import give_back
from mingzhang.orders.context import Context
from mingzhang.orders.states import REFUND_MAX_S
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_subject
from mingzhang.refunds import flow as refunds
from mingzhang.refunds.flow import PROMISE_WORKDAYS
from mingzhang.refunds.store import SQL as REFUNDS
from mingzhang.refunds.store import TRANSFER, Refund, find_refund, list_refunds, next_n
from mingzhang.refunds.visit import gather, work_refund
from mingzhang.staff.approvals import read_approval
from mingzhang.transfers.payee import SQL, Named, list_payees, unused

CAUSE: Final = "refund_refused"
LOOK_AGAIN: Final = timedelta(minutes=30)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What two people agree to, to the letter: how much, from which bank, to which word of the buyer's, on which proof.

    ``original``: the refund that the channel refused, with its code; ``proof``: the evidence of that refusal.
    """

    amount_fen: int
    bank: str
    payee: int
    to: str
    original: str
    code: str
    proof: str

    def terms(self) -> dict[str, Any]:
        """For the approval."""
        return msgspec.structs.asdict(self)


async def check(turn: Turn, wanted_fen: int | None = None) -> Plan:
    """Whether it may be sent so now, and what exactly; ``wanted_fen``: a part, None for all that is left.

    Raises `transfer_not_open` (nothing was refused by the channel), `refund_open` (a refund is at no end, also one that
    is stuck at the channel), `payee_missing`, `no_bank_account`, `money_held`, `supply_open`, `refund_not_open`,
    `over_refund`, `amount_invalid`.
    """
    conn, order = turn.conn, turn.order
    every = await list_refunds(conn, order.order_id)
    proof = await refusal_of(conn, every)
    if proof is None or order.state != "needs_person":
        raise Problem("transfer_not_open", Kind.CONFLICT)
    if any(it.state not in refunds.FINAL for it in every):
        raise Problem("refund_open", Kind.CONFLICT)
    await give_back.check_part(turn)
    named = unused(await list_payees(conn, order.order_id), every)
    if named is None:
        raise Problem("payee_missing", Kind.CONFLICT)
    left = await refunds.left_fen(turn)
    if left <= 0:
        raise Problem("refund_not_open", Kind.CONFLICT)
    amount = left if wanted_fen is None else wanted_fen
    if amount <= 0:
        raise Problem("amount_invalid", Kind.INVALID)
    if amount > left:
        raise Problem("over_refund", Kind.CONFLICT, f"{amount} of {left}")
    original, evidence_id = proof
    return Plan(
        amount_fen=amount,
        bank=await bank_for(turn),
        payee=named.n,
        to=named.mask,
        original=original.refund_no,
        code=original.code,
        proof=evidence_id,
    )


async def refusal_of(conn: asyncpg.Connection, every: list[Refund]) -> tuple[Refund, str] | None:
    """The newest refund by the original path that its channel refused, and the evidence of it."""
    for refund in every:
        if refund.way != TRANSFER and refund.state == "refused":
            evidence_id = await conn.fetchval(SQL.read_refusal, refund.channel, refund.refund_no)
            if evidence_id is not None:
                return refund, str(evidence_id)
    return None


async def bank_for(turn: Turn | ItemTurn) -> str:
    """The bank where the order's or item's money lies, else the shop's first. Raises `no_bank_account`."""
    known = [account.bank for account in await list_accounts(turn.conn)]
    if not known:
        raise Problem("no_bank_account", Kind.CONFLICT)
    lies = [
        account.party for account, fen in (await turn.balances()).items() if account.place == CUSTODY and fen
    ]
    return next((bank for bank in known if bank in lies), known[0])


async def preview(turn: Turn, plan: Plan) -> Posting:
    """What row 17 would move now. Raises `Refused`."""
    spot = (CUSTODY, plan.bank)
    return postings.refund_asked(
        turn.order.order_id,
        await turn.balances(),
        price_fen=turn.order.price_fen,
        amount_fen=plan.amount_fen,
        at=spot,
        float_at_fen=await read_float(turn.conn, *spot) - await _spoken_for(turn.conn, plan.bank),
    )


async def start(turn: Turn, plan: Plan, approval_id: str, evidence_id: str) -> str:
    """Fix the refund and its number, in the transaction that uses the approval up; returns the number."""
    order, now = turn.order, turn.now
    every = await list_refunds(turn.conn, order.order_id)
    original = next(it for it in every if it.refund_no == plan.original)
    n = next_n(every)
    refund_no, deadline = refund_number(order.order_id, n), now + timedelta(seconds=REFUND_MAX_S)
    await turn.conn.execute(
        REFUNDS.insert_transfer,
        order.bucket,
        refund_no,
        order.order_id,
        n,
        original.payment_no,
        original.transaction_id,
        plan.bank,
        plan.amount_fen,
        original.total_fen,
        CAUSE,
        now,
        deadline,
        promised_by(now, PROMISE_WORKDAYS),
        plan.payee,
        approval_id,
        plan.to,
    )
    turn.event("transfer_asked", evidence_id, amount_fen=plan.amount_fen, account=plan.to)
    turn.move("refunding", holder=order.holder, next_actor="shop", deadline_at=deadline)
    return refund_no


async def work(ctx: Context, refund_no: str) -> None:
    """The worker's visit to a due refund of either way."""
    order_id = order_of_number(refund_no)
    async with ctx.pool.acquire() as conn:
        refund = await find_refund(conn, order_id, refund_no)
    if refund is None or refund.state in refunds.FINAL:
        return
    if refund.way != TRANSFER:
        await work_refund(ctx, refund_no)
    elif refund.state in refunds.UNSENT:
        await _instruct(ctx, refund)
    else:  # its instruction has a clock of its own and states what becomes of it
        async with transaction(ctx.pool) as conn:
            await conn.execute(REFUNDS.set_looked, refund.bucket, refund_no, ctx.now() + LOOK_AGAIN)


async def _instruct(ctx: Context, refund: Refund) -> None:
    """Gather the money in custody and fix the instruction, in one transaction; the bank is called later, by its own row."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, refund.order_id, ctx.now(), ctx.rng)
        named = _of(await list_payees(conn, refund.order_id), refund.payee_n)
        await conn.execute(SQL.lock_bank, refund.channel)
        spoken_for = await _spoken_for(conn, refund.channel)
        ready = await gather(turn, refund, ctx.lease_end(), spoken_for_fen=spoken_for)
        if ready is not None:
            approval = await read_approval(conn, refund.order_id, refund.approval_id)
            wish = RefundWish(
                refund_no=ready.refund_no,
                order_id=ready.order_id,
                bank=ready.channel,
                amount_fen=ready.amount_fen,
                payee_enc=named.payee_enc,
                name_mask=named.name_mask,
                account_mask=named.account_mask,
            )
            people = (approval.approval_id, approval.proposed_by, approval.decided_by)
            number = await instructions.plan_refund(conn, ctx.rng, turn.now, wish, people)
            await conn.execute(REFUNDS.set_instructed, ready.bucket, ready.refund_no, number)
        await turn.finish()


def _of(payees: list[Named], n: int) -> Named:
    return next(named for named in payees if named.n == n)


async def _spoken_for(conn: asyncpg.Connection, bank: str) -> int:
    """What of the shop's own money at a bank has been instructed to leave and has not left."""
    row = await conn.fetchrow(instructions.SQL.sum_under_way, bank)
    return int(row["float_fen"])
