"""Reconciliation as staff see it: days, differences, the raw lines of both sides, and what two people decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.app.desk_staff import approval_row
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.reconciliation import decide as decisions
from mingzhang.reconciliation.bills.text import raw_line
from mingzhang.reconciliation.sources import source_named
from mingzhang.reconciliation.store import SQL, Break, read_break, read_file, read_row
from mingzhang.staff import approvals, record
from mingzhang.staff.approvals import MoneyAction
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model_reconcile import BreakLine, BreakPage, BreaksPage, DayLine, HistoryLine, Side

SHOWN_MAX: Final = 100
EXPORT_MAX: Final = 20_000
DAYS_SHOWN: Final = 40
REPORTS_SHOWN: Final = 14
# How long a difference waits: from, to; the ages of a break in the dashboards and the list.
AGES: Final[Mapping[str, tuple[timedelta, timedelta | None]]] = {
    "1d": (timedelta(0), timedelta(days=1)),
    "2d": (timedelta(days=1), timedelta(days=2)),
    "3d": (timedelta(days=2), timedelta(days=3)),
    "7d": (timedelta(days=3), timedelta(days=7)),
    "old": (timedelta(days=7), None),
}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What of the differences is looked at; empty: any. ``ended``: also those that are over; ``age``: of `AGES`."""

    source: str = ""
    cls: str = ""
    state: str = ""
    day: date | None = None
    ended: bool = False
    page: int = 0
    age: str = ""


def read_filter(query: Mapping[str, str]) -> Filter:
    """A filter from an address; what is no filter is none."""
    try:
        day = date.fromisoformat(query.get("day", "")) if query.get("day") else None
    except ValueError:
        day = None
    number = query.get("page", "0")
    return Filter(
        source=query.get("source", "")[:64],
        cls=query.get("class", "")[:32],
        state=query.get("state", "")[:16],
        day=day,
        ended=query.get("ended") == "1",
        page=min(int(number), 10_000) if number.isascii() and number.isdigit() else 0,
        age=query.get("age", "") if query.get("age", "") in AGES else "",
    )


def span_of(age: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Found after, and found at the latest, for differences of an age; (None, None) for any."""
    if age not in AGES:
        return None, None
    low, high = AGES[age]
    return (now - high if high else None), (now - low if low else None)


def age_of(found_at: datetime, now: datetime) -> str:
    """How long a difference waits, as `AGES` calls it."""
    return next(age for age, (_, high) in AGES.items() if high is None or now - found_at < high)


async def read_breaks(
    conn: asyncpg.Connection, chosen: Filter, now: datetime, limit: int, offset: int = 0
) -> list[Break]:
    """Differences by filter, the longest waiting first."""
    ended = chosen.ended or chosen.state in ("resolved", "withdrawn")
    spans = span_of(chosen.age, now)
    values = (chosen.source, chosen.cls, chosen.state, chosen.day, ended, limit, offset, *spans)
    return [read_row(row) for row in await conn.fetch(SQL.list_breaks, *values)]


async def list_page(ctx: Context, chosen: Filter) -> BreaksPage:
    """The list, and how the last days of every source stand."""
    async with ctx.pool.acquire() as conn:
        rows = await read_breaks(conn, chosen, ctx.now(), SHOWN_MAX + 1, chosen.page * SHOWN_MAX)
        days = await conn.fetch(SQL.list_recent_days, DAYS_SHOWN)
        counts = await conn.fetch(SQL.count_breaks, chosen.day)
        reports = await conn.fetch(SQL.list_reports, REPORTS_SHOWN)
    open_rows = [row for row in counts if row["state"] not in ("resolved", "withdrawn")]
    return BreaksPage(
        rows=tuple(line_of(row) for row in rows[:SHOWN_MAX]),
        more=len(rows) > SHOWN_MAX,
        days=tuple(_day(row) for row in days),
        open_n=sum(row["n"] for row in open_rows),
        open_fen=sum(row["fen"] for row in open_rows),
        source=chosen.source,
        cls=chosen.cls,
        state=chosen.state,
        day=chosen.day.isoformat() if chosen.day else "",
        ended=chosen.ended,
        age=chosen.age,
        page=chosen.page,
        reports=tuple(row["day"].isoformat() for row in reports),
    )


def line_of(row: Break) -> BreakLine:
    """A difference as a list shows it."""
    side = row.theirs or row.ours or {}
    return BreakLine(
        break_id=row.break_id,
        source=row.source,
        party=row.party,
        day=row.day.isoformat(),
        cls=row.class_,
        kind=row.kind,
        our_no=str(side.get("our_no", "")),
        their_no=str(side.get("their_no", "")),
        stake_fen=row.stake_fen,
        subject=row.subject,
        state=row.state,
        said=row.said,
        resolution=row.resolution,
        next_actor=row.next_actor,
        due_at=row.due_at,
        deadline_at=row.deadline_at,
        found_at=row.found_at,
    )


def _day(row: asyncpg.Record) -> DayLine:
    return DayLine(
        source=row["source"],
        party=row["party"],
        day=row["day"].isoformat(),
        state=row["state"],
        code=row["code"],
        agreed=row["agreed"],
        lines=sum(int(it["theirs_n"]) for it in row["totals"]),
        due_at=row["due_at"],
        deadline_at=row["deadline_at"],
        judged_at=row["judged_at"],
    )


async def break_page(ctx: Context, member: Member, break_id: str) -> BreakPage:
    """One difference: both halves, the raw line of theirs, our evidence, history, decisions. Raises `unknown_break`."""
    async with ctx.pool.acquire() as conn:
        row = await read_break(conn, break_id)
        events = await conn.fetch(SQL.list_events, break_id)
        decided = await approvals.list_of_subject(conn, break_id)
        theirs = await _their_side(conn, row)
        ours = await _our_side(conn, row)
        # A raw line may name its payer, masked as the party masks it: who looks is on record.
        await record.write(conn, ctx.rng, ctx.now(), member, "view_difference", break_id)
    waiting = any(it.state == "proposed" and it.expires_at > ctx.now() for it in decided)
    may_propose = member.may(Right.PROPOSE_MONEY) and not waiting
    return BreakPage(
        line=line_of(row),
        theirs=theirs,
        ours=ours,
        history=tuple(
            HistoryLine(kind=it["kind"], at=it["at"], who=it["who"], params=_params(it["data"]))
            for it in events
        ),
        approvals=tuple(approval_row(it, member, ctx.now()) for it in reversed(decided)),
        ways=decisions.ways_of(row) if may_propose else (),
        may_ask=member.may(Right.ASK_OUTSIDE) and row.open and row.kind in ("paid", "refund", "supply"),
    )


def _params(data: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in data.items()}


async def _their_side(conn: asyncpg.Connection, row: Break) -> Side | None:
    if row.theirs is None:
        return None
    if not row.file_id:  # asked, not read
        return Side(fields=_params(row.theirs))
    source = source_named(row.source)
    file, raw = await read_file(conn, row.file_id)
    position = int(row.theirs["position"])
    encoding = source.encoding
    if source.party not in ("alipay", "wechat"):
        encoding = "gb18030" if _is_gbk(raw) else "utf-8"
    return Side(
        fields=_params(row.theirs),
        raw=raw_line(raw, encoding, source.member, position),
        position=position,
        name=file.name,
        sha256=file.sha256.hex(),
        evidence_id=file.file_id,
    )


def _is_gbk(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


async def _our_side(conn: asyncpg.Connection, row: Break) -> Side | None:
    if row.ours is None:
        return None
    evidence_id = str(row.ours["evidence_id"])
    heads = await conn.fetch(evidence.SQL.read_evidence_heads, [evidence_id])
    return Side(
        fields=_params(row.ours),
        sha256=heads[0]["sha256"].hex() if heads else "",
        evidence_id=evidence_id,
    )


async def propose(ctx: Context, member: Member, break_id: str, way: str, reason: str) -> str:
    """Put an ending before a second person; returns the approval's id."""
    async with transaction(ctx.pool) as conn:
        row = await read_break(conn, break_id)
        return await approvals.propose(
            conn,
            ctx.rng,
            ctx.now(),
            member,
            MoneyAction.SETTLE_DIFFERENCE,
            break_id,
            row.stake_fen,
            reason,
            decisions.terms_of(row, way),
        )


async def decide(
    ctx: Context, member: Member, break_id: str, approval_id: str, word: str, reason: str
) -> None:
    """The second person's word; approved, it is carried out at once."""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        found = await approvals.read_approval(conn, break_id, approval_id)
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, break_id, approval_id)
            return
        if word not in ("approve", "reject") or found.action != MoneyAction.SETTLE_DIFFERENCE.value:
            raise Problem("unknown_action", Kind.INVALID)
        approve = word == "approve"
        await approvals.decide(
            conn, ctx.rng, now, member, break_id, approval_id, approve=approve, reason=reason
        )
        if not approve:
            return
        row = await read_break(conn, break_id)
        way = str(found.terms.get("way", ""))
        terms = decisions.terms_of(row, way)
        action = MoneyAction.SETTLE_DIFFERENCE
        await approvals.use(conn, ctx.rng, now, member, approval_id, action, break_id, row.stake_fen, terms)
        told = {"approval": approval_id, "break": break_id, "terms": terms, "reason": found.reason}
        names = {"proposed_by": found.proposed_by, "decided_by": member.name}
        message = Message(
            party="staff",
            kind="approval",
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=msgspec.json.encode(told | names),
            content_type="application/json",
        )
        evidence_id = await evidence.keep(conn, ctx.rng, now, message)
        await decisions.settle(conn, ctx, break_id, way, evidence_id, member.name)


async def ask(ctx: Context, member: Member, break_id: str) -> None:
    """Have the outside asked about it now."""
    async with transaction(ctx.pool) as conn:
        await decisions.ask_outside(conn, ctx, break_id, member.name)
