"""Beijing wall-clock text (``yyyy-MM-dd HH:mm:ss``, UTC+8, no summer time), as Chinese gateways write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_LENGTH: Final = len("2026-01-02 03:04:05")


def write_beijing(at: datetime) -> str:
    """An aware datetime as Beijing text, seconds cut off."""
    return at.astimezone(BEIJING).strftime(_FORMAT)


def read_beijing(text: object) -> datetime | None:
    """Beijing text (milliseconds after a dot are ignored) as aware UTC; None for anything else."""
    if not isinstance(text, str) or text[_LENGTH : _LENGTH + 1] not in ("", "."):
        return None
    if text[4:5] + text[7:8] + text[10:11] + text[13:14] + text[16:17] != "-- ::":
        return None  # other ways to write the ISO's dates that Python would read as well
    try:
        return datetime.fromisoformat(text[:_LENGTH]).replace(tzinfo=BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
