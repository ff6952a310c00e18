"""Whose work a row is: a visit writes its outcome back only while nobody claimed the row after it.

Every claim counts the row's `lease_generation` up. The worker notes the number that it got for the visit it begins; the
visit asks, in the transaction that writes its outcome, whether it still stands. A worker that slept through its lease
has asked in vain: whoever holds the row now asks by itself, and writes by its own question.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import asyncpg

_GENERATION: Final[ContextVar[int | None]] = ContextVar("lease_generation", default=None)


def begin(generation: int | None) -> None:
    """This task's visit was claimed under that number; None: nobody claimed it (a test, a command)."""
    _GENERATION.set(generation)


async def is_lost(conn: asyncpg.Connection, statement: str, *key: object) -> bool:
    """Whether the row was claimed by another since. `statement` reads its present number, under the caller's lock."""
    claimed = _GENERATION.get()
    return claimed is not None and await conn.fetchval(statement, *key) != claimed
