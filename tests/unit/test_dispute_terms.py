"""Terms of disputes as data: shorter by the shop's own setting, never longer; the authority's in working days (R34, R43)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mingzhang.disputes import states
from mingzhang.disputes.policy import read_policy, terms
from mingzhang.kit.errors import Problem

FRIDAY = datetime(
    2026, 9, 25, 2, 0, tzinfo=UTC
)  # the working days after it are those of the State Council's calendar


def test_a_setting_makes_terms_shorter_and_the_policy_stricter() -> None:
    policy = read_policy("first=2, solution=12,final=48,at_solution=refund")
    by = terms(policy, FRIDAY, "buyer")
    assert (by.first_by, by.solution_by, by.final_by, by.outside_by) == (
        FRIDAY + timedelta(hours=2),
        FRIDAY + timedelta(hours=12),
        FRIDAY + timedelta(hours=48),
        None,
    )
    assert policy.breach["solution"] == "refund"


@pytest.mark.parametrize(
    "wrong",
    ["solution=25", "final=73", "first=0", "first=20,solution=10", "second=1", "at_final=nothing", "final"],
)
def test_what_the_promise_does_not_allow_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(Problem, match="settings_invalid"):
        read_policy(wrong)


def test_the_other_sides_term_is_its_own() -> None:
    policy = read_policy()
    assert terms(policy, FRIDAY, "channel", "wechat").outside_by == FRIDAY + timedelta(hours=72)
    assert terms(policy, FRIDAY, "channel", "new").outside_by == FRIDAY + timedelta(hours=72)
    named = FRIDAY + timedelta(hours=5)
    assert terms(policy, FRIDAY, "channel", "wechat", named).outside_by == named
    until = terms(policy, FRIDAY, "regulator").outside_by
    assert until is not None
    # Seven working days, the holidays of October between them.
    assert until > FRIDAY + timedelta(days=9)


def test_every_state_is_reached_and_every_viewer_reads_whose_turn_it_is() -> None:
    reached = set().union(*states.TRANSITIONS.values())
    assert reached == set(states.TRANSITIONS) == set(states.MEANING)
    assert (
        states.turn_of("offered", "buyer", "buyer") == states.turn_of("open", "shop", "shop") == "your_turn"
    )
    assert states.turn_of("offered", "buyer", "shop") == states.turn_of("open", "person", "buyer") == "theirs"
    assert states.turn_of("remedy", "channel", "shop") == "outside"
    assert states.turn_of("closed", "", "buyer") == "closed"
    for wrong in ("M1", "M0002RZD5DBNOEOJIZZD", "D1", "M0002RZD5DBNOEOJIZZDx"):
        with pytest.raises(Problem, match="unknown_dispute"):
            states.read_number(wrong)
