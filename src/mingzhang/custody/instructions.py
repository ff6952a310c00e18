"""Instructions to the bank (rows 2, 12, 17): decided by two, sent once, asked about until a bank line books them.

Float and margin are booked here. What becomes of an order's refund (row 17) is stated as a fact, and booked by the order.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.custody import arrivals
from mingzhang.custody.arrivals import LOOK_AGAIN, Arrival
from mingzhang.custody.banks.base import Bank, OrderAnswer, OrderState, PaymentOrder
from mingzhang.custody.store import SQL as ACCOUNTS
from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Fact
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, new_id
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.moves import Spot
from mingzhang.ledger.places import CHANNEL, CUSTODY, FREE, TOPUP
from mingzhang.orders.breaches import SHARED, Late, note_breach
from mingzhang.orders.context import Context

SQL: Final = load("mingzhang.custody", "instructions")
PREFUND, RESERVE, SWEEP, REFUND = "prefund", "reserve", "sweep", "refund"
PURPOSES: Final = (PREFUND, RESERVE, SWEEP)
BANK_MAX: Final = timedelta(hours=72)
PERSON_MAX: Final = timedelta(hours=24)
ASK_S: Final = (5, 30, 60, 300, 600, 1800)
NEVER_LEFT: Final = "not_sent"
RETURNED: Final = "returned"
SEEN_ONCE: Final = "seen_once"
"""The supplier's balance showed it once, while orders in process leave a doubt."""
_WORDS: Final = {PREFUND: "预存款", RESERVE: "退款备付金", SWEEP: "已实现毛利", REFUND: "订单退款"}


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


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a refund is paid to, in clear: lives in memory alone, from the vault to the bank."""

    name: str
    account: str


class RefundWish(msgspec.Struct, frozen=True, kw_only=True):
    """A refund to be paid out of custody. ``payee_enc``: a `Payee`, sealed; the masks are what anybody reads."""

    refund_no: str
    order_id: str
    bank: str
    amount_fen: int
    payee_enc: bytes
    name_mask: str
    account_mask: str


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One as stored. States: planned, sending, unknown, accepted, rejected, booked (on a bank line), done (arrived).

    Of a refund ``party`` is its number, ``subject`` its order, the payee a mask and ``payee_enc`` what it hides.
    """

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
    subject: str
    payee_enc: bytes | None


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
    people = (approval_id, proposed_by, decided_by)
    sealed: tuple[int, str, bytes | None] = (0, "", None)
    return await _insert(conn, rng, now, wish, people, sealed)


async def plan_refund(
    conn: asyncpg.Connection, rng: Random, now: datetime, wish: RefundWish, people: tuple[str, str, str]
) -> str:
    """The same for an order's refund (row 17): its money stands in `refunding` there, which the database looks at.

    ``people``: approval, who proposed, who decided.
    """
    shown = Wish(
        purpose=REFUND,
        bank=wish.bank,
        party=wish.refund_no,
        payee_name=wish.name_mask,
        payee_account=wish.account_mask,
        amount_fen=wish.amount_fen,
    )
    sealed = (bucket_of(wish.order_id), wish.order_id, wish.payee_enc)
    return await _insert(conn, rng, now, shown, people, sealed)


async def _insert(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    wish: Wish,
    people: tuple[str, str, str],
    sealed: tuple[int, str, bytes | None],
) -> str:
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
            *people,
            now,
            now + BANK_MAX,
            *sealed,
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
        answer = await bank.send(payment_order(order, ctx.vault))
    else:
        answer = await bank.ask(order.instruction_id)
    await _record(ctx, order.instruction_id, answer)


def payment_order(order: Instruction, vault: Vault) -> PaymentOrder:
    """What goes to the bank: by its adapter, or as a file that a person hands in."""
    payee = Payee(name=order.payee_name, account=order.payee_account)
    if order.payee_enc is not None:
        payee = msgspec.json.decode(vault.open(order.payee_enc), type=Payee)
    return PaymentOrder(
        order_id=order.instruction_id,
        account=order.account,
        payee_name=payee.name,
        payee_account=payee.account,
        amount_fen=order.amount_fen,
        currency="CNY",
        purpose=f"{_WORDS[order.purpose]} {order.instruction_id}",
        kept_name=order.payee_name,
        kept_account=order.payee_account,
    )


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
        if fresh.purpose == REFUND and state != fresh.state and cited:
            told = {"accepted": "taken", "rejected": "refused"}.get(state)
            if told is not None:
                await _tell(conn, fresh, told, cited, now)


async def _tell(
    conn: asyncpg.Connection, order: Instruction, state: str, evidence_id: str, now: datetime
) -> None:
    """What became of a refund's instruction, for its order to apply: taken, refused, arrived, returned."""
    fact = Fact(
        party=order.bank,
        kind=f"refund_{state}",
        external_id=order.party,
        subject=order.subject,
        content={"refund_no": order.party, "state": state},
    )
    await evidence.state_fact(conn, fact, evidence_id, now)


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
        if deadline is not None:
            late = Late("instruction", order.instruction_id, "", order.state, actor, deadline)
            await note_breach(conn, late, "person", now, bucket=SHARED)
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
    if order.purpose == REFUND:
        return await _book_refund(conn, now, order, amount_fen, line_evidence)
    leaves = amount_fen == -order.amount_fen and order.state not in ("booked", "done", "rejected")
    arrived = order.state == "done" and order.purpose in (PREFUND, RESERVE) and order.code != RETURNED
    returns = amount_fen == order.amount_fen and (order.state == "booked" or arrived)
    if not leaves and not returns:
        return False
    custody, topup = (CUSTODY, order.bank), (TOPUP, order.party)
    steps = [(custody, topup)]
    if returns:  # sent back after it arrived, or never arrived although the balance looked so
        steps = [*([(_stands(order), topup)] if arrived else []), (topup, custody)]
    booked = [postings.float_moved(number, frm=frm, to=to, amount_fen=order.amount_fen) for frm, to in steps]
    if order.purpose == SWEEP:
        spots = {"bank": order.bank, "operator": order.party}
        booked = [postings.margin_swept(number, **spots, amount_fen=order.amount_fen)]
    for posting in booked:
        seq = await ledger.next_shared_seq(conn, number)
        await ledger.write_shared(conn, posting, evidence_id=line_evidence, now=now, seq=seq)
    await _set(
        conn,
        order,
        now,
        state="done" if returns or order.purpose == SWEEP else "booked",
        code=RETURNED if returns else order.code,
        due=now,
        line_evidence=line_evidence,
    )
    return True


def _stands(order: Instruction) -> Spot:
    """Where a top-up stands once it arrived."""
    return (FREE if order.purpose == PREFUND else CHANNEL, order.party)


async def _book_refund(
    conn: asyncpg.Connection, now: datetime, order: Instruction, amount_fen: int, line_evidence: str
) -> bool:
    """Row 14 by the bank's own line: paid out, or come back; the order books it. False when it does not fit."""
    leaves = amount_fen == -order.amount_fen and order.state not in ("done", "rejected")
    returns = amount_fen == order.amount_fen and order.state == "done" and order.code != RETURNED
    if not leaves and not returns:
        return False
    await _tell(conn, order, RETURNED if returns else "arrived", line_evidence, now)
    code = RETURNED if returns else order.code
    await _set(conn, order, now, state="done", code=code, due=None, line_evidence=line_evidence)
    return True


async def arrive(conn: asyncpg.Connection, now: datetime, number: str, evidence_id: str) -> bool:
    """Row 2, last step: what was on its way stands at the supplier or channel, by evidence of its own."""
    row = await conn.fetchrow(SQL.lock_instruction, number)
    if row is None or row["state"] != "booked":
        return False
    order = Instruction(**dict(row))
    frm, to = (TOPUP, order.party), _stands(order)
    posting = postings.float_moved(number, frm=frm, to=to, amount_fen=order.amount_fen)
    seq = await ledger.next_shared_seq(conn, number)
    await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now, seq=seq)
    await _set(conn, order, now, state="done", code="", due=None)
    return True


async def _look_for_arrival(ctx: Context, order: Instruction) -> None:
    """A prefund arrived when the supplier's balance shows it, if need be twice (`arrivals`).

    A channel has no such answer: its own bill, or a person, says that a reserve arrived.
    """
    if order.purpose != PREFUND:
        await _later(ctx, order)
        return
    found = await arrivals.look(ctx, order.party)
    likely = found.arrival is Arrival.LIKELY
    if found.arrival is Arrival.SURE or (likely and order.code == SEEN_ONCE):
        async with transaction(ctx.pool) as conn:
            now = ctx.now()
            cited = await evidence.keep_all(conn, ctx.rng, now, found.messages)
            if cited and await arrive(conn, now, order.instruction_id, cited):
                return
    async with transaction(ctx.pool) as conn:
        fresh = await _lock(conn, order.instruction_id)
        if fresh.state == order.state:
            now = ctx.now()
            code, due = (SEEN_ONCE, now + LOOK_AGAIN) if likely else ("", _due(fresh, now))
            await _set(conn, fresh, now, state=fresh.state, code=code, due=due)
