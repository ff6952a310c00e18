from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit.errors import Problem
from mingzhang.kit.money import FEN_MAX, Money, check_fen, format_yuan, parse_yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [("100.00", 10000), ("0.01", 1), ("0.5", 50), ("88", 8800), ("0", 0), ("10000000000.00", FEN_MAX)],
)
def test_yuan_is_read_into_fen(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "01",
        "1,000",
        "1.001",
        "NaN",
        "１００",
        "1\n",
        "¥1",
        "10000000000.01",
    ]
    + ["99999999999", "0x1", "1_0", "1.0.0"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="amount_invalid"):
        parse_yuan(text)


@given(st.integers(0, FEN_MAX))
def test_format_and_parse_are_inverse(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen


@pytest.mark.parametrize("value", [-1, FEN_MAX + 1, True, 1.0, "1", None])
def test_amounts_are_bounded_integers(value: object) -> None:
    with pytest.raises(Problem, match="amount_invalid"):
        check_fen(value)  # type: ignore[arg-type]


def test_money_adds_and_subtracts_within_one_currency() -> None:
    assert Money(150) + Money(50) == Money(200)
    assert Money(150) - Money(50) == Money(100)
    assert str(Money(15050)) == "150.50 CNY"
    with pytest.raises(Problem, match="amount_invalid"):
        Money(1) - Money(2)
    with pytest.raises(Problem, match="currency_mismatch"):
        Money(1) + Money(1, "USD")
    with pytest.raises(Problem, match="currency_invalid"):
        Money(1, "yuan")
