"""Claims (已付款,订单未更新): a buyer shows a payment that nobody told us of, and the channel is asked at once (R26).

Found: it becomes a fact, and the order goes on by the ordinary road. A number that is another order's tells the
buyer nothing: the claim goes on as any other, with a mark for staff. No road here marks an order as paid.
"""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit import lease
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, order_of_number
from mingzhang.orders import ahead, doubt
from mingzhang.orders.context import Context
from mingzhang.orders.pay import paid_fact
from mingzhang.orders.store import Turn, open_turn
from mingzhang.payments import claim_states as states
from mingzhang.payments import store as payments
from mingzhang.payments.channels.base import AsksByTransaction, TradeAnswer, TradeState
from mingzhang.payments.claim_store import SQL, Claim, claim_number, list_claims, order_of_claim, read_claim
from mingzhang.payments.pictures import redraw_picture
from mingzhang.payments.store import Payment, list_items, list_payments, read_payment

NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
PAYMENTS_ASKED_MAX: Final = 5
BUYER: Final = "buyer"


async def make_claim(ctx: Context, order_id: str, number: str, picture: bytes = b"") -> Claim:
    """Put a claim on record and have it asked about now; the same one again asks again, at most once a minute.

    Raises `unknown_order`, `claim_empty`, `claim_number_invalid`, `picture_invalid`, `picture_too_large`,
    `too_many_claims`.
    """
    number = "".join(number.split())
    if number and NUMBER.fullmatch(number) is None:
        raise Problem("claim_number_invalid", Kind.INVALID, params={"field": "number"})
    if not number and not picture:
        raise Problem("claim_empty", Kind.INVALID, "a number or a picture", {"field": "number"})
    drawn = await asyncio.to_thread(redraw_picture, picture) if picture else b""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        before = await list_claims(conn, order_id)
        same = next((it for it in before if it.number == number and it.state in states.OPEN), None)
        if same is not None:
            await _again(ctx, turn, same, drawn)
            return await read_claim(conn, same.claim_id)
        recent = [it for it in before if it.made_at > turn.now - states.CLAIMS_PERIOD]
        if len(recent) >= states.CLAIMS_MAX:
            raise Problem("too_many_claims", Kind.TOO_MANY)
        claim_id = claim_number(order_id, len(before) + 1)
        evidence_id = await evidence.keep(conn, ctx.rng, turn.now, _shown(claim_id, number))
        picture_id = await _keep_picture(ctx, turn, claim_id, drawn)
        await conn.execute(
            SQL.insert_claim,
            turn.order.bucket,
            claim_id,
            order_id,
            len(before) + 1,
            number,
            turn.order.paid_at is None,
            await _owner_flag(conn, order_id, number),
            evidence_id,
            picture_id,
            turn.now,
            turn.now + timedelta(seconds=states.SEARCH_MAX_S),
        )
        turn.event("claim_made", evidence_id)
        await ahead.grant(turn, "claim")
        if turn.order.reason in doubt.REASONS:  # what was denied is asked about by its own row
            await conn.execute(payments.SQL.set_due, turn.order.bucket, order_id, turn.now)
        await turn.finish()
        return await read_claim(conn, claim_id)


async def _again(ctx: Context, turn: Turn, claim: Claim, drawn: bytes) -> None:
    last = claim.asked_at or claim.made_at
    if turn.now < last + timedelta(seconds=states.REPEAT_S) and not drawn:
        return
    picture_id = await _keep_picture(ctx, turn, claim.claim_id, drawn)
    due = max(turn.now, last + timedelta(seconds=states.REPEAT_S))
    await turn.conn.execute(SQL.ask_claim_now, claim.bucket, claim.claim_id, due, picture_id)


def _shown(claim_id: str, number: str) -> Message:
    return Message(
        party=BUYER,
        kind="claim",
        direction=Direction.IN,
        standing=Standing.HINT,
        body=msgspec.json.encode({"claim": claim_id, "number": number}),
        content_type="application/json",
    )


async def _keep_picture(ctx: Context, turn: Turn, claim_id: str, drawn: bytes) -> str:
    """The picture as evidence, sealed: it shows names and balances. Only `staff.record.reveal` opens it."""
    if not drawn:
        return ""
    message = Message(
        party=BUYER,
        kind="claim_picture",
        direction=Direction.IN,
        standing=Standing.HINT,
        body=ctx.vault.seal(base64.b64encode(drawn).decode()),
        content_type="application/octet-stream",
        note=f"{claim_id} image/jpeg in base64, sealed",
    )
    return await evidence.keep(turn.conn, ctx.rng, turn.now, message)


async def _owner_flag(conn: asyncpg.Connection, order_id: str, number: str) -> str:
    """`other_order` when our own books know the number as another order's only; never told to the buyer."""
    try:
        owners = {order_of_number(number.upper())}
    except Problem:
        rows = await conn.fetch(evidence.SQL.find_number, number)
        owners = {row["order_id"] for row in rows}
    return "other_order" if owners and order_id not in owners else ""


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the channels said: about the order's own payments, and about the number that was shown."""

    own: tuple[tuple[Payment, TradeAnswer], ...]
    by_number: tuple[TradeAnswer, ...]


async def work_claim(ctx: Context, claim_id: str) -> None:
    """The worker's visit to a due claim: ask, then conclude under the order's lock."""
    order_id = order_of_claim(claim_id)
    async with ctx.pool.acquire() as conn:
        claim = await read_claim(conn, claim_id)
        own = (await list_payments(conn, order_id))[:PAYMENTS_ASKED_MAX]
    if claim.state not in states.OPEN:
        return
    order = await ctx.reader.order(order_id)
    settled = claim.unpaid and order is not None and order.paid_at is not None
    heard = _Heard(own=(), by_number=()) if settled else await _ask(ctx, claim, own)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        fresh = await read_claim(conn, claim_id)
        if fresh.state in states.OPEN and not await lease.is_lost(
            conn, SQL.read_claim_lease, fresh.bucket, claim_id
        ):
            await _conclude(ctx, turn, fresh, heard)
            await turn.finish()


async def _ask(ctx: Context, claim: Claim, own: list[Payment]) -> _Heard:
    """All questions at once, so that the claim's lease holds."""
    asked = [
        it for it in own if it.state not in {"paid", "contradicted", "unpaid"} and it.channel in ctx.channels
    ]
    names = sorted({it.channel for it in own} & set(ctx.channels)) or sorted(ctx.channels)
    answers, by_number = await asyncio.gather(
        asyncio.gather(*(ctx.channels[it.channel].query(it.payment_no) for it in asked)),
        asyncio.gather(*(_ask_by_number(ctx.channels[name], claim.number) for name in names)),
    )
    return _Heard(
        own=tuple(zip(asked, answers, strict=True)),
        by_number=tuple(answer for answer in by_number if answer is not None),
    )


async def _ask_by_number(channel: object, number: str) -> TradeAnswer | None:
    if not number or _is_ours(number) or not isinstance(channel, AsksByTransaction):
        return None
    return await channel.query_transaction(number)


def _is_ours(number: str) -> bool:
    try:
        order_of_number(number.upper())
    except Problem:
        return False
    return True


async def _conclude(ctx: Context, turn: Turn, claim: Claim, heard: _Heard) -> None:
    said = await _keep_own(ctx, turn, heard)
    flag = ""
    for answer in heard.by_number:
        ours, mark = await _keep_by_number(ctx, turn, answer)
        said, flag = ("paid" if ours else said), flag or mark
    now, order = turn.now, turn.order
    settled = order.paid_at is not None and (claim.unpaid or await _is_known(turn, claim.number))
    settled = settled or await _is_aside(turn, claim)
    seen = said == "paid" and claim.asked < states.SEEN_MAX
    due = now + timedelta(seconds=states.SEEN_S) if seen else states.next_ask(claim.made_at, now)
    deadline = claim.deadline_at or now
    state, actor, finished, since = "waiting", "channel", None, claim.since
    if settled:
        state, actor, due, finished, said = "found", "", None, now, "paid"
        turn.event("claim_found")
    elif due is None or due > deadline:
        state, actor, due = "person", "person", None
        if claim.state != "person":
            deadline, since = now + timedelta(seconds=states.PERSON_MAX_S), now
            turn.event("claim_needs_person", reason="claim_not_found")
    else:
        turn.event("payment_asked", **_channel_of(heard))
        if claim.state == "person":  # asked again, but it stays with the person
            state = actor = "person"
    await turn.conn.execute(
        SQL.set_asked,
        claim.bucket,
        claim.claim_id,
        state,
        said,
        flag,
        now,
        actor,
        due,
        deadline,
        finished,
        since,
    )


def _channel_of(heard: _Heard) -> dict[str, str]:
    return {"channel": heard.own[0][0].channel} if heard.own else {}


async def _keep_own(ctx: Context, turn: Turn, heard: _Heard) -> str:
    """Keep what was said of the order's own payments; money is a fact at once. Returns `said`."""
    said = "not_paid"
    for payment, answer in heard.own:
        evidence_id = await evidence.keep_all(turn.conn, ctx.rng, turn.now, answer.messages)
        if answer.state is TradeState.PAID and answer.transaction_id:
            await evidence.state_fact(turn.conn, paid_fact(payment, answer), evidence_id, turn.now)
            said = "paid"
        elif answer.state is TradeState.UNKNOWN and said != "paid":
            said = "unknown"
    return said


async def _keep_by_number(ctx: Context, turn: Turn, answer: TradeAnswer) -> tuple[bool, str]:
    """Keep what was said of the number shown. (is it this order's money, a mark for staff)."""
    evidence_id = await evidence.keep_all(turn.conn, ctx.rng, turn.now, answer.messages)
    if answer.state is not TradeState.PAID or not answer.transaction_id:
        return False, ""
    try:
        owner = order_of_number(answer.payment_no)
        payment = await read_payment(turn.conn, answer.payment_no)
    except Problem:
        return False, "unknown_order"
    if payment is None:
        return False, "unknown_order"
    if owner == turn.order.order_id:
        await evidence.state_fact(turn.conn, paid_fact(payment, answer), evidence_id, turn.now)
        return True, ""
    # Good news for somebody else: that order's channel is asked now, by that order's own road.
    await turn.conn.execute(payments.SQL.set_due, bucket_of(owner), owner, turn.now)
    return False, "other_order"


async def _is_known(turn: Turn, number: str) -> bool:
    """Whether the number is this order's own by what was learned of it."""
    rows = await turn.conn.fetch(evidence.SQL.find_number, number)
    return any(row["order_id"] == turn.order.order_id for row in rows)


async def _is_aside(turn: Turn, claim: Claim) -> bool:
    """Whether what is claimed was put aside for this order (F18): by its number, or since the claim was made."""
    items = await list_items(turn.conn, turn.order.order_id)
    if claim.number:
        return any(claim.number in (item.transaction_id, item.payment_no) for item in items)
    return any(item.known_at >= claim.made_at for item in items)


async def ask_claim_now(conn: asyncpg.Connection, claim: Claim, now: datetime) -> None:
    """A member of staff has the channel asked again. Raises `claim_closed`."""
    if await conn.fetchval(SQL.ask_claim_now, claim.bucket, claim.claim_id, now, "") is None:
        raise Problem("claim_closed", Kind.CONFLICT)


async def answer_claim(turn: Turn, claim: Claim, answer: str, name: str) -> None:
    """A member of staff answers what no question settled. Raises `unknown_answer`, `claim_closed`."""
    if answer not in states.ANSWERS:
        raise Problem("unknown_answer", Kind.INVALID)
    if (
        await turn.conn.fetchval(SQL.set_answered, claim.bucket, claim.claim_id, answer, name, turn.now)
        is None
    ):
        raise Problem("claim_closed", Kind.CONFLICT)
    turn.event("claim_answered")
