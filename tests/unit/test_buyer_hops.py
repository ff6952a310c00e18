"""The money's way as the buyer sees it: whole, hop by hop, and never cost, fee or margin (ledger.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from test_postings import Book

from mingzhang.app.reading_buyer import estimate_changes
from mingzhang.app.reading_money import follow
from mingzhang.ledger.places import Account
from mingzhang.ledger.store import Step
from mingzhang.orders.typical import Typical
from mingzhang.web.model import TimelineItem

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
PRICE = 1000
ALI = ("channel", "ali")


class Watched(Book):
    """A book that keeps what was booked as steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def apply(self, posting: Any) -> Any:
        n = len(self.steps)
        legs = tuple((Account(leg.place, leg.party, leg.owner), leg.amount_fen) for leg in posting.legs)
        self.steps.append(Step(n, NOON + timedelta(minutes=n), f"e{n}", legs))
        return super().apply(posting)

    def hops(self) -> list[tuple[str, str, int]]:
        return [(hop.from_place, hop.place, hop.amount_fen) for hop in follow(self.steps, PRICE, {})]


def paid_and_sent(cost_fen: int = 970) -> Watched:
    book = Watched()
    book.post("paid", channel="ali", amount_fen=PRICE)
    book.post("dispatched", supplier="fulu", attempt=1, cost_fen=cost_fen, expected_fee_fen=6)
    return book


def test_the_ordinary_way_has_three_hops_of_the_whole_price() -> None:
    book = paid_and_sent()
    book.post("supplier_succeeded", supplier="fulu", attempt=1, actual_cost_fen=970)
    book.post("channel_settled", channel="ali", fee_fen=6, net_fen=994)
    assert book.hops() == [
        ("", "channel", PRICE),
        ("channel", "supplier.reserved", PRICE),
        ("supplier.reserved", "supplier.settled", PRICE),
    ]


def test_a_refusal_leads_back_and_home_and_a_part_stays_a_part() -> None:
    book = paid_and_sent()
    book.post("supplier_gave_back", supplier="fulu", attempt=1, amount_fen=970)
    book.post("refund_asked", at=ALI, amount_fen=400, price_fen=PRICE, float_at_fen=0)
    book.post("refund_accepted", party="ali", amount_fen=400)
    assert book.hops() == [
        ("", "channel", PRICE),
        ("channel", "supplier.reserved", PRICE),
        ("supplier.reserved", "channel", PRICE),
        ("channel", "refunding", 400),
        ("refunding", "refund.transit", 400),
    ]


class Then:
    """What was known when the order was placed."""

    def __init__(self, typical: Typical) -> None:
        self.typical = typical

    async def as_of(self, *_: object) -> Typical:
        return self.typical


def order(state: str = "supplying") -> Any:
    return SimpleNamespace(state=state, paid_at=NOON, placed_at=NOON, promise_s=900, product_id="phone-100")


def event(kind: str, minutes: int) -> TimelineItem:
    return TimelineItem(seq=minutes, kind=kind, at=NOON + timedelta(minutes=minutes), params={})


@pytest.mark.parametrize(
    ("then", "now", "kinds", "why"),
    [
        (Typical(20, 60, 40), Typical(50, 240, 80), (), ["slower"]),
        (Typical(50, 240, 40), Typical(20, 60, 80), (), ["faster"]),
        (Typical(20, 60, 40), Typical(50, 240, 80), ("rerouted",), ["rerouted"]),
        (Typical(20, 60, 40), Typical(22, 66, 80), (), []),  # a tenth more is no news
        (Typical(20, 60, 4), Typical(50, 240, 80), (), []),  # too few to have said anything
        (Typical(None, None, 0), Typical(50, 240, 80), (), []),
        (Typical(20, 60, 40), Typical(20, 60, 40), ("buyer_chose_wait",), ["chose_wait"]),
    ],
)
async def test_a_changed_estimate_says_what_and_why(
    then: Typical, now: Typical, kinds: tuple[str, ...], why: list[str]
) -> None:
    timeline = [event(kind, 20) for kind in kinds]
    times: Any = Then(then)
    conn: Any = None
    found = await estimate_changes(conn, times, order(), timeline, now)
    assert [each.why for each in found] == why
    if why == ["chose_wait"]:
        assert (found[0].old_at, found[0].new_at) == (
            NOON + timedelta(minutes=15),
            NOON + timedelta(minutes=35),
        )
    assert await estimate_changes(conn, times, order("delivered"), timeline, now) == ()
