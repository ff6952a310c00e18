"""Tries at a door, counted for every process together: a few are free, then waits that double, and never for ever.

Only keyed hashes are kept, a row each; rows past their time are cleared away, so that guessing fills no table. Time is
the machine's own: a demo's fast clock opens no door sooner.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

import asyncpg

from mingzhang.kit.clock import Clock, SystemClock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.kit", "guesses")
KEPT: Final = timedelta(hours=2)  # longer than any rule below looks back
CLEAR_EVERY: Final = 256


class Rule(NamedTuple):
    """`free` tries within a span, then a wait that doubles with each further one."""

    free: int
    within: timedelta
    first: timedelta
    most: timedelta


# Contact, token and number of an order; claims; corrections: by address, and by what is asked for.
A_MINUTE: Final = Rule(20, timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=1))
# An order's query password, by order.
PASSWORD: Final = Rule(20, timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=15))
# A name and password (or code) from one address, or from one browser that the person has used before.
SIGN_IN: Final = Rule(5, timedelta(hours=1), timedelta(seconds=30), timedelta(minutes=15))
# The same name from all browsers that nobody knows.
STRANGERS: Final = Rule(30, timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=15))

# The whole shop in one file, which reads every table: by whomever.
WHOLE_SHOP: Final = Rule(3, timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=30))


class Guesses:
    """The doors of one installation. `hashed`: the installation's keyed hash."""

    def __init__(
        self, pool: asyncpg.Pool, hashed: Callable[[str], bytes], clock: Clock | None = None
    ) -> None:
        self._pool = pool
        self._hashed = hashed
        self._clock = clock or SystemClock()
        self._taken = 0

    async def take(self, key: str, rule: Rule) -> bool:
        """Count one try, before it is looked at; whether a wait begins with it.

        Raises Problem `too_many` (params: `wait_s`, real seconds) while an earlier wait is not over.
        """
        now, hashed = self._clock.now(), self._hashed(f"guess\n{key}")
        self._taken += 1
        if self._taken % CLEAR_EVERY == 0:
            await self._pool.execute(SQL.clear_guesses, now - KEPT)
        blocks = await self._pool.fetchval(
            SQL.take_guess, hashed, now, rule.free, rule.within, rule.first, rule.most
        )
        if blocks is not None:
            return bool(blocks)
        until = await self._pool.fetchval(SQL.read_wait, hashed)
        wait_s = max(1, math.ceil((until - now).total_seconds())) if until is not None else 1
        raise Problem("too_many", Kind.TOO_MANY, params={"wait_s": wait_s})

    async def forget(self, key: str) -> None:
        """Forget the tries of a key: the right word was said."""
        await self._pool.execute(SQL.forget_guess, self._hashed(f"guess\n{key}"))
