"""Refunds by the real code in any order with partial refunds, chargebacks, settlements, reversals, bank transfers and lost
answers: never more than was paid, every invariant, and at rest the ledger is what is physically there (F13, F14; issue 6).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, ClassVar

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from refund_world import PRICE, RefundWorld
from test_settlement_property import ALI, BANK

from mingzhang.custody import instructions
from mingzhang.kit.database import open_pool, transaction
from mingzhang.ledger import postings
from mingzhang.ledger.store import write_shared

ENDS = frozenset({"arrived", "refused", "dropped", "returned"})


class Lives(RuleBasedStateMachine):
    """One order's money, against what a plain sum over the outside's books allows."""

    world: ClassVar[RefundWorld]
    runner: ClassVar[asyncio.Runner]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def sell(self) -> None:
        self.world.side.lost = self.world.side.refuses = False
        self.world.bank_side.lost = self.world.bank_side.refuses = False
        self.order_id = self.run(self.world.sell())
        self.trade = self.world.trade_of(self.order_id)

    @rule(fen=st.integers(1, PRICE))
    def two_people_give_a_part_back(self, fen: int) -> None:
        """Whatever they ask: no more than is left is planned."""
        left = self.run(self.world.left(self.order_id))
        before = self.planned()
        self.run(self.world.ask(self.order_id, fen))
        assert self.planned() - before == max(0, min(fen, left))

    @rule(fen=st.integers(1, PRICE))
    def the_channel_charges_back(self, fen: int) -> None:
        self.run(self.world.charge(self.order_id, fen))

    @rule(fen=st.integers(1, PRICE))
    def two_people_transfer(self, fen: int) -> None:
        self.run(self.world.transfer(self.order_id, fen))

    @rule(times=st.integers(1, 2))
    def the_worker_visits(self, times: int) -> None:
        for _ in range(times):
            self.run(self.world.visit())

    @rule()
    def the_worker_visits_again(self) -> None:
        self.run(self.world.visit())

    @rule(lost=st.booleans(), refuses=st.booleans())
    def the_channel_changes_its_mind(self, lost: bool, refuses: bool) -> None:
        self.world.side.lost, self.world.side.refuses = lost, refuses

    @rule(fen=st.integers(1, PRICE))
    def the_way_back_is_closed(self, fen: int) -> None:
        """The channel refuses for good, and the money goes by the bank: the long road, taken often enough to be met."""
        self.world.side.lost, self.world.side.refuses = False, True
        self.run(self.world.ask(self.order_id, fen))
        self.run(self.world.visit())
        self.run(self.world.transfer(self.order_id, fen))
        self.run(self.world.visit())

    @rule(lost=st.booleans(), refuses=st.booleans())
    def the_bank_changes_its_mind(self, lost: bool, refuses: bool) -> None:
        self.world.bank_side.lost, self.world.bank_side.refuses = lost, refuses

    @rule(arrives=st.booleans())
    def an_accepted_refund_ends(self, arrives: bool) -> None:
        for refund_no, (state, _) in self.trade.refunds.items():
            if state == "accepted":
                self.world.end(refund_no, self.trade, "arrived" if arrives else "refused")
                return

    @rule()
    def the_bank_pays_out(self) -> None:
        for number in self.world.bank_side.standing("accepted")[:1]:
            self.run(self.world.pay_out(number))

    @rule()
    def the_payees_bank_sends_back(self) -> None:
        for number in self.world.bank_side.standing("paid")[-1:]:
            self.run(self.world.send_back(number))

    @rule()
    def the_channel_settles(self) -> None:
        self.run(self.world.settle())

    @rule()
    def a_payout_comes_in(self) -> None:
        self.run(self.world.bank())

    @rule()
    def the_supplier_takes_it_back(self) -> None:
        self.run(self.world.reverse())

    @invariant()
    def never_more_than_was_paid(self) -> None:
        """By the outside's own books, whatever our ledger thinks."""
        if not hasattr(self, "order_id"):
            return
        outside = self.trade.back_fen + self.by_bank()
        assert outside <= PRICE, (outside, self.trade, self.world.bank_side.orders)
        back = self.run(self.world.given_back(self.order_id))
        assert all(fen >= 0 for fen in back.values())
        assert sum(back.values()) <= PRICE
        assert max(self.world.bank_side.seen.values(), default=0) <= 1

    def by_bank(self) -> int:
        """What the bank took for this order and did not refuse or get back."""
        mine = self.run(self.numbers())
        out = {"accepted", "paid"}
        return sum(
            fen
            for number, (state, fen) in self.world.bank_side.orders.items()
            if number in mine and state in out
        )

    async def numbers(self) -> set[str]:
        rows = await self.world.pool.fetch(
            "SELECT instruction_id FROM instruction WHERE subject = $1", self.order_id
        )
        return {row["instruction_id"] for row in rows}

    def planned(self) -> int:
        """What every refund of the order that is not ended otherwise comes to."""
        return int(
            self.run(
                self.world.pool.fetchval(
                    """SELECT coalesce(sum(amount_fen), 0) FROM refund WHERE bucket = 0 AND order_id = $1
                      AND state NOT IN ('refused', 'dropped', 'returned')""",
                    self.order_id,
                )
            )
        )

    def teardown(self) -> None:
        if hasattr(self, "order_id"):
            self.run(self.rest())

    async def rest(self) -> None:
        """Everybody answers, everything that is known is worked through, and the books agree to the fen."""
        world = self.world
        world.side.lost = world.bank_side.lost = False
        for _ in range(12):
            await world.visit()
            for refund_no, (state, _) in self.trade.refunds.items():
                if state == "accepted":
                    world.end(refund_no, self.trade, "arrived")
            for number in world.bank_side.standing("accepted"):
                await world.pay_out(number)
            await world.settle()
            while world.owed:
                await world.bank()
            await replenish(world)
            open_ones = await world.pool.fetchval("SELECT count(*) FROM refund WHERE due_at IS NOT NULL")
            waits = await world.pool.fetchval("SELECT count(*) FROM unbooked")
            closed = await world.pool.fetchval(
                "SELECT count(*) FROM settlement_batch WHERE state <> 'closed'"
            )
            lines = await world.pool.fetchval("SELECT count(*) FROM bank_task WHERE state <> 'booked'")
            if (open_ones, waits, closed, lines) == (0, 0, 0, 0):
                break
        else:
            raise AssertionError((open_ones, waits, closed, lines))
        back = await world.given_back(self.order_id)
        mine = await self.numbers()
        outside = self.trade.back_fen + sum(
            fen
            for number, (state, fen) in world.bank_side.orders.items()
            if state == "paid" and number in mine
        )
        assert sum(back.values()) == outside
        await world.verify(at_rest=True)


async def replenish(world: RefundWorld) -> None:
    """Two people bring money: what the float could not carry is booked, and planned refunds go."""
    world.capitals += 1
    subject, now = f"CAPITAL-{world.capitals}", world.clock.now()
    async with transaction(world.pool) as conn:
        for seq, (place, party) in enumerate((("custody", BANK), ("supplier.free", "fulu")), start=1):
            more = postings.capital_in(subject, party=party, place=place, amount_fen=9_000)
            await write_shared(conn, more, evidence_id=world.cited, now=now, seq=seq)
        ways = ((("custody", BANK), ("transit.topup", ALI)), (("transit.topup", ALI), ("channel", ALI)))
        for seq, (frm, to) in enumerate(ways, start=3):
            step = postings.float_moved(subject, frm=frm, to=to, amount_fen=5_000)
            await write_shared(conn, step, evidence_id=world.cited, now=now, seq=seq)
    world.bank_fen += 9_000 - 5_000
    world.channel_fen += 5_000


@pytest.fixture
def machine(database_url: str) -> Iterator[type[Lives]]:
    """The machine on one database, which lives as long as the test."""
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, min_size=1, max_size=4))
        world = RefundWorld(pool, 1)
        runner.run(world.begin())
        try:
            yield type("BoundLives", (Lives,), {"world": world, "runner": runner})
        finally:
            runner.run(pool.close())


def play(machine: type[Lives], examples: int, steps: int) -> None:
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        phases=[Phase.generate],  # shrinking takes minutes; the printed life can be replayed by hand
        suppress_health_check=list(HealthCheck),
        derandomize=not os.environ.get("REFUND_LIVES"),
    )
    run_state_machine_as_test(machine, settings=bounds)


def test_no_life_gives_back_more_than_was_paid(machine: type[Lives]) -> None:
    play(machine, 4, 16)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_lives_give_back_no_more_than_was_paid(machine: type[Lives]) -> None:
    play(machine, int(os.environ.get("REFUND_LIVES", "60")), 30)


async def test_a_planned_refund_shrinks_to_what_a_chargeback_left_and_ends_when_nothing_is(
    pool: asyncpg.Pool,
) -> None:
    """Row 22 between plan and sending: what the channel took back by itself is not given back once more."""
    world = RefundWorld(pool, 1)
    await world.begin()
    cut, dropped = await world.sell(), await world.sell()
    await world.ask(cut, 800)
    await world.ask(dropped, PRICE)
    assert await world.charge(cut, 700) == 700
    assert await world.charge(dropped, PRICE) == PRICE
    await world.visit()
    assert world.side.calls == [(f"{cut}R1", 300)]
    world.end(f"{cut}R1", world.trade_of(cut), "arrived")
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
        "SELECT kind, data->>'amount_fen' AS fen FROM event WHERE kind IN ('refund_cut', 'refund_dropped')"
    )
    assert {(row["kind"], row["fen"]) for row in events} == {
        ("refund_cut", "300"),
        ("refund_dropped", str(PRICE)),
    }
    await world.verify(at_rest=False)


async def test_f14_a_transfer_whose_answer_is_lost_is_asked_for_and_comes_back_once(
    pool: asyncpg.Pool,
) -> None:
    """Sent once under its number; the bank's line pays it out, a later line brings it back, another account follows."""
    world = RefundWorld(pool, 2)
    await world.begin()
    order_id = await world.sell()
    await world.ask(order_id, PRICE)
    assert not await world.transfer(order_id, PRICE)  # the channel has refused nothing
    world.side.refuses = True
    await world.visit()
    world.bank_side.lost = True
    assert await world.transfer(order_id, PRICE)
    for _ in range(3):
        await world.visit()
    (number,) = world.bank_side.seen
    assert await world.given_back(order_id) == {"refunding": PRICE}
    world.bank_side.lost = False
    await world.visit()
    assert await world.given_back(order_id) == {"refunding": PRICE}  # taken is not paid out
    await world.pay_out(number)
    await world.visit()
    assert await world.given_back(order_id) == {"refund.arrived": PRICE}
    assert not await world.transfer(order_id, 1)
    await world.send_back(number)
    await world.visit()
    assert await world.given_back(order_id) == {}
    assert (await pool.fetchval("SELECT state FROM orders"), world.bank_side.seen) == (
        "needs_person",
        {number: 1},
    )
    world.bank_side.refuses = True  # the next account is closed, too: refused at once
    assert await world.transfer(order_id, PRICE)
    await world.visit()
    await world.visit()
    assert await world.given_back(order_id) == {}
    assert await world.left(order_id) == PRICE
    await world.verify(at_rest=False)
    with pytest.raises(
        asyncpg.InsufficientPrivilegeError
    ):  # a word of the buyer's stays, until its term is over
        await pool.execute("UPDATE refund_payee SET account_mask = ''")
    assert await pool.fetchval("SELECT erase_payees(0, $1)", order_id) == 2
    kept = "SELECT count(*) FROM {} WHERE length(payee_enc) > 0"
    for table in ("instruction", "refund_payee"):
        assert await pool.fetchval(kept.format(table)) == 0


async def test_a_shop_with_its_own_account_hands_the_instruction_in_as_a_file(pool: asyncpg.Pool) -> None:
    """No adapter, kind self: the file names the payee, what is kept of it does not, the imported statement pays it out."""
    world = RefundWorld(pool, 3)
    await world.begin()
    await pool.execute("UPDATE bank_account SET kind = 'self'")
    banks: Any = world.ctx.banks
    banks.clear()
    order_id = await world.sell()
    await world.ask(order_id, PRICE)
    world.side.refuses = True
    await world.visit()
    assert await world.transfer(order_id, PRICE)
    for _ in range(2):
        await world.visit()
    row = await pool.fetchrow("SELECT instruction_id FROM instruction WHERE state = 'planned'")
    assert row is not None
    told = await pool.fetchrow(instructions.SQL.read_instruction, row["instruction_id"])
    order = instructions.payment_order(instructions.Instruction(**dict(told)), world.ctx.vault)
    assert (order.payee_name, order.payee_account, order.amount_fen) == ("张三", "6222021234567890", PRICE)
    assert (order.as_kept().payee_name, order.as_kept().payee_account) == ("张*", "****7890")
    await world.state_line(-PRICE, order.order_id)
    await world.visit()
    assert await world.given_back(order_id) == {"refund.arrived": PRICE}
    assert await pool.fetchval("SELECT state FROM orders") == "refunded"
    await world.verify(at_rest=False)
