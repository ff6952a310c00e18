"""An order with more refunds than one page of them: each has a number of its own, and what was planned counts (F13, R23)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lifecycle_house import open_lifecycle_house
from test_dispute_clocks import paid

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import refund_number
from mingzhang.orders.store import open_turn
from mingzhang.refunds import flow
from mingzhang.refunds.store import SQL, find_refund

MANY = 60


async def test_the_refund_after_the_fiftieth_has_a_number_of_its_own(
    database_url: str, tmp_path: Path
) -> None:
    async with open_lifecycle_house(database_url, tmp_path) as house:
        order_id, ctx = await paid(house), house.ctx
        async with transaction(ctx.pool) as conn:
            turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
            payment, now = await flow.booked(turn), ctx.now()
            for n in range(1, MANY + 1):
                number = refund_number(order_id, n)
                told = (payment.outside_no, payment.transaction_id, payment.channel, 10, payment.paid_fen)
                ends = (now, now + timedelta(hours=1), now)
                await conn.execute(
                    SQL.insert_refund, turn.order.bucket, number, order_id, n, *told, "dispute", *ends
                )
                if n > 1:  # the first was never sent
                    await conn.execute(SQL.cut_refund, turn.order.bucket, number, 0, now)
            assert await flow.left_fen(turn) == turn.order.price_fen - 10
            assert await flow.is_under_way(turn)
            await flow.start_refund(turn, "dispute", "", 100)
            first = await find_refund(conn, order_id, refund_number(order_id, 1))
            last = await find_refund(conn, order_id, refund_number(order_id, MANY + 1))
            assert first is not None
            assert last is not None
            assert (first.state, last.state, last.amount_fen) == ("ready", "ready", 100)
            await flow.drop_refunds(turn, "no_payment")
            assert not await flow.is_under_way(turn)
            await conn.execute(
                "UPDATE refund SET state = 'accepted', due_at = deadline_at, next_actor = 'channel' WHERE n = 1"
            )
            with pytest.raises(Problem, match="refund_open"):
                await flow.check_unsent(turn)
