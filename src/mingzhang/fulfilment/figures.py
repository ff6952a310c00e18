"""How suppliers did lately, and how long our money there lasts: pure sums over a bounded sample of attempts (R14, R20)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import Any, Final

import msgspec

SAMPLE_MAX: Final = 2_000
WINDOW_S: Final = 24 * 3600
SPENT_S_MIN: Final = 3600  # a burst of a minute tells nothing of the next hours
HOUR_S: Final = 3600
SENT: Final = frozenset({"sending", "processing", "unknown", "succeeded"})


class Standing(StrEnum):
    """Our prefund at a supplier. ``low``: somebody is told; ``stop``: its goods are no longer sold."""

    UNKNOWN = "unknown"
    FINE = "fine"
    LOW = "low"
    STOP = "stop"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One supplier's one product over a sample: ``n`` last words, of them ``succeeded``; median seconds to success."""

    supplier: str
    supplier_product: str
    n: int
    succeeded: int
    median_s: int | None
    since: datetime


class Prefund(msgspec.Struct, frozen=True, kw_only=True):
    """Our balance at a supplier as it said last. ``runway_s``: how long it lasts at the recent rate, None: nothing spent."""

    supplier: str
    standing: str
    free_fen: int = 0
    spent_fen: int = 0
    spent_s: int = 0
    runway_s: int | None = None
    known_at: datetime | None = None
    asked_at: datetime | None = None


def figures_of(rows: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """Figures out of attempts (supplier, supplier_product, state, sent_at, finished_at, planned_at)."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["supplier"], row["supplier_product"]].append(row)
    found = []
    for (supplier, supplier_product), group in sorted(groups.items()):
        ended = [row for row in group if row["state"] in {"succeeded", "refused", "reversed"}]
        took = [
            (row["finished_at"] - row["sent_at"]).total_seconds()
            for row in ended
            if row["state"] == "succeeded" and row["sent_at"] and row["finished_at"]
        ]
        found.append(
            Figure(
                supplier=supplier,
                supplier_product=supplier_product,
                n=len(ended),
                succeeded=sum(1 for row in ended if row["state"] == "succeeded"),
                median_s=round(median(took)) if took else None,
                since=min(row["planned_at"] for row in group),
            )
        )
    return found


def spending(rows: Iterable[Mapping[str, Any]], supplier: str, now: datetime) -> tuple[int, int]:
    """Fen spent at a supplier in the sample, and over how many seconds (at least an hour)."""
    sent = [row for row in rows if row["supplier"] == supplier and row["sent_at"] and row["state"] in SENT]
    if not sent:
        return 0, WINDOW_S
    span = (now - min(row["sent_at"] for row in sent)).total_seconds()
    return sum(row["cost_fen"] for row in sent), max(SPENT_S_MIN, round(span))


def runway(free_fen: int, spent_fen: int, spent_s: int) -> int | None:
    """Seconds until the balance is gone at that rate; None when nothing is spent."""
    return free_fen * spent_s // spent_fen if spent_fen else None


def standing_of(free_fen: int, runway_s: int | None, *, alarm_h: float, stop_h: float) -> Standing:
    """What a balance means, by two thresholds in hours of its runway."""
    if free_fen <= 0:
        return Standing.STOP
    if runway_s is None:
        return Standing.FINE
    if runway_s < stop_h * HOUR_S:
        return Standing.STOP
    return Standing.LOW if runway_s < alarm_h * HOUR_S else Standing.FINE
