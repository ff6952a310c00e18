"""An optional look at a mobile number before paying (空号检测, R18): off unless a shop brings a service of its own.

No such service is built in, because none could be tried. A class with this protocol is handed to the desk; what it
does not know, or does not answer in time, stops nobody.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final, Protocol

from mingzhang.kit.errors import Kind, Problem

ANSWER_WITHIN_S: Final = 2.0


class NumberState(StrEnum):
    """What the service says of a number: in use, never given out (空号), suspended (停机), or nothing certain."""

    ACTIVE = "active"
    EMPTY = "empty"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class NumberCheck(Protocol):
    """A service that knows whether a number is in use."""

    async def check(self, phone: str) -> NumberState:
        """11 digits; answers within `ANSWER_WITHIN_S` real seconds or is not waited for. Raises OSError when away."""
        ...


async def require_in_use(service: NumberCheck, phone: str) -> None:
    """Raise Problem `number_not_in_use` on a positive answer only."""
    try:
        state = await asyncio.wait_for(service.check(phone), ANSWER_WITHIN_S)
    except (TimeoutError, OSError):
        return
    if state in {NumberState.EMPTY, NumberState.SUSPENDED}:
        raise Problem(
            "number_not_in_use", Kind.INVALID, params={"field": "account", "reason": f"number_{state}"}
        )
