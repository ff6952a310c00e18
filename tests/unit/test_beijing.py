"""Beijing wall-clock text to aware UTC and back; anything else is None."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit.beijing import read_beijing, write_beijing


def test_midnight_in_beijing_is_the_afternoon_before_in_utc() -> None:
    assert read_beijing("2026-03-01 00:00:00") == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert write_beijing(datetime(2026, 2, 28, 16, 0, 0, 999_999, tzinfo=UTC)) == "2026-03-01 00:00:00"
    assert read_beijing("2026-03-01 00:00:00.123") == datetime(2026, 2, 28, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-01", "2026-03-01T00:00:00", "2026-13-01 00:00:00", "2026-03-01 00:00:00+00:00", None, 7,
     "2026-W09-7 00:00:00", "0001-01-01 00:00:00", "2026-03-01 24:00:00"],
)  # fmt: skip
def test_what_is_no_beijing_text_is_none(text: object) -> None:
    assert read_beijing(text) is None


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_it_reads_what_it_writes(at: datetime) -> None:
    assert read_beijing(write_beijing(at)) == at.replace(microsecond=0)
