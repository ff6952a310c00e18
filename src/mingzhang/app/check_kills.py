"""kill -9 at seeded moments of a checked run: the worker, the web process or PostgreSQL (F9, F11).

The supervisor starts again what died. What a kill may change is known and nothing else may: a process that dies
between the intent and the call leaves an instruction that never went out. The supplier is asked and has never
heard of it, so the order waits for a person instead of being sent a second time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from mingzhang.app.demo import Demo
from mingzhang.kit.clock import Clock

FIRST_S: Final = 0.5
LOOK_S: Final = 0.02
# Real seconds between an intent and the process's death in which its call may still not have gone out.
UNSENT_S: Final = 4.0


class Target(StrEnum):
    """What is killed; PostgreSQL is the embedded one, with fsync on."""

    WORKER = "worker"
    WEB = "web"
    POSTGRESQL = "postgresql"


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """``at_s``: real seconds after the buyers began."""

    at_s: float
    target: Target


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An instruction without any answer yet: order, our number at the supplier, product time of the intent."""

    order_id: str
    attempt_no: str
    sent_at: datetime


def plan_kills(seed: int, count: int, within_s: float) -> list[Kill]:
    """`count` kills in order of time, each target as often as the others (one more or less)."""
    rng = random.Random(f"kills|{seed}")
    targets = [list(Target)[n % len(Target)] for n in range(count)]
    rng.shuffle(targets)
    moments = sorted(rng.uniform(FIRST_S, within_s) for _ in range(count))
    return [Kill(at_s=at_s, target=target) for at_s, target in zip(moments, targets, strict=True)]


class Killer:
    """Carries out a plan while the supervisor watches. ``done``: what really died, and when."""

    def __init__(self, demo: Demo, clock: Clock, plan: Iterable[Kill]) -> None:
        self.done: list[Kill] = []
        self.worker_deaths: list[datetime] = []
        self._demo = demo
        self._clock = clock
        self._plan = tuple(plan)

    async def run(self) -> None:
        """Until the last kill. A target that is just being started is killed as soon as it runs."""
        started = time.monotonic()
        for planned in self._plan:
            await asyncio.sleep(max(0.0, started + planned.at_s - time.monotonic()))
            while not self._demo.runs(planned.target):  # noqa: ASYNC110 - a process offers no event for it
                await asyncio.sleep(LOOK_S)
            self._demo.kill(planned.target)
            if planned.target is not Target.WEB:
                self.worker_deaths.append(self._clock.now())
            at_s = round(time.monotonic() - started, 2)
            self.done.append(Kill(at_s=at_s, target=planned.target))

    def findings(self, restarts: Mapping[str, int]) -> list[str]:
        """Whatever died without being killed, or was not killed as planned."""
        found = []
        if len(self.done) != len(self._plan):
            found.append(f"only {len(self.done)} of {len(self._plan)} kills were carried out")
        kills = Counter(str(kill.target) for kill in self.done)
        found += [
            f"{name}: killed {kills[name]} times, started again {restarts.get(name, 0)} times"
            for name in sorted({*kills, *restarts})
            if restarts.get(name, 0) != kills[name]
        ]
        return found

    def never_sent(self, intents: Iterable[Intent], heard_of: Collection[str]) -> set[str]:
        """Orders whose instruction died with the process that had just recorded the intent."""
        slack = timedelta(seconds=UNSENT_S * self._clock.speed)
        return {
            intent.order_id
            for intent in intents
            if intent.attempt_no not in heard_of
            and any(intent.sent_at <= death <= intent.sent_at + slack for death in self.worker_deaths)
        }


def heard_numbers(books: Mapping[str, Any]) -> set[str]:
    """Every number of ours that a supplier knows."""
    told = (order for book in books.values() for order in book.get("orders", ()))
    return {str(order["customer_order_no"]) for order in told}
