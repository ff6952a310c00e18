"""Counters for Prometheus: how much came in and how it ended. No order numbers, no accounts, no names."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

MEDIA_TYPE: Final = "text/plain; version=0.0.4"
REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "mingzhang_http_requests", "Requests answered", ("area", "method", "status"), registry=REGISTRY
)
SECONDS = Histogram(
    "mingzhang_http_seconds", "Real seconds until the answer was ready", ("area",), registry=REGISTRY
)
LOOKS = Counter(
    "mingzhang_worker_looks", "Looks for due rows: done, database_away", ("outcome",), registry=REGISTRY
)
ROWS = Counter("mingzhang_worker_rows", "Due rows and facts taken", registry=REGISTRY)
VISITS = Counter(
    "mingzhang_worker_visits", "Visits to due rows: done, refused, failed", ("outcome",), registry=REGISTRY
)
_AREAS = frozenset({"api", "demo", "find", "hooks", "orders", "products", "staff", "static"})


def area_of(path: str) -> str:
    """The first part of a path, from a closed list: a stranger's path must not make a new time series."""
    first = path.strip("/").partition("/")[0]
    return first if first in _AREAS else "other"


def exposition() -> bytes:
    """Everything counted so far, in the text format."""
    return generate_latest(REGISTRY)
