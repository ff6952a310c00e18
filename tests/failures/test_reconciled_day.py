"""A day held against bills that are wrong in every way: each difference is found, named, and followed (R11, R25–R28)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from house import House, open_house
from mingzhang.disputes.chargeback import tell_chargeback
from mingzhang.disputes.store import list_disputes
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.reconciliation import flow, resolve
from mingzhang.reconciliation.store import SQL, Break, read_row

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
REGISTER = """INSERT INTO channel_register (channel, rate_ppm, set_by, set_at) VALUES ('alipay', 6000, 'test', $1)
  ON CONFLICT (channel) DO UPDATE SET rate_ppm = 6000, fixed_fen = 0"""
ALL = ("", "", None, True, 1000, 0, None, None)  # every class, state and day, also what has ended
BENT = {
    "bill_row_missing": "missing_theirs",
    "bill_row_extra": "unknown_counterparty",
    "bill_amount_off": "amount",
    "bill_fee_off": "fee",
    "bill_row_twice": "duplicate",
    "bill_wrong_day": "wrong_day",
}


def at(ctx: Context, hours: float) -> Context:
    """The same shop, so many hours after the day's end."""
    end = datetime.combine(DAY + timedelta(days=1), datetime.min.time(), BEIJING)
    return dataclasses.replace(ctx, clock=ManualClock(end + timedelta(hours=hours)))


async def breaks(house: House, source: str = "") -> list[Break]:
    rows = await house.desk.pool.fetch(SQL.list_breaks, source, *ALL)
    return [read_row(row) for row in rows]


async def control(house: House, path: str) -> bytes:
    async with house.http.get(f"{house.desk.settings.control_url}{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(300):
        if await seen():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come")


async def lose_payment(house: House) -> str:
    """A payment that the channel has and nobody ever told us of, nor could we ask."""
    order_id = await house.place()
    await house.world.fault(order_id, "alipay", "notify_lost")
    payment_no = await house.open(order_id)
    # Nobody asks about it by itself any more: as after a restored backup.
    await house.desk.pool.execute("UPDATE payment SET due_at = NULL WHERE payment_no = $1", payment_no)
    await house.buyer_pays(payment_no)
    return order_id


async def taken_back(house: House, order_id: str, found: Break) -> None:
    """A refund that nobody asked for here: the channel is asked for it, and it is booked as the channel's own (row 22)."""
    assert (found.class_, found.key[:2]) == ("missing_ours", "CB")
    ctx = house.desk.ctx
    await resolve.visit(ctx, found.break_id)
    await house.until(order_id, lambda page: page.timeline[-1].kind == "dispute_closed")
    await resolve.visit(ctx, found.break_id)
    (row,) = [each for each in await breaks(house) if each.break_id == found.break_id]
    assert row.resolution == "booked"
    places = "SELECT sum(amount_fen)::int FROM leg WHERE subject = $1 AND place = 'refund.chargeback' AND owner = 'o'"
    assert await house.desk.pool.fetchval(places, order_id) == 10_000
    async with house.desk.pool.acquire() as conn:
        (case,) = await list_disputes(conn, order_id)
    assert (case.source, case.outcome) == ("channel", "refunded_outside")
    told = await tell_chargeback(ctx, "alipay", order_id, found.key, 10_000, [])
    assert told == "same"


async def test_every_planted_difference_is_found_and_no_other(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, begins=NOON.timestamp()) as house:
        await house.desk.pool.execute(REGISTER, NOON)
        orders = {name: await house.buy(("alipay", name)) for name in BENT}
        orders["fulu"] = await house.buy(("fulu", "bill_row_missing"))
        orders["kept"], taken = await house.buy(), await house.buy()
        orders["taken"] = taken
        lost = await lose_payment(house)
        for order_id in orders.values():
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await house.world.fault(f"BILL{DAY:%Y%m%d}", "alipay", "bill_truncated")
        await house.world.tell("POST", "/alipay/take-back", {"out_trade_no": f"{taken}P1"})

        # The first file is cut short: refused by its own totals, asked for again, nothing is judged by it.
        ctx = at(house.desk.ctx, 11)
        cut = await flow.fetch_day(ctx, "alipay.trade", DAY)
        assert (cut.result, cut.code) == ("waiting", "refused_truncated")
        assert await breaks(house) == []

        judged = await flow.fetch_day(ctx, "alipay.trade", DAY)
        assert judged.result == "new"
        by_class = sorted(row.class_ for row in await breaks(house) if row.open)
        assert by_class == sorted([*BENT.values(), "missing_ours", "missing_ours"])
        (back,) = [row for row in await breaks(house) if row.kind == "refund"]
        rows = {row.class_: row for row in await breaks(house) if row.kind != "refund"}
        assert rows["missing_theirs"].subject == orders["bill_row_missing"]
        assert rows["amount"].stake_fen == 1
        assert rows["missing_ours"].theirs is not None
        assert rows["missing_ours"].theirs["our_no"].startswith(lost)
        assert all(row.deadline_at is not None and row.next_actor for row in rows.values())
        bent = json.loads(await control(house, "/bills/bent"))["bent"]
        assert len({it["fault"] for it in bent if it["party"] == "alipay"}) == len(BENT)

        # The same file again changes nothing, and no history grows.
        before = [(row.break_id, row.seq) for row in await breaks(house)]
        again = await flow.fetch_day(ctx, "alipay.trade", DAY)
        assert (again.result, again.opened, again.closed) == ("same", 0, 0)
        assert [(row.break_id, row.seq) for row in await breaks(house)] == before

        # 长款: asked by the exact number, booked on the usual way, and only then resolved.
        await resolve.visit(house.desk.ctx, rows["missing_ours"].break_id)
        await house.until(lost, lambda page: page.pay_badge == "paid")

        async def booked() -> bool:
            await resolve.visit(house.desk.ctx, rows["missing_ours"].break_id)
            found = {row.break_id: row for row in await breaks(house)}[rows["missing_ours"].break_id]
            return found.resolution == "booked"

        await until(booked)

        await house.until(lost, lambda page: page.supply_badge == "arrived")
        await taken_back(house, taken, back)
        # The supplier's list, as its site exports it, lacks one order.
        listed = await control(house, f"/exports/fulu?day={DAY}")
        given = flow.Given(name="fulu.csv", content=listed, origin="console")
        await flow.take_file(ctx, "fulu.orders", DAY, given)
        (missing,) = [row for row in await breaks(house, "fulu.orders") if row.open]
        assert (missing.class_, missing.subject) == ("missing_theirs", orders["fulu"])

        # A corrected file: what it mends is withdrawn, the file it corrects is kept.
        await house.world.tell("POST", "/bills/alipay/mend", {})
        mended = await flow.fetch_day(ctx, "alipay.trade", DAY)
        assert mended.result == "corrected"
        left = [row for row in await breaks(house, "alipay.trade") if row.open]
        assert left == []
        assert {row.resolution for row in await breaks(house, "alipay.trade")} >= {"corrected_file"}
        assert (
            await house.desk.pool.fetchval("SELECT count(*) FROM bill_file WHERE source = 'alipay.trade'")
            == 2
        )
        assert (await house.audit()).ok
        assert await house.lost_fen() == 0


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("alipay.trade", b"PK\x03\x04broken", "truncated"),
        ("wechat.trade", "交易时间\r\n`x\r\n".encode(), "unknown_form"),
        ("fulu.orders", "外部订单号\r\n1\r\n".encode(), "unknown_form"),
    ],
)
async def test_a_file_that_is_none_is_refused_and_leaves_nothing(
    database_url: str, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    async with open_house(database_url, tmp_path, begins=NOON.timestamp()) as house:
        ctx = at(house.desk.ctx, 11)
        given = flow.Given(name="file", content=content, origin="console")
        with pytest.raises(Problem) as caught:
            await flow.take_file(ctx, name, DAY, given)
        assert (caught.value.code, caught.value.params["why"]) == ("bill_refused", why)
        assert await house.desk.pool.fetchval("SELECT count(*) FROM bill_file") == 0
        with pytest.raises(Problem, match="day_not_over"):
            await flow.take_file(ctx, name, DAY + timedelta(days=3), given)
