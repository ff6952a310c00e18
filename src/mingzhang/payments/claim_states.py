"""The life of a claim (已付款,订单未更新): what it may turn into, when the channel is asked, when a person is next (R26)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "asking": frozenset({"waiting", "person", "found", "answered"}),
    "waiting": frozenset({"person", "found", "answered"}),
    "person": frozenset({"found", "answered"}),
    "found": frozenset(),
    "answered": frozenset(),
}
MEANING: Final[dict[str, str]] = {
    "asking": "on record; the channel is asked at once",
    "waiting": "the channel knows no such payment of this order yet, or did not answer; it is asked again",
    "person": "the last question is over without a finding: a person must answer",
    "found": "the payment was found and the order goes on, or what came is put aside for it",
    "answered": "a member of staff answered; the answer stands on the order's page",
}
OPEN: Final = frozenset({"asking", "waiting", "person"})
# What a member of staff may answer: none marks anything paid, and none tells of other orders.
ANSWERS: Final = ("no_payment", "back_at_bank", "handled")

# Seconds after the claim at which the channel is asked; the longest waits are those of a bank (1–2 h, T+1, R25).
ASK_S: Final = (0, 5, 30, 120, 600, 3600, 7200, 86_400)
SEEN_S: Final = 2  # the channel said paid: a look at whether it was booked
SEEN_MAX: Final = 30  # so many questions at most before such looks end: after that at the times above
SEARCH_MAX_S: Final = 86_400
PERSON_MAX_S: Final = 24 * 3600

# Repeats and guesses: so many different claims an order and day, and so long until the same one asks again.
CLAIMS_MAX: Final = 5
CLAIMS_PERIOD: Final = timedelta(hours=24)
REPEAT_S: Final = 60


def next_ask(made_at: datetime, now: datetime) -> datetime | None:
    """When the channel is asked next, or None after the last question."""
    for wait in ASK_S:
        at = made_at + timedelta(seconds=wait)
        if at > now:
            return at
    return None
