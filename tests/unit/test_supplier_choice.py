"""Who supplies an order: scores, closures, runway, and the choice that is stored. Pure functions only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mingzhang.catalogue.pauses import Pause
from mingzhang.fulfilment.closures import Outlook, closed_to_sale, closed_to_sending, next_window
from mingzhang.fulfilment.figures import (
    Figure,
    Prefund,
    Standing,
    figures_of,
    runway,
    spending,
    standing_of,
)
from mingzhang.fulfilment.routing import Option, choose, told
from mingzhang.fulfilment.scoring import WEIGHTS, as_stored, scores
from mingzhang.kit.ids import attempt_number, first_order_id, new_order_id

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def option(name: str, cost: int = 9_800) -> Option:
    return Option(supplier=name, supplier_product=f"{name}-1", cost_fen=cost)


def figure(name: str, n: int, succeeded: int, median_s: int = 10) -> tuple[tuple[str, str], Figure]:
    made = Figure(
        supplier=name,
        supplier_product=f"{name}-1",
        n=n,
        succeeded=succeeded,
        median_s=median_s,
        since=NOW,
    )
    return (name, f"{name}-1"), made


def pause(
    scope: str, name: str, cause: str = "maintenance", starts: datetime = NOW, ends: datetime | None = None
) -> Pause:
    return Pause(
        pause_id="x",
        scope=scope,
        name=name,
        cause=cause,
        note="",
        starts_at=starts,
        ends_at=ends,
        made_by="z",
        made_at=NOW,
    )


def best(
    options: list[Option], figures: dict[tuple[str, str], Figure], prefunds: dict[str, Prefund] | None = None
) -> str:
    def score(fit: Any) -> list[dict[str, Any]]:
        return as_stored(
            scores(fit, price_fen=10_000, promise_s=900, figures=figures, prefunds=prefunds or {})
        )

    names = [each.supplier for each in options]
    choice = choose(options, [], connected=names, price_fen=10_000, score=score)
    assert choice.option is not None
    assert [each["supplier"] for each in choice.scores] == names
    for each in choice.scores:
        assert each["total"] == sum(WEIGHTS[part] * each[part] for part in WEIGHTS) // 100
        assert all(0 <= each[part] <= 1000 for part in WEIGHTS)
    assert told("scored", None, "", choice)["scores"] == list(choice.scores)
    return choice.option.supplier


def test_scores_weigh_cost_success_time_and_prefund_and_equals_keep_their_order() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert best([option("a"), option("b")], {}) == "a"
    assert best([option("a", 9_900), option("b", 9_700)], {}) == "b"
    assert best([option("a"), option("b")], dict([figure("a", 100, 80), figure("b", 100, 99)])) == "b"
    assert best([option("a"), option("b")], dict([figure("a", 50, 50, 600), figure("b", 50, 50, 5)])) == "b"
    # A cent in a hundred does not buy a supplier that fails every fifth time.
    assert (
        best([option("a", 9_790), option("b", 9_800)], dict([figure("a", 99, 79), figure("b", 99, 99)]))
        == "b"
    )
    short = Prefund(supplier="a", standing="low", free_fen=1, runway_s=600, known_at=NOW)
    assert best([option("a"), option("b")], {}, {"a": short}) == "b"


def test_ordered_takes_the_first_that_is_neither_tried_closed_nor_too_dear() -> None:
    options = [option("a"), option("b"), option("c", 10_001), option("d")]
    choice = choose(
        options,
        [],
        connected=["a", "b", "c", "d"],
        price_fen=10_000,
        closed=lambda it: "maintenance" if it.supplier in "ab" else "",
    )
    assert choice.option == option("d")
    assert [each["why"] for each in choice.passed] == ["maintenance", "maintenance", "cost_above_price"]
    with_rule = choose(options[2:], [], connected=["c", "d"], price_fen=10_001)
    assert with_rule.option == options[2]


@pytest.mark.parametrize(
    ("entry", "sends", "sells"),
    [
        (pause("supplier", "a"), False, False),
        (pause("supplier", "a", "paused"), False, False),
        (pause("supplier", "b"), True, True),
        (pause("product", "p"), False, False),
        (pause("product", "p", "paused"), True, False),
        (pause("product", "q"), True, True),
        (pause("supplier", "a", starts=NOW + HOUR), True, True),
        (pause("supplier", "a", starts=NOW - HOUR, ends=NOW), True, True),
    ],
)
def test_the_calendar_closes_sending_and_selling(entry: Pause, sends: bool, sells: bool) -> None:
    look = Outlook(now=NOW, pauses=[entry])
    assert (closed_to_sending(option("a"), "p", look) is None) == sends
    assert (closed_to_sale([option("a")], "p", look) is None) == sells


def test_a_product_is_sold_while_anybody_can_supply_it() -> None:
    ends = NOW + HOUR
    look = Outlook(now=NOW, pauses=[pause("supplier", "a", ends=ends)], down={"b"})
    assert closed_to_sale([option("a"), option("b"), option("c")], "p", look) is None
    closed = closed_to_sale([option("b"), option("a")], "p", look)
    assert closed is not None
    assert (closed.why, closed.until) == ("maintenance", ends)
    stop = Prefund(supplier="c", standing="stop", free_fen=50_000)
    little = Prefund(supplier="c", standing="fine", free_fen=9_799)
    for prefund in (stop, little):
        told_of = Outlook(now=NOW, prefunds={"c": prefund})
        shut = closed_to_sale([option("c")], "p", told_of)
        assert shut is not None
        assert shut.why == "prefund"
        assert closed_to_sending(option("c"), "p", told_of) is None  # what is paid may still be sent
    coming = pause("supplier", "a", starts=NOW + HOUR, ends=NOW + 2 * HOUR)
    assert next_window({"a"}, "p", Outlook(now=NOW, pauses=[coming])) == coming
    assert next_window({"a", "b"}, "p", Outlook(now=NOW, pauses=[coming])) is None


def test_runway_and_figures_out_of_a_sample_of_attempts() -> None:
    def row(state: str, minutes: int, took_s: int | None = None, cost: int = 1_000) -> dict[str, Any]:
        sent = NOW - timedelta(minutes=minutes)
        return {
            "supplier": "a",
            "supplier_product": "a-1",
            "state": state,
            "cost_fen": cost,
            "planned_at": sent,
            "sent_at": sent,
            "finished_at": sent + timedelta(seconds=took_s) if took_s is not None else None,
        }

    rows = [row("succeeded", 120, 4), row("succeeded", 60, 8), row("refused", 30, 1), row("unknown", 10)]
    (found,) = figures_of(rows)
    assert (found.n, found.succeeded, found.median_s) == (3, 2, 6)
    spent_fen, spent_s = spending(rows, "a", NOW)
    assert (spent_fen, spent_s) == (3_000, 7_200)
    assert runway(6_000, spent_fen, spent_s) == 14_400
    assert runway(6_000, 0, 3_600) is None
    assert standing_of(0, None, alarm_h=24, stop_h=1) is Standing.STOP
    assert standing_of(9, None, alarm_h=24, stop_h=1) is Standing.FINE
    assert standing_of(9, 3_599, alarm_h=24, stop_h=1) is Standing.STOP
    assert standing_of(9, 3_600, alarm_h=24, stop_h=1) is Standing.LOW
    assert standing_of(9, 86_400, alarm_h=24, stop_h=1) is Standing.FINE


def test_a_range_of_numbers_begins_where_a_time_does() -> None:
    from random import Random

    rng = Random(5)
    before, after = (new_order_id(7, NOW + step, rng) for step in (-timedelta(milliseconds=1), timedelta()))
    assert attempt_number(before, 1) < first_order_id(7, NOW) <= attempt_number(after, 1)
