"""Which supplier is next: an ordered list, and only after a positive refusal that another one may mend.

Pure. Unknown is no refusal and routes nothing. What no other supplier can mend (a wrong or banned account, a
wrong region) ends in a refund at once. Each choice is stored with its attempt.
"""

from collections.abc import Collection, Sequence
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
    """The next option, None when the list is exhausted; ``passed``: who was passed over, and why."""

    option: Option | None
    passed: tuple[dict[str, str], ...] = ()


def choose(
    options: Sequence[Option], before: Sequence[Attempt], *, connected: Collection[str], price_fen: int
) -> Choice:
    """The first option in order that was not tried, is connected, and costs no more than the buyer paid."""
    tried = {(attempt.supplier, attempt.supplier_product) for attempt in before}
    passed: list[dict[str, str]] = []
    for option in options:
        why = ""
        if (option.supplier, option.supplier_product) in tried:
            why = "tried"
        elif option.supplier not in connected:
            why = "not_connected"
        elif option.cost_fen > price_fen:
            why = "cost_above_price"
        if not why:
            return Choice(option=option, passed=tuple(passed))
        passed.append({"supplier": option.supplier, "why": why})
    return Choice(option=None, passed=tuple(passed))


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


def told(why: str, after: Attempt, reason: str, choice: Choice) -> dict[str, Any]:
    """The choice as it is stored with the attempt."""
    return {"why": why, "after": after.attempt_no, "reason": reason, "passed": list(choice.passed)}
