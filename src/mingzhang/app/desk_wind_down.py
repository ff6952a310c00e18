"""Winding the shop down by two people, and how far it is (R29; 电子商务法 16)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.app.desk import Desk
from mingzhang.catalogue.pauses import lift_shop, pause_shop
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.shop import wind_down
from mingzhang.shop.wind_down import WindDown
from mingzhang.staff import approvals
from mingzhang.staff.approvals import Approval, MoneyAction
from mingzhang.staff.model import Member

SQL: Final = load("mingzhang.app", "wind_down")
SUBJECT: Final = "shop:wind_down"
ACTION: Final = MoneyAction.WIND_DOWN
END: Final = "call_off"
COUNT_MAX: Final = 1000


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is not at its end: orders, refunds, money put aside (each counted up to `COUNT_MAX`), and the buyers' money
    at channels and banks in fen, as coverage saw it last.
    """

    orders: int
    refunds: int
    items: int
    owed_fen: int
    letters: int


async def read(desk: Desk) -> tuple[WindDown | None, list[Approval], Progress]:
    """What runs, what waits for the second person, and how far it is."""
    async with desk.pool.acquire() as conn:
        running = await wind_down.read_running(conn)
        found = await approvals.list_open(conn, desk.clock.now())
        counts = await conn.fetchrow(
            SQL.count_progress, COUNT_MAX, f"wind_down:{running.wind_down_id}" if running else ""
        )
    return running, [each for each in found if each.action == ACTION], Progress(**dict(counts))


async def propose(desk: Desk, member: Member, closes_at: datetime | None, reason: str) -> None:
    """Propose to wind down on a day, or (None) to call off what runs.

    Raises Problem `notice_too_short`, `wind_down_running`, `unknown_wind_down`, and what `approvals.propose` raises.
    """
    ctx = desk.ctx
    async with transaction(ctx.pool) as conn:
        now, running = ctx.now(), await wind_down.read_running(conn)
        if closes_at is not None:
            wind_down.check_date(closes_at, now)
            if running is not None:
                raise Problem("wind_down_running", Kind.CONFLICT)
        elif running is None:
            raise Problem("unknown_wind_down", Kind.NOT_FOUND)
        terms = (
            {"closes_at": closes_at.isoformat()}
            if closes_at
            else {END: running.wind_down_id if running else ""}
        )
        await approvals.propose(conn, ctx.rng, now, member, ACTION, SUBJECT, 0, reason, terms)


async def decide(desk: Desk, member: Member, approval_id: str, word: str, reason: str) -> None:
    """approve, reject or withdraw; approved, it is carried out in the same transaction.

    Raises Problem as `approvals.decide`, `not_found` for another word, `notice_too_short` when the day came too near.
    """
    ctx = desk.ctx
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, SUBJECT, approval_id)
            return
        if word not in ("approve", "reject"):
            raise Problem("not_found", Kind.NOT_FOUND)
        done = await approvals.decide(
            conn, ctx.rng, now, member, SUBJECT, approval_id, approve=word == "approve", reason=reason
        )
        if word == "approve":
            used = await approvals.use(
                conn, ctx.rng, now, member, approval_id, ACTION, SUBJECT, 0, done.terms
            )
            await _carry_out(desk, conn, used, now)
    ctx.catalogue.forget()
    desk.shop.forget()


async def _carry_out(desk: Desk, conn: asyncpg.Connection, used: Approval, now: datetime) -> None:
    if END in used.terms:
        await wind_down.call_off(conn, used.terms[END], used.decided_by, now)
        await lift_shop(conn, used.decided_by, now)
        return
    closes_at = datetime.fromisoformat(used.terms["closes_at"])
    wind_down.check_date(closes_at, now)
    running = WindDown(
        wind_down_id=new_id(now, desk.ctx.rng),
        reason=used.reason,
        approval_id=used.approval_id,
        proposed_by=used.proposed_by,
        decided_by=used.decided_by,
        published_at=now,
        closes_at=closes_at,
        told={},
        looked_at=None,
    )
    await wind_down.start(conn, running)
    await pause_shop(conn, desk.ctx.rng, now, used.decided_by)
