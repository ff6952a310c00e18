"""Counting attempts, so that nobody tries a list of passwords at a door."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Final

_WATCHED_MAX: Final = 10_000


class Limiter:
    """At most `count` attempts per key in `seconds` real seconds, in this process; old keys are forgotten."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def attempt(self, key: str) -> bool:
        """Count one attempt; False when there were too many."""
        now = time.monotonic()
        times = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while times and times[0] < now - self._seconds:
            times.popleft()
        if len(self._seen) > _WATCHED_MAX:
            self._seen.popitem(last=False)
        if len(times) >= self._count:
            return False
        times.append(now)
        return True
