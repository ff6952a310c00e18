"""Whether a supplier's balance proves that top-ups arrived: by the figures alone (row 2)."""

from __future__ import annotations

import pytest

from mingzhang.custody.arrivals import Arrival, Held, judge

FREE, TOPUP = 50_000, 10_000


def held(reserved: int = 0, doubtful: int = 0, *under_way: int, free: int = FREE) -> Held:
    return Held(free_fen=free, reserved_fen=reserved, doubtful_fen=doubtful, under_way=under_way or (TOPUP,))


@pytest.mark.parametrize(
    ("balance", "stands", "said"),
    [
        (FREE + TOPUP, held(), Arrival.SURE),
        (FREE + TOPUP - 1, held(), Arrival.NOT_SHOWN),
        # An order whose charge is in doubt cannot stand for a larger top-up, and can for a smaller one.
        (FREE + TOPUP, held(9_999, 9_999), Arrival.SURE),
        (FREE + TOPUP, held(10_000, 10_000), Arrival.NOT_SHOWN),
        (FREE + TOPUP + 10_000, held(10_000, 10_000), Arrival.SURE),
        # Orders that the supplier has in process are charged, as far as we heard.
        (FREE + TOPUP, held(400_000, 0), Arrival.LIKELY),
        (FREE + TOPUP, held(400_000, 10_000), Arrival.NOT_SHOWN),
        # Of two on their way one stands there: nobody can say which.
        (FREE + TOPUP, held(0, 0, TOPUP, TOPUP), Arrival.NOT_SHOWN),
        (FREE + 2 * TOPUP, held(0, 0, TOPUP, TOPUP), Arrival.SURE),
        (FREE + 2 * TOPUP, held(TOPUP, 0, TOPUP, TOPUP), Arrival.LIKELY),
    ],
)
def test_only_more_than_all_else_proves_an_arrival(balance: int, stands: Held, said: Arrival) -> None:
    assert judge(balance, stands, stands) is said


def test_what_moves_during_the_question_is_no_arrival() -> None:
    """An order of 10,000 fen that begins after the answer lowers what is free, and the balance does not show it."""
    begun = held(TOPUP, TOPUP, free=FREE - TOPUP)
    assert judge(FREE, held(), begun) is Arrival.NOT_SHOWN
    assert judge(FREE, begun, begun) is Arrival.NOT_SHOWN
    assert judge(FREE + TOPUP, held(), begun) is Arrival.SURE
