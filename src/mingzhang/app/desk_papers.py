"""Staff's use cases on rules, service agreement and privacy terms: look, preview, publish; and what held when.

Publishing is on record twice: with the name of who did it, and in the public record, which proves since when the text
was public.
"""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
from litestar import Request

from mingzhang.app.desk import Desk
from mingzhang.catalogue import papers, terms
from mingzhang.catalogue.terms import Paper
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import DATABASE_AWAY, transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.transparency import statements

PUBLISHED: Final = "paper_published"
FRESH_REAL_S: Final = 5.0


def subject_of(kind: str, version: int) -> str:
    """A version's name in the public record."""
    return f"{statements.PAPER}{kind.upper()}-{version}"


def earliest_day(now: datetime) -> date:
    """The first Beijing day on whose beginning a change published now may hold."""
    return (now + terms.NOTICE).astimezone(BEIJING).date() + timedelta(days=1)


def begins(day: date) -> datetime:
    """The beginning of a Beijing day."""
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING)


async def preview(
    ctx: Context,
    member: Member,
    kind: str,
    text_zh: str,
    text_en: str,
    day: date | None,
    reason: str,
) -> tuple[Paper | None, Paper]:
    """The newest version, and the one that would follow it. Raises what `terms.draft` raises."""
    async with ctx.pool.acquire() as conn:
        return await _drafted(conn, ctx, member, kind, text_zh, text_en, day, reason)


async def _drafted(
    conn: asyncpg.Connection,
    ctx: Context,
    member: Member,
    kind: str,
    text_zh: str,
    text_en: str,
    day: date | None,
    reason: str,
) -> tuple[Paper | None, Paper]:
    last = await papers.read_newest(conn, kind)
    now = ctx.now()
    at = begins(day) if day is not None else now
    return last, terms.draft(last, kind, text_zh, text_en, at, member.name, reason, now)


async def publish(
    ctx: Context,
    member: Member,
    kind: str,
    text_zh: str,
    text_en: str,
    day: date | None,
    reason: str,
    seen: int,
) -> Paper:
    """Keep it for ever, say so in both records. ``seen``: the version that its author compared it with.

    Raises what `terms.draft` raises, and `settings_changed` when another version came in between.
    """
    async with transaction(ctx.pool) as conn:
        last, paper = await _drafted(conn, ctx, member, kind, text_zh, text_en, day, reason)
        if (last.version if last else 0) != seen:
            raise Problem("settings_changed", Kind.CONFLICT)
        await papers.publish(conn, paper)
        await _tell_record(conn, ctx, paper)
        await record.write(
            conn,
            ctx.rng,
            paper.published_at,
            member,
            "publish_paper",
            f"{kind}:{paper.version}",
            reason=paper.reason,
            data={"sha256": paper.sha256, "effective_at": paper.effective_at.isoformat()},
        )
    ctx.catalogue.forget()
    return paper


async def _tell_record(conn: asyncpg.Connection, ctx: Context, paper: Paper) -> None:
    message = Message(
        party="shop",
        kind=f"paper.{paper.kind}",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=paper.body,
        content_type="text/plain; charset=utf-8",
    )
    evidence_id = await evidence.keep(conn, ctx.rng, paper.published_at, message)
    await statements.state(
        conn,
        statements.SHOPS_BUCKET,
        subject_of(paper.kind, paper.version),
        PUBLISHED,
        evidence_id,
        paper.published_at,
        {"effective_at": paper.effective_at.isoformat()},
    )


def papers_of(request: Request[Any, Any, Any]) -> Papers:
    """The versions that this application knows."""
    known: Papers = request.app.state.papers
    return known


class Papers:
    """All versions without their texts, at most some seconds old: for the pages that only say which one holds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: list[Paper] = []
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self) -> list[Paper]:
        """What is published; while the database is away, what was known last."""
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH_REAL_S:
                self._read_at = time.monotonic()
                try:
                    async with self._desk.pool.acquire() as conn:
                        self._known = await papers.list_papers(conn)
                except DATABASE_AWAY:
                    pass
            return self._known

    async def agreed(self, at: datetime) -> list[Paper]:
        """Agreement and privacy terms that held at a moment; an order's rules are in its own snapshot."""
        known = await self.read()
        held = [terms.in_force(known, kind, at) for kind in terms.KINDS if kind != "rules"]
        return [one for one in held if one is not None]

    def forget(self) -> None:
        """Read it at the next look."""
        self._read_at = float("-inf")
