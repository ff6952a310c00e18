"""What the control API refuses."""

from __future__ import annotations


class BadRequestError(Exception):
    """A request that cannot be carried out: HTTP status and a code."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status
