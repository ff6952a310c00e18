"""Which supplier is next: an ordered list or the best score, and only before the first sending or after a positive
refusal that another one may mend.

Pure. Unknown is no refusal and routes nothing. What no other supplier can mend (a wrong or banned account, a
wrong region) ends in a refund at once. Each choice is stored with its attempt.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from mingzhang.fulfilment.store import Attempt
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.kit.vocabulary import Mend, mended_by

ATTEMPTS_MAX: Final = 20
CORRECTED: Final = "corrected"  # why an attempt was made: its buyer corrected the account (R19)
MENDABLE: Final = mended_by(Mend.FAILOVER) | {Reason.PREFUND_SHORT}
"""Reasons that lie with the supplier or with us there, and not with the buyer's account."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One supplier of an order. ``cost_fen``: for all units."""

    supplier: str
    supplier_product: str
    cost_fen: int


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The next option, None when the list is exhausted; ``passed``: who was passed over, and why.

    ``scores``: the parts of each score, where scores decided.
    """

    option: Option | None
    passed: tuple[dict[str, str], ...] = ()
    scores: tuple[dict[str, Any], ...] = ()


Scorer = Callable[[Sequence[Option]], list[dict[str, Any]]]
"""A score (``total`` and its parts) for each of the options that are fit."""


def _open(option: Option) -> str:
    _ = option
    return ""


def choose(
    options: Sequence[Option],
    before: Sequence[Attempt],
    *,
    connected: Collection[str],
    price_fen: int,
    closed: Callable[[Option], str] = _open,
    score: Scorer | None = None,
) -> Choice:
    """Of those not tried, connected, not closed now and no dearer than `price_fen`: the best, or the first in order.

    `price_fen`: what the buyer paid, and the loss that a rule allows beyond it. Equal scores: the first in order.
    """
    tried = {(attempt.supplier, attempt.supplier_product) for attempt in before}
    passed: list[dict[str, str]] = []
    fit: list[Option] = []
    for option in options:
        why = ""
        if (option.supplier, option.supplier_product) in tried:
            why = "tried"
        elif option.supplier not in connected:
            why = "not_connected"
        elif option.cost_fen > price_fen:
            why = "cost_above_price"
        else:
            why = closed(option)
        if why:
            passed.append({"supplier": option.supplier, "why": why})
        elif score is None:
            return Choice(option=option, passed=tuple(passed))
        else:
            fit.append(option)
    if score is None or not fit:
        return Choice(option=None, passed=tuple(passed))
    found = score(fit)
    best = max(range(len(fit)), key=lambda at: (found[at]["total"], -at))
    return Choice(option=fit[best], passed=tuple(passed), scores=tuple(found))


def since_correction(before: Sequence[Attempt]) -> list[Attempt]:
    """The attempts with the present account: what refused another one may take this."""
    begun = max((attempt.n for attempt in before if attempt.choice.get("why") == CORRECTED), default=0)
    return [attempt for attempt in before if attempt.n >= begun]


def short_of_prefund(before: Sequence[Attempt]) -> Attempt | None:
    """The first attempt that only our own balance stopped: money mends it (F10)."""
    short = [
        attempt for attempt in before if attempt.state == "refused" and attempt.reason == Reason.PREFUND_SHORT
    ]
    return min(short, key=lambda attempt: attempt.n) if short else None


def told(why: str, after: Attempt | None, reason: str, choice: Choice) -> dict[str, Any]:
    """The choice as it is stored with the attempt."""
    stored: dict[str, Any] = {"why": why}
    if after is not None:
        stored["after"] = after.attempt_no
    stored |= {"reason": reason, "passed": list(choice.passed)}
    return stored | {"scores": list(choice.scores)} if choice.scores else stored
