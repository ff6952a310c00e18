"""Tasks by hand as stored: open, then ended once, for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit import sql
from mingzhang.kit.errors import Kind, Problem

SQL: Final = sql.load("mingzhang.fulfilment.manual", "store")
REFERENCE_MAX: Final = 64
NOTE_MAX: Final = 500
# Why a person may refuse: what the buyer can mend, what another supplier can, and what nobody can.
REFUSALS: Final = (
    Reason.WRONG_ACCOUNT,
    Reason.ACCOUNT_INCOMPLETE,
    Reason.WRONG_REGION,
    Reason.NUMBER_SUSPENDED,
    Reason.ACCOUNT_BANNED,
    Reason.VELOCITY,
    Reason.STOCK_OUT,
    Reason.OFF_SALE,
    Reason.MAINTENANCE,
    Reason.PRICE_CHANGED,
)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task. ``state``: open, stopped, succeeded, refused. ``account_enc``: sealed; ``reference``: the proof's number."""

    attempt_no: str
    product: str
    kind: str
    quantity: int
    face_value_fen: int
    account_enc: bytes
    account_mask: str
    state: str
    reference: str
    note: str
    reason: str
    reported_by: str
    confirmed_by: str
    made_at: datetime
    deadline_at: datetime
    ended_at: datetime | None


async def find_task(conn: asyncpg.Connection, attempt_no: str) -> Task | None:
    """The task of a number, if there ever was one."""
    row = await conn.fetchrow(SQL.read_task, attempt_no)
    return None if row is None else Task(**dict(row))


async def read_open(conn: asyncpg.Connection, attempt_no: str, *, stopped: bool = False) -> Task:
    """A task that waits, or (``stopped``) that a refund stopped. Raises Problem `manual_not_open`."""
    task = await find_task(conn, attempt_no)
    if task is None or not (task.state == "open" or (stopped and task.state == "stopped")):
        raise Problem("manual_not_open", Kind.CONFLICT)
    return task


async def list_open(conn: asyncpg.Connection) -> list[Task]:
    """Whatever waits for a person, the soonest deadline first."""
    return [Task(**dict(row)) for row in await conn.fetch(SQL.list_open_tasks)]


async def list_stopped(conn: asyncpg.Connection, since: datetime) -> list[Task]:
    """What refunds stopped since then, the newest first: it may have been done before."""
    return [Task(**dict(row)) for row in await conn.fetch(SQL.list_stopped_tasks, since)]


async def set_succeeded(
    conn: asyncpg.Connection,
    attempt_no: str,
    reference: str,
    note: str,
    people: tuple[str, str],
    now: datetime,
) -> None:
    """Done: who reported it, and who confirmed it. Raises Problem `manual_not_open`."""
    if await conn.fetchval(SQL.set_succeeded, attempt_no, reference, note, *people, now) is None:
        raise Problem("manual_not_open", Kind.CONFLICT)


async def set_refused(
    conn: asyncpg.Connection, attempt_no: str, reason: Reason, note: str, name: str, now: datetime
) -> None:
    """Refused, and why. Raises Problem `manual_not_open`."""
    if await conn.fetchval(SQL.set_refused, attempt_no, reason.value, note, name, now) is None:
        raise Problem("manual_not_open", Kind.CONFLICT)
