"""The ledger against an independent shadow book, all rows in random order (R8, invariants 1-4, 6)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from ledger_drain import drain
from ledger_driver import EVENTS, Driver, run

from mingzhang.ledger import postings


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_seeded_worlds_hold_every_invariant_after_every_event(first: int) -> None:
    for seed in range(first, first + 10):
        run(seed, 300)


def test_the_fuzz_reaches_every_row() -> None:
    posted: Counter[str] = Counter()
    for seed in range(1000, 1200):
        posted.update(run(seed, 250).posted)
        if set(posted) == set(postings.ROWS):
            break
    assert set(posted) == set(postings.ROWS)


class LedgerMachine(RuleBasedStateMachine):
    """Hypothesis chooses the events; it shrinks a failure to the shortest story."""

    def __init__(self) -> None:
        super().__init__()
        import random

        self.rng = random.Random(0)
        self.driver = Driver(self.rng)

    @rule(event=st.sampled_from(EVENTS), seed=st.integers(0, 2**16))
    def happens(self, event: str, seed: int) -> None:
        self.rng.seed(seed)
        self.driver.step(event)

    def teardown(self) -> None:
        drain(self.driver)


LedgerMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestLedgerMachine = LedgerMachine.TestCase
