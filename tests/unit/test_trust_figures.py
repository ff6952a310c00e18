"""Arithmetic and masking of the trust page."""

from __future__ import annotations

from mingzhang.app.trust.read import custody_kind, nearest_rank
from mingzhang.web.pages_trust import percent


def test_shares_are_rounded_down_and_never_flatter() -> None:
    assert [percent(ppm) for ppm in (None, 0, 999_999, 1_000_000, 987_654)] == [
        "—",
        "0.00 %",
        "99.99 %",
        "100.00 %",
        "98.76 %",
    ]


def test_a_rank_is_a_value_that_was_there() -> None:
    assert nearest_rank([], 0.5) is None
    assert nearest_rank([7.0], 0.9) == 7.0
    assert [nearest_rank([1.0, 2.0, 3.0, 4.0], share) for share in (0.5, 0.9)] == [2.0, 4.0]
    assert nearest_rank([float(n) for n in range(1, 101)], 0.9) == 90.0


def test_one_account_of_the_shops_own_makes_it_no_custody() -> None:
    assert custody_kind(set()) == "none"
    assert custody_kind({"custody"}) == "custody"
    assert custody_kind({"custody", "self"}) == custody_kind({"self"}) == "self"
