"""Money put aside that goes back by bank transfer: the last way, where no channel takes it back (rows 13, 17, 23).

Nobody has an order to name an account on. One of the staff writes it down from what the payer proved, or from the bank's
line; it is sealed like a buyer's word, and another person decides on exactly that word and its proof.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import refund_number
from mingzhang.kit.workdays import promised_by
from mingzhang.ledger.places import CHANNEL, CUSTODY
from mingzhang.orders.context import Context
from mingzhang.orders.states import REFUND_MAX_S
from mingzhang.orders.suspense import ItemTurn, open_item
from mingzhang.refunds.flow import FINAL, PROMISE_WORKDAYS
from mingzhang.refunds.store import SQL as REFUNDS
from mingzhang.refunds.store import list_refunds
from mingzhang.transfers.flow import CAUSE, Plan, bank_for, refusal_of
from mingzhang.transfers.payee import (
    PAYEES_MAX,
    SQL,
    clean_payee,
    list_payees,
    mask_account,
    mask_name,
    unused,
)


async def check_open(turn: ItemTurn) -> tuple[str, str, str]:
    """The refund that its channel refused, its code, and the evidence that no other way is left.

    Of money that a bank line brought there is no refund: its own line is the proof. Raises `transfer_not_open`,
    `refund_open`.
    """
    item = turn.item
    if item.state != "open" or item.next_actor != "person" or item.holder not in (CHANNEL, CUSTODY):
        raise Problem("transfer_not_open", Kind.CONFLICT)
    every = await list_refunds(turn.conn, item.item_id)
    if any(it.state not in FINAL for it in every):
        raise Problem("refund_open", Kind.CONFLICT)
    refused = await refusal_of(turn.conn, every)
    if refused is not None:
        return refused[0].refund_no, refused[0].code, refused[1]
    line = await turn.conn.fetchval(SQL.read_bank_line, item.channel, item.transaction_id)
    if line is None:
        raise Problem("transfer_not_open", Kind.CONFLICT)
    return "", "", str(line)


async def check(turn: ItemTurn) -> Plan:
    """What exactly two people would have sent: all of it. Raises also `payee_missing`, `no_bank_account`."""
    item = turn.item
    original, code, proof = await check_open(turn)
    named = unused(await list_payees(turn.conn, item.item_id), await list_refunds(turn.conn, item.item_id))
    if named is None:
        raise Problem("payee_missing", Kind.CONFLICT)
    return Plan(
        amount_fen=item.amount_fen,
        bank=await bank_for(turn),
        payee=named.n,
        to=named.mask,
        original=original,
        code=code,
        proof=proof,
    )


async def start(turn: ItemTurn, plan: Plan, approval_id: str, evidence_id: str) -> str:
    """Fix the refund and its number, in the transaction that uses the approval up; returns the number."""
    item, now = turn.item, turn.now
    n = len(await list_refunds(turn.conn, item.item_id)) + 1
    refund_no, deadline = refund_number(item.item_id, n), now + timedelta(seconds=REFUND_MAX_S)
    await turn.conn.execute(
        REFUNDS.insert_transfer,
        item.bucket,
        refund_no,
        item.item_id,
        n,
        item.payment_no,
        item.transaction_id,
        plan.bank,
        plan.amount_fen,
        item.trade_fen,
        CAUSE,
        now,
        deadline,
        promised_by(now, PROMISE_WORKDAYS),
        plan.payee,
        approval_id,
        plan.to,
    )
    turn.event("excess_transfer_asked", evidence_id, amount_fen=plan.amount_fen, account=plan.to)
    turn.tell_buyer("excess_transfer_asked", evidence_id)
    turn.move("refunding", holder=item.holder, next_actor="shop", deadline_at=deadline)
    return refund_no


async def name(ctx: Context, item_id: str, payee: str, account: str) -> None:
    """Write down whom it is to be sent to; who did it, and from what, is on the record of staff.

    Raises what `check_open` raises, `payee_name_invalid`, `payee_account_invalid`, `too_many_payees`.
    """
    clean = clean_payee(payee, account)
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        await check_open(turn)
        before = await list_payees(conn, item_id)
        if len(before) >= PAYEES_MAX:
            raise Problem("too_many_payees", Kind.TOO_MANY)
        await conn.execute(
            SQL.insert_payee,
            turn.item.bucket,
            item_id,
            len(before) + 1,
            ctx.vault.seal(msgspec.json.encode(clean).decode()),
            mask_name(clean.name),
            mask_account(clean.account),
            turn.now,
        )
        turn.event("excess_payee_named", account=mask_account(clean.account))
        await turn.finish()
