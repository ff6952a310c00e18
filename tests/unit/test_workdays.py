"""Working days as data: holidays, days worked instead, and years that are not arranged yet (R10, R26)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mingzhang.kit.workdays import (
    add_workdays,
    end_of,
    is_arranged,
    is_workday,
    promised_by,
    workdays_between,
    years,
)


@pytest.mark.parametrize(
    ("asked", "third"),
    [
        (date(2026, 11, 23), date(2026, 11, 26)),
        (date(2026, 11, 20), date(2026, 11, 25)),  # over a weekend
        (date(2026, 9, 30), date(2026, 10, 10)),  # 国庆 to 10/7, and the Saturday after is worked
        (date(2026, 2, 13), date(2026, 2, 25)),  # 2/14 is worked, then 春节 to 2/23
        (date(2025, 9, 30), date(2025, 10, 11)),
        (date(2031, 1, 1), date(2031, 1, 6)),  # a year without an entry: weekdays
    ],
)
def test_the_third_working_day(asked: date, third: date) -> None:
    assert add_workdays(asked, 3) == third
    assert workdays_between(asked, third) == 3


def test_what_the_file_holds_is_a_calendar() -> None:
    for number, year in years().items():
        assert year.source
        assert year.issued is not None
        assert all(day.year == number for day in year.off | year.on)
        assert not year.off & year.on
        assert all(day.weekday() >= 5 for day in year.on), "only weekend days are worked instead"
        if year.arranged:
            # Whoever moves days about makes none: days off on weekdays less days worked are the law's 13 at most.
            assert sum(day.weekday() < 5 for day in year.off) - len(year.on) <= 13
    assert not is_workday(date(2026, 10, 1))
    assert is_workday(date(2026, 10, 10))


def test_a_year_whose_arrangement_is_not_out_says_so() -> None:
    assert is_arranged(date(2026, 11, 1), date(2026, 12, 31))
    assert not is_arranged(date(2026, 12, 30), date(2027, 1, 5))
    assert not is_arranged(date(2031, 1, 1), date(2031, 1, 2))


def test_a_promise_ends_with_its_day_in_china() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # already the 24th in China
    assert promised_by(late, 3) == datetime(2026, 11, 27, 15, 59, 59, tzinfo=UTC)
    assert end_of(date(2026, 11, 27)) - late < timedelta(days=4)
    assert workdays_between(date(2026, 11, 27), date(2026, 11, 23)) == 0
