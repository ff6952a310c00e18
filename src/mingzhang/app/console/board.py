"""The dashboards: each is a table whose figures lead to their rows, and a chart of the same numbers.

They read roll-ups and partial indexes, never the journal or the orders at large. `as_of` says up to when the roll-ups
go. A further part of the product adds its own to `PANELS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg

from mingzhang.app.console.arithmetic import percentile, wilson
from mingzhang.app.console.fill import ARRIVED, SLOT
from mingzhang.app.console.listings import SQL as LISTS
from mingzhang.app.console.today import SQL
from mingzhang.kit.beijing import BEIJING
from mingzhang.orders.context import Context
from mingzhang.staff.rights import Right
from mingzhang.web import words_console
from mingzhang.web.model_console import Cell, Panel
from mingzhang.web.views import View
from mingzhang.web.words import N_

ROWS_MAX: Final = 60
BARS_MAX: Final = 12
REFUSED: Final = ("supplier_refused", "supplier_reversed")
FAILURES: Final = frozenset(words_console.OUTCOMES) - {*ARRIVED, "refund_arrived", "supplier_unknown"}
# Each range: how far back, which spans its outcomes are summed in, and how far apart the points of money lie.
RANGES: Final[Mapping[str, tuple[timedelta, str, timedelta]]] = {
    "24h": (timedelta(hours=24), "h", SLOT),
    "7d": (timedelta(days=7), "d", timedelta(hours=1)),
    "30d": (timedelta(days=30), "d", timedelta(hours=6)),
}


@dataclass(frozen=True)
class Read:
    """What panels are made of: outcomes in the range, open things by age, products, and who looks."""

    conn: asyncpg.Connection
    now: datetime
    chosen: str
    since: datetime
    may: frozenset[str]
    view: View
    outcomes: Sequence[Mapping[str, Any]]
    ages: Sequence[Mapping[str, Any]]
    products: Mapping[str, Mapping[str, Any]]
    as_of: datetime | None

    def title(self, product_id: str) -> str:
        """What a product is called; its id when it is no longer there."""
        row = self.products.get(product_id)
        if row is None:
            return product_id
        return str(row["title_en"] if self.view.lang == "en" and row["title_en"] else row["title_zh"])

    @property
    def since_day(self) -> str:
        """The range's beginning, as filters write it."""
        return self.since.astimezone(BEIJING).strftime("%Y-%m-%d")


Maker = Callable[[Read], Awaitable[Panel]]


def _to(path: str, **named: str) -> str:
    return f"{path}?{urlencode({name: value for name, value in named.items() if value})}"


async def success(read: Read) -> Panel:
    """Success by supplier, channel and product: of the last words that came, how many were a success."""
    tried: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in read.outcomes:
        if row["outcome"] in ARRIVED or row["outcome"] in REFUSED:
            counts = tried[row["supplier"], row["channel"], row["product_id"]]
            counts[0] += row["n"] if row["outcome"] in ARRIVED else 0
            counts[1] += row["n"]
    ranked = sorted(tried.items(), key=lambda pair: -pair[1][1])[:ROWS_MAX]
    rows, bars = [], []
    for (supplier, channel, product_id), (arrived, n) in ranked:
        low, high = wilson(arrived, n)
        here = _to("/staff/orders", product=product_id, supplier=supplier, since=read.since_day)
        rows.append(
            (
                Cell(value=read.view.supplier(supplier)),
                Cell(value=read.view.channel(channel) if channel else "—"),
                Cell(value=read.title(product_id)),
                Cell(value=n, unit="count", href=here),
                Cell(value=round(1e6 * arrived / n), unit="ppm", href=here),
                Cell(value=f"{100 * low:.1f} – {100 * high:.1f} %", unit="range"),
            )
        )
        label = f"{read.view.supplier(supplier)} · {read.title(product_id)}"
        if channel:
            label += f" · {read.view.channel(channel)}"
        bars.append([label, round(100 * arrived / n, 2), round(100 * low, 2), round(100 * high, 2), n, here])
    return Panel(
        name="success",
        title=N_("成功率：供应商 × 通道 × 商品"),
        note=N_("供应商给出的最后结果里成功的占比；横线是 95% 威尔逊区间，样本少时很宽。"),
        heads=(N_("供应商"), N_("支付通道"), N_("商品"), N_("样本"), N_("成功率"), N_("95% 区间")),
        rows=tuple(rows),
        chart={"kind": "rates", "rows": bars[:BARS_MAX]},
        as_of=read.as_of,
    )


def _times(read: Read) -> dict[str, tuple[dict[int, int], int]]:
    """By product: how long arrivals took, as counts by bin, and how many came after their promise."""
    found: dict[str, tuple[dict[int, int], list[int]]] = defaultdict(lambda: (defaultdict(int), [0]))
    for row in read.outcomes:
        if row["bin"] >= 0:
            bins, late = found[row["product_id"]]
            bins[row["bin"]] += row["n"]
            late[0] += row["n"] if row["late"] else 0
    ranked = sorted(found.items(), key=lambda pair: -sum(pair[1][0].values()))
    return {product_id: (bins, late[0]) for product_id, (bins, late) in ranked[:ROWS_MAX]}


async def arrival(read: Read) -> Panel:
    """From payment to arrival, by product."""
    rows, bars = [], []
    for product_id, (bins, _) in _times(read).items():
        marks = [percentile(bins, share) for share in (0.5, 0.9, 0.99)]
        here = _to("/staff/orders", product=product_id, state="delivered", since=read.since_day)
        rows.append(
            (
                Cell(value=read.title(product_id)),
                Cell(value=sum(bins.values()), unit="count", href=here),
                *(Cell(value=mark, unit="seconds", href=here) for mark in marks),
            )
        )
        bars.append([read.title(product_id), *(round(mark or 0, 1) for mark in marks), here])
    return Panel(
        name="arrival",
        title=N_("付款到到账"),
        note=N_("按时间分档统计，约数（误差一成以内）。"),
        heads=(N_("商品"), N_("样本"), N_("中位"), N_("90%"), N_("99%")),
        rows=tuple(rows),
        chart={
            "kind": "times",
            "rows": bars[:BARS_MAX],
            "names": [read.view.t(N_("中位")), "90%", "99%"],
        },
        as_of=read.as_of,
    )


_ENDS: Final = ("supplier.settled", "refund.arrived", "refund.chargeback", "fee")


async def _money(read: Read, *, theirs: bool) -> tuple[list[datetime], dict[str, dict[datetime, int]]]:
    """The moments of the range, and what lay at each place at each of them."""
    span, _, step = RANGES[read.chosen]
    moments = [read.as_of - step * back for back in range(int(span / step), -1, -1)] if read.as_of else []
    by_place: dict[str, dict[datetime, int]] = defaultdict(dict)
    for row in await read.conn.fetch(SQL.list_money, moments, theirs):
        by_place[row["place"]][row["slot_at"]] = row["fen"]
    return moments, by_place


def _money_panel(
    read: Read,
    name: str,
    title: str,
    note: str,
    moments: Sequence[datetime],
    by_place: Mapping[str, Mapping[datetime, int]],
    linked: Callable[[str], str],
) -> Panel:
    last, first = (moments[-1], moments[0]) if moments else (read.now, read.now)
    ranked = sorted(by_place.items(), key=lambda pair: -max(abs(fen) for fen in pair[1].values()))
    series = [
        {
            "name": read.view.w("book_place", place),
            "values": [points.get(moment, 0) for moment in moments],
            "href": linked(place),
        }
        for place, points in ranked
        if place not in _ENDS
    ]
    rows = tuple(
        (
            Cell(value=place, word="book_place", href=linked(place)),
            Cell(value=points.get(last, 0), unit="fen", href=linked(place)),
            Cell(value=points.get(first, 0), unit="fen"),
        )
        for place, points in ranked
    )
    return Panel(
        name=name,
        title=title,
        note=note,
        heads=(N_("地方"), N_("最近"), N_("区间开始时")),
        rows=rows,
        chart={"kind": "area", "at": [moment.isoformat() for moment in moments], "series": series},
        as_of=read.as_of,
    )


async def money(read: Read) -> Panel:
    """What lay where of orders' money, over time; what has come to its end stands in the table alone."""
    moments, by_place = await _money(read, theirs=True)
    return _money_panel(
        read,
        "money",
        N_("买家的钱在哪里，随时间"),
        N_("账本里每个地方的余额，每十分钟一个点；到了头的只在表格里。来自汇总表，核对时与账本逐项比对。"),
        moments,
        by_place,
        lambda place: (
            _to("/staff/ageing", kind="order", place=place) if place in words_console.STUCK_PLACES else ""
        ),
    )


async def own_money(read: Read) -> Panel:
    """What lay where of the shop's own: prefunds, float, margin."""
    moments, by_place = await _money(read, theirs=False)
    return _money_panel(
        read,
        "own",
        N_("本店自己的钱，随时间"),
        N_("预存款、备付金、毛利；同样来自汇总表。"),
        moments,
        by_place,
        lambda place: "/staff/suppliers" if place == "supplier.free" else "",
    )


async def stuck(read: Read) -> Panel:
    """Orders with money that are at no end: age × place, in yuan."""
    cells: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in read.ages:
        if row["kind"] == "order":
            found = cells[row["place"], row["age"]]
            found[0] += row["n"]
            found[1] += row["fen"]
    known = [place for place in words_console.STUCK_PLACES if any(at == place for at, _ in cells)]
    places = known + sorted({place for place, _ in cells} - set(known))
    bins = tuple(words_console.AGES)
    rows = tuple(
        (
            Cell(value=place, word="book_place"),
            *(
                Cell(
                    value=cells[place, age][1] if (place, age) in cells else None,
                    unit="fen",
                    href=_to("/staff/ageing", kind="order", place=place, age=age),
                )
                for age in bins
            ),
        )
        for place in places
    )
    points = [
        [
            bins.index(age),
            places.index(place),
            fen,
            n,
            _to("/staff/ageing", kind="order", place=place, age=age),
        ]
        for (place, age), (n, fen) in cells.items()
        if age in bins
    ]
    return Panel(
        name="stuck",
        title=N_("没有到头的付款订单：多久 × 钱在哪"),
        note=N_("自付款起算；每格是金额，点开看是哪些单。每种最多看 5000 件。"),
        heads=(N_("钱在"), *(words_console.AGES[age] for age in bins)),
        rows=rows,
        chart={
            "kind": "heat",
            "x": [read.view.w("age", age) for age in bins],
            "y": [read.view.w("book_place", place) for place in places],
            "points": points,
        },
        as_of=read.now,
    )


_GAPS: Final[Mapping[str, tuple[str, str]]] = {
    "payment": (N_("过了付款时间、还在问渠道的付款单"), "/staff/payments?open=1"),
    "fact": (N_("已收到、一分钟还没入账的消息"), "/staff/work?kind=fact"),
    "hint": (N_("有人提到、还没查明的交易"), "/staff/work?kind=hint"),
    "claim": (N_("买家说已付、还没查明的凭证"), "/staff/claims"),
}


async def gaps(read: Read) -> Panel:
    """Callback gap: what a channel may have taken and we do not know of."""
    found = await read.conn.fetch(SQL.list_gaps, read.now)
    rows = tuple(
        (
            Cell(value=read.view.t(_GAPS[row["kind"]][0])),
            Cell(value=row["n"], unit="count", href=_GAPS[row["kind"]][1]),
            Cell(value=row["fen"] or None, unit="fen"),
            Cell(value=row["oldest"], unit="time"),
        )
        for row in found
    )
    return Panel(
        name="gaps",
        title=N_("回调缺口：渠道可能已收、我们还不知道"),
        note=N_("不等回调，会一直去问；问到为止。"),
        heads=(N_("种类"), N_("件数"), N_("金额"), N_("最早")),
        rows=rows,
        chart={
            "kind": "bars",
            "rows": [[read.view.t(_GAPS[row["kind"]][0]), row["n"], _GAPS[row["kind"]][1]] for row in found],
        },
        as_of=read.now,
    )


def _by_age(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int, int]]:
    sums = dict.fromkeys(words_console.AGES, (0, 0, 0))
    for row in rows:
        n, fen, late = sums[row["age"]]
        sums[row["age"]] = (n + row["n"], fen + row["fen"], late + row["late"])
    return sums


def _age_panel(
    read: Read, name: str, title: str, note: str, kind: str, rows: Sequence[Mapping[str, Any]]
) -> Panel:
    sums = _by_age(rows)
    table = tuple(
        (
            Cell(value=age, word="age"),
            Cell(value=n, unit="count", href=_to("/staff/ageing", kind=kind, age=age)),
            Cell(value=fen or None, unit="fen", href=_to("/staff/ageing", kind=kind, age=age)),
            Cell(value=late, unit="count"),
        )
        for age, (n, fen, late) in sums.items()
    )
    bars = [
        [read.view.w("age", age), n, _to("/staff/ageing", kind=kind, age=age)]
        for age, (n, _, _) in sums.items()
    ]
    return Panel(
        name=name,
        title=title,
        note=note,
        heads=(N_("多久了"), N_("件数"), N_("金额"), N_("其中超时")),
        rows=table,
        chart={"kind": "bars", "rows": bars},
        as_of=read.now,
    )


async def unknown(read: Read) -> Panel:
    """Requests whose result the supplier has not told."""
    rows = [row for row in read.ages if row["state"] == "supply:unknown"]
    return _age_panel(
        read,
        "unknown",
        N_("结果未知的供货单"),
        N_("未知的不重发、不改投、不自动退款，只是一直问；数字是发出以来的时间。"),
        "supply",
        rows,
    )


async def refunds(read: Read) -> Panel:
    """Refunds that have not arrived, by age."""
    rows = [row for row in read.ages if row["kind"] == "refund"]
    return _age_panel(
        read, "refunds", N_("在途的退款"), N_("自申请起算；渠道说已退之前都算在途。"), "refund", rows
    )


async def pareto(read: Read) -> Panel:
    """What goes wrong, by cause, the most frequent first."""
    causes: dict[tuple[str, str], int] = defaultdict(int)
    for row in read.outcomes:
        if row["outcome"] in FAILURES:
            causes[row["outcome"], row["reason"]] += row["n"]
    ranked = sorted(causes.items(), key=lambda pair: -pair[1])[:ROWS_MAX]
    total, seen, rows, bars = sum(causes.values()), 0, [], []
    for (outcome, reason), n in ranked:
        seen += n
        label = read.view.w("outcome_kind", outcome)
        known = reason and outcome not in ("deadline_missed",)
        if reason:
            label += " · " + read.view.w("reason" if known else "work_kind", reason)
        here = {
            "supplier_refused": _to("/staff/attempts", state="refused", reason=reason, since=read.since_day),
            "supplier_reversed": _to("/staff/attempts", state="reversed", since=read.since_day),
            "refund_refused": _to("/staff/refunds", state="refused", since=read.since_day),
            "deadline_missed": _to("/staff/breaches", kind=reason),
        }.get(outcome, _to("/staff/orders", open="1"))
        rows.append(
            (
                Cell(value=label),
                Cell(value=n, unit="count", href=here),
                Cell(value=round(1e6 * n / total), unit="ppm"),
                Cell(value=round(1e6 * seen / total), unit="ppm"),
            )
        )
        bars.append([label, n, round(100 * seen / total, 1), here])
    return Panel(
        name="pareto",
        title=N_("失败原因，多的在前"),
        note=N_("柱是次数，Σ 是累计占比：先治前几个。"),
        heads=(N_("原因"), N_("次数"), N_("占比"), N_("累计")),
        rows=tuple(rows),
        chart={"kind": "pareto", "rows": bars[:BARS_MAX]},
        as_of=read.as_of,
    )


async def runway(read: Read) -> Panel:
    """How long our money at each supplier lasts at the recent rate."""
    costs = Right.VIEW_COSTS.value in read.may
    rows, bars = [], []
    for row in await read.conn.fetch(SQL.list_health):
        here = "/staff/suppliers"
        rows.append(
            (
                Cell(value=read.view.supplier(row["supplier"]), href=here),
                Cell(value=row["standing"], word="prefund"),
                *((Cell(value=row["free_fen"], unit="fen"),) if costs else ()),
                Cell(value=row["runway_s"], unit="seconds", href=here),
                Cell(value=row["known_at"], unit="time"),
            )
        )
        if row["runway_s"] is not None:
            bars.append([read.view.supplier(row["supplier"]), row["runway_s"], here])
    return Panel(
        name="runway",
        title=N_("预存款还够多久"),
        note=N_("供应商自己报的余额，按最近的花费速度折算。"),
        heads=(N_("供应商"), N_("状态"), *((N_("余额"),) if costs else ()), N_("约够"), N_("问到于")),
        rows=tuple(rows),
        chart={"kind": "bars", "rows": bars, "unit": "seconds"},
        as_of=read.now,
    )


async def promise(read: Read) -> Panel:
    """What was promised, what was kept."""
    rows, bars = [], []
    for product_id, (bins, late) in _times(read).items():
        n = sum(bins.values())
        stated = read.products.get(product_id)
        here = _to("/staff/orders", product=product_id, state="delivered", since=read.since_day)
        kept = round(1e6 * (n - late) / n)
        rows.append(
            (
                Cell(value=read.title(product_id)),
                Cell(value=stated["promise_s"] if stated else None, unit="seconds"),
                Cell(value=percentile(bins, 0.9), unit="seconds"),
                Cell(value=n, unit="count", href=here),
                Cell(value=late, unit="count", href=here),
                Cell(value=kept, unit="ppm"),
            )
        )
        low, high = wilson(n - late, n)
        bars.append([read.title(product_id), kept / 1e4, round(100 * low, 2), round(100 * high, 2), n, here])
    return Panel(
        name="promise",
        title=N_("说到与做到"),
        note=N_("在承诺时间内到账的占比；承诺是下单时写给买家的。"),
        heads=(N_("商品"), N_("承诺"), N_("90% 用时"), N_("样本"), N_("晚了"), N_("做到")),
        rows=tuple(rows),
        chart={"kind": "rates", "rows": bars[:BARS_MAX]},
        as_of=read.as_of,
    )


# Each with the right it needs, by the page it stands on.
PANELS: Final[Mapping[str, tuple[tuple[Right, Maker], ...]]] = {
    "flow": (
        (Right.VIEW_ORDERS, success),
        (Right.VIEW_ORDERS, arrival),
        (Right.VIEW_ORDERS, promise),
        (Right.VIEW_ORDERS, pareto),
    ),
    "money": (
        (Right.VIEW_ORDERS, money),
        (Right.VIEW_ORDERS, stuck),
        (Right.VIEW_COSTS, own_money),
        (Right.VIEW_ORDERS, runway),
    ),
    "care": ((Right.VIEW_ORDERS, gaps), (Right.VIEW_ORDERS, unknown), (Right.VIEW_ORDERS, refunds)),
}


async def read_panels(
    ctx: Context,
    may: frozenset[str],
    view: View,
    board: str,
    chosen: str,
    panels: Mapping[str, Sequence[tuple[Right, Maker]]] = PANELS,
) -> list[Panel]:
    """One page of dashboards over a range of `RANGES`, as far as these rights open it."""
    now, (span, spans, _) = ctx.now(), RANGES[chosen]
    async with ctx.pool.acquire() as conn:
        read = Read(
            conn=conn,
            now=now,
            chosen=chosen,
            since=now - span,
            may=may,
            view=view,
            outcomes=await conn.fetch(SQL.list_outcomes, spans, now - span) if board == "flow" else (),
            ages=await conn.fetch(LISTS.sum_ageing, now) if board != "flow" else (),
            products={row["product_id"]: row for row in await conn.fetch(SQL.list_titles)},
            as_of=await conn.fetchval(SQL.find_last_slot),
        )
        return [await maker(read) for right, maker in panels[board] if right.value in may]
