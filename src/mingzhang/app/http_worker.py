"""What a worker tells about itself, on a port of its own: alive, ready, its counters. No order can be read here."""

from __future__ import annotations

from typing import Final

from litestar import Litestar, Response, get

from mingzhang.app import metrics
from mingzhang.app.worker import Pulse

STUCK_AFTER_S: Final = 60.0  # real; a look takes milliseconds, and no look waits for an outside party


def _plain(text: str, status: int) -> Response[str]:
    return Response(text, status_code=status, media_type="text/plain", headers={"Cache-Control": "no-store"})


def create_worker_app(pulse: Pulse) -> Litestar:
    """`/healthz`, `/readyz` and `/metrics` of the worker that `pulse` belongs to."""

    @get("/healthz", sync_to_thread=False)
    def health() -> Response[str]:
        """Its loop turns: it looked for due rows a moment ago, whether or not the database answered."""
        return _plain("ok", 200) if pulse.age_s() < STUCK_AFTER_S else _plain("stuck", 503)

    @get("/readyz", sync_to_thread=False)
    def readiness() -> Response[str]:
        """Its last look found the database."""
        return _plain("ready", 200) if pulse.database else _plain("not ready: database", 503)

    @get("/metrics", sync_to_thread=False)
    def prometheus() -> Response[bytes]:
        """Counters in Prometheus' text format."""
        return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)

    return Litestar([health, readiness, prometheus], openapi_config=None, logging_config=None)
