"""Dashboards of money and of what is at no end: where it lies, how old it is, what a channel may hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mingzhang.app.console.board_read import RANGES, Read, to
from mingzhang.app.console.today import SQL
from mingzhang.staff.rights import Right
from mingzhang.web import words_console
from mingzhang.web.model_console import Cell, Panel
from mingzhang.web.words import N_

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
            Cell(value=points.get(first, 0), unit="fen", href=linked(place)),
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


# Where money lies that has come to its end, or to a place of its own: the list that holds what brought it there.
ENDED_AT: Final[Mapping[str, str]] = {
    "supplier.settled": "/staff/orders?state=delivered",
    "refund.arrived": "/staff/refunds?state=arrived",
    "refund.chargeback": "/staff/lists/disputes?outcome=charged_back",
}


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
            to("/staff/ageing", kind="order", place=place)
            if place in words_console.STUCK_PLACES
            else ENDED_AT.get(place, "/staff/orders")
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
        lambda place: "/staff/suppliers" if place == "supplier.free" else "/staff/custody",
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
                    href=to("/staff/ageing", kind="order", place=place, age=age),
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
            to("/staff/ageing", kind="order", place=place, age=age),
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
            Cell(value=row["fen"] or None, unit="fen", href=_GAPS[row["kind"]][1]),
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
            Cell(value=n, unit="count", href=to("/staff/ageing", kind=kind, age=age)),
            Cell(value=fen or None, unit="fen", href=to("/staff/ageing", kind=kind, age=age)),
            Cell(value=late, unit="count", href=to("/staff/ageing", kind=kind, age=age)),
        )
        for age, (n, fen, late) in sums.items()
    )
    bars = [
        [read.view.w("age", age), n, to("/staff/ageing", kind=kind, age=age)]
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
                *((Cell(value=row["free_fen"], unit="fen", href=here),) if costs else ()),
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
