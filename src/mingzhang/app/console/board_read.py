"""What dashboards are made of: the range, the outcomes in it, what is open by age, and who looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg

from mingzhang.app.console.fill import SLOT
from mingzhang.kit.beijing import BEIJING
from mingzhang.web.model_console import Panel
from mingzhang.web.views import View

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


def to(path: str, **named: str) -> str:
    """The address of a list with filters in force."""
    return f"{path}?{urlencode({name: value for name, value in named.items() if value})}"
