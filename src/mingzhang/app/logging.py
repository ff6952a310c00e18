"""Structured logs as JSON lines on standard error, with secrets and personal data taken out."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

# Names of values that must never be written, wherever they come from.
HIDDEN: Final = frozenset(
    {
        "account",
        "authorization",
        "body",
        "card",
        "cards",
        "contact",
        "cookie",
        "key",
        "password",
        "phone",
        "secret",
        "sign",
        "token",
        "words",
    }
)
# Local variables hold keys and accounts: frames are named, never opened.
_TRACEBACKS: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def hide_private(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every value whose name says that it is private."""
    for name in event.keys() & HIDDEN:
        event[name] = "hidden"
    return event


def configure(level: int = logging.INFO) -> None:
    """Set up logging of this process, once."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_private,
            structlog.processors.ExceptionRenderer(_TRACEBACKS),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
