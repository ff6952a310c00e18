"""What an attempt's row shows before and after its last word is applied, and what is never sent (R9, F20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from house import House, open_house
from mingzhang.fulfilment.routing import ATTEMPTS_MAX, Option, choose, short_of_prefund
from mingzhang.fulfilment.schedule import WATCH_S, next_watch
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.clock import SystemClock


async def newest(house: House, order_id: str) -> Attempt:
    async with house.desk.pool.acquire() as conn:
        return (await list_attempts(conn, order_id))[0]


@pytest.mark.parametrize(("fault", "badge"), [("", "arrived"), ("account_banned", "refused")])
async def test_the_badge_follows_the_applied_fact_and_not_the_answer(
    database_url: str, tmp_path: Path, fault: str, badge: str
) -> None:
    """While facts are not applied the page says what is applied: nothing flickers to arrived and back."""
    async with open_house(database_url, tmp_path) as house:
        kept = house.desk.ctx.crash_point

        def nobody_applies(point: str) -> None:
            if point == "fact_to_apply" and held:
                raise RuntimeError("not now")
            kept(point)

        held = False
        object.__setattr__(house.desk.ctx, "crash_point", nobody_applies)
        order_id = await house.place("card-100", "") if not fault else await house.place()
        if fault:
            await house.world.fault(order_id, "fulu", fault)
        await house.buyer_pays(await house.open(order_id))
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        held = True
        for _ in range(200):
            if await house.desk.pool.fetchval("SELECT count(*) FROM fact WHERE kind LIKE 'supply_%'"):
                break
            await house.desk.wait_change(order_id, 999, 0.1)
        page = await house.page(order_id)
        assert page.supply_badge not in {"arrived", "refused"}
        assert page.cards == ()
        attempt = await newest(house, order_id)
        assert (attempt.state in {"sending", "processing", "unknown"}, attempt.due_at) == (True, None)
        held = False
        await house.desk.pool.execute("UPDATE inbox SET due_at = known_at, lease_until = NULL")
        await house.until(order_id, lambda page: page.supply_badge == badge)


async def test_what_costs_more_than_was_paid_is_never_sent(database_url: str, tmp_path: Path) -> None:
    """The attempt says cancelled, not sending; the order waits for a person with a deadline."""
    async with open_house(database_url, tmp_path) as house:
        await house.desk.pool.execute("UPDATE product SET cost_fen = 20000 WHERE product_id = 'phone-100'")
        house.desk.ctx.catalogue.forget()
        order_id = await house.buy()
        page = await house.until(order_id, lambda page: page.sentence.code == "needs_person")
        attempt = await newest(house, order_id)
        assert (attempt.state, attempt.code, attempt.sent_at) == ("cancelled", "cost_above_money", None)
        assert page.sentence.deadline_at is not None
        assert (await house.world.books())["fulu"]["orders"] == []
        report = await house.audit()
        assert report.ok, report.findings


def attempt(n: int, supplier: str, state: str = "refused", reason: str = "stock_out") -> Attempt:
    now = SystemClock().now()
    return Attempt(
        bucket=0,
        attempt_no=f"T{n}",
        order_id="o",
        n=n,
        supplier=supplier,
        supplier_product="1",
        kind="mobile",
        quantity=1,
        cost_fen=100,
        state=state,
        reason=reason,
        code="",
        supplier_order_id="",
        serial="",
        feedback={},
        asked=0,
        asked_at=None,
        answered_at=None,
        due_at=None,
        deadline_at=None,
        planned_at=now,
        sent_at=now,
        finished_at=now,
    )


def test_the_first_untried_connected_and_affordable_supplier_is_next() -> None:
    options = [
        Option(supplier=name, supplier_product="1", cost_fen=cost)
        for name, cost in (("a", 100), ("b", 100), ("c", 900), ("d", 300))
    ]
    choice = choose(options, [attempt(1, "a")], connected={"a", "c", "d"}, price_fen=500)
    assert choice.option == options[3]
    assert choice.passed == (
        {"supplier": "a", "why": "tried"},
        {"supplier": "b", "why": "not_connected"},
        {"supplier": "c", "why": "cost_above_price"},
    )
    assert choose(options[:1], [attempt(1, "a")], connected={"a"}, price_fen=500).option is None


def test_only_a_short_balance_is_waited_for() -> None:
    short = attempt(2, "b", reason="prefund_short")
    assert short_of_prefund([attempt(3, "c"), short, attempt(1, "a")]) == short
    assert short_of_prefund([attempt(1, "a")]) is None
    assert ATTEMPTS_MAX < 50  # as many as list_attempts reads


def test_the_watch_ends() -> None:
    finished = SystemClock().now()
    asked, at = 0, finished
    while (due := next_watch(finished, at)) is not None:
        asked, at = asked + 1, due
    assert asked == len(WATCH_S)
