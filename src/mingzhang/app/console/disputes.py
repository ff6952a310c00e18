"""Disputes in the console: a tile of the first screen, and the burn-down of their terms (R34, R43)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mingzhang.app.console.board_read import Read
from mingzhang.disputes import store
from mingzhang.disputes.store import SQL
from mingzhang.web.model_console import Cell, Figure, Panel, Tile
from mingzhang.web.words import N_

if TYPE_CHECKING:  # `today` names this tile
    from mingzhang.app.console.today import Seen

HREF: Final = "/staff/disputes"
LEFT: Final[tuple[tuple[str, timedelta], ...]] = (
    (N_("已逾期"), timedelta(0)),
    (N_("1 小时内"), timedelta(hours=1)),
    (N_("1–4 小时"), timedelta(hours=4)),
    (N_("4–24 小时"), timedelta(hours=24)),
    (N_("24–72 小时"), timedelta(hours=72)),
)
PAUSED: Final = N_("暂停：等买家")
OUTSIDE: Final = N_("方案执行中")


async def disputes(seen: Seen) -> Tile:
    """What is the shop's turn, what is late, what ends within four hours."""
    rows = await seen.conn.fetch(SQL.list_clocks)
    ours = [row for row in rows if row["next_actor"] in ("shop", "person")]
    late = sum(bool(row["missed"]) for row in ours)
    soon = sum(row["deadline_at"] <= seen.now + timedelta(hours=4) for row in ours)
    figures = (
        Figure(label=N_("逾期过的"), value=late, href=HREF, tone="bad"),
        Figure(label=N_("四小时内到期"), value=soon, href=HREF, tone="act"),
        Figure(label=N_("轮到本店"), value=len(ours), href=HREF, tone="wait"),
    )
    shown = tuple(figure for figure in figures if figure.value)
    return Tile(
        name="disputes", title=N_("纠纷处理"), icon="chat", figures=shown, calm=N_("没有轮到本店的纠纷。")
    )


async def burn_down(read: Read) -> Panel:
    """Open disputes by the time that is left, with what was missed in the range: 24 h and 72 h burning down."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in await read.conn.fetch(SQL.list_clocks):
        counts[_bin(row, read)][_stage(row)] += 1
    names = [name for name, _ in LEFT] + [PAUSED, OUTSIDE]
    told = await store.public_counts(read.conn, read.since)
    rows = tuple(
        (
            Cell(value=read.view.t(name)),
            *(
                Cell(value=counts[name].get(stage, 0), unit="count", href=HREF)
                for stage in ("first", "solution", "final")
            ),
            Cell(value=sum(counts[name].values()), unit="count", href=HREF),
        )
        for name in names
    )
    missed = (
        Cell(value=read.view.t(N_("这段时间逾期"))),
        *(
            Cell(value=told.breaches.get(stage, 0), unit="count", href="/staff/breaches?kind=dispute")
            for stage in ("first", "solution", "final")
        ),
        Cell(value=sum(told.breaches.values()), unit="count", href="/staff/breaches?kind=dispute"),
    )
    return Panel(
        name="disputes",
        title=N_("纠纷期限：还剩多少"),
        note=N_("24 小时内给出方案，72 小时内最终答复。期限谁也改不了，逾期公开记录。"),
        heads=(N_("还剩"), N_("首次答复"), N_("给出方案"), N_("最终答复"), N_("合计")),
        rows=(*rows, missed),
        chart={
            "kind": "bars",
            "rows": [[read.view.t(name), sum(counts[name].values()), HREF] for name in names],
        },
        as_of=read.now,
    )


def _bin(row: Mapping[str, Any], read: Read) -> str:
    if row["next_actor"] == "buyer":
        return PAUSED
    if row["next_actor"] in ("channel", "supplier"):
        return OUTSIDE
    if row["next_actor"] == "person" or row["deadline_at"] <= read.now:
        return LEFT[0][0]
    left = row["deadline_at"] - read.now
    return next((name for name, most in LEFT[1:] if left <= most), LEFT[-1][0])


def _stage(row: Mapping[str, Any]) -> str:
    """Which term burns: the first that is neither kept nor missed."""
    if row["first_at"] is None and "first" not in row["missed"]:
        return "first"
    if row["solution_at"] is None and "solution" not in row["missed"]:
        return "solution"
    return "final"
