"""申请退款/补发 (R34, R35): what the buyer asks of the shop, in words or without, and the answer within 24 hours.

A request moves no money and changes no state: where the rules let the buyer decide (no answer in the promised time, a
wrong account) the page has buttons that do. It puts the case before a person, with a clock, on record on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, Turn, open_turn

SQL: Final = load("mingzhang.orders", "requests")
WISHES: Final = ("refund", "resupply", "other")
CAUSES: Final = ("not_received", "wrong_goods", "too_slow", "wrong_account", "other")
ANSWERS: Final = ("refund", "resupply", "declined", "handled")
ANSWER_MAX_S: Final = 24 * 3600
REQUESTS_MAX: Final = 5
WORDS_MAX: Final = 500
# Paid, not on its way back already, and not the buyer's own turn.
ASKABLE: Final = frozenset({"paid", "supplying", "needs_person", "delivered"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as stored. ``words_enc``: what the buyer wrote, sealed; empty for nothing."""

    bucket: int
    order_id: str
    n: int
    wish: str
    cause: str
    words_enc: bytes
    state: str
    made_at: datetime
    deadline_at: datetime
    answer: str
    answer_text: str
    answered_by: str
    answered_at: datetime | None

    @property
    def request_id(self) -> str:
        """Its number, which begins with its order's."""
        return request_number(self.order_id, self.n)


def request_number(order_id: str, n: int) -> str:
    """The order's number with Q and a count."""
    return f"{order_id}Q{n}"


def read_number(request_id: str) -> tuple[str, int]:
    """Order and count of a request's number. Raises Problem `unknown_request`."""
    order_id, mark, n = request_id.rpartition("Q")
    if not (mark and order_id.isalnum() and n.isascii() and n.isdecimal() and len(n) < 3):
        raise Problem("unknown_request", Kind.NOT_FOUND)
    return order_id, int(n)


def may_ask(order: Order, before: Sequence[Request]) -> bool:
    """Whether the buyer may ask now: paid, not going back, nothing open, not too often."""
    return (
        order.paid_at is not None
        and order.state in ASKABLE
        and len(before) < REQUESTS_MAX
        and not any(each.state == "open" for each in before)
    )


async def make_request(ctx: Context, order_id: str, wish: str, cause: str, words: str) -> str:
    """Put it on record, its clock running; returns its number.

    Raises `unknown_order`, `request_invalid`, `request_not_open`.
    """
    words = words.strip()
    if wish not in WISHES or cause not in CAUSES:
        raise Problem("request_invalid", Kind.INVALID, params={"field": "wish"})
    if len(words) > WORDS_MAX:
        raise Problem("too_long", Kind.INVALID, params={"field": "words"})
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        before = await list_requests(conn, order_id)
        if not may_ask(turn.order, before):
            raise Problem("request_not_open", Kind.CONFLICT)
        n = len(before) + 1
        await conn.execute(
            SQL.insert_request,
            turn.order.bucket,
            order_id,
            n,
            wish,
            cause,
            ctx.vault.seal(words) if words else b"",
            turn.now,
            turn.now + timedelta(seconds=ANSWER_MAX_S),
        )
        turn.event("request_made", reason="buyer_request")
        await turn.finish()
    return request_number(order_id, n)


async def answer_request(turn: Turn, n: int, answer: str, text: str, name: str) -> None:
    """A member of staff answers, in words the buyer reads. Raises `unknown_answer`, `too_long`, `request_closed`."""
    text = text.strip()
    if answer not in ANSWERS or not text:
        raise Problem("unknown_answer", Kind.INVALID)
    if len(text) > WORDS_MAX:
        raise Problem("too_long", Kind.INVALID)
    order = turn.order
    row = await turn.conn.fetchval(
        SQL.set_request_answered, order.bucket, order.order_id, n, answer, text, name, turn.now
    )
    if row is None:
        raise Problem("request_closed", Kind.CONFLICT)
    turn.event("request_answered")


async def list_requests(conn: asyncpg.Connection, order_id: str) -> list[Request]:
    """An order's requests, newest first."""
    rows = await conn.fetch(SQL.list_requests, bucket_of(order_id), order_id)
    return [Request(**dict(row)) for row in rows]


async def list_open_requests(conn: asyncpg.Connection, limit: int = 200) -> list[Request]:
    """What waits for an answer, soonest deadline first."""
    return [Request(**dict(row)) for row in await conn.fetch(SQL.list_open_requests, limit)]
