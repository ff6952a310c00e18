"""Refunds under way by their age in working days, held against the 1–3 that are promised (R10, R26)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.kit.ids import is_order_id
from mingzhang.kit.workdays import china_day, is_arranged, workdays_between
from mingzhang.orders.context import Context
from mingzhang.refunds.flow import PROMISE_WORKDAYS
from mingzhang.refunds.store import SQL
from mingzhang.web.model_refunds import AgedRefund, Ageing, AgeRow

READ_MAX: Final = 2000
SHOWN_MAX: Final = 200
AGES: Final = ("late", "person", "float", *(str(n) for n in range(PROMISE_WORKDAYS, -1, -1)))


def age_of(refund: AgedRefund) -> str:
    """The bucket it stands in: what somebody must do about it comes before how old it is."""
    if refund.late:
        return "late"
    if refund.next_actor == "person":
        return "person"
    return "float" if refund.state == "waiting_float" else str(min(refund.workdays, PROMISE_WORKDAYS))


async def read_ageing(ctx: Context, age: str = "") -> Ageing:
    """Every bucket with its total, and the rows of one (or of all), the oldest first."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        found = await conn.fetch(SQL.list_under_way, READ_MAX + 1)
    rows = [_aged(row, now) for row in found[:READ_MAX]]
    ages = []
    for name in AGES:
        amounts = [row.amount_fen for row in rows if age_of(row) == name]
        ages.append(AgeRow(age=name, n=len(amounts), amount_fen=sum(amounts)))
    shown = [row for row in rows if age in ("", age_of(row))]
    last = max((row.promised_at for row in rows), default=now)
    return Ageing(
        ages=tuple(ages),
        rows=tuple(shown[:SHOWN_MAX]),
        age=age if age in AGES else "",
        more=len(found) > READ_MAX or len(shown) > SHOWN_MAX,
        arranged=is_arranged(china_day(min((row.planned_at for row in rows), default=now)), china_day(last)),
    )


def _aged(row: asyncpg.Record, now: datetime) -> AgedRefund:
    names = set(AgedRefund.__struct_fields__) - {"workdays", "late", "order_id"}
    return AgedRefund(
        order_id=row["order_id"] if is_order_id(row["order_id"]) else "",
        workdays=workdays_between(china_day(row["planned_at"]), china_day(now)),
        late=row["promised_at"] < now,
        **{name: row[name] for name in names},
    )
