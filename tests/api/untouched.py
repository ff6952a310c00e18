"""A guard around bad input: the ledger, the facts and the outside parties' money stay exactly as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from house import House

MB = 1024 * 1024


async def _money(house: House) -> tuple[Any, ...]:
    pool = house.desk.pool
    legs = await pool.fetch("SELECT * FROM leg ORDER BY bucket, subject, seq, n")
    facts = await pool.fetch("SELECT party, kind, external_id, content_hash FROM fact ORDER BY 1, 2, 3")
    states = await pool.fetch("SELECT order_id, state, paid_at FROM orders ORDER BY order_id")
    waiting = await pool.fetchval(
        "SELECT (SELECT count(*) FROM suspense) + (SELECT count(*) FROM inbox i WHERE NOT EXISTS (SELECT FROM applied a "
        "WHERE a.bucket = i.bucket AND a.key = i.kind || ':' || i.party || ':' || i.external_id))"
    )
    books = await house.world.books()
    held = (books["alipay"]["merchant_balance_fen"], books["fulu"]["balance_fen"])
    return (
        [tuple(row) for row in legs],
        [tuple(row) for row in facts],
        [tuple(row) for row in states],
        waiting,
        held,
    )


async def kept(house: House, kind: str) -> list[tuple[str, str]]:
    """(standing, note) of every message of a kind on record, oldest first."""
    rows = await house.desk.pool.fetch(
        "SELECT standing, note FROM evidence WHERE kind = $1 ORDER BY evidence_id", kind
    )
    return [tuple(row) for row in rows]


@asynccontextmanager
async def untouched(house: House) -> AsyncIterator[None]:
    """Nothing in here may move a fen, state a fact or turn an order; the books still agree afterwards."""
    before = await _money(house)
    yield
    assert await _money(house) == before
    report = await house.audit()
    assert report.ok, report.findings
    assert await house.lost_fen() == 0
