"""Chores of oversight, beside the worker's visits: digests, the drill of the record, licences, retention and erasures.

Each is a row in `oversight_chore`; of several workers one does it. Bounded steps, each a transaction of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import structlog

from mingzhang.app import erasure_watch
from mingzhang.app.audit import OVERLAP_REAL_S
from mingzhang.app.settings import Settings
from mingzhang.app.transparency import signer_of
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import DATABASE_AWAY, transaction
from mingzhang.kit.errors import Problem
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Facts, Template
from mingzhang.orders.context import Context
from mingzhang.oversight import chores, licences
from mingzhang.transparency.digest import TABLES, digest_next
from mingzhang.transparency.recheck import Trouble, recheck
from mingzhang.transparency.tree import SQL as LOG

log = structlog.get_logger()
LOOK_REAL_S: Final = 5.0
DAILY: Final = timedelta(days=1)
RETRY: Final = timedelta(hours=1)
RECHECK_ENTRIES_MAX: Final = 20_000
"""A longer record is drilled by command alone (`mingzhang audit --log`), by whoever chooses the hour."""

NAMED_MAX: Final = 20  # rows that a told result names

Told = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a chore. ``go_on`` renews the lease; False when another process has the chore now."""

    ctx: Context
    settings: Settings
    name: str
    lease: int

    async def go_on(self) -> bool:
        """Hold on to it."""
        async with transaction(self.ctx.pool) as conn:
            return await chores.keep(conn, self.name, self.lease, self.ctx.lease_end())


async def digest_tables(job: Job) -> Told:
    """Enter in the public record what the digested tables held until the end of the last day that is over."""
    until, rows = digest_until(job.ctx), 0
    for table in TABLES:
        while True:
            async with transaction(job.ctx.pool, "repeatable_read") as conn:
                done = await digest_next(conn, table, until, job.ctx.now())
            rows += done
            if not done:
                break
            if not await job.go_on():
                return {}
    return {"until": until.isoformat(), "rows": rows}


def digest_until(ctx: Context) -> datetime:
    """The end of the last Beijing day whose rows have all been committed, aware UTC."""
    settled = ctx.now() - timedelta(seconds=OVERLAP_REAL_S * ctx.clock.speed)
    day = settled.astimezone(BEIJING).date()
    return datetime.combine(day, datetime.min.time(), BEIJING).astimezone(ctx.now().tzinfo)


async def drill(job: Job) -> Told:
    """The record made anew from the books, as `mingzhang audit --log` does; what was found stands on the overseers' page."""
    size = await job.ctx.pool.fetchval(LOG.read_size) or 0
    if size > RECHECK_ENTRIES_MAX:
        return {"skipped": size}
    entries, troubles = await recheck(job.ctx.pool, signer_of(job.settings).verifier, lambda *_: None)
    if troubles:
        log.error("record_differs", rows=len(troubles), first=f"{troubles[0].table} {troubles[0].row}")
    return told_of(entries, troubles)


def told_of(entries: int, troubles: list[Trouble]) -> Told:
    """A drill's result as it is kept."""
    return {
        "entries": entries,
        "troubles": len(troubles),
        "rows": [trouble._asdict() for trouble in troubles[:NAMED_MAX]],
    }


async def watch_licences(job: Job) -> Told:
    """Tell staff of licences that end: each warning once for each end."""
    ctx, now, told = job.ctx, job.ctx.now(), 0
    async with ctx.pool.acquire() as conn:
        known = await licences.list_licences(conn)
    for licence in known:
        left = licence.days_left(now)
        due = None if left is None or licence.ended else licences.warning_due(left)
        if due is None or licence.valid_until is None:
            continue
        ends = datetime.combine(licence.valid_until, datetime.min.time(), BEIJING) + DAILY
        name = f"{licence.party} {licence.title}"
        facts = Facts(order_id=licence.number, title_zh=name, title_en=name, until=ends.astimezone(UTC))
        occasion = f"licence_ends:{licence.licence_id}:{licence.valid_until:%Y%m%d}:{due}"
        async with transaction(ctx.pool) as conn:
            await notices.enqueue(conn, ctx.rng, now, Template.LICENCE_ENDS, occasion, facts)
        told += 1
    return {"licences": len(known), "ending": told}


async def keep_terms(job: Job) -> Told:
    """Retention: note the orders whose term is over, forget what is nobody's order (docs/privacy.md)."""
    async with job.ctx.pool.acquire() as conn:
        before = (await chores.read(conn))[job.name].told
    marks = await erasure_watch.walk_terms(job.ctx, dict(before.get("marks", {})), job.go_on)
    return {"marks": marks, **await erasure_watch.forget(job.ctx)}


CHORES: Final[Mapping[str, Callable[[Job], Awaitable[Told]]]] = {
    "digest": digest_tables,
    "drill": drill,
    "licences": watch_licences,
    "retention": keep_terms,
}


async def do_chore(ctx: Context, settings: Settings, name: str) -> Told | None:
    """One look at one chore; what it found, or None when it was not due."""
    async with transaction(ctx.pool) as conn:
        lease = await chores.claim(conn, name, ctx.now(), ctx.worker_name, ctx.lease_end())
    if lease is None:
        return None
    told, again = {}, RETRY
    try:
        told = dict(await CHORES[name](Job(ctx=ctx, settings=settings, name=name, lease=lease)))
        again = DAILY
    except (Problem, asyncpg.PostgresError) as error:
        told = {"failed": error.code if isinstance(error, Problem) else type(error).__name__}
        log.warning("chore_failed", chore=name, why=told["failed"])
    async with transaction(ctx.pool) as conn:
        await chores.end(conn, name, lease, ctx.now(), ctx.now() + again, told)
    return told


async def run_oversight(ctx: Context, settings: Settings, stop: asyncio.Event) -> None:
    """Do what is due, until `stop`; a database that is down makes it wait."""
    known = False
    while not stop.is_set():
        try:
            if not known:
                async with transaction(ctx.pool) as conn:
                    await chores.ensure(conn, list(CHORES), ctx.now())
                known = True
            await erasure_watch.erase_due(ctx)
            for name in CHORES:
                await do_chore(ctx, settings, name)
        except (*DATABASE_AWAY, asyncpg.PostgresError, Problem) as error:
            log.warning("oversight_waits", error=type(error).__name__)
        except Exception:
            log.exception("oversight_failed")  # orders go on; the chore's lease ends, and it is tried again
        try:
            await asyncio.wait_for(stop.wait(), LOOK_REAL_S)
        except TimeoutError:
            continue
