"""A judgement's differences into the rows that wait: each exists once, whatever file or run finds it, with a history."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.reconciliation.model import BreakClass, Found
from mingzhang.reconciliation.sources import Source
from mingzhang.reconciliation.states import TRANSITIONS, Next, first_step
from mingzhang.reconciliation.store import SQL, Break, break_id_of, lock_breaks, note, save


class Changed(msgspec.Struct, kw_only=True):
    """How many differences a judgement opened and closed."""

    opened: int = 0
    closed: int = 0


def append_carried(path: Path, carried: list[Break]) -> None:
    """Our lone entries of earlier days, beside the day's own, for the other side's next file."""
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in carried:
            it = row.found().ours
            if it is not None:
                fee = "" if it.fee_fen is None else it.fee_fen
                head = (
                    row.kind,
                    row.key,
                    it.our_no,
                    it.their_no,
                    it.amount_fen,
                    fee,
                    it.state,
                    it.at,
                    it.day,
                )
                writer.writerow((*head, it.subject, it.evidence_id, "true"))


async def merge(
    ctx: Context,
    conn: asyncpg.Connection,
    source: Source,
    day: date,
    file_id: str,
    found: list[Found],
    carried: list[Break],
) -> Changed:
    """Write what a judgement found; the caller holds the day's lock.

    A difference of the day that is found no more has gone: booked since, or corrected by the newer file.
    """
    now, changed = ctx.now(), Changed()
    by_id = {break_id_of(source.name, it.kind, it.key, it.n): it for it in found}
    before = {row["break_id"] for row in await conn.fetch(SQL.list_day_breaks, source.name, day)}
    before |= {row.break_id for row in carried}
    rows = await lock_breaks(conn, sorted(by_id.keys() | before))
    for break_id in sorted(by_id):
        row = rows.get(break_id)
        if row is None:
            await _open(conn, source, day, file_id, by_id[break_id], now, changed)
        else:
            await _again(conn, row, day, file_id, by_id[break_id], now, changed)
    for break_id in sorted(before - by_id.keys()):
        row = rows.get(break_id)
        if row is not None and row.open and row.day == day:
            corrected = row.file_id != file_id and row.theirs is not None
            await close(conn, row, "withdrawn" if corrected else "resolved", _gone(row, corrected), now)
            changed.closed += 1
    return changed


def _gone(row: Break, corrected: bool) -> str:
    if corrected:
        return "corrected_file"
    return "listed_since" if row.theirs is None else "booked_since"


async def _open(
    conn: asyncpg.Connection,
    source: Source,
    day: date,
    file_id: str,
    found: Found,
    now: datetime,
    changed: Changed,
) -> None:
    row = Break(
        break_id=break_id_of(source.name, found.kind, found.key, found.n),
        source=source.name,
        party=source.party,
        day=day,
        class_="",
        kind=found.kind,
        key=found.key,
        n=found.n,
        stake_fen=0,
        theirs=None,
        file_id="",
        ours=None,
        subject="",
        state="",
        said="",
        resolution="",
        seq=0,
        asked=0,
        holder="",
        next_actor="",
        since=now,
        due_at=None,
        deadline_at=None,
        found_at=now,
        resolved_at=None,
    )
    _tell(row, found, file_id)
    step(row, first_step(found, source.party, day, now), now, "met_across_midnight")
    await note(conn, row, "found", now, cls=row.class_, state=row.state, stake_fen=row.stake_fen)
    await save(conn, row)
    changed.opened += row.open


async def _again(
    conn: asyncpg.Connection,
    row: Break,
    day: date,
    file_id: str,
    found: Found,
    now: datetime,
    changed: Changed,
) -> None:
    """Found before: nothing new, or otherwise than before, and then judged anew."""
    if found.theirs is None and row.theirs is not None and row.day != day:
        return  # its other half stands in another day's file
    same = (row.class_, _matter(row.theirs), _matter(row.ours)) == (
        found.cls.value,
        _matter(_side(found.theirs)),
        _matter(_side(found.ours)),
    )
    if same and (row.open or row.state == "resolved"):
        return
    if found.theirs is None and row.open and row.theirs is None and found.cls is BreakClass.MISSING_THEIRS:
        # Carried, and the next file lacks it, too: it waits on for T+2 under its first day.
        if row.class_ == found.cls.value:
            return
        day = row.day
    was_open = row.open
    _tell(row, found, file_id)
    row.day = day
    step(row, first_step(found, row.party, day, now), now, "met_across_midnight")
    kind = "found_otherwise" if was_open else "found_again"
    await note(conn, row, kind, now, cls=row.class_, state=row.state, stake_fen=row.stake_fen)
    await save(conn, row)
    changed.opened += row.open and not was_open
    changed.closed += was_open and not row.open


def _tell(row: Break, found: Found, file_id: str) -> None:
    row.class_, row.stake_fen = found.cls.value, found.stake_fen
    row.theirs, row.ours = _side(found.theirs), _side(found.ours)
    row.file_id = file_id if found.theirs is not None else ""
    row.subject = found.ours.subject if found.ours is not None else ""


def _side(side: object) -> dict[str, Any] | None:
    told: dict[str, Any] | None = None if side is None else msgspec.to_builtins(side)
    return told


def _matter(side: dict[str, Any] | None) -> dict[str, Any] | None:
    """What of a side makes the difference: not where in the file it stands."""
    return None if side is None else {name: value for name, value in side.items() if name != "position"}


def step(row: Break, to: Next, now: datetime, resolution: str = "") -> None:
    """Move a row by the table; into an end only with how it ended. Raises Problem `state_refused`."""
    if row.state and to.state != row.state and to.state not in TRANSITIONS[row.state]:
        raise Problem("state_refused", Kind.CONFLICT, f"{row.state} -> {to.state}")
    if (row.state, row.next_actor) != (to.state, to.next_actor):
        row.since = now
        row.asked = 0
    row.state, row.holder, row.next_actor = to.state, to.holder, to.next_actor
    row.due_at, row.deadline_at = to.due_at, to.deadline_at
    ended = to.state in ("resolved", "withdrawn")
    row.resolved_at, row.resolution = (now, resolution) if ended else (None, "")


async def close(
    conn: asyncpg.Connection,
    row: Break,
    state: str,
    resolution: str,
    now: datetime,
    *,
    who: str = "",
    evidence_id: str = "",
    **data: Any,
) -> None:
    """End a difference: resolved or withdrawn, and why."""
    step(row, Next(state=state, holder="", next_actor="", due_at=None, deadline_at=None), now, resolution)
    await note(conn, row, state, now, who=who, evidence_id=evidence_id, resolution=resolution, **data)
    await save(conn, row)
