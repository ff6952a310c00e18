"""The record (操作记录): every action and every view of personal data, append-only in the database itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right

SQL: Final = load("mingzhang.staff", "store")
REASON_MAX: Final = 500
REASON_MIN: Final = 4


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `kind`: done, seen, refused, account, viewed. `data`: allow-listed values, never personal data."""

    action_id: str
    name: str
    action: str
    subject: str
    reason: str
    at: datetime
    kind: str
    session_id: str
    data: dict[str, Any]


async def write(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    who: Member | str,
    action: str,
    subject: str,
    *,
    kind: str = "done",
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> str:
    """Write one line, inside the transaction of what it tells of; returns its id. `who` may be a bare name."""
    name, session_id = (who, "") if isinstance(who, str) else (who.name, who.session_id)
    action_id = new_id(now, rng)
    await conn.execute(
        SQL.insert_record,
        action_id,
        name,
        action,
        subject,
        reason[:REASON_MAX],
        now,
        kind,
        session_id,
        data or {},
    )
    return action_id


async def require(office: Office, member: Member, right: Right, subject: str = "") -> None:
    """Raise Problem `right_missing` unless the session has the right; the refusal is put on record first."""
    if member.may(right):
        return
    async with transaction(office.pool) as conn:
        await write(conn, office.rng, office.clock.now(), member, right.value, subject, kind="refused")
    raise Problem("right_missing", Kind.FORBIDDEN, right.value, {"right": right.value})


async def reveal(office: Office, member: Member, subject: str, field: str, sealed: bytes, reason: str) -> str:
    """Open one sealed field (账号, 联系方式) for a person's eyes: on record and committed before it is shown.

    The only road from sealed personal data to a member of staff. Raises Problem `right_missing`,
    `reason_missing`.
    """
    await look(office, member, Right.VIEW_PERSONAL_DATA, subject, field, reason)
    return office.vault.open(sealed)


async def look(office: Office, member: Member, right: Right, subject: str, field: str, reason: str) -> None:
    """What comes before anything sealed is opened for a member of staff: right, reason, record, commit.

    Raises Problem `right_missing`, `reason_missing`.
    """
    await require(office, member, right, subject)
    check_reason(reason)
    async with transaction(office.pool) as conn:
        now = office.clock.now()
        data = {"field": field}
        await write(
            conn, office.rng, now, member, right.value, subject, kind="seen", reason=reason, data=data
        )


async def view(office: Office, member: Member, address: str, chosen: Mapping[str, str]) -> None:
    """A page that an overseer opens, on record before it is shown. `chosen`: the day or sample that was asked for."""
    async with transaction(office.pool) as conn:
        now = office.clock.now()
        await write(conn, office.rng, now, member, Right.OVERSEE, address, kind="viewed", data=dict(chosen))


def check_reason(reason: str) -> None:
    """Raise Problem `reason_missing` for one that says nothing."""
    if len(reason.strip()) < REASON_MIN:
        raise Problem("reason_missing", Kind.INVALID, f"at least {REASON_MIN} characters")


async def read(
    conn: asyncpg.Connection,
    before: datetime,
    *,
    name: str = "",
    subject: str = "",
    kind: str = "",
    limit: int = 100,
) -> list[Entry]:
    """The record before a time, newest first, of one person, subject or kind if given."""
    rows = await conn.fetch(SQL.list_records, name, subject, kind, before, limit)
    return [Entry(**dict(row)) for row in rows]
