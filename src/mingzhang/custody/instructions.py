"""Instructions to the bank (rows 2 and 12): decided by two, sent once, asked about until a bank line books them."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.custody.banks.base import Bank, OrderAnswer, OrderState, PaymentOrder
from mingzhang.custody.store import SQL as ACCOUNTS
from mingzhang.evidence import store as evidence
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CHANNEL, CUSTODY, FREE, TOPUP
from mingzhang.orders.context import Context

SQL: Final = load("mingzhang.custody", "instructions")
PREFUND, RESERVE, SWEEP = "prefund", "reserve", "sweep"
PURPOSES: Final = (PREFUND, RESERVE, SWEEP)
BANK_MAX: Final = timedelta(hours=72)
PERSON_MAX: Final = timedelta(hours=24)
ASK_S: Final = (5, 30, 60, 300, 600, 1800)
NEVER_LEFT: Final = "not_sent"
_WORDS: Final = {PREFUND: "预存款", RESERVE: "退款备付金", SWEEP: "已实现毛利"}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be instructed. ``party``: the supplier, channel or operator in the ledger."""

    purpose: str
    bank: str
    party: str
    payee_name: str
    payee_account: str
    amount_fen: int

    def terms(self) -> dict[str, Any]:
        """What two people decide on."""
        return msgspec.structs.asdict(self)


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One as stored. States: planned, sending, unknown, accepted, rejected, booked (on a bank line), done (arrived)."""

    instruction_id: str
    purpose: str
    bank: str
    account: str
    party: str
    payee_name: str
    payee_account: str
    amount_fen: int
    state: str
    code: str
    asked: int
    sent_evidence_id: str
    line_evidence_id: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    since: datetime


async def plan(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    wish: Wish,
    *,
    approval_id: str,
    proposed_by: str,
    decided_by: str,
) -> str:
    """Fix an instruction and its EndToEndId, in the transaction that uses the approval up; returns the id.

    Raises Problem ``float_short`` (the database refuses more than is ours there and not on its way), ``coverage_short``
    (no margin is swept meanwhile), ``unknown_bank``, ``instruction_invalid``.
    """
    if wish.purpose not in PURPOSES or wish.amount_fen <= 0 or not wish.payee_name or not wish.payee_account:
        raise Problem("instruction_invalid", Kind.INVALID, "purpose, amount, payee and account are needed")
    account = await conn.fetchrow(ACCOUNTS.lock_bank, wish.bank)
    if account is None:
        raise Problem("unknown_bank", Kind.NOT_FOUND, wish.bank)
    number = f"MZ{new_id(now, rng)}"
    try:
        await conn.execute(
            SQL.insert_instruction,
            number,
            wish.purpose,
            wish.bank,
            account["account"],
            wish.party,
            wish.payee_name[:70],
            wish.payee_account[:34],
            wish.amount_fen,
            approval_id,
            proposed_by,
            decided_by,
            now,
            now + BANK_MAX,
        )
    except asyncpg.CheckViolationError as error:
        code = str(error).partition(":")[0]
        if code not in ("float_short", "coverage_short"):
            raise
        raise Problem(code, Kind.CONFLICT, str(error)) from None
    return number


async def work_instruction(ctx: Context, number: str) -> None:
    """The worker's visit: send what is planned, once; ask about what was sent; look whether a top-up arrived."""
    async with ctx.pool.acquire() as conn:
        row = await conn.fetchrow(SQL.read_instruction, number)
    if row is None or row["state"] in ("rejected", "done"):
        return
    order = Instruction(**dict(row))
    if order.state == "booked":
        await _look_for_arrival(ctx, order)
        return
    bank: Bank | None = ctx.banks.get(order.bank)
    if bank is None:  # handed in by a person, by the file; the bank line books it
        await _later(ctx, order)
        return
    sends = order.state == "planned" or (order.state == "sending" and order.code == NEVER_LEFT)
    if sends:
        if not await _begin(ctx, order):
            return
        ctx.crash_point("instruction_to_bank")
        answer = await bank.send(_payment_order(order))
    else:
        answer = await bank.ask(order.instruction_id)
    await _record(ctx, order.instruction_id, answer)


def _payment_order(order: Instruction) -> PaymentOrder:
    return PaymentOrder(
        order_id=order.instruction_id,
        account=order.account,
        payee_name=order.payee_name,
        payee_account=order.payee_account,
        amount_fen=order.amount_fen,
        currency="CNY",
        purpose=f"{_WORDS[order.purpose]} {order.instruction_id}",
    )


def file_of(order: Instruction) -> PaymentOrder:
    """The same for a bank without an adapter: a person hands the file in."""
    return _payment_order(order)


async def _begin(ctx: Context, order: Instruction) -> bool:
    """The intent, committed before the call: from here on it may have been sent."""
    async with transaction(ctx.pool) as conn:
        fresh = await _lock(conn, order.instruction_id)
        if (fresh.state, fresh.code) != (order.state, order.code):
            return False
        await _set(conn, fresh, ctx.now(), state="sending", code="", due=ctx.lease_end())
    return True


async def _record(ctx: Context, number: str, answer: OrderAnswer) -> None:
    """Keep what the bank said; nothing is booked by it."""
    async with transaction(ctx.pool) as conn:
        fresh = await _lock(conn, number)
        now = ctx.now()
        cited = await evidence.keep_all(conn, ctx.rng, now, answer.messages)
        if fresh.state in ("booked", "rejected", "done"):
            return
        state, code = fresh.state, answer.code
        if answer.state in (OrderState.ACCEPTED, OrderState.BOOKED):
            state, code = "accepted", answer.state.value
        elif answer.state is OrderState.REJECTED:
            state = "rejected"
        elif answer.state is OrderState.NOT_SENT and fresh.state == "sending":
            code = NEVER_LEFT
        elif fresh.state != "accepted":
            state = "unknown"
        await _set(conn, fresh, now, state=state, code=code, due=_due(fresh, now), status_evidence=cited)


def _due(order: Instruction, now: datetime) -> datetime:
    return now + timedelta(seconds=ASK_S[min(order.asked, len(ASK_S) - 1)])


async def _later(ctx: Context, order: Instruction) -> None:
    async with transaction(ctx.pool) as conn:
        fresh = await _lock(conn, order.instruction_id)
        if fresh.state == order.state:
            now = ctx.now()
            await _set(conn, fresh, now, state=fresh.state, code=fresh.code, due=_due(fresh, now))


async def _lock(conn: asyncpg.Connection, number: str) -> Instruction:
    return Instruction(**dict(await conn.fetchrow(SQL.lock_instruction, number)))


async def _set(
    conn: asyncpg.Connection,
    order: Instruction,
    now: datetime,
    *,
    state: str,
    code: str,
    due: datetime | None,
    status_evidence: str = "",
    line_evidence: str = "",
) -> None:
    """Write it; past its deadline a person is next. A new state is a new turn of the bank."""
    actor, deadline, since = order.next_actor, order.deadline_at, order.since
    if state in ("rejected", "done"):
        actor, due, deadline = "", None, None
    elif state != order.state:
        actor, since = ("supplier" if state == "booked" else "bank"), now
        deadline = now + BANK_MAX
    elif deadline is None or deadline <= now:
        actor, since, deadline = "person", now, now + PERSON_MAX
    await conn.execute(
        SQL.set_instruction,
        order.instruction_id,
        state,
        code,
        order.asked + 1 if state == order.state else 0,
        actor,
        min(due, deadline) if due is not None and deadline is not None else None,
        deadline,
        since,
        "",
        status_evidence,
        line_evidence,
        now,
    )


async def book_line(
    conn: asyncpg.Connection, now: datetime, number: str, amount_fen: int, line_evidence: str
) -> bool:
    """The bank's own line is what moves money: out (rows 2, 12), or back again. False when it does not fit."""
    row = await conn.fetchrow(SQL.lock_instruction, number)
    if row is None:
        return False
    order = Instruction(**dict(row))
    leaves = amount_fen == -order.amount_fen and order.state not in ("booked", "done", "rejected")
    returns = amount_fen == order.amount_fen and order.state == "booked"
    if not leaves and not returns:
        return False
    custody, topup = (CUSTODY, order.bank), (TOPUP, order.party)
    if returns:
        posting = postings.float_moved(number, frm=topup, to=custody, amount_fen=order.amount_fen)
    elif order.purpose == SWEEP:
        posting = postings.margin_swept(
            number, bank=order.bank, operator=order.party, amount_fen=order.amount_fen
        )
    else:
        posting = postings.float_moved(number, frm=custody, to=topup, amount_fen=order.amount_fen)
    seq = await ledger.next_shared_seq(conn, number)
    await ledger.write_shared(conn, posting, evidence_id=line_evidence, now=now, seq=seq)
    done = returns or order.purpose == SWEEP
    await _set(
        conn,
        order,
        now,
        state="done" if done else "booked",
        code="returned" if returns else order.code,
        due=now,
        line_evidence=line_evidence,
    )
    return True


async def arrive(conn: asyncpg.Connection, now: datetime, number: str, evidence_id: str) -> bool:
    """Row 2, last step: what was on its way stands at the supplier or channel, by evidence of its own."""
    row = await conn.fetchrow(SQL.lock_instruction, number)
    if row is None or row["state"] != "booked":
        return False
    order = Instruction(**dict(row))
    to = (FREE if order.purpose == PREFUND else CHANNEL, order.party)
    posting = postings.float_moved(number, frm=(TOPUP, order.party), to=to, amount_fen=order.amount_fen)
    seq = await ledger.next_shared_seq(conn, number)
    await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now, seq=seq)
    await _set(conn, order, now, state="done", code="", due=None)
    return True


async def _look_for_arrival(ctx: Context, order: Instruction) -> None:
    """A supplier's balance that holds the top-up beside all that the ledger says may be there proves it.

    What is reserved counts as there: a balance that still lacks it may be in the middle of charging an order, and the
    next look will tell. A channel has no such answer: its own bill, or two people, say that a reserve arrived.
    """
    supplier = ctx.suppliers.get(order.party) if order.purpose == PREFUND else None
    answer = await supplier.balance() if supplier is not None else None
    if answer is None or not answer.known:
        await _later(ctx, order)
        return
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        held = await conn.fetchrow(SQL.read_supplier_money, order.party)
        if answer.free_fen >= held["free_fen"] + held["reserved_fen"] + order.amount_fen:
            cited = await evidence.keep_all(conn, ctx.rng, now, answer.messages)
            if cited and await arrive(conn, now, order.instruction_id, cited):
                return
    await _later(ctx, order)
