"""Which supplier is best for an order: a score out of parts, each 0 to 1000, whole numbers only (R14, R20). Pure.

Cost counts most, then how often it succeeds, how fast, and how long our money there lasts. Who has no history is
taken to be as good as most; who is dearer by a twentieth of the price has no points for cost.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from mingzhang.fulfilment.figures import Figure, Prefund
from mingzhang.fulfilment.routing import Option

WEIGHTS: Final[dict[str, int]] = {"cost": 40, "success": 35, "time": 15, "prefund": 10}
"""Percent; they sum to 100."""

FULL: Final = 1000
PRIOR_N: Final = 10
PRIOR_SUCCEEDED: Final = 9
RUNWAY_FULL_S: Final = 24 * 3600
UNKNOWN_PREFUND: Final = 500


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One option's score with its parts, as stored with the attempt. ``n``: the sample behind ``success``."""

    supplier: str
    total: int
    cost: int
    success: int
    time: int
    prefund: int
    n: int


def scores(
    options: Sequence[Option],
    *,
    price_fen: int,
    promise_s: int,
    figures: Mapping[tuple[str, str], Figure],
    prefunds: Mapping[str, Prefund],
) -> list[Score]:
    """A score for each option, in their order. All of the same order: costs are compared with the cheapest."""
    cheapest = min((option.cost_fen for option in options), default=0)
    return [_score(option, cheapest, price_fen, promise_s, figures, prefunds) for option in options]


def _score(
    option: Option,
    cheapest: int,
    price_fen: int,
    promise_s: int,
    figures: Mapping[tuple[str, str], Figure],
    prefunds: Mapping[str, Prefund],
) -> Score:
    figure = figures.get((option.supplier, option.supplier_product))
    n, succeeded = (figure.n, figure.succeeded) if figure else (0, 0)
    rate = (succeeded + PRIOR_SUCCEEDED) * FULL // (n + PRIOR_N)
    median_s = figure.median_s if figure is not None and figure.median_s is not None else promise_s // 4
    parts = {
        "cost": max(0, FULL - (option.cost_fen - cheapest) * 20 * FULL // max(1, price_fen)),
        "success": max(0, FULL - (FULL - rate) * 5),
        "time": promise_s * FULL // max(1, promise_s + 4 * median_s),
        "prefund": _prefund(prefunds.get(option.supplier)),
    }
    total = sum(WEIGHTS[name] * part for name, part in parts.items()) // 100
    return Score(supplier=option.supplier, total=total, n=n, **parts)


def _prefund(prefund: Prefund | None) -> int:
    if prefund is None or prefund.known_at is None:
        return UNKNOWN_PREFUND
    if prefund.runway_s is None:
        return FULL if prefund.free_fen > 0 else 0
    return min(FULL, prefund.runway_s * FULL // RUNWAY_FULL_S)


def as_stored(found: Sequence[Score]) -> list[dict[str, Any]]:
    """The scores as `supply_attempt.choice` keeps them."""
    return [msgspec.structs.asdict(score) for score in found]
