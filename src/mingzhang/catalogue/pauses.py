"""The maintenance calendar and pauses (维护日历, 暂停): what is not sold or not sent to, when, and why (R20).

A ``maintenance`` of a product or supplier, and a ``paused`` supplier: nothing is sent there. A ``paused`` product is
not sold; what is paid goes on. The shop itself is ``closing`` while it winds down: nothing is sold.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load

SQL = load("mingzhang.catalogue", "pauses")
SCOPES: Final = ("supplier", "product")
CAUSES: Final = ("maintenance", "paused")
SHOP: Final = "shop"
EVERYTHING: Final = "*"
CLOSING: Final = "closing"
NOTE_MAX: Final = 200
WINDOW_MAX: Final = timedelta(days=366)


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. ``ends_at`` None: until it is lifted. ``note``: shown to buyers as it is."""

    pause_id: str
    scope: str
    name: str
    cause: str
    note: str
    starts_at: datetime
    ends_at: datetime | None
    made_by: str
    made_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


class NewPause(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be entered. ``starts_at`` None: now."""

    scope: str
    name: str
    cause: str
    note: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


async def list_pauses(conn: asyncpg.Connection, now: datetime) -> list[Pause]:
    """What is in force or still to come."""
    return [Pause(**dict(row)) for row in await conn.fetch(SQL.list_pauses, now)]


async def add_pause(conn: asyncpg.Connection, rng: Random, now: datetime, wish: NewPause, who: str) -> Pause:
    """Enter it. Raises `bad_pause` for what cannot be meant; the caller knows the names of suppliers and products."""
    starts_at = wish.starts_at or now
    ends_in_time = wish.ends_at is None or starts_at < wish.ends_at <= starts_at + WINDOW_MAX
    over = wish.ends_at is not None and wish.ends_at <= now
    known = wish.scope in SCOPES and wish.cause in CAUSES
    printable = len(wish.note) <= NOTE_MAX and wish.note.isprintable()
    if not (known and ends_in_time and printable) or over or starts_at > now + WINDOW_MAX:
        raise Problem(
            "bad_pause", Kind.INVALID, "a window ends after it begins, within a year, in the future"
        )
    made = Pause(
        pause_id=new_id(now, rng),
        scope=wish.scope,
        name=wish.name,
        cause=wish.cause,
        note=wish.note.strip(),
        starts_at=starts_at,
        ends_at=wish.ends_at,
        made_by=who,
        made_at=now,
    )
    await conn.execute(SQL.insert_pause, *(getattr(made, name) for name in Pause.__struct_fields__))
    return made


async def pause_shop(conn: asyncpg.Connection, rng: Random, now: datetime, who: str) -> None:
    """The whole shop sells nothing any more: it winds down. Two people's word stands behind it, so none lifts it alone."""
    await conn.execute(SQL.insert_pause, new_id(now, rng), SHOP, EVERYTHING, CLOSING, "", now, None, who, now)


async def lift_shop(conn: asyncpg.Connection, who: str, now: datetime) -> None:
    """The shop sells again."""
    await conn.execute(SQL.lift_shop, who, now)


async def lift_pause(conn: asyncpg.Connection, pause_id: str, now: datetime, who: str) -> None:
    """End it now. Raises `unknown_pause`: there is none, or it is over."""
    if await conn.fetchval(SQL.lift_pause, pause_id, who, now) is None:
        raise Problem("unknown_pause", Kind.NOT_FOUND)
