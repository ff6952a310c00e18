"""Refunds by the real code, in any order with chargebacks and lost answers: never more than was paid (F13, F14)."""

from __future__ import annotations

import asyncpg
from refund_world import PRICE, RefundWorld


async def test_a_planned_refund_shrinks_to_what_a_chargeback_left_and_ends_when_nothing_is(
    pool: asyncpg.Pool,
) -> None:
    """Row 22 between plan and sending: what the channel took back by itself is not given back once more."""
    world = RefundWorld(pool, 1)
    await world.begin()
    cut, dropped = await world.sell(), await world.sell()
    await world.ask(cut, 800)
    await world.ask(dropped, PRICE)
    assert await world.charge(cut, 700)
    assert await world.charge(dropped, PRICE)
    await world.visit()
    assert world.side.calls == [(f"{cut}R1", 300)]
    world.side.end(world.side.trades[f"{cut}P1"], f"{cut}R1", "arrived")
    await world.visit()
    assert await world.given_back(cut) == {"refund.arrived": 300, "refund.chargeback": 700}
    assert await world.given_back(dropped) == {"refund.chargeback": PRICE}
    rows = await pool.fetch("SELECT order_id, state, amount_fen, code FROM refund ORDER BY order_id")
    assert {row["order_id"]: tuple(row)[1:] for row in rows} == {
        cut: ("arrived", 300, ""),
        dropped: ("dropped", PRICE, "charged_back"),
    }
    states = await pool.fetch("SELECT state, holder FROM orders ORDER BY order_id")
    assert [tuple(row) for row in states] == [
        ("refunded", "refund.arrived"),
        ("refunded", "refund.chargeback"),
    ]
    events = await pool.fetch(
        "SELECT kind, data->>'amount_fen' AS fen FROM event WHERE kind LIKE 'refund_%ed' OR kind = 'refund_cut'"
    )
    told = {(row["kind"], row["fen"]) for row in events}
    assert {("refund_cut", "300"), ("refund_dropped", str(PRICE))} <= told
    await world.verify(at_rest=False)
