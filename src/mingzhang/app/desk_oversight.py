"""What an auditor or a regulator reads: figures of the overview and the pages behind each, read only and masked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from mingzhang.app.coverage_watch import measure_now
from mingzhang.app.desk_custody import DAYS_MAX
from mingzhang.app.settings import Settings
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.evidence.store import SQL as EVIDENCE
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.oversight import chores, watch
from mingzhang.oversight.chores import Chore
from mingzhang.oversight.watch import WINDOW, Answers, ReceiptLook, Shortfall, shortfalls
from mingzhang.settlement.coverage import SQL as COVERAGE
from mingzhang.transparency.digest import SQL as DIGESTS
from mingzhang.transparency.tree import SQL as LOG

WAITING_COUNTED: Final = 10_000
BREACHES_MAX: Final = 200
VIEWS_MAX: Final = 100
NEWEST: Final = "~"  # sorts behind every id


class Witnessed(msgspec.Struct, frozen=True, kw_only=True):
    """One witness, and the newest state that it signed; None: none yet."""

    name: str
    size: int | None


class RecordState(msgspec.Struct, frozen=True, kw_only=True):
    """The public record. ``waiting``: notes not appended yet (at most `WAITING_COUNTED` counted); ``drill``: when the record
    was made anew from the books, and what was found; ``digests``: how far those of each table go."""

    size: int
    root: str
    signed_at: datetime | None
    key: str
    waiting: int
    waiting_since: datetime | None
    witnesses: tuple[Witnessed, ...]
    drill: Chore | None
    digests: tuple[Mapping[str, Any], ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The first page. Amounts in fen; ``ratio_ppm`` as in `settlement.coverage`, None while nothing is owed;
    ``short_since``: since when the worker's looks found less than is owed."""

    ratio_ppm: int | None
    covered_fen: int
    owed_fen: int
    short: bool
    short_since: datetime | None
    new_money_fen: int
    spans: tuple[Shortfall, ...]
    receipts: ReceiptLook
    answers: tuple[Answers, ...]
    breaches: int
    record: RecordState


async def read_overview(ctx: Context, settings: Settings) -> Overview:
    """All figures; the lists behind them are pages of their own."""
    now = ctx.now()
    live = await measure_now(ctx)
    async with ctx.pool.acquire() as conn:
        head = await conn.fetchrow(COVERAGE.read_now)
        sums = await conn.fetch(watch.SQL.sum_breaches, now - WINDOW)
        answers = await watch.read_answers(conn, now)
    return Overview(
        ratio_ppm=live.ratio_ppm,
        covered_fen=live.covered_fen,
        owed_fen=live.owed_fen,
        short=live.short,
        short_since=head["short_since"] if head else None,
        new_money_fen=live.new_money_fen,
        spans=tuple(await read_shortfalls(ctx)),
        receipts=await read_receipts(ctx),
        answers=tuple(answers),
        breaches=sum(row["n"] for row in sums),
        record=await read_record(ctx, settings),
    )


async def read_shortfalls(ctx: Context) -> list[Shortfall]:
    """Spans of closed days that were short, of the last `DAYS_MAX`."""
    rows = await ctx.pool.fetch(COVERAGE.list_days, DAYS_MAX)
    return shortfalls((row["day"], row["covered_fen"], row["owed_fen"]) for row in reversed(rows))


async def read_receipts(ctx: Context) -> ReceiptLook:
    """Which paid orders have a supplier's word, by supplier, and which have none (R15)."""
    async with ctx.pool.acquire() as conn:
        buckets = [row["bucket"] for row in await conn.fetch(orders.SQL.list_buckets)]
        return await watch.read_receipts(conn, buckets, ctx.now())


async def read_answers(ctx: Context) -> list[Answers]:
    """Times to answer what buyers brought up within `WINDOW`."""
    async with ctx.pool.acquire() as conn:
        return await watch.read_answers(conn, ctx.now())


async def read_breaches(ctx: Context) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Missed deadlines of `WINDOW`: sums by kind, and the newest rows."""
    since = ctx.now() - WINDOW
    async with ctx.pool.acquire() as conn:
        sums = await conn.fetch(watch.SQL.sum_breaches, since)
        rows = await conn.fetch(watch.SQL.list_breaches_since, since, BREACHES_MAX)
    return [dict(row) for row in sums], [dict(row) for row in rows]


async def read_reports(ctx: Context) -> list[Mapping[str, Any]]:
    """Terms of disputes that were missed within `WINDOW`, the newest first."""
    rows = await ctx.pool.fetch(watch.SQL.list_dispute_reports, ctx.now() - WINDOW, BREACHES_MAX)
    return [dict(row) for row in rows]


async def read_views(ctx: Context, kind: str, before: str = "") -> list[Mapping[str, Any]]:
    """Who opened personal data (``seen``) or looked on as an overseer (``viewed``), the newest first."""
    rows = await ctx.pool.fetch(watch.SQL.list_seen, kind, before or NEWEST, VIEWS_MAX)
    return [dict(row) for row in rows]


async def read_record(ctx: Context, settings: Settings) -> RecordState:
    """How the public record stands, and who witnesses it."""
    async with ctx.pool.acquire() as conn:
        head = await conn.fetchrow(LOG.read_head)
        waiting = await conn.fetchrow(EVIDENCE.read_waiting, WAITING_COUNTED)
        witnesses = [
            Witnessed(name=each.key.name, size=await conn.fetchval(LOG.read_cosigned, each.key.name))
            for each in witnesses_of(settings)
        ]
        done = await chores.read(conn)
        digests = [dict(row) for row in await conn.fetch(DIGESTS.sum_spans)]
    return RecordState(
        size=head["size"] if head else 0,
        root=head["root"].hex() if head else "",
        signed_at=head["at"] if head else None,
        key=signer_of(settings).verifier.text(),
        waiting=waiting["notes"],
        waiting_since=waiting["oldest"],
        witnesses=tuple(witnesses),
        drill=done.get("drill"),
        digests=tuple(digests),
    )
