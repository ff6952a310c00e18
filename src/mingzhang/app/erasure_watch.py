"""Erasing what is due: buyers' wishes at once, terms that ran out by a daily walk; bounded, each order by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from cryptography.exceptions import InvalidTag

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import first_order_id
from mingzhang.notices.store import SQL as NOTICES
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.oversight import erasure, privacy
from mingzhang.oversight.erasure import SQL
from mingzhang.shop.codes import SQL as CODES
from mingzhang.staff import record
from mingzhang.staff.record import SQL as STAFF

log = structlog.get_logger()
AT_ONCE_MAX: Final = 20
WALKED_MAX: Final = 500
FORGOTTEN_MAX: Final = 1_000
GoOn = Callable[[], Awaitable[bool]]
BY: Final = "retention"
"""Under this name erasures stand on record."""


async def erase_due(ctx: Context) -> int:
    """One look at every bucket; how many orders were looked at."""
    async with ctx.pool.acquire() as conn:
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
    looked = 0
    for bucket in buckets:
        due = await ctx.pool.fetch(
            SQL.claim_erasures, bucket, ctx.now(), AT_ONCE_MAX, ctx.worker_name, ctx.lease_end()
        )
        for row in due:
            await _erase(ctx, row["order_id"], row["lease_generation"])
        looked += len(due)
    return looked


async def _erase(ctx: Context, order_id: str, lease: int) -> None:
    """One order; a failure leaves the lease to run out, and it is looked at again."""
    try:
        async with transaction(ctx.pool) as conn:
            step = await erasure.work(conn, ctx.vault, order_id, lease, ctx.now())
            if step in ("kept", "done"):
                await record.write(
                    conn, ctx.rng, ctx.now(), BY, "personal_data_erased", order_id, data={"step": step}
                )
    except Problem as problem:
        log.warning("erasure_waits", order=order_id, code=problem.code)
    except InvalidTag:
        log.error("erasure_waits", order=order_id, code="sealed_with_another_key")


async def walk_terms(ctx: Context, marks: dict[str, Any], go_on: GoOn) -> dict[str, Any]:
    """Note orders whose term is over, bucket by bucket from where the last walk ended; returns the new marks.

    ``marks``: class and bucket (``unpaid:0``) to the last order number that was looked at. ``go_on``: asked before each
    page; where it says no, the walk ends there, and the next one goes on.
    """
    now, reached = ctx.now(), dict(marks)
    async with ctx.pool.acquire() as conn:
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
    for kept, unpaid in ((privacy.UNPAID, True), (privacy.CONTACT, False)):
        assert kept.keep is not None
        for bucket in buckets:
            mark = f"{kept.name}:{bucket}"
            until = first_order_id(bucket, now - kept.keep)
            reached[mark] = await _walk(ctx, bucket, str(marks.get(mark, "")), until, go_on, unpaid=unpaid)
    return reached


async def _walk(ctx: Context, bucket: int, after: str, until: str, go_on: GoOn, *, unpaid: bool) -> str:
    while await go_on():
        rows = await ctx.pool.fetch(SQL.list_past_term, bucket, after, until, WALKED_MAX)
        if not rows:
            break
        chosen = [row["order_id"] for row in rows if not unpaid or row["unpaid"]]
        if chosen:
            await ctx.pool.execute(SQL.ask_erasure, bucket, chosen, "term", ctx.now())
        after = str(rows[-1]["order_id"])
    return after


async def forget(ctx: Context) -> dict[str, int]:
    """What is not an order's: addresses of old letters, codes and sessions that are over. How many of each."""
    now, addresses = ctx.now(), 0
    assert privacy.NOTICES.keep is not None
    assert privacy.CODES.keep is not None
    assert privacy.SESSIONS.keep is not None
    while True:
        done = await ctx.pool.execute(NOTICES.forget_addresses, now - privacy.NOTICES.keep, FORGOTTEN_MAX)
        addresses += _count(done)
        if _count(done) < FORGOTTEN_MAX:
            break
    codes = await ctx.pool.execute(CODES.forget_codes, now - privacy.CODES.keep)
    sessions = await ctx.pool.execute(STAFF.forget_sessions, now - privacy.SESSIONS.keep)
    return {"addresses": addresses, "codes": _count(codes), "sessions": _count(sessions)}


def _count(told: str) -> int:
    return int(told.rpartition(" ")[2])
