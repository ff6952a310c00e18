"""Reconciliation in the dashboards: differences that are at no end, by what they are and how long they wait."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from mingzhang.app.console.board_read import Read, to
from mingzhang.app.desk_reconcile import AGES, age_of
from mingzhang.reconciliation.store import SQL
from mingzhang.web import words_reconcile
from mingzhang.web.model_console import Cell, Panel
from mingzhang.web.words import N_

OPEN_MAX: Final = 5_000
HREF: Final = "/staff/reconcile"


async def by_age(read: Read) -> Panel:
    """Open differences: age × class, with what is at stake and how many are past their deadline."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    stakes: dict[str, int] = defaultdict(int)
    late: dict[str, int] = defaultdict(int)
    for row in await read.conn.fetch(SQL.list_open_ages, OPEN_MAX):
        age = age_of(row["found_at"], read.now)
        counts[age, row["class"]] += 1
        stakes[age] += row["stake_fen"]
        late[age] += row["deadline_at"] < read.now
    classes = [name for name in words_reconcile.CLASSES if any(at == name for _, at in counts)]
    sums = {age: sum(counts[age, name] for name in classes) for age in AGES}
    rows = tuple(
        (
            Cell(value=age, word="break_age"),
            *(_linked(counts[age, name], "count", age, name) for name in classes),
            _linked(sums[age], "count", age),
            _linked(stakes[age], "fen", age),
            _linked(late[age], "count", age),
        )
        for age in AGES
    )
    kinds = (words_reconcile.CLASSES[name] for name in classes)
    return Panel(
        name="breaks",
        title=N_("对账差异，按等了多久"),
        note=N_("自发现起算；了结或撤销的不算。最多看 5000 件。"),
        heads=(N_("已等"), *kinds, N_("合计"), N_("涉及金额"), N_("其中超时")),
        rows=rows,
        chart={
            "kind": "bars",
            "rows": [[read.view.w("break_age", age), n, to(HREF, age=age)] for age, n in sums.items()],
        },
        as_of=read.now,
    )


def _linked(value: int, unit: str, age: str, name: str = "") -> Cell:
    return Cell(value=value, unit=unit, href=to(HREF, **{"class": name}, age=age) if value else "")
