"""Anchors: third parties that say when a signed state of the record was there (RFC 3161 timestamps, or others').

An anchor is an adapter (entry points `mingzhang.anchors`). For each there is a due row a period; when the period is over
the newest state is stamped, the answer is checked, kept as evidence, and stored. A silent or wrong anchor is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Protocol

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Message
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.transparency.notes import parse_note
from mingzhang.transparency.tree import SQL

RFC3161: Final = "rfc3161"
AGAIN_S: Final = (60, 300, 900, 3_600, 14_400)
TASKS_MAX: Final = 8
SHOWN_MAX: Final = 31
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=BEIJING)


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What an anchor said of a text. ``form``: `RFC3161`, or a name of its own; ``root``: PEM, where there is one.

    ``messages``: question and answer as they crossed the wire.
    """

    token: bytes
    stamped_at: datetime
    form: str
    authority: str
    root: str = ""
    messages: tuple[Message, ...] = ()


class Anchor(Protocol):
    """One third party. ``name``: that of its entry point."""

    name: str

    async def stamp(self, text: bytes) -> Stamp:
        """Have the text of a signed state stamped, and check what came. Raises Problem: it is asked again later."""
        ...


class Anchored(msgspec.Struct, frozen=True, kw_only=True):
    """A state that was stamped."""

    anchor: str
    size: int
    period_end: datetime
    form: str
    authority: str
    root: str
    token: bytes
    stamped_at: datetime


def period_end(now: datetime, every_s: float) -> datetime:
    """When the period that holds ``now`` is over; days end at midnight in Beijing."""
    gone = int((now - _EPOCH).total_seconds() // every_s)
    return (_EPOCH + timedelta(seconds=(gone + 1) * every_s)).astimezone(UTC)


async def plan(pool: asyncpg.Pool, anchors: Sequence[str], now: datetime, every_s: float) -> None:
    """Have a row for the period that runs, for each anchor."""
    end = period_end(now, every_s)
    async with pool.acquire() as conn:
        for name in anchors:
            await conn.execute(SQL.ensure_anchor_task, name, end)


async def work(
    pool: asyncpg.Pool,
    anchors: Mapping[str, Anchor],
    rng: Random,
    now: datetime,
    owner: str,
    lease_until: datetime,
    witnesses: Sequence[str],
) -> list[tuple[str, str]]:
    """Stamp what is due; returns (anchor, outcome): `stamped`, `nothing_new`, or why not."""
    async with pool.acquire() as conn:
        due = await conn.fetch(SQL.claim_anchor_tasks, now, list(anchors), TASKS_MAX, owner, lease_until)
    return [
        (row["anchor"], await _stamp(pool, anchors[row["anchor"]], row, rng, now, witnesses)) for row in due
    ]


async def _stamp(
    pool: asyncpg.Pool,
    anchor: Anchor,
    task: asyncpg.Record,
    rng: Random,
    now: datetime,
    witnesses: Sequence[str],
) -> str:
    async with pool.acquire() as conn:
        state = await _state(conn, task["period_end"], witnesses)
        if state is None or await conn.fetchval(SQL.is_anchored, anchor.name, state["size"]):
            await conn.execute(SQL.set_anchor_task, anchor.name, task["period_end"], "nothing_new", None, "")
            return "nothing_new"
    try:
        stamp = await anchor.stamp(parse_note(state["note"]).text.encode())
    except Problem as problem:
        again = now + timedelta(seconds=AGAIN_S[min(task["tries"], len(AGAIN_S)) - 1])
        async with pool.acquire() as conn:
            await conn.execute(
                SQL.set_anchor_task, anchor.name, task["period_end"], "waiting", again, problem.code
            )
        return problem.code
    async with transaction(pool) as conn:
        cited = await evidence.keep_all(conn, rng, now, stamp.messages)
        await conn.execute(
            SQL.insert_anchor,
            anchor.name,
            state["size"],
            task["period_end"],
            stamp.form,
            stamp.authority,
            stamp.root,
            stamp.token,
            stamp.stamped_at,
            cited,
            now,
        )
        await conn.execute(SQL.set_anchor_task, anchor.name, task["period_end"], "stamped", None, "")
    return "stamped"


async def _state(
    conn: asyncpg.Connection, until: datetime, witnesses: Sequence[str]
) -> asyncpg.Record | None:
    """The newest state of the period; of those that a witness signed, where there are witnesses."""
    if witnesses:
        seen = await conn.fetchrow(SQL.read_cosigned_until, list(witnesses), until)
        if seen is not None:
            return seen
    return await conn.fetchrow(SQL.read_state_until, until)


async def list_anchored(conn: asyncpg.Connection, limit: int = SHOWN_MAX) -> list[Anchored]:
    """The newest stamps first."""
    return [_anchored(row) for row in await conn.fetch(SQL.list_anchors, limit)]


async def read_anchored(conn: asyncpg.Connection, size: int) -> list[Anchored]:
    """Every stamp of one state."""
    return [_anchored(row) for row in await conn.fetch(SQL.list_anchors_of, size)]


async def read_waiting(conn: asyncpg.Connection) -> list[dict[str, Any]]:
    """What is due, or was asked for in vain: anchor, period, tries, when again, why not."""
    return [dict(row) for row in await conn.fetch(SQL.list_anchor_tasks, SHOWN_MAX)]


def _anchored(row: asyncpg.Record) -> Anchored:
    return Anchored(**{name: row[name] for name in Anchored.__struct_fields__})
