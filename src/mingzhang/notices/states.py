"""The life of a notice: allowed transitions, the retries and their end.

Delivery is at least once. The intent (`sending`, one attempt more) is committed before the call; when the
process dies between the call and the commit of its outcome, the lease runs out and the notice goes out again.
A mail then repeats its Message-ID and a Bark push its id, so that the reader's program can fold the two; the
other channels show it twice.
"""

from datetime import timedelta
from typing import Final

WAITING: Final = "waiting"
SENDING: Final = "sending"
RETRYING: Final = "retrying"
SENT: Final = "sent"
FAILED: Final = "failed"

# From each state the states it may turn into; held again by the statements of store.sql.
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    WAITING: frozenset({SENDING}),
    SENDING: frozenset({SENDING, RETRYING, SENT, FAILED}),  # itself: taken over after a crash
    RETRYING: frozenset({SENDING}),
    SENT: frozenset(),
    FAILED: frozenset({WAITING}),  # a member of staff asks for it again
}

RETRY_S: Final = (10, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
ATTEMPTS_MAX: Final = len(RETRY_S) + 1
RETRY_AFTER_S_MAX: Final = 3600
LIFE: Final = timedelta(hours=24)  # a notice older than this says nothing new: the order's page does


def pause_s(attempts: int, asked_for_s: int = 0) -> int:
    """Seconds (product's clock) until the next attempt after `attempts` of them; the other side may ask for more."""
    return max(RETRY_S[min(attempts, len(RETRY_S)) - 1], min(asked_for_s, RETRY_AFTER_S_MAX))
