"""The life of what we do at a channel about a complaint, and how often a complaint is read."""

from __future__ import annotations

from typing import Final

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "intent": frozenset({"sending", "dropped", "sent"}),
    "sending": frozenset({"sent", "refused", "unknown", "intent"}),
    "unknown": frozenset({"sent", "intent", "refused", "dropped"}),
    "sent": frozenset(),
    "refused": frozenset(),
    "dropped": frozenset(),
}
MEANING: Final[dict[str, str]] = {
    "intent": "to be done; its words are on record before the first call",
    "sending": "the call is under way, or a crash cut it off: then it is unknown",
    "unknown": "no answer: looked for in the channel's negotiation, and done again only when it is not there",
    "sent": "the channel took it, or its negotiation shows it",
    "refused": "the channel did not take it: staff see why",
    "dropped": "not needed any more: the complaint is over there",
}

OVER: Final = frozenset({"done", "withdrawn", "not_there"})
READ_S: Final = 600  # an open complaint is read at least so often
CLOSED_READ_S: Final = 6 * 3600  # settled at one end only
RETRY_S: Final = (15, 30, 60, 300, 900, 1800)
LOOK_S: Final = 15  # between two visits that nobody's clock asked for
SURE_AFTER_S: Final = 60  # a negotiation that lacks a reply so long after it was sent never got it
TRIES_MAX: Final = 5
PICTURES_S: Final = 3600  # so long a line waits for its pictures
PASS_S: Final = 900
PASS_RETRY_S: Final = 120
PASS_DAYS: Final = 29
PASS_PAGES_MAX: Final = 40
"""The wire allows thirty days; a complaint older than that and unknown is not found by the list."""
