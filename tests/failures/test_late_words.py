"""What meets what: a supplier's word while the refund runs, and a late success of an account that was corrected."""

from __future__ import annotations

from pathlib import Path

from test_supply_routes import attempts, buy, happened

from house import House, open_house
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment.store import Attempt
from mingzhang.fulfilment.suppliers.base import Reason, SupplyAnswer, SupplyState
from mingzhang.orders import correct, resupply
from mingzhang.orders.supply import record_answer
from mingzhang.orders.supply_apply import PARTIAL_CREDIT, apply_supply

RIGHT = "13900139000"


async def hear(house: House, attempt: Attempt, **said: object) -> None:
    """The supplier's word is recorded and applied at once; no worker runs."""
    ctx = house.desk.ctx
    word = Message(
        party=attempt.supplier,
        kind=f"{attempt.supplier}.query",
        direction=Direction.IN,
        standing=Standing.ANSWER,
        body=b"{}",
    )
    await record_answer(ctx, attempt, SupplyAnswer(messages=(word,), **said))  # type: ignore[arg-type]
    await house.desk.pool.execute("UPDATE inbox SET due_at = known_at, lease_until = NULL")
    async with house.desk.pool.acquire() as conn:
        waiting = await evidence.claim(conn, attempt.bucket, ctx.now(), 50, "test", ctx.lease_end())
    for fact in waiting:
        if fact.external_id == attempt.attempt_no:
            await apply_supply(ctx, fact)


async def test_row20_a_doubtful_refusal_while_the_refund_runs_does_not_stop_it(
    database_url: str, tmp_path: Path
) -> None:
    """The buyer took the money back; then the supplier keeps a part and doesn't say how much. A person sees it, the
    refund arrives all the same, and nothing is delivered beside it.
    """
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await buy(house, "phone-30", ("kasushou", "silent"))
        await house.until(order_id, lambda page: "choose_refund" in page.actions)
        await house.stop_worker()
        await house.desk.choose(order_id, "refund")
        (attempt,) = await attempts(house, order_id)
        await hear(
            house, attempt, state=SupplyState.REFUSED, reason=Reason.SUPPLIER_ERROR, code=PARTIAL_CREDIT
        )
        order = await house.desk.ctx.reader.order(order_id)
        assert order is not None
        told = await attempts(house, order_id)
        assert (order.state, order.next_actor) == ("refunding", "person")
        assert not resupply.is_open(order, told)
        assert not correct.may_ask(order, told)
        house.start_worker()
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert happened(page, "needs_person") == 1
        await house.until_applied()


async def test_a_late_success_of_the_old_account_is_not_the_corrected_orders_delivery(
    database_url: str, tmp_path: Path
) -> None:
    """R19, F19: nothing more goes out beside it, a person decides, and the shop bears the loss (row 19)."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "wrong_account"))
        await house.until(order_id, lambda page: page.supply_badge == "needs_you")
        await house.stop_worker()
        await correct.correct(house.desk.ctx, order_id, RIGHT, {})
        first, second = await attempts(house, order_id)
        assert (first.state, second.state) == ("refused", "ready")
        await hear(house, first, state=SupplyState.SUCCEEDED, code="succeeded", cost_fen=first.cost_fen)
        page = await house.page(order_id)
        assert (page.sentence.code, page.sentence.next_actor) == ("needs_person", "person")
        assert (happened(page, "delivered"), happened(page, "late_success")) == (0, 1)
        first, second = await attempts(house, order_id)
        assert (first.state, first.extra, second.state) == ("succeeded", True, "cancelled")
        report = await house.audit()
        assert report.ok, report.findings
