"""Counters for Prometheus: how much came in and how it ended. No order numbers, no accounts, no names."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

MEDIA_TYPE: Final = "text/plain; version=0.0.4"
SECONDS_UP_TO: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_AREAS = frozenset({"api", "demo", "find", "hooks", "orders", "pictures", "products", "staff", "static"})


class Answered(Collector):
    """Requests and how long their answers took to begin. Counts in plain dictionaries, because every request pays.

    For one thread: the loop that answers.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._laps: dict[str, list[int]] = defaultdict(lambda: [0] * (len(SECONDS_UP_TO) + 1))
        self._seconds: dict[str, float] = defaultdict(float)

    def count(self, area: str, method: str, status: int, seconds: float) -> None:
        """One answer; `area` and `method` come from closed lists."""
        self._requests[area, method, status] += 1
        self._laps[area][bisect_left(SECONDS_UP_TO, seconds)] += 1
        self._seconds[area] += seconds

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """What Prometheus reads."""
        requests = CounterMetricFamily(
            "mingzhang_http_requests", "Requests answered", labels=("area", "method", "status")
        )
        for (area, method, status), count in self._requests.items():
            requests.add_metric((area, method, str(status)), count)
        yield requests
        took = HistogramMetricFamily(
            "mingzhang_http_seconds", "Real seconds until the answer was ready", labels=("area",)
        )
        names = [*(str(limit) for limit in SECONDS_UP_TO), "+Inf"]
        for area, laps in self._laps.items():
            buckets = zip(names, accumulate(laps), strict=True)
            took.add_metric((area,), list(buckets), self._seconds[area])
        yield took


REGISTRY = CollectorRegistry()
ANSWERED = Answered()
REGISTRY.register(ANSWERED)
LOGGED = Counter("mingzhang_log_entries", "Entries appended to the public record", registry=REGISTRY)
LOG_LAG = Gauge(
    "mingzhang_log_lag_seconds",
    "From a change to the signed state with it, the oldest of the last round",
    registry=REGISTRY,
)
LOOKS = Counter(
    "mingzhang_worker_looks", "Looks for due rows: done, database_away", ("outcome",), registry=REGISTRY
)
ROWS = Counter("mingzhang_worker_rows", "Due rows and facts taken", registry=REGISTRY)
VISITS = Counter(
    "mingzhang_worker_visits", "Visits to due rows: done, refused, failed", ("outcome",), registry=REGISTRY
)


def area_of(path: str) -> str:
    """The first part of a path, from a closed list: a stranger's path must not make a new time series."""
    first = path.strip("/").partition("/")[0]
    return first if first in _AREAS else "other"


def exposition() -> bytes:
    """Everything counted so far, in the text format."""
    return generate_latest(REGISTRY)
