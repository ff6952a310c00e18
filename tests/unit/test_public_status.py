"""The dead man's rule (R29): silence is the alarm, and a shop that winds down sells nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mingzhang.app.public_status import Limits, Signs, judge
from mingzhang.catalogue.pauses import CLOSING, EVERYTHING, SHOP, Pause
from mingzhang.fulfilment.closures import Outlook, closed_to_sale
from mingzhang.fulfilment.routing import Option
from mingzhang.kit.errors import Problem
from mingzhang.shop.wind_down import NOTICE, check_date

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LIMITS = Limits(worker_s=600, sweeps_s=3600, staff_s=72 * 3600)


def seen(**ago_s: float) -> Signs:
    at = {name: NOW - timedelta(seconds=s) for name, s in ago_s.items()}
    return Signs(
        looked_at=at.get("looked"),
        short_since=at.get("short"),
        swept_at=at.get("swept"),
        staff_at=at.get("staff"),
    )


@pytest.mark.parametrize(
    ("signs", "bad"),
    [
        (seen(looked=600, swept=3600, staff=72 * 3600), set()),
        (seen(looked=601, swept=1, staff=1), {"worker"}),
        (seen(looked=1, swept=3601, staff=1), {"sweeps"}),
        (seen(looked=1, staff=72 * 3600 + 1), {"staff"}),
        (seen(looked=1, staff=1, short=1), {"coverage"}),
        (seen(), {"worker", "staff"}),  # never seen; a channel without a list is passed over by nobody
    ],
)
def test_r29_each_sign_has_its_limit_to_the_second(signs: Signs, bad: set[str]) -> None:
    assert {one.code for one in judge(signs, LIMITS, NOW) if not one.ok} == bad


def test_a_shop_that_winds_down_sells_nothing_and_still_sends_what_is_paid() -> None:
    pause = Pause(
        pause_id="P",
        scope=SHOP,
        name=EVERYTHING,
        cause=CLOSING,
        note="",
        starts_at=NOW,
        ends_at=None,
        made_by="bob",
        made_at=NOW,
    )
    option = Option(supplier="fulu", supplier_product="x", cost_fen=1)
    closure = closed_to_sale([option], "any", Outlook(now=NOW, pauses=(pause,)))
    assert closure is not None
    assert (closure.why, closure.until) == (CLOSING, None)
    before = Outlook(now=NOW - timedelta(seconds=1), pauses=(pause,))
    assert closed_to_sale([option], "any", before) is None


@pytest.mark.parametrize("ahead", [NOTICE - timedelta(seconds=1), timedelta(days=367)])
def test_thirty_days_of_notice_and_no_less(ahead: timedelta) -> None:
    check_date(NOW + NOTICE, NOW)
    with pytest.raises(Problem, match="notice_too_short"):
        check_date(NOW + ahead, NOW)
