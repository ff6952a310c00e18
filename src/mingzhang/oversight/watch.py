"""What an overseer looks at: receipts of suppliers, times to answer, missed deadlines, shortfalls and their cure.

Reads only. Every look is bounded; where a bound was reached, the answer says how far it looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.ids import first_order_id
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.oversight", "watch")
LOOKED_MAX: Final = 10_000  # orders of one bucket in one look
LISTED_MAX: Final = 200
ASKED_MAX: Final = 20_000
WINDOW: Final = timedelta(days=30)
HOURS: Final = (1, 4, 24, 72)
"""Bounds of the distribution of times to answer, hours; 24 and 72 are the shop's own promises (R34, R43)."""


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """Days in a row at whose end less was there than was owed. ``cured``: the first day after them that was whole; None:
    not cured yet. ``deepest_fen``: the most that was lacking."""

    first: date
    last: date
    cured: date | None
    deepest_fen: int

    @property
    def days(self) -> int:
        """How many day ends it lasted."""
        return (self.last - self.first).days + 1


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """What a supplier's words come to. ``missing``: paid, past the promised time, nothing given back, no word of it."""

    supplier: str
    paid: int
    succeeded: int
    refused: int
    given_back: int
    waiting: int
    missing: int
    missing_fen: int


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A paid order with no supplier's word though its promised time is over (R15)."""

    order_id: str
    supplier: str
    state: str
    price_fen: int
    paid_at: datetime
    next_actor: str
    title_zh: str
    title_en: str


class ReceiptLook(msgspec.Struct, frozen=True, kw_only=True):
    """A look at receipts. ``looked``: orders; ``cut``: a bucket held more in the window than one look takes."""

    suppliers: tuple[Receipts, ...]
    orphans: tuple[Orphan, ...]
    looked: int
    cut: bool
    since: datetime


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """Times to answer of one kind. ``within``: how many were answered within each of `HOURS`, not counting those of the
    bound before; ``later``: answered after the last bound; ``open_late``: not answered and past their deadline."""

    kind: str
    asked: int
    within: tuple[int, ...]
    later: int
    open: int
    open_late: int
    median_s: int | None
    p90_s: int | None


def shortfalls(days: Iterable[tuple[date, int, int]]) -> list[Shortfall]:
    """Spans of day ends that were short, the newest first. ``days``: (day, covered fen, owed fen), oldest first."""
    spans: list[Shortfall] = []
    first: date | None = None
    last = date.min
    deepest = 0
    for day, covered, owed in days:
        if covered < owed:
            first, last, deepest = first or day, day, max(deepest, owed - covered)
        elif first is not None:
            spans.append(Shortfall(first=first, last=last, cured=day, deepest_fen=deepest))
            first, deepest = None, 0
    if first is not None:
        spans.append(Shortfall(first=first, last=last, cured=None, deepest_fen=deepest))
    return spans[::-1]


def answers_of(rows: Iterable[Mapping[str, Any]], now: datetime) -> list[Answers]:
    """The distribution of each kind. A row: ``kind``, ``made_at``, ``answered_at``, ``deadline_at``."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    return [_answers(kind, kinds[kind], now) for kind in sorted(kinds)]


def _answers(kind: str, rows: Sequence[Mapping[str, Any]], now: datetime) -> Answers:
    took = sorted(
        int((row["answered_at"] - row["made_at"]).total_seconds()) for row in rows if row["answered_at"]
    )
    bounds = [hours * 3600 for hours in HOURS]
    within = [
        sum(low < seconds <= high for seconds in took)
        for low, high in zip([-1, *bounds[:-1]], bounds, strict=True)
    ]
    waiting = [row for row in rows if not row["answered_at"]]
    return Answers(
        kind=kind,
        asked=len(rows),
        within=tuple(within),
        later=sum(seconds > bounds[-1] for seconds in took),
        open=len(waiting),
        open_late=sum(row["deadline_at"] is not None and row["deadline_at"] < now for row in waiting),
        median_s=took[(len(took) - 1) // 2] if took else None,
        p90_s=took[(len(took) * 9 - 1) // 10] if took else None,
    )


async def read_receipts(
    conn: asyncpg.Connection, buckets: Sequence[int], now: datetime, looked_max: int = LOOKED_MAX
) -> ReceiptLook:
    """Receipts of the orders placed within `WINDOW`, at most ``looked_max`` of each bucket."""
    since = now - WINDOW
    names = Receipts.__struct_fields__[1:]
    found: dict[str, list[int]] = {}
    orphans: list[Orphan] = []
    looked, cut = 0, False
    for bucket in buckets:
        span = (bucket, first_order_id(bucket, since), first_order_id(bucket, now + timedelta(days=1)))
        rows = await conn.fetch(SQL.sum_receipts, *span, looked_max, now, LISTED_MAX)
        count = sum(row["looked"] for row in rows)
        looked += count
        cut = cut or count == looked_max
        for row in rows:
            before = found.get(row["supplier"], [0] * len(names))
            found[row["supplier"]] = [sum_ + row[name] for sum_, name in zip(before, names, strict=True)]
        newest = sorted((order_id for row in rows for order_id in row["newest"]), reverse=True)
        if wanted := newest[: LISTED_MAX - len(orphans)]:
            orphans += [Orphan(**dict(row)) for row in await conn.fetch(SQL.list_orphans, bucket, wanted)]
    return ReceiptLook(
        suppliers=tuple(
            Receipts(supplier=supplier, **dict(zip(names, sums, strict=True)))
            for supplier, sums in sorted(found.items())
            if sums[0]
        ),
        orphans=tuple(orphans),
        looked=looked,
        cut=cut,
        since=since,
    )


async def read_answers(conn: asyncpg.Connection, now: datetime) -> list[Answers]:
    """Times to answer of what was brought up within `WINDOW`."""
    return answers_of(await conn.fetch(SQL.list_answer_times, now - WINDOW, ASKED_MAX), now)
