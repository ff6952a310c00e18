"""When to ask a supplier again about an attempt that is not final. Seconds of the passed-in clock."""

from datetime import datetime, timedelta

POLL_S = (3, 5, 10, 15, 30, 60)
SLOW_POLL_S = 600
LATE_MAX_S = (
    96 * 3600
)  # after the promised time: the buyer's choice and a person's day; then a person is next
WATCH_MAX_S = 72 * 3600
# After the last word a success may be taken back and a refusal may be none (F19): when we ask again by ourselves.
WATCH_S = (600, 3600, 6 * 3600, 24 * 3600, 72 * 3600)
# While our balance at a supplier is short (F10): how long between two looks at it.
PREFUND_ASK_S = (30, 60, 120, 300)
# While everybody who could supply an order is closed (R20): how long between two looks, at most.
HELD_LOOK_S = 60
# Our balance at a supplier that does not answer is asked for this often, else at the pace of the settings.
DOWN_ASK_S = 30


def next_poll(asked: int, deadline_at: datetime, now: datetime, actor: str = "supplier") -> datetime:
    """The next question, never after the deadline: backing off to a minute while it is the supplier's turn, every
    ten minutes while it is the shop's (the promised time is over), once at the end of a person's time.
    """
    if actor == "person":
        return deadline_at
    wait_s = POLL_S[min(asked, len(POLL_S) - 1)] if actor == "supplier" else SLOW_POLL_S
    return min(now + timedelta(seconds=wait_s), deadline_at)


def next_watch(finished_at: datetime, now: datetime) -> datetime | None:
    """The next question after the last word; None when the window is over."""
    times = (finished_at + timedelta(seconds=after) for after in WATCH_S)
    return next((at for at in times if at > now), None)


def next_prefund(looked: int, now: datetime) -> datetime:
    """The next look at a balance that was short."""
    return now + timedelta(seconds=PREFUND_ASK_S[min(looked, len(PREFUND_ASK_S) - 1)])


def next_look(until: datetime | None, now: datetime) -> datetime:
    """The next look whether somebody can supply it: at the window's end, if that is sooner."""
    at = now + timedelta(seconds=HELD_LOOK_S)
    return min(at, until) if until is not None and until > now else at
