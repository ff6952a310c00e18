"""Random lives of one order on a real database, held against a pure-Python model after every step (R12, R47)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from lifecycle_house import open_lifecycle_house
from lifecycle_rules import Lifecycle

from mingzhang.app.audit import run_audit

CHUNKS, EXAMPLES, STEPS = 6, 5, 25
ENOUGH_REAL_S = 20  # after so long no further chunk begins: a loaded machine plays fewer lives


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[type[Lifecycle]]:
    """The machine, bound to a house that lives as long as the test."""
    with asyncio.Runner() as runner:
        opening = open_lifecycle_house(database_url, tmp_path)
        house = runner.run(opening.__aenter__())
        try:
            yield type("BoundLifecycle", (Lifecycle,), {"house": house, "runner": runner})
            report = runner.run(run_audit(house.ctx, full=True))
            assert report.ok, report.findings
        finally:
            runner.run(opening.__aexit__(None, None, None))


def test_every_life_follows_the_model(machine: type[Lifecycle]) -> None:
    bounds = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.generate],  # shrinking a life takes minutes; the printed one can be replayed by hand
        suppress_health_check=list(HealthCheck),
    )
    begun = time.monotonic()
    for _ in range(CHUNKS):
        run_state_machine_as_test(machine, settings=bounds)
        if time.monotonic() - begun > ENOUGH_REAL_S:
            break


# -- lives that once broke a rule, kept as they were found


def checked(life: Lifecycle) -> None:
    life.stored_as_modelled()
    life.every_fen_is_in_its_place()


def test_a_refund_that_nobody_worked_on_in_time_is_sent_all_the_same(machine: type[Lifecycle]) -> None:
    """No worker for three days: the refund's promise is broken, visibly, and the money still goes back."""
    life = machine()
    life.place("overdue")
    life.choose("refund")
    life.time_passes(73 * 3600, then=["work_refunds", "apply_a_fact", "moments_pass", "work_refunds"])
    life.work(["apply_a_fact"])
    checked(life)
    assert life.model.state == "refunded"


def test_a_refund_goes_back_by_the_payment_that_was_booked(machine: type[Lifecycle]) -> None:
    """Two payments for one order (F15): the second waits in suspense; the refused order gives back the first."""
    life = machine()
    life.place("opened")
    life.open_payment("page")
    for n in (0, 0):
        life.pay(n)
    for n in (0, 1):
        life.notify(n, 1, then=["apply_a_fact"])
    assert [item.fen for item in life.model.aside.values()] == [life.model.price]
    life.work(["work_attempts"])
    life.supplier_decides("failed")
    life.time_passes(6, then=["work_attempts", "apply_a_fact", "work_refunds", "apply_a_fact"])
    first, second = (life.house.parties.trade(f"{life.order_id}P{n}") for n in (1, 2))
    assert first is not None
    assert second is not None
    assert (len(first.refunds), len(second.refunds)) == (1, 0)


GONE_BACK = ("work_aside", "work_refunds", "apply_a_fact", "moments_pass", "work_refunds", "apply_a_fact")


def test_money_denied_while_its_refund_is_planned_is_missing_and_buys_no_refund(
    machine: type[Lifecycle],
) -> None:
    """The buyer chose the refund before the channel was asked again: the page must not say that it is there."""
    life = machine()
    life.place("opened")
    life.notify_of_nothing(0, then=["apply_a_fact", "work_attempts"])
    life.time_passes(16 * 60, then=["ring"])
    life.choose("refund", then=["sweep", "work_refunds"])
    assert (life.model.state, life.model.holder) == ("refunding", "missing")
    assert life.model.refund == "waiting_float"


def test_money_denied_after_its_refund_was_refused_is_in_doubt_for_the_person_too(
    machine: type[Lifecycle],
) -> None:
    """A person has the order already; a late success must not end it while the money is missing (row 24)."""
    life = machine()
    life.place("opened")
    life.notify_of_nothing(0, then=["apply_a_fact", "work_attempts"])
    life.time_passes(16 * 60, then=["ring"])
    life.choose("refund", then=["work_refunds", "apply_a_fact"])
    assert (life.model.state, life.model.reason) == ("needs_person", "refund_refused")
    life.work(["sweep"])
    assert (life.model.holder, life.model.reason) == ("missing", "payment_contradicted")
    life.supplier_decides("success")
    life.time_passes(16 * 60, then=["work_attempts", "apply_a_fact"])
    assert (life.model.state, life.model.attempt) == ("needs_person", "succeeded")


def test_there_is_nothing_to_choose_while_a_success_waits_to_be_applied(machine: type[Lifecycle]) -> None:
    """Late, so not by the hot path: on record, not applied yet, and a refund now would pay the buyer twice."""
    life = machine()
    life.place("overdue")
    life.supplier_decides("success")
    life.time_passes(16 * 60, then=["work_attempts"])
    assert (life.model.told, life.model.attempt) == (True, "processing")
    life.choose("refund", then=["apply_a_fact"])
    assert life.model.state == "delivered"


def test_a_denied_payment_beside_a_true_one_puts_no_doubt_on_the_order(machine: type[Lifecycle]) -> None:
    """Only the booked payment can: what is put aside later goes back by itself, as ever (F4, F15)."""
    life = machine()
    life.place("placed")
    life.open_payment("page")
    life.open_payment("qr")
    life.pay(0)
    life.notify(0, 1, then=["apply_a_fact"])
    life.notify_of_nothing(0, then=["apply_a_fact"])
    life.time_passes(16, then=["sweep"])
    assert [item.holder for item in life.model.aside.values()] == ["missing"]
    life.pay(0)
    life.notify(1, 1, then=["apply_a_fact", *GONE_BACK])
    assert [item.state for item in life.model.aside.values()] == ["open", "refunded"]
    assert life.model.state == "paid"


def test_a_payment_beside_one_in_doubt_waits_for_a_person(machine: type[Lifecycle]) -> None:
    """It may be the only real one (F4, F15)."""
    life = machine()
    life.place("opened")
    life.open_payment("page")
    life.notify_of_nothing(0, then=["apply_a_fact"])
    life.time_passes(16, then=["sweep"])
    life.pay(1)
    life.notify(0, 1, then=["apply_a_fact", *GONE_BACK])
    assert [(item.state, item.actor) for item in life.model.aside.values()] == [("open", "person")]
    assert (life.model.state, life.model.reason) == ("needs_person", "payment_contradicted")
