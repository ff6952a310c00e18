"""The first screen: what needs a person, what is broken, what ages, who is unhealthy. Every figure leads to its rows.

A tile is one function; a further part of the product adds its own to `TILES`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from mingzhang.app.console.disputes import disputes
from mingzhang.app.console.fill import ARRIVED
from mingzhang.app.console.listings import SQL as LISTS
from mingzhang.kit.sql import load
from mingzhang.orders.context import Context
from mingzhang.staff.rights import Right
from mingzhang.web.model import WorkItem
from mingzhang.web.model_console import Figure, Tile
from mingzhang.web.words import N_

SQL: Final = load("mingzhang.app.console", "figures")
BOUND: Final = 200  # of each kind the work list reads no more
REFUSED: Final = ("supplier_refused", "supplier_reversed")


@dataclass(frozen=True)
class Seen:
    """What tiles are made of. ``work``: the work list; ``ages``: what is open, summed by kind, place, state and age."""

    conn: asyncpg.Connection
    now: datetime
    may: frozenset[str]
    work: Sequence[WorkItem]
    ages: Sequence[Mapping[str, Any]]


Maker = Callable[[Seen], Awaitable[Tile]]


async def needs_person(seen: Seen) -> Tile:
    """What waits for a person, by kind; the late ones first."""
    counts: dict[str, int] = defaultdict(int)
    late = 0
    for item in seen.work:
        counts[item.kind] += 1
        late += item.deadline_at is not None and item.deadline_at < seen.now
    figures = [
        Figure(
            label=f"work_kind:{kind}", value=n, href=f"/staff/work?kind={kind}", tone="act", about=n >= BOUND
        )
        for kind, n in sorted(counts.items(), key=lambda pair: -pair[1])
    ]
    if late:
        figures.insert(0, Figure(label=N_("已超时"), value=late, href="/staff/work?late=1", tone="bad"))
    return Tile(
        name="person",
        title=N_("等人处理"),
        icon="person",
        figures=tuple(figures),
        calm=N_("没有等人处理的事。"),
    )


_BROKEN: Final[Mapping[str, tuple[str, str]]] = {
    "supplier": (N_("供应商无回应"), "/staff/suppliers"),
    "channel": (N_("支付通道无回应"), "/staff/channels"),
    "fact": (N_("消息处理不了"), "/staff/work?kind=fact"),
    "key": (N_("密钥已到期"), "/staff/work?kind=key"),
}


async def broken(seen: Seen) -> Tile:
    """Who does not answer, what cannot be applied, and what the last audit said."""
    figures = []
    for row in await seen.conn.fetch(SQL.list_broken, seen.now):
        label, href = _BROKEN[row["kind"]]
        name = row["name"] if row["kind"] in ("supplier", "channel") else ""
        figures.append(
            Figure(
                label=label,
                value=f"{row['kind']}:{name}" if name else row["name"],
                unit="party" if name else "text",
                href=href,
                tone="bad",
            )
        )
    audit = await seen.conn.fetchrow(SQL.read_last_audit)
    if audit is not None and audit["findings"]:
        figures.append(
            Figure(label=N_("核对不符"), value=audit["findings"], href="/staff/breaches", tone="bad")
        )
    calm = N_("都在工作。")
    return Tile(name="broken", title=N_("坏了的"), icon="unplug", figures=tuple(figures), calm=calm)


def _oldest(rows: Sequence[Mapping[str, Any]], now: datetime) -> int:
    oldest: datetime = min(row["oldest"] for row in rows)
    return round((now - oldest).total_seconds())


async def ages(seen: Seen) -> Tile:
    """What is not at an end, and for how long: unknown results, refunds, orders with money, money put aside."""
    groups = (
        (
            N_("供应商结果未知"),
            [row for row in seen.ages if row["state"] == "supply:unknown"],
            "/staff/attempts?open=1&state=unknown",
        ),
        (
            N_("在途的付款订单"),
            [row for row in seen.ages if row["kind"] == "order"],
            "/staff/ageing?kind=order",
        ),
        (N_("退款在途"), [row for row in seen.ages if row["kind"] == "refund"], "/staff/ageing?kind=refund"),
        (N_("挂账"), [row for row in seen.ages if row["kind"] == "suspense"], "/staff/ageing?kind=suspense"),
        (N_("付款凭证"), [row for row in seen.ages if row["kind"] == "claim"], "/staff/ageing?kind=claim"),
    )
    figures = [
        Figure(
            label=label,
            value=sum(row["n"] for row in rows),
            href=href,
            tone="bad" if any(row["late"] for row in rows) else "wait",
            detail=str(_oldest(rows, seen.now)),
        )
        for label, rows, href in groups
        if rows
    ]
    return Tile(
        name="ages", title=N_("在变老的"), icon="clock", figures=tuple(figures), calm=N_("没有未了结的事。")
    )


async def health(seen: Seen) -> Tile:
    """How suppliers do and how long our money there lasts."""
    figures = []
    for row in await seen.conn.fetch(SQL.list_health):
        share = round(1_000_000 * row["succeeded"] / row["n"]) if row["n"] else None
        weak = row["standing"] in ("low", "stop") or (share is not None and share < 900_000)
        figures.append(
            Figure(
                label=f"supplier:{row['supplier']}",
                value=share,
                unit="ppm",
                href=f"/staff/attempts?supplier={row['supplier']}",
                tone="bad"
                if row["standing"] == "stop"
                else "wait"
                if weak
                else "good"
                if row["n"]
                else "quiet",
                detail="" if row["runway_s"] is None else str(row["runway_s"]),
            )
        )
    return Tile(
        name="health", title=N_("供应商健康"), icon="gauge", figures=tuple(figures), calm=N_("还没有数字。")
    )


async def last_day(seen: Seen) -> Tile:
    """The last 24 hours: what arrived, what was refused, what came late; up to the last closed slot."""
    rows = await seen.conn.fetch(SQL.list_outcomes, "h", seen.now - timedelta(hours=24))
    arrived = sum(row["n"] for row in rows if row["outcome"] in ARRIVED)
    late = sum(row["n"] for row in rows if row["late"])
    refused = sum(row["n"] for row in rows if row["outcome"] in REFUSED)
    refunded = sum(row["n"] for row in rows if row["outcome"] == "refund_arrived")
    figures = (
        Figure(label=N_("到账"), value=arrived, href="/staff/orders?state=delivered", tone="good"),
        Figure(
            label=N_("超过承诺才到账"),
            value=late,
            href="/staff/figures#promise",
            tone="wait" if late else "quiet",
        ),
        Figure(
            label=N_("供应商拒绝"),
            value=refused,
            href="/staff/attempts?state=refused",
            tone="wait" if refused else "quiet",
        ),
        Figure(label=N_("已退款"), value=refunded, href="/staff/refunds?state=arrived"),
    )
    return Tile(name="day", title=N_("最近 24 小时"), icon="chart", figures=figures)


# Each with the right it needs; shown in this order.
TILES: Final[tuple[tuple[Right, Maker], ...]] = (
    (Right.VIEW_ORDERS, needs_person),
    (Right.VIEW_ORDERS, disputes),
    (Right.VIEW_ORDERS, broken),
    (Right.VIEW_ORDERS, ages),
    (Right.VIEW_ORDERS, health),
    (Right.VIEW_ORDERS, last_day),
)


async def read_tiles(
    ctx: Context,
    may: frozenset[str],
    work: Sequence[WorkItem],
    tiles: Sequence[tuple[Right, Maker]] = TILES,
) -> list[Tile]:
    """The tiles that these rights open."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        seen = Seen(conn, now, may, work, await conn.fetch(LISTS.sum_ageing, now))
        return [await maker(seen) for right, maker in tiles if right.value in may]
