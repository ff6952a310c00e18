"""When orders are placed: by hour of the day and day of the week in Beijing, in a shop that grows a little."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

# Of an average hour, from midnight on: quiet towards morning, a peak at noon, the highest in the evening.
HOURS: Final = (
    *(0.55, 0.35, 0.22, 0.15, 0.12, 0.16, 0.32, 0.60, 0.85, 1.02, 1.12, 1.22),
    *(1.32, 1.18, 1.08, 1.06, 1.08, 1.18, 1.36, 1.60, 1.78, 1.74, 1.42, 0.95),
)
DAYS: Final = (0.94, 0.92, 0.94, 0.98, 1.10, 1.12, 1.02)  # from Monday on
GROWTH: Final = 0.35  # more at the end than at the beginning
BEIJING: Final = timedelta(hours=8)


class Curve:
    """The times of a history that ends at ``ends_at`` (aware, UTC) and lasts so many days."""

    def __init__(self, ends_at: datetime, days: int) -> None:
        hours = days * 24
        self._begins_at = ends_at - timedelta(hours=hours)
        weights = []
        for hour in range(hours):
            local = self._begins_at + timedelta(hours=hour) + BEIJING
            grown = 1 + GROWTH * hour / hours
            weights.append(HOURS[local.hour] * DAYS[local.weekday()] * grown)
        self._sums = list(accumulate(weights))

    def at(self, share: float) -> datetime:
        """The time before which that share (0 to 1) of all orders was placed."""
        wanted = share * self._sums[-1]
        hour = min(bisect_left(self._sums, wanted), len(self._sums) - 1)
        before = self._sums[hour - 1] if hour else 0.0
        part = (wanted - before) / (self._sums[hour] - before)
        return self._begins_at + timedelta(hours=hour + part)
