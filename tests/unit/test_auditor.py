"""The outside auditor agrees with sound books and catches what is planted in them."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.books import Report, Row, audit

PRICE, COST, PREFUND = 10_000, 9_850, 100_000


def books(*, charged: int = COST, credited: int = 0, balance: int = PREFUND - COST) -> dict[str, Any]:
    order = {"customer_order_no": "OaT1", "charged_fen": charged, "credited_fen": credited}
    return {
        "alipay": {"merchant_balance_fen": PRICE - COST},
        "fulu": {"balance_fen": balance, "orders": [order], "topups": {"138|Oa": 1}, "topups_reversed": {}},
    }


def ledger(place: str = "supplier.settled", attempt: int = 1) -> list[Row]:
    return [
        Row("CAPITAL-fulu", "supplier.free", "fulu", "F", PREFUND),
        Row("CAPITAL-fulu", "source.capital", "", "F", -PREFUND),
        Row("Oa", "supplier.free", "fulu", "F", -COST),
        Row("Oa", place, f"fulu#{attempt}", "o", COST),
        Row("Oa", "channel", "alipay", "o", PRICE - COST),
    ]


def lost(told: dict[str, Any], rows: list[Row]) -> int:
    return audit(told, rows).lost_fen


@pytest.mark.parametrize("place", ["supplier.reserved", "supplier.settled"])
def test_sound_books_agree(place: str) -> None:
    assert audit(books(), ledger(place)) == Report((), 0)


def test_a_reservation_that_was_never_charged_is_not_lost() -> None:
    told = books(balance=PREFUND)
    told["fulu"]["orders"] = []
    assert lost(told, ledger("supplier.reserved")) == 0
    assert lost(books(credited=COST, balance=PREFUND), ledger("supplier.reserved")) == 0


def test_money_settled_without_a_charge_is_found() -> None:
    told = books(balance=PREFUND)
    told["fulu"]["orders"] = []
    assert lost(told, ledger("supplier.settled")) >= COST


@pytest.mark.parametrize("index", [0, 2, 3, 4])
@pytest.mark.parametrize("fen", [-1, 1, 250])
def test_a_planted_loss_is_found_to_the_fen(index: int, fen: int) -> None:
    rows = ledger()
    rows[index] = rows[index]._replace(amount=rows[index].amount + fen)
    assert lost(books(), rows) == abs(fen)


def test_losses_that_cancel_out_are_both_found() -> None:
    rows = [*ledger(), Row("Ob", "channel", "alipay", "o", 70), Row("Ob", "supplier.free", "fulu", "F", -70)]
    assert lost(books(), rows) == 140


def test_a_charge_booked_on_another_attempt_is_found() -> None:
    assert lost(books(), ledger(attempt=2)) == 2 * COST


def test_double_topups_are_counted_unless_reversed() -> None:
    told = books()
    told["fulu"]["topups"] = {"138|Oa": 3, "139|Ob": 1}
    assert audit(told, ledger()).double_topups == 2
    told["fulu"]["topups_reversed"] = {"138|Oa": 2}
    assert audit(told, ledger()).double_topups == 0
