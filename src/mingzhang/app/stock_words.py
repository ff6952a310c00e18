"""What people type about stock, on the page and in the terminal: which cards, until when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Kind, Problem

NUMBERS_MAX: Final = 100_000


def numbers_of(text: str) -> list[int] | None:
    """`1-50,73` as numbers; nothing: None. Raises Problem `invalid_request`."""
    if not text.strip():
        return None
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.strip().partition("-")
            found += range(int(first), int(last or first) + 1)[: NUMBERS_MAX + 1]
    except ValueError as error:
        raise Problem("invalid_request", Kind.INVALID, f"not numbers: {text[:40]!r}") from error
    if not found or len(found) > NUMBERS_MAX:
        raise Problem("invalid_request", Kind.INVALID, f"between 1 and {NUMBERS_MAX} cards at a time")
    return found


def expiry_of(text: str) -> datetime | None:
    """A date or date and time, Beijing, as `2027-01-31`; nothing: never. Raises Problem `invalid_request`."""
    if not text:
        return None
    try:
        return (
            datetime.fromisoformat(f"{text}T00:00" if len(text) == 10 else text)
            .replace(tzinfo=BEIJING)
            .astimezone(UTC)
        )
    except ValueError as error:
        raise Problem("invalid_request", Kind.INVALID, f"not a date: {text[:40]!r}") from error
