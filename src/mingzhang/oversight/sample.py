"""The sample audit: orders that a seed chooses, each with its whole masked trail, and what was checked of it (R42).

Whoever looks names the seed, so that the shop cannot choose. An order's rank is SHA-256 of ``seed:order``; the smallest
ranks are the sample: every paid order of the window has the same chance, and anybody can choose again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, first_order_id
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.oversight", "sample")
N_MAX: Final = 50
SEED_MAX: Final = 64
POPULATION_MAX: Final = 200_000  # of one bucket
WINDOW: Final = timedelta(days=30)
METHOD: Final = "the N smallest SHA-256(seed + ':' + order) of the orders paid, placed within the window"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. ``code``: legs, places, evidence, log, receipt, clock. ``ok`` None: it does not apply, or cannot be made
    any more (evidence that an erasure emptied). ``about``: rows that are wrong."""

    code: str
    ok: bool | None
    about: tuple[str, ...] = ()


class Cited(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a row cites."""

    evidence_id: str
    party: str
    kind: str
    standing: str
    known_at: datetime | None
    sha256: str
    kept: bool
    emptied: bool
    fits: bool


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the sample. ``order``: what may be shown, masked; ``trail``: its statements as the public record has
    them; ``checks``: what was checked."""

    order: dict[str, Any]
    attempts: tuple[dict[str, Any], ...]
    evidence: tuple[Cited, ...]
    trail: tuple[dict[str, Any], ...]
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.ok is not False for check in self.checks)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The whole sample, as it is shown and exported. ``population``: of how many orders it was chosen; ``cut``: a bucket
    held more than `POPULATION_MAX` in the window, and only its newest took part."""

    seed: str
    method: str
    since: datetime
    until: datetime
    population: int
    cut: bool
    orders: tuple[Sampled, ...]


def check_wish(seed: str, n: str) -> tuple[str, int]:
    """Seed and size as typed. Raises Problem `sample_invalid`."""
    size = int(n) if n.isascii() and n.isdecimal() and len(n) <= 4 else 0
    if not (0 < len(seed) <= SEED_MAX and seed.isprintable() and 1 <= size <= N_MAX):
        raise Problem("sample_invalid", Kind.INVALID, f"a seed of 1–{SEED_MAX} characters, 1–{N_MAX} orders")
    return seed, size


async def choose(
    conn: asyncpg.Connection, buckets: Sequence[int], seed: str, n: int, now: datetime
) -> tuple[list[str], int, bool]:
    """The sampled order numbers by rank, of how many they were chosen, and whether a bucket was cut."""
    ranked: list[tuple[bytes, str]] = []
    population, cut = 0, False
    for bucket in buckets:
        first, last = first_order_id(bucket, now - WINDOW), first_order_id(bucket, now + timedelta(days=1))
        rows = await conn.fetch(SQL.choose_orders, bucket, first, last, seed, n, POPULATION_MAX)
        ranked += [(row["rank"], row["order_id"]) for row in rows]
        counted = rows[0]["population"] if rows else 0
        population += counted
        cut = cut or counted == POPULATION_MAX
    return [order_id for _, order_id in sorted(ranked)[:n]], population, cut


async def read_order(
    conn: asyncpg.Connection,
    order_id: str,
    now: datetime,
    trail: Sequence[dict[str, Any]],
    log: Check,
) -> Sampled:
    """One order with its checks. ``trail`` and ``log``: what the public record says, and whether it holds."""
    where = (bucket_of(order_id), order_id)
    order = dict(await conn.fetchrow(SQL.read_sampled, *where))
    attempts = [dict(row) for row in await conn.fetch(SQL.list_attempts, *where)]
    cited = [Cited(**{**dict(row), **_plain(row)}) for row in await conn.fetch(SQL.list_cited, *where)]
    postings = await conn.fetch(SQL.list_postings, *where)
    below = await conn.fetch(SQL.list_below, *where)
    checks = (
        Check(
            code="legs",
            ok=bool(postings) and not any(row["sum_fen"] for row in postings),
            about=tuple(f"{row['posting']} {row['seq']}" for row in postings if row["sum_fen"]),
        ),
        Check(
            code="places",
            ok=not below,
            about=tuple(f"{row['place']}/{row['party']}" for row in below),
        ),
        evidence_check(cited),
        log,
        receipt_check(order["state"], [row["said"] for row in attempts]),
        clock_check(order, now),
    )
    return Sampled(
        order=order, attempts=tuple(attempts), evidence=tuple(cited), trail=tuple(trail), checks=checks
    )


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    """A message that is not there at all has no columns."""
    texts = {name: row[name] or "" for name in ("party", "kind", "standing", "sha256")}
    return {**texts, "emptied": bool(row["emptied"]), "fits": bool(row["fits"])}


def evidence_check(cited: Sequence[Cited]) -> Check:
    """Every cited message is kept and is the one whose hash is recorded; one that was erased can no longer be read."""
    wrong = [one.evidence_id for one in cited if not one.kept or not (one.fits or one.emptied)]
    erased = any(one.emptied and not one.fits for one in cited)
    return Check(code="evidence", ok=False if wrong else None if erased else True, about=tuple(wrong))


def receipt_check(state: str, said: Sequence[str | None]) -> Check:
    """A delivered order has its supplier's word. Nobody's word is due for one that is open or was given back."""
    if state != "delivered":
        return Check(code="receipt", ok=None)
    return Check(code="receipt", ok="supply_succeeded" in said)


def clock_check(order: Mapping[str, Any], now: datetime) -> Check:
    """An open order says until when somebody acts, and that is not past."""
    if order["deadline_at"] is None:
        return Check(code="clock", ok=None)
    late = order["deadline_at"] < now
    return Check(code="clock", ok=not late, about=(order["next_actor"],) if late else ())
