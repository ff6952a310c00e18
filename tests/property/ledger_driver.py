"""Drives all rows of the ledger in random order and tells the shadow book what happened in the world."""

from __future__ import annotations

import random
from types import ModuleType, SimpleNamespace

from ledger_events_back import Back
from ledger_events_money import Money
from ledger_events_supply import Supply
from ledger_world import World

from mingzhang.ledger import postings


class Driver(Money, Supply, Back, World):
    """One world with every event."""

    def step(self, name: str) -> None:
        """One event, then every invariant."""
        getattr(self, name)()
        self.verify()


EVENTS: tuple[str, ...] = tuple(name for name in dir(Driver) if name.startswith("ev_"))
WEIGHTS = {
    "ev_paid": 6,
    "ev_dispatch": 6,
    "ev_settle": 5,
    "ev_batch": 4,
    "ev_success": 5,
    "ev_gave_back": 4,
    "ev_refund": 6,
    "ev_refund_step": 8,
    "ev_earned": 2,
    "ev_capital": 2,
    "ev_float": 4,
}


def run(
    seed: int,
    events: int,
    rows: ModuleType | SimpleNamespace = postings,
) -> Driver:
    """Drive one seeded world for ``events`` events, then drain it to rest. Raises `Mismatch`."""
    from ledger_drain import drain  # the drain imports this module

    rng = random.Random(seed)
    driver = Driver(rng, rows)
    driver.ev_capital()
    names = rng.choices(EVENTS, [WEIGHTS.get(name, 2) for name in EVENTS], k=events)
    for name in names:
        driver.step(name)
    drain(driver)
    return driver
