"""A complaint at the channel about money that is back: one case, answered there with the refund's number (R36)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from lifecycle_house import LifecycleHouse, open_lifecycle_house
from test_dispute_clocks import at, paid

from mingzhang.app import desk_complaints
from mingzhang.app.work_complaints import complaint_items
from mingzhang.complaints.bind import apply_complaint
from mingzhang.complaints.flow import work_complaint
from mingzhang.complaints.store import SQL
from mingzhang.disputes import flow, store
from mingzhang.disputes.flow import Opening
from mingzhang.disputes.store import Dispute
from mingzhang.evidence import store as evidence
from mingzhang.kit.database import open_pool, transaction
from mingzhang.orders.store import open_turn
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right

WAITS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[LifecycleHouse]:
    async with open_lifecycle_house(database_url, tmp_path) as opened:
        yield opened


class Complained:
    """An order's complaint at Alipay, read only when the test says so."""

    def __init__(self, house: LifecycleHouse, order_id: str) -> None:
        self.house, self.order_id, self.number = house, order_id, ""

    async def make(self, **told: object) -> None:
        body = {"out_trade_no": f"{self.order_id}P1", "words": "没到", **told}
        self.number = str((await self.house.parties.tell("POST", "/complaints", body))["complaint"])

    async def heard(self) -> Dispute:
        """Read, bound, applied, answered; the order's one case."""
        ctx = self.house.ctx
        await ctx.pool.execute(SQL.hear_complaint, "alipay", self.number, ctx.now())
        for _ in range(3):
            await work_complaint(ctx, f"alipay:{self.number}")
            while await self.house.apply_next():
                pass
            await at(self.house, ctx.now())
        async with ctx.pool.acquire() as conn:
            (case,) = await store.list_disputes(conn, self.order_id)
        return case

    async def there(self) -> dict[str, Any]:
        told = await self.house.parties.tell("GET", f"/complaints?order={self.order_id}", None)
        (row,) = told["complaints"]
        return dict(row)

    async def ended(self, refund_no: str) -> None:
        """Settled there, with the refund's number as proof."""
        told = await self.there()
        assert told["state"] == "MERCHANT_FEEDBACKED"
        assert refund_no in [line["text"] for line in told["lines"] if line["kind"] == "completed"][-1]


async def give_back(house: LifecycleHouse, order_id: str) -> None:
    """What two people agreed to, in the buyer's own dispute; until it has arrived."""
    opened = await flow.open_dispute(house.ctx, Opening(order_id=order_id, kind="not_arrived", wish="refund"))
    async with transaction(house.ctx.pool) as conn:
        turn = await open_turn(conn, order_id, house.ctx.now(), house.ctx.rng)
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg WHERE evidence_id <> ''")
        await flow.solve_in(house.ctx, turn, opened.dispute_id, "refund", None, cited, {"proposed_by": "ann"})
        await turn.finish()
    for _ in range(4):
        house.clock.advance(60)
        await at(house, house.ctx.now())


async def refunds(house: LifecycleHouse) -> list[tuple[str, int]]:
    rows = await house.read("SELECT state, amount_fen FROM refund")
    return [(row["state"], row["amount_fen"]) for row in rows]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_complaint_read_after_the_refund_arrived_belongs_to_the_case_that_gave_it(
    house: LifecycleHouse, when: str
) -> None:
    """Made before the refund or after it: no second case, no second refund; whoever goes on there has a person's ear."""
    order_id = await paid(house)
    complaint = Complained(house, order_id)
    if when == "before":
        await complaint.make(images=1)
    await give_back(house, order_id)
    assert await refunds(house) == [("arrived", 10_000)]
    if when == "after":
        await complaint.make(images=1)
    case = await complaint.heard()
    assert (case.n, case.state, case.outcome, case.complaint_no) == (
        1,
        "closed",
        "refunded",
        complaint.number,
    )
    await complaint.ended(f"{order_id}R1")
    house.clock.advance(3600)
    await house.parties.tell("POST", f"/complaints/{complaint.number}", {"do": "again", "words": "没看到"})
    case = await complaint.heard()
    assert (case.state, case.round, case.next_actor) == ("open", 2, "shop")
    house.clock.advance(3600)
    await flow.decline(house.ctx, case.dispute_id, "ann", "请凭退款单号向银行查询")
    assert (await complaint.heard()).outcome == "declined"
    told = await complaint.there()
    assert told["state"] == "MERCHANT_FEEDBACKED"
    agreed = [line for line in told["lines"] if "已同意退款" in line["text"]]
    assert len(agreed) == (when == "before")  # the second round gave nothing back
    assert await refunds(house) == [("arrived", 10_000)]
    await _goes_on(house, complaint)


async def _goes_on(house: LifecycleHouse, complaint: Complained) -> None:
    """The case is reopened once; after that a person answers on the page of complaints, and ends it there."""
    ctx = house.ctx
    member = Member(
        name="ann", roles=(), rights=frozenset({Right.ANSWER_BUYERS}), session_id="s", strong=True
    )
    assert complaint.number not in [item.subject for item in await complaint_items(ctx)]
    house.clock.advance(3600)
    await house.parties.tell("POST", f"/complaints/{complaint.number}", {"do": "again", "words": "还是没有"})
    assert (await complaint.heard()).state == "closed"
    assert complaint.number in [item.subject for item in await complaint_items(ctx)]
    seen = str(len((await complaint.there())["lines"]))
    await desk_complaints.reply(ctx, member, "alipay", complaint.number, "已电话联系您", seen)
    await complaint.heard()
    told = await complaint.there()
    assert [line["kind"] for line in told["lines"]][-2:] == ["replied", "completed"]
    assert told["state"] == "MERCHANT_FEEDBACKED"
    assert complaint.number not in [item.subject for item in await complaint_items(ctx)]


async def test_a_complaint_about_money_that_went_back_without_a_case_is_answered_at_once(
    house: LifecycleHouse,
) -> None:
    order_id = await paid(house)
    for attempt_no in await house.claim("attempt_no"):
        await house.visit("attempt_no", attempt_no)
    await house.parties.decide(order_id, "failed")
    for _ in range(4):
        house.clock.advance(300)
        for attempt_no in await house.claim("attempt_no"):
            await house.visit("attempt_no", attempt_no)
        await at(house, house.ctx.now())
    assert await refunds(house) == [("arrived", 10_000)]
    complaint = Complained(house, order_id)
    await complaint.make()
    case = await complaint.heard()
    assert (case.kind, case.state, case.outcome) == ("not_arrived", "closed", "refunded")
    await complaint.ended(f"{order_id}R1")
    assert await refunds(house) == [("arrived", 10_000)]


async def test_a_complaint_is_begun_under_its_orders_lock_and_not_before(
    house: LifecycleHouse, database_url: str
) -> None:
    """The order's lock comes first, as everywhere: whoever holds it finds the fact untouched."""
    order_id, ctx = await paid(house), house.ctx
    complaint = Complained(house, order_id)
    await complaint.make()
    await ctx.pool.execute(SQL.hear_complaint, "alipay", complaint.number, ctx.now())
    await work_complaint(ctx, f"alipay:{complaint.number}")
    async with transaction(ctx.pool) as conn:
        (fact,) = await evidence.claim(conn, house.bucket, ctx.soon(), 9, ctx.worker_name, ctx.lease_end())
    beside = await open_pool(database_url, 1, 1)
    try:
        async with transaction(beside) as conn:
            await open_turn(conn, order_id, ctx.now(), ctx.rng)
            applying = asyncio.create_task(apply_complaint(ctx, fact))
            while not await conn.fetchval(WAITS):
                await conn.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.01)
            await conn.execute("SET LOCAL lock_timeout = '100ms'")
            attempt = conn.transaction()
            await attempt.start()
            assert await evidence.begin(conn, fact, ctx.now())
            await attempt.rollback()
        await applying
    finally:
        await beside.close()
    async with ctx.pool.acquire() as conn:
        (case,) = await store.list_disputes(conn, order_id)
    assert case.complaint_no == complaint.number
