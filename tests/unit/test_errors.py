from __future__ import annotations

import pickle

import pytest

from mingzhang.kit.errors import Kind, Problem


def test_problem_carries_code_kind_detail_and_params() -> None:
    problem = Problem("amount_invalid", Kind.INVALID, "too big", {"max_fen": 100})
    assert (problem.code, problem.kind, problem.detail) == ("amount_invalid", "invalid", "too big")
    assert problem.params == {"max_fen": 100}
    assert str(problem) == "amount_invalid: too big"
    assert str(Problem("gone_now", Kind.GONE)) == "gone_now"


def test_problem_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(Problem("a_b", Kind.CONFLICT, "d", {"n": 1})))
    assert (copy.code, copy.kind, copy.detail, copy.params) == ("a_b", Kind.CONFLICT, "d", {"n": 1})


@pytest.mark.parametrize("code", ["", "Not Snake", "a__b", "_a", "a_", "camelCase", "a-b", "a\n"])
def test_codes_are_snake_case(code: str) -> None:
    with pytest.raises(ValueError, match="snake_case"):
        Problem(code, Kind.INVALID)
