"""What people do in a dispute: open it, speak, ask, offer, agree, decline, withdraw, reopen (R27, R34, R35).

Each takes the order's lock first, then the dispute's, in one transaction; races with refunds and chargebacks are decided
there. Money takes two people, who agreed before `offer_in` and `solve_in` are called.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from mingzhang.disputes import belongs, money, remedy, store
from mingzhang.disputes.belongs import kinds_for
from mingzhang.disputes.case import Case, Said, open_both, open_case, policy_of
from mingzhang.disputes.policy import terms
from mingzhang.disputes.states import (
    KINDS,
    PAUSES_MAX,
    REMEDIES,
    REOPEN_DAYS,
    SOURCES,
    dispute_number,
)
from mingzhang.disputes.store import SQL, Dispute
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.store import Turn, open_turn

DISPUTES_MAX: Final = 12


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody brings. ``by``: the member of staff; ``wish``: refund or resupply, the buyer's choice (R35);
    ``outside_by``: the term that the channel or the authority named itself.
    """

    order_id: str
    kind: str
    source: str = "buyer"
    by: str = ""
    words: str = ""
    wish: str = ""
    channel: str = ""
    complaint_no: str = ""
    outside_by: datetime | None = None
    evidence_id: str = ""
    attachments: tuple[bytes, ...] = ()


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """``joined``: an open dispute was there and took it in."""

    dispute_id: str
    joined: bool


async def open_dispute(ctx: Context, opening: Opening) -> Opened:
    """Put it on record, its clocks running. Raises `unknown_order`, `dispute_invalid`, `dispute_not_open`,
    `dispute_already_open`, `too_many_disputes`, `too_long`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, opening.order_id, ctx.now(), ctx.rng)
        opened = await open_in(ctx, turn, opening)
        await turn.finish()
    return opened


async def open_in(ctx: Context, turn: Turn, opening: Opening) -> Opened:
    """The same inside a turn of the order. A channel's complaint joins what is open, or what gave all the money back;
    told again, it is found.
    """
    order = turn.order
    if opening.kind not in KINDS or opening.source not in SOURCES:
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "kind"})
    if opening.wish not in ("", *REMEDIES):
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "wish"})
    if opening.source == "buyer" and opening.kind not in kinds_for(order):
        raise Problem("dispute_not_open", Kind.CONFLICT)
    before = await store.list_disputes(turn.conn, order.order_id)
    if opening.complaint_no:
        known = await store.find_by_complaint(turn.conn, order.bucket, opening.channel, opening.complaint_no)
        if known is not None:
            return Opened(dispute_id=known.dispute_id, joined=True)
    found = belongs.running(before, opening.kind, opening.source)
    if found is None and opening.complaint_no:
        found = await belongs.gave_back(turn, before)
    if found is not None:
        return await _join(ctx, turn, found, opening)
    if len(before) >= DISPUTES_MAX:
        raise Problem("too_many_disputes", Kind.TOO_MANY)
    case = await _insert(ctx, turn, opening, max((each.n for each in before), default=0) + 1)
    await case.say(_spoken(opening), "opened", evidence_id=opening.evidence_id, wish=opening.wish)
    case.event("dispute_opened", opening.evidence_id, about=opening.kind)
    if opening.complaint_no:
        await belongs.answer_by_refund(case)
    await money.hold(case)
    await case.finish()
    return Opened(dispute_id=case.row.dispute_id, joined=False)


async def _join(ctx: Context, turn: Turn, found: Dispute, opening: Opening) -> Opened:
    case = await open_case(ctx, turn, found.dispute_id)
    row = case.row
    if opening.channel and not row.complaint_no:
        row.channel, row.complaint_no = opening.channel, opening.complaint_no
    by = terms(case.policy, turn.now, opening.source, opening.channel, opening.outside_by).outside_by
    if by is not None:
        row.outside_by = by if row.outside_by is None else min(by, row.outside_by)
    await case.say(_spoken(opening), "joined", evidence_id=opening.evidence_id)
    case.event("dispute_joined", opening.evidence_id)
    await case.finish()
    return Opened(dispute_id=row.dispute_id, joined=True)


def _spoken(opening: Opening) -> Said:
    speaker = "shop" if opening.source == "staff" else opening.source
    return Said(speaker=speaker, text=opening.words, by=opening.by, attachments=opening.attachments)


async def _insert(ctx: Context, turn: Turn, opening: Opening, n: int) -> Case:
    order, now, policy = turn.order, turn.now, policy_of(ctx)
    by = terms(policy, now, opening.source, opening.channel, opening.outside_by)
    dispute_id = dispute_number(order.order_id, n)
    await turn.conn.execute(
        SQL.insert_dispute,
        order.bucket,
        dispute_id,
        order.order_id,
        n,
        opening.kind,
        opening.source,
        opening.channel,
        opening.complaint_no,
        opening.wish,
        now,
        by.first_by,
        by.solution_by,
        by.final_by,
        by.outside_by,
        by.first_by,
        by.first_by,
    )
    return await open_case(ctx, turn, dispute_id)


async def add_message(ctx: Context, dispute_id: str, said: Said, *, late: bool = False) -> int:
    """Say something. A shop's word is its answer; a buyer's, while asked, gives the turn back. Returns its number.

    ``late``: it was said before the dispute's end and heard after it: kept, and nothing changes by it.
    Raises `unknown_dispute`, `dispute_closed`, `message_empty`, `too_long`, `dispute_full`.
    """
    if not said.text.strip() and not said.attachments:
        raise Problem("message_empty", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        if not late:
            _check_open(case.row)
        before = case.row.said
        n = await case.say(said)
        if n > before and not late:
            if said.speaker == "shop":
                case.answered()
            elif case.row.state == "asked":
                case.enter("working", "shop")
            case.event("dispute_message", speaker=said.speaker)
        await _finish(case)
    return n


async def ask_buyer(ctx: Context, dispute_id: str, name: str, text: str) -> None:
    """The shop asks its buyer something and its clocks stand still until the answer, at most `PAUSES_MAX` times.

    Raises `unknown_dispute`, `dispute_closed`, `message_empty`, `state_refused`, `too_many_pauses`.
    """
    if not text.strip():
        raise Problem("message_empty", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        _check_open(case.row)
        _pause(case.row)
        case.answered()
        await case.say(remedy.spoken(name, text), "asked")
        case.enter("asked", "buyer")
        case.event("dispute_asked")
        await _finish(case)


def _pause(row: Dispute) -> None:
    if row.pauses >= PAUSES_MAX:
        raise Problem("too_many_pauses", Kind.CONFLICT)
    row.pauses += 1


async def decline(ctx: Context, dispute_id: str, name: str, text: str) -> None:
    """The shop's last word is no, with its reason; the buyer may reopen it once, or go outside.

    Raises `unknown_dispute`, `dispute_closed`, `message_empty`, `state_refused`.
    """
    if not text.strip():
        raise Problem("message_empty", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        _check_open(case.row)
        if case.row.state not in ("open", "working"):
            raise Problem("state_refused", Kind.CONFLICT)
        case.solved()
        await case.say(remedy.spoken(name, text), "declined")
        await _end(case, "declined")
        await _finish(case)


async def offer_in(
    ctx: Context,
    turn: Turn,
    dispute_id: str,
    what: str,
    amount_fen: int,
    evidence_id: str,
    decided: dict[str, Any],
    text: str = "",
) -> None:
    """Put before the buyer what two people agreed to; nothing moves until the buyer accepts.

    ``decided``: approval, proposed_by, decided_by, reason. Raises `dispute_closed`, `dispute_invalid`, `too_many_pauses`.
    """
    case = await open_case(ctx, turn, dispute_id)
    _check_open(case.row)
    if what not in REMEDIES or (what == "refund") != (amount_fen > 0):
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "remedy"})
    _pause(case.row)
    case.solved()
    said = remedy.spoken(str(decided.get("proposed_by", "")), text)
    await case.say(said, "offered", remedy=what, amount_fen=amount_fen, evidence_id=evidence_id, **decided)
    case.row.remedy, case.row.amount_fen = what, amount_fen
    case.enter("offered", "buyer")
    case.event("dispute_offered", evidence_id, remedy=what, amount_fen=amount_fen)
    await case.finish()


async def solve_in(
    ctx: Context,
    turn: Turn,
    dispute_id: str,
    what: str,
    amount_fen: int | None,
    evidence_id: str,
    decided: dict[str, Any],
) -> None:
    """Carry out now what two people agreed to and the buyer had asked for (R35).

    Raises what `remedy.refund` and `remedy.deliver_again` raise, `dispute_closed`, `dispute_invalid`.
    """
    case = await open_case(ctx, turn, dispute_id)
    _check_open(case.row)
    if what not in REMEDIES:
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "remedy"})
    case.solved()
    fen = amount_fen or 0
    await case.note("decided", remedy=what, amount_fen=fen, evidence_id=evidence_id, **decided)
    if what == "refund":
        await remedy.refund(case, amount_fen, evidence_id)
    else:
        await remedy.deliver_again(case, decided)
    await case.finish()


async def accept(ctx: Context, dispute_id: str) -> None:
    """The buyer takes the offer; it is carried out in the same transaction.

    Raises `unknown_dispute`, `no_offer`, and what the remedy raises.
    """
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        row = case.row
        if row.state != "offered":
            raise Problem("no_offer", Kind.CONFLICT)
        offer = [it for it in await store.list_messages(conn, dispute_id) if it.kind == "offered"][-1]
        await case.say(
            Said(speaker="buyer", text=""), "accepted", remedy=row.remedy, amount_fen=row.amount_fen
        )
        case.event("dispute_accepted", remedy=row.remedy)
        if row.remedy == "refund":
            left = await money.refundable_fen(ctx, case.turn)
            amount = None if row.amount_fen >= left else row.amount_fen
            await remedy.refund(case, amount, offer.evidence_id)
        else:
            await remedy.deliver_again(case, offer.data)
        await _finish(case)


async def refuse(ctx: Context, dispute_id: str, text: str) -> None:
    """The buyer does not take the offer; the shop's clocks go on where they stood. Raises `unknown_dispute`, `no_offer`."""
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        if case.row.state != "offered":
            raise Problem("no_offer", Kind.CONFLICT)
        await case.say(Said(speaker="buyer", text=text), "refused")
        case.row.remedy, case.row.amount_fen = "", 0
        case.enter("working", "shop")
        case.event("dispute_refused")
        await _finish(case)


async def withdraw(ctx: Context, dispute_id: str, speaker: str = "buyer", outcome: str = "withdrawn") -> None:
    """Whoever opened it lets it be (``outcome``: withdrawn, or delivered: it came after all).

    Raises `unknown_dispute`, `dispute_closed`, `dispute_invalid`, `state_refused` while a remedy is under way.
    """
    if outcome not in ("withdrawn", "delivered"):
        raise Problem("dispute_invalid", Kind.INVALID, params={"field": "outcome"})
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        _check_open(case.row)
        if case.row.state == "remedy":
            raise Problem("state_refused", Kind.CONFLICT)
        await case.say(Said(speaker=speaker, text=""), outcome)
        await _end(case, outcome)
        await _finish(case)


async def close_in(ctx: Context, turn: Turn, dispute_id: str, outcome: str, evidence_id: str = "") -> None:
    """An end that was decided elsewhere (a channel closed its complaint). Raises `dispute_closed`."""
    case = await open_case(ctx, turn, dispute_id)
    _check_open(case.row)
    case.answered()
    await _end(case, outcome, evidence_id)
    await case.finish()


async def reopen(ctx: Context, dispute_id: str, text: str) -> None:
    """Once, within `REOPEN_DAYS`: its clocks begin anew. Raises `unknown_dispute`, `reopen_not_open`,
    `dispute_already_open`, `message_empty`.
    """
    if not text.strip():
        raise Problem("message_empty", Kind.INVALID)
    async with transaction(ctx.pool) as conn:
        case = await open_both(ctx, conn, dispute_id)
        row, now = case.row, case.turn.now
        if not may_reopen(row, now):
            raise Problem("reopen_not_open", Kind.CONFLICT)
        others = await store.list_disputes(conn, row.order_id)
        if any(it.kind == row.kind and it.state != "closed" for it in others):
            raise Problem("dispute_already_open", Kind.CONFLICT)
        _begin_again(case)
        await case.say(Said(speaker="buyer", text=text), "reopened")
        case.event("dispute_reopened")
        await money.hold(case)
        await _finish(case)


def may_reopen(row: Dispute, now: datetime) -> bool:
    """Whether a closed dispute can be opened once more."""
    return row.closed_at is not None and row.round == 1 and now <= row.closed_at + timedelta(days=REOPEN_DAYS)


def _begin_again(case: Case) -> None:
    row, now = case.row, case.turn.now
    by = terms(case.policy, now, row.source, row.channel)
    case.enter("open", "shop")
    row.round, row.round_at, row.outcome, row.closed_at = 2, now, "", None
    row.first_by, row.solution_by, row.final_by = by.first_by, by.solution_by, by.final_by
    row.outside_by, row.first_at, row.solution_at, row.reminded_at = by.outside_by, None, None, None
    row.missed, row.paused, row.pauses = [], timedelta(0), 0
    row.remedy, row.amount_fen, row.carried, row.role = "", 0, "", "support"


def _check_open(row: Dispute) -> None:
    if row.state == "closed":
        raise Problem("dispute_closed", Kind.CONFLICT)


async def _end(case: Case, outcome: str, evidence_id: str = "") -> None:
    """An end without a remedy: the money is let go, and an order that waited is supplied."""
    await money.let_go(case)
    await money.resume(case)
    await case.close(outcome, evidence_id)


async def _finish(case: Case) -> None:
    await case.finish()
    await case.turn.finish()
