"""The dashboards: each is a table whose figures lead to their rows, and a chart of the same numbers.

They read roll-ups and partial indexes, never the journal or the orders at large. `as_of` says up to when the roll-ups
go. A further part of the product adds its own to `PANELS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from mingzhang.app.console import board_open, breaks, disputes, risk
from mingzhang.app.console.arithmetic import percentile, wilson
from mingzhang.app.console.board_read import RANGES, Maker, Read, to
from mingzhang.app.console.fill import ARRIVED
from mingzhang.app.console.listings import SQL as LISTS
from mingzhang.app.console.today import SQL
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
        here = to("/staff/orders", product=product_id, supplier=supplier, since=read.since_day)
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
        here = to("/staff/orders", product=product_id, state="delivered", since=read.since_day)
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
            "supplier_refused": to("/staff/attempts", state="refused", reason=reason, since=read.since_day),
            "supplier_reversed": to("/staff/attempts", state="reversed", since=read.since_day),
            "refund_refused": to("/staff/refunds", state="refused", since=read.since_day),
            "deadline_missed": to("/staff/breaches", kind=reason),
        }.get(outcome, to("/staff/orders", open="1"))
        rows.append(
            (
                Cell(value=label),
                Cell(value=n, unit="count", href=here),
                Cell(value=round(1e6 * n / total), unit="ppm", href=here),
                Cell(value=round(1e6 * seen / total), unit="ppm", href=here),
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


async def promise(read: Read) -> Panel:
    """What was promised, what was kept."""
    rows, bars = [], []
    for product_id, (bins, late) in _times(read).items():
        n = sum(bins.values())
        stated = read.products.get(product_id)
        here = to("/staff/orders", product=product_id, state="delivered", since=read.since_day)
        kept = round(1e6 * (n - late) / n)
        rows.append(
            (
                Cell(value=read.title(product_id)),
                Cell(value=stated["promise_s"] if stated else None, unit="seconds", href=here),
                Cell(value=percentile(bins, 0.9), unit="seconds", href=here),
                Cell(value=n, unit="count", href=here),
                Cell(value=late, unit="count", href=here),
                Cell(value=kept, unit="ppm", href=here),
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
        (Right.VIEW_ORDERS, board_open.money),
        (Right.VIEW_ORDERS, board_open.stuck),
        (Right.VIEW_COSTS, board_open.own_money),
        (Right.VIEW_ORDERS, board_open.runway),
    ),
    "care": (
        (Right.VIEW_ORDERS, disputes.burn_down),
        (Right.VIEW_COSTS, breaks.by_age),
        (Right.VIEW_ORDERS, board_open.gaps),
        (Right.VIEW_ORDERS, board_open.unknown),
        (Right.VIEW_ORDERS, board_open.refunds),
    ),
    "risk": (
        (Right.VIEW_ORDERS, risk.repeats),
        (Right.VIEW_ORDERS, risk.stops),
        (Right.VIEW_ORDERS, risk.stopped),
        (Right.VIEW_ORDERS, risk.disputing),
        (Right.VIEW_ORDERS, risk.taken_back),
        (Right.VIEW_ORDERS, risk.claims),
        (Right.VIEW_ORDERS, risk.flags),
    ),
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
            ages=await conn.fetch(LISTS.sum_ageing, now) if board in ("money", "care") else (),
            products={row["product_id"]: row for row in await conn.fetch(SQL.list_titles)},
            as_of=await conn.fetchval(SQL.find_last_slot),
        )
        return [await maker(read) for right, maker in panels[board] if right.value in may]
