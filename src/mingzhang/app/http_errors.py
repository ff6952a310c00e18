"""What goes wrong, as a problem and its status: one map for the framework's routes and for the thin ones."""

from __future__ import annotations

from typing import Final

import structlog

from mingzhang.app.problems import status_of
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.errors import Kind, Problem

_UNREADABLE: Final = (UnicodeDecodeError, RecursionError)  # JSON that is no UTF-8, or nested without end
RETRY_S: Final = 5
log = structlog.get_logger()


def problem_of(error: Exception, area: str) -> tuple[Problem, int]:
    """The problem to answer with and its status; what nobody expected is ours, and logged.

    `area`: of the address, from a closed list (`metrics.area_of`).
    """
    if isinstance(error, Problem):
        if error.kind is Kind.INTERNAL:
            log.error("internal_problem", code=error.code, detail=error.detail)
        return error, status_of(error)
    if isinstance(error, _UNREADABLE):
        return Problem("invalid_request", Kind.INVALID, "the body cannot be read"), 400
    if isinstance(error, DATABASE_AWAY):
        log.warning("database_away", error=type(error).__name__)
        return Problem("database_down", Kind.UNAVAILABLE), 503
    log.error("request_failed", path=area, exc_info=error)
    return Problem("internal", Kind.INTERNAL), 500


def headers_of(problem: Problem, status: int, *, json: bool) -> dict[str, str]:
    """What stands beside an error: never cached, when to come again, how to be let in."""
    headers = {"Cache-Control": "no-store"}
    if status in (429, 503):
        headers["Retry-After"] = str(problem.params.get("wait_s", RETRY_S))
    if json and status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
