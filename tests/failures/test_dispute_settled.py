"""Money that a dispute holds is paid out with the rest and held again in custody (rows 5, 6, 13, 21)."""

from __future__ import annotations

from pathlib import Path

from test_settlement import FLOAT_FEN, places, settle, sound, until, use_bank

from house import open_house
from mingzhang.app.desk_money import decide, propose
from mingzhang.disputes import flow, store
from mingzhang.disputes.flow import Opening
from mingzhang.kit.database import transaction
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right

BOTH = frozenset({Right.PROPOSE_MONEY, Right.DECIDE_MONEY})


def member(name: str) -> Member:
    return Member(name=name, roles=(), rights=BOTH, session_id="s", strong=True)


async def test_held_money_is_settled_held_again_and_refunded(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=300.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        ctx = house.desk.ctx
        order_id, other = await house.buy(), await house.buy()
        for each in (order_id, other):
            await house.until(each, lambda page: page.supply_badge == "arrived")
        for name in ("ann", "bob"):
            await house.desk.pool.execute(
                "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, 'x', true, '{finance}', $2)",
                name,
                ctx.now(),
            )
        opened = await flow.open_dispute(ctx, Opening(order_id=order_id, kind="wrong_amount", wish="refund"))
        assert (await places(house))["hold", "o"] == 150
        await settle(house)
        await until(house, "SELECT state FROM settlement_batch", "closed")
        async with transaction(house.desk.pool) as conn:
            await store.wake(conn, order_id, ctx.now())
        held = "SELECT coalesce(sum(amount_fen), 0)::int FROM leg WHERE place = 'hold' AND party = 'bank' AND owner = 'o'"
        await until(house, held, 90)
        assert (await house.audit()).lines == []
        terms = {"dispute": opened.dispute_id, "remedy": "refund", "amount_fen": 5_000}
        approval = await propose(ctx, member("ann"), order_id, "solve_dispute", "多扣了一半", terms)
        await decide(ctx, member("bob"), order_id, approval, "approve", "")
        await until(house, held, 90)  # nothing moves until the buyer accepts
        await flow.accept(ctx, opened.dispute_id)
        assert await house.desk.pool.fetchval(held) == 0
        # The channel has paid out: the refund waits, visibly, for the shop's reserve there.
        await until(house, "SELECT state FROM refund", "waiting_float")
        await sound(house)
