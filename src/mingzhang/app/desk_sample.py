"""The sample audit over the whole house: orders by `oversight.sample`, their statements and proofs by the public record."""

from __future__ import annotations

import hashlib
from typing import Any

import asyncpg

from mingzhang.app.settings import Settings
from mingzhang.app.transparency import signer_of
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.oversight import sample
from mingzhang.oversight.sample import METHOD, WINDOW, Check, Sample
from mingzhang.transparency import verify_offline
from mingzhang.transparency.notes import Signer, Verifier
from mingzhang.transparency.receipt import Logged, list_logged, make_receipt

Seen = dict[tuple[str, ...], tuple[int, bytes]]


async def draw(ctx: Context, settings: Settings, seed: str, n: int) -> Sample:
    """Choose and check, in one snapshot."""
    now, signer = ctx.now(), signer_of(settings)
    seen: Seen = {}
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
        chosen, population, cut = await sample.choose(conn, buckets, seed, n, now)
        found = []
        for order_id in chosen:
            trail, log = await _record_of(conn, order_id, signer, seen)
            found.append(await sample.read_order(conn, order_id, now, trail, log))
    return Sample(
        seed=seed,
        method=METHOD,
        since=now - WINDOW,
        until=now,
        population=population,
        cut=cut,
        orders=tuple(found),
    )


async def _record_of(
    conn: asyncpg.Connection, order_id: str, signer: Signer, seen: Seen
) -> tuple[list[dict[str, Any]], Check]:
    """An order's statements, and whether each stands in the signed record: made anew from the books, proved, verified."""
    logged = await list_logged(conn, order_id)
    wrong, waits = [], not logged
    for one in logged:
        held = _holds(one, await make_receipt(conn, one, signer), signer.verifier, seen)
        if held is False:
            wrong.append(str(one.change.seq))
        waits = waits or held is None
    ok = False if wrong else None if waits else True
    return [one.change.shown for one in logged], Check(code="log", ok=ok, about=tuple(wrong))


def _holds(one: Logged, receipt: bytes | None, verifier: Verifier, seen: Seen) -> bool | None:
    """None: not under a signed state yet."""
    recorded = one.entry[one.position * 32 : one.position * 32 + 32]
    if hashlib.sha256(one.change.canonical()).digest() != recorded:
        return False
    if receipt is None:
        return None
    try:
        verify_offline.check(receipt, verifier.text(), None, seen)
    except verify_offline.Refused:
        return False
    return True
