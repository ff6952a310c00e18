"""When to ask the channel about a payment that is not final (R10, F1, F2). Seconds of the passed-in clock."""

from datetime import datetime, timedelta

# Soon after creation, then backing off until the payment window ends …
BEFORE_EXPIRY_S = (5, 10, 15, 30, 60, 120)
# … and on after it ended, because a buyer can still pay a closed trade.
AFTER_EXPIRY_S = (30, 120, 600, 3600, 6 * 3600, 24 * 3600)
UNANSWERED_S = 300  # after expiry, when the channel gave no answer
ASK_MAX_S = 72 * 3600  # after expiry, or after somebody had it asked again: then a person is next
CONFIRM_S = (15, 30, 60, 300, 900)
CONFIRM_MAX_S = 24 * 3600  # after the payment: then a person is next

# What the channel denied is asked about on, ever more slowly, from the denial on, for `ASK_MAX_S`; then a person is next.
DENIED_S = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)


def next_denied(since: datetime, now: datetime) -> datetime:
    """When a trade that was denied at `since` is asked about next: as long again as it has been denied, bounded."""
    passed = (now - since).total_seconds()
    wait = next((wait for wait in DENIED_S if wait > passed / 2), DENIED_S[-1])
    return now + timedelta(seconds=wait)


def next_question(asked: int, expires_at: datetime, now: datetime) -> datetime | None:
    """The next time to ask, or None when the last question after expiry has been asked."""
    if now < expires_at:
        wait = BEFORE_EXPIRY_S[min(asked, len(BEFORE_EXPIRY_S) - 1)]
        return min(now + timedelta(seconds=wait), expires_at)
    for wait in AFTER_EXPIRY_S:
        at = expires_at + timedelta(seconds=wait)
        if at > now:
            return at
    return None


# A trade that a notify told of: asked about at once, then backing off; then it is believed no more until told again.
HINT_S = (2, 5, 10, 30, 60, 300, 900, 3600)
HINT_DENIALS_MAX = 4
HINT_MAX_S = 6 * 3600

# The pass over a channel's own list of paid trades: how far it looks, and how soon again when it failed.
PASS_PAGE = 50
PASS_PAGES_MAX = 40
PASS_KNOWN_PAGES = 2  # so many pages in a row without news end it: the rest was seen before
PASS_RETRY_S = 900
