"""When to ask a supplier again about an attempt that is not final. Seconds of the passed-in clock."""

from datetime import datetime, timedelta

POLL_S = (3, 5, 10, 15, 30, 60)
SLOW_POLL_S = 600


def next_poll(asked: int, deadline_at: datetime, now: datetime) -> datetime:
    """The next question: backing off to a minute, every ten minutes once the promised time is over."""
    if now >= deadline_at:
        return now + timedelta(seconds=SLOW_POLL_S)
    wait = timedelta(seconds=POLL_S[min(asked, len(POLL_S) - 1)])
    return min(now + wait, deadline_at)
