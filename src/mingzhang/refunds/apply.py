"""What a channel or bank said of a refund, booked once (row 14): accepted, arrived, refused, come back."""

from datetime import datetime, timedelta
from typing import Final

from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Waiting
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger import postings
from mingzhang.ledger.places import REFUND_ARRIVED, REFUND_TRANSIT
from mingzhang.orders.context import Context
from mingzhang.orders.doubt import came_back
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, open_subject
from mingzhang.payments.channels.base import REFUND_NEEDS_PERSON, RefundAnswer
from mingzhang.payments.policy import Case
from mingzhang.refunds import store
from mingzhang.refunds.flow import ASK_S, FINAL, UNSENT, left_fen
from mingzhang.refunds.store import Refund, find_refund, list_refunds

BY_BANK: Final = (
    "bank_transfer"  # how a transfer's party is called: the bank's own name says nothing to a buyer
)
RETURNED: Final = "returned"


def stands(turn: Turn | ItemTurn, holder: str, actor: str = "channel") -> None:
    """Where the money is now, and that the channel is next."""
    subject = turn.item if isinstance(turn, ItemTurn) else turn.order
    if subject.state == "refunding":  # of several refunds one was refused: a person has the order by now
        subject.holder, subject.next_actor = holder, actor


async def set_state(
    turn: Turn | ItemTurn,
    refund: Refund,
    state: str,
    due: datetime | None,
    code: str,
    answer: RefundAnswer | None = None,
) -> None:
    await turn.conn.execute(
        store.SQL.set_state,
        refund.bucket,
        refund.refund_no,
        state,
        code,
        turn.now,
        due,
        turn.now if state in {"accepted", "arrived"} else None,
        turn.now if state == "arrived" else None,
        answer.destination if answer else "",
        answer.reference if answer else "",
    )


async def apply_refund(ctx: Context, waiting: Waiting) -> None:
    """Book what the channel said of a refund, once (row 14)."""
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, waiting.subject, ctx.now(), ctx.rng)
        if not await evidence.begin(conn, waiting, turn.now):
            return
        ctx.crash_point("fact_to_apply")
        refund = await find_refund(conn, waiting.subject, waiting.content["refund_no"])
        said = waiting.content["state"]
        if refund is not None and (refund.state not in FINAL or said == RETURNED):
            await _APPLY[said](turn, refund, waiting.evidence_id)
        await turn.finish()


async def _accepted(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    if refund.state == "accepted":
        return
    if refund.accepted_at is None:  # a bank had said so before its line came
        turn.event("refund_accepted", evidence_id, channel=called(refund))
    await turn.post(
        postings.refund_accepted(
            refund.order_id, await turn.balances(), party=refund.channel, amount_fen=refund.amount_fen
        ),
        evidence_id,
    )
    stands(turn, "refund.transit", "person" if refund.code in REFUND_NEEDS_PERSON else "channel")
    await set_state(turn, refund, "accepted", turn.now + timedelta(seconds=ASK_S[0]), refund.code)


async def _arrived(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    if refund.state != "accepted":
        await _accepted(turn, refund, evidence_id)
    whole = isinstance(turn, ItemTurn) or refund.amount_fen == turn.order.price_fen
    part = {} if whole else {"amount_fen": refund.amount_fen}
    turn.event("refund_arrived", evidence_id, channel=called(refund), **part)
    await turn.post(
        postings.refund_arrived(
            refund.order_id, await turn.balances(), party=refund.channel, amount_fen=refund.amount_fen
        ),
        evidence_id,
    )
    await set_state(turn, refund, "arrived", None, refund.code)
    if isinstance(turn, ItemTurn):
        by_bank = refund.way == store.TRANSFER
        turn.tell_buyer("excess_transferred" if by_bank else "excess_refunded", evidence_id)
        turn.move("refunded", holder="refund.arrived", next_actor="")
    elif turn.order.state == "refunding":
        await stand_after(turn, evidence_id)


async def stand_after(turn: Turn, evidence_id: str, holder: str = REFUND_ARRIVED) -> None:
    """One of an order's refunds ended: others may be under way, and what was never delivered may be left."""
    order = turn.order
    under_way = [it.state for it in await list_refunds(turn.conn, order.order_id) if it.state not in FINAL]
    if under_way:
        gathered = "refund.transit" if "accepted" in under_way else "refunding"
        order.holder = "channel" if set(under_way) <= UNSENT else gathered
    elif await left_fen(turn) > 0 and not await _is_delivered(turn):
        turn.event("needs_person", evidence_id, reason=order.reason)
        turn.move("needs_person", holder="channel", next_actor="person")
    else:
        order.finished_at = turn.now
        turn.move("refunded", holder=holder, next_actor="")


async def _is_delivered(turn: Turn) -> bool:
    attempts = await list_attempts(turn.conn, turn.order.order_id)
    return any(attempt.state == "succeeded" for attempt in attempts)


async def _refused(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    """Row 14: refused, or taken back after it had been accepted; the money is where it was gathered."""
    turn.event("refund_refused", evidence_id, channel=called(refund))
    balances, fen = await turn.balances(), refund.amount_fen
    if refund.state == "accepted":
        posting = postings.refund_came_back(
            refund.order_id,
            balances,
            place=REFUND_TRANSIT,
            party=refund.channel,
            to=refund.spot,
            amount_fen=fen,
        )
    else:
        posting = postings.refund_refused(refund.order_id, balances, at=refund.spot, amount_fen=fen)
    await turn.post(posting, evidence_id)
    await set_state(turn, refund, "refused", None, refund.code)
    if isinstance(turn, ItemTurn):
        turn.item.holder = refund.spot[0]
        turn.to_person(Case.REFUND_REFUSED, evidence_id)
        return
    _person(turn, refund, "refund_refused")
    await came_back(turn, refund.channel, evidence_id)


async def _taken(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    """The bank took the instruction of a transfer (pain.002). Its money leaves custody by the bank's own line alone."""
    if refund.accepted_at is None:
        turn.event("refund_accepted", evidence_id, channel=called(refund))
        await turn.conn.execute(store.SQL.set_taken, refund.bucket, refund.refund_no, turn.now)


async def _returned(turn: Turn | ItemTurn, refund: Refund, evidence_id: str) -> None:
    """Row 14: a transfer that had arrived came back into custody. Another account must be named."""
    if refund.state != "arrived":
        raise Problem("refund_not_arrived", Kind.CONFLICT, "the line that paid it out is not applied yet")
    posting = postings.refund_came_back(
        refund.order_id,
        await turn.balances(),
        place=REFUND_ARRIVED,
        party=refund.channel,
        to=refund.spot,
        amount_fen=refund.amount_fen,
    )
    turn.event("refund_returned", evidence_id, channel=called(refund), amount_fen=refund.amount_fen)
    await turn.post(posting, evidence_id)
    await turn.conn.execute(store.SQL.set_returned, refund.bucket, refund.refund_no, RETURNED, turn.now)
    if isinstance(turn, ItemTurn):
        turn.item.holder = refund.spot[0]
        turn.to_person(Case.REFUND_REFUSED, evidence_id)
        return
    turn.order.finished_at = None
    _person(turn, refund, "refund_returned")


def _person(turn: Turn, refund: Refund, reason: str) -> None:
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    place, _ = refund.spot
    turn.move("needs_person", holder=place, next_actor="person", deadline_at=deadline, reason=reason)


def called(refund: Refund) -> str:
    """Who carries it, as timelines and pages say it."""
    return BY_BANK if refund.way == store.TRANSFER else refund.channel


_APPLY = {
    "accepted": _accepted,
    "arrived": _arrived,
    "refused": _refused,
    "taken": _taken,
    RETURNED: _returned,
}
