"""One kind of expected error for the whole product: a closed code, a kind, and no HTTP.

The edge owns the single map from kinds to statuses, and the locale files own the sentence for each code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class Kind(StrEnum):
    """What sort of trouble it is; decides the status at the edge and whether asking again can help."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    UNKNOWN_OUTCOME = "unknown_outcome"
    INTERNAL = "internal"


class Problem(Exception):  # noqa: N818 - it is what problem+json carries, and the name used everywhere
    """An expected refusal or failure.

    `code` is a snake_case name from a closed list, `detail` is for logs and developers (never secrets or
    personal data), `params` fill the translated sentence shown to a person.
    """

    def __init__(
        self,
        code: str,
        kind: Kind,
        detail: str = "",
        params: Mapping[str, str | int] | None = None,
    ) -> None:
        if _CODE.fullmatch(code) is None:
            raise ValueError(f"not a snake_case problem code: {code!r}")
        self.code: str = code
        self.kind: Kind = Kind(kind)
        self.detail: str = detail
        self.params: dict[str, str | int] = dict(params or {})
        # All four go to args, so that the exception survives pickling between processes.
        super().__init__(code, self.kind, detail, self.params)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code
