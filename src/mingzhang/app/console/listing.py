"""The engine of the console's lists: keyset paging over numbers that hold the time, with a bound on what one look costs.

A list over a table of orders walks back through its primary key, bucket by bucket: no further index, no OFFSET, no
count. A look reaches at most `REACH` rows back; a filter that matches few of them shows what it found, says how far
it looked, and the next look goes on from there. What is open, late or a person's is few: those rows have partial
indexes, and a list of them is read whole (at most `OPEN_MAX`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.ids import first_order_id
from mingzhang.staff.rights import Right
from mingzhang.web.model_console import Column, Filter

REACH: Final = 20_000
PAGE_ROWS: Final = 50
OPEN_MAX: Final = 300
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TAIL: Final = re.compile(r"[0-9A-Za-z_-]{1,60}")
_HEAD: Final = 4  # letter and bucket before the time in an order's number
_END: Final = "~"  # sorts after every character of a number


@dataclass(frozen=True)
class Listing:
    """One list. ``walk`` and ``reach``: statements over a range of keys (none: only ``few``); ``few``: everything open
    (or, without a walk, the newest) in one bounded statement; ``letters``: what the keys begin with, "" for ids that are
    a time alone; ``bucketed``: whether the table is kept by bucket. ``filters``: exactly three, in the statements' order.
    """

    name: str
    path: str
    title: str
    right: Right
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    walk: str = ""
    reach: str = ""
    few: str = ""
    letters: tuple[str, ...] = ("M",)
    bucketed: bool = True
    note: str = ""
    dated: bool = False  # whether ``few`` takes the time as well
    sealed: Mapping[str, str] = field(default_factory=dict)  # masked column → the sealed field of the row


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a list: three filter values, only what is open, from and to a time, and where to go on."""

    values: tuple[str, str, str]
    few: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """``before``: where the next look goes on, "" at the end. ``reached``: the look ended there before it was full."""

    rows: list[dict[str, Any]]
    before: str = ""
    reached: str = ""
    cut: bool = False


def clean_cursor(text: str) -> str:
    """A cursor out of an address; anything else begins at the newest."""
    return text if _TAIL.fullmatch(text) else ""


def moment_of(listing: Listing, tail: str) -> datetime | None:
    """The time that a cursor stands for."""
    digits, alphabet = (tail[:8], _BASE36) if listing.letters[0] else (tail[:9], _BASE32)
    value = 0
    for character in digits:
        at = alphabet.find(character)
        if at < 0:
            return None
        value = value * len(alphabet) + at
    return _EPOCH + timedelta(milliseconds=value)


def tail_of(listing: Listing, moment: datetime) -> str:
    """The cursor that stands for a time: keys of that moment or later are not less."""
    text = first_order_id(0, max(moment, _EPOCH))[_HEAD:]
    if listing.letters[0]:
        return text
    value, digits = int(text, 36), ""
    for _ in range(9):
        value, low = divmod(value, 32)
        digits = _BASE32[low] + digits
    return digits


def _ranges(
    listing: Listing, buckets: Sequence[int], low: str, high: str
) -> tuple[list[int], list[str], list[str]]:
    """The ranges of keys to look through: (buckets, lower ends, upper ends), one for each bucket and letter."""
    heads = [
        (bucket, letter + first_order_id(bucket, _EPOCH)[1:_HEAD] if letter else "")
        for bucket in (buckets if listing.bucketed else [0])
        for letter in listing.letters
    ]
    ends = high or _END
    return (
        [bucket for bucket, _ in heads],
        [head + low for _, head in heads],
        [head + ends for _, head in heads],
    )


async def look(
    conn: asyncpg.Connection,
    listing: Listing,
    buckets: Sequence[int],
    wish: Wish,
    limit: int = PAGE_ROWS,
    reach: int = REACH,
    *,
    now: datetime,
) -> Found:
    """One bounded look; see the module."""
    if wish.few or not listing.walk:
        more = (now,) if listing.dated else ()
        rows = [dict(row) for row in await conn.fetch(listing.few, OPEN_MAX + 1, *wish.values, *more)]
        return Found(rows=rows[:OPEN_MAX], cut=len(rows) > OPEN_MAX)
    low = tail_of(listing, wish.since) if wish.since else ""
    high = wish.before or (tail_of(listing, wish.until) if wish.until else "")
    spans = _ranges(listing, buckets, low, high)
    ends = await conn.fetch(listing.reach, *spans, max(reach // max(len(spans[0]), 1), limit))
    floor = max((row["reach"] for row in ends), default="")
    spans = _ranges(listing, buckets, max(low, floor), high)
    rows = [dict(row) for row in await conn.fetch(listing.walk, *spans, limit + 1, *wish.values)]
    head = _HEAD if listing.letters[0] else 0
    if len(rows) > limit:
        return Found(rows=rows[:limit], before=rows[limit - 1]["key"][head:])
    return Found(rows=rows, before=floor, reached=floor)


async def walk_all(
    pool: asyncpg.Pool,
    listing: Listing,
    buckets: Sequence[int],
    wish: Wish,
    rows_max: int,
    looks_max: int,
    *,
    now: datetime,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Everything a list holds, piece by piece over short connections, up to `rows_max` rows or `looks_max` looks."""
    taken = 0
    for _ in range(looks_max):
        async with pool.acquire() as conn:
            found = await look(conn, listing, buckets, wish, min(1_000, rows_max - taken), now=now)
        if found.rows:
            yield found.rows
        taken += len(found.rows)
        if not found.before or taken >= rows_max:
            return
        wish = msgspec.structs.replace(wish, before=found.before)
