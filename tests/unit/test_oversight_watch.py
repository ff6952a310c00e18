"""Shortfalls and times to answer, worked out of plain rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from mingzhang.oversight.watch import answers_of, shortfalls

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_shortfall_lasts_until_the_first_whole_day_after_it() -> None:
    days = [(date(2026, 11, n), 100 - lacking, 100) for n, lacking in enumerate((0, 3, 7, 0, 0, 1), 1)]
    newest, first = shortfalls(days)
    assert (first.first.day, first.last.day, first.cured, first.deepest_fen, first.days) == (
        2,
        3,
        date(2026, 11, 4),
        7,
        2,
    )
    assert (newest.first.day, newest.last.day, newest.cured) == (6, 6, None)
    assert not shortfalls(days[:1])


def test_times_to_answer_are_spread_over_the_promised_bounds() -> None:
    took = (600, 3600, 3601, 80_000, 300_000, None, None)
    rows = [
        {
            "kind": "claim",
            "made_at": NOW - timedelta(days=5),
            "answered_at": None if s is None else NOW - timedelta(days=5) + timedelta(seconds=s),
            "deadline_at": NOW + timedelta(hours=1 if n == 6 else -1),
        }
        for n, s in enumerate(took)
    ]
    (found,) = answers_of(rows, NOW)
    assert (found.asked, found.within, found.later) == (7, (2, 1, 1, 0), 1)
    assert (found.open, found.open_late, found.median_s, found.p90_s) == (2, 1, 3601, 300_000)
