"""Working days in mainland China (工作日): the yearly arrangement of holidays as data (R10, R26: 1–3 个工作日).

`workdays.toml` holds each year with its source. A year that is not there, or whose arrangement was not out yet, is
counted as far as it is known, and `is_arranged` says that its dates may still move.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Final, NamedTuple

from mingzhang.kit.beijing import BEIJING

_SATURDAY: Final = 5


class Year(NamedTuple):
    """One year's arrangement: ``off``: every day off; ``on``: weekend days that are worked; ``source``: the notice."""

    source: str
    issued: date | None
    arranged: bool
    off: frozenset[date]
    on: frozenset[date]


_UNKNOWN: Final = Year("", None, arranged=False, off=frozenset(), on=frozenset())


@functools.cache
def years() -> dict[int, Year]:
    """Every year of the file."""
    raw = tomllib.loads(files("mingzhang.kit").joinpath("workdays.toml").read_text(encoding="utf-8"))
    return {
        int(year): Year(
            source=entry["source"],
            issued=entry["issued"],
            arranged=entry.get("arranged", True),
            off=frozenset(day for first, last in entry["off"] for day in _span(first, last)),
            on=frozenset(entry["on"]),
        )
        for year, entry in raw.items()
    }


def _span(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def is_workday(day: date) -> bool:
    """Whether it is worked; by its weekday alone in a year that the file does not know."""
    year = years().get(day.year, _UNKNOWN)
    return day in year.on or (day.weekday() < _SATURDAY and day not in year.off)


def is_arranged(first: date, last: date) -> bool:
    """Whether the arrangement of every year from one day to the other is known."""
    return all(years().get(year, _UNKNOWN).arranged for year in range(first.year, last.year + 1))


def add_workdays(day: date, n: int) -> date:
    """The n-th working day after that day (T+n); ``n`` ≥ 1."""
    while n > 0:
        day += timedelta(days=1)
        n -= is_workday(day)
    return day


def workdays_between(first: date, last: date) -> int:
    """Working days after ``first`` up to ``last``, that one included; 0 when it is not later."""
    return sum(is_workday(day) for day in _span(first + timedelta(days=1), last))


def china_day(at: datetime) -> date:
    """The day in China at a moment."""
    return at.astimezone(BEIJING).date()


def end_of(day: date) -> datetime:
    """The last second of a day in China, aware UTC."""
    return datetime.combine(day, time(23, 59, 59), BEIJING).astimezone(UTC)


def promised_by(at: datetime, n: int) -> datetime:
    """The end of the n-th working day after the day of ``at``."""
    return end_of(add_workdays(china_day(at), n))
