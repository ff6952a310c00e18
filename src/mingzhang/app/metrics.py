"""Counters for Prometheus: how much came in and how it ended. No order numbers, no accounts, no names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "mingzhang_http_requests", "Requests answered", ("area", "method", "status"), registry=REGISTRY
)
SECONDS = Histogram(
    "mingzhang_http_seconds", "Real seconds until the answer was ready", ("area",), registry=REGISTRY
)
_AREAS = frozenset({"api", "demo", "find", "hooks", "orders", "products", "staff", "static"})


def area_of(path: str) -> str:
    """The first part of a path, from a closed list: a stranger's path must not make a new time series."""
    first = path.strip("/").partition("/")[0]
    return first if first in _AREAS else "other"


def exposition() -> bytes:
    """Everything counted so far, in the text format."""
    return generate_latest(REGISTRY)
