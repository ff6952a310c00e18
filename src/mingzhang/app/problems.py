"""The one map from kinds of trouble to HTTP statuses, and problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from mingzhang.kit.errors import Kind, Problem

PROBLEM_JSON: Final = "application/problem+json"

STATUS: Final[Mapping[Kind, int]] = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
    Kind.UNKNOWN_OUTCOME: 504,
    Kind.INTERNAL: 500,
}
# What the framework itself refuses, in our own codes.
_BY_STATUS: Final[Mapping[int, tuple[str, Kind]]] = {
    400: ("invalid_request", Kind.INVALID),
    401: ("unauthenticated", Kind.UNAUTHENTICATED),
    403: ("forbidden", Kind.FORBIDDEN),
    404: ("not_found", Kind.NOT_FOUND),
    405: ("method_not_allowed", Kind.NOT_FOUND),
    413: ("too_large", Kind.TOO_LARGE),
    429: ("too_many", Kind.TOO_MANY),
    503: ("unavailable", Kind.UNAVAILABLE),
}
# Field errors of the pages, by the problem a form field caused.
_FIELD_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "bad_account": ("account", "account_invalid"),
    "bad_quantity": ("quantity", "quantity_invalid"),
    "sold_out": ("quantity", "sold_out"),
    "bad_contact": ("contact", "contact_invalid"),
    "bad_method": ("method", "method_invalid"),
    "bad_password": ("query_password", "password_invalid"),
    "account_differs": ("account_again", "account_differs"),
}


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the API sends it. ``code`` is from a closed list; ``params`` say which field."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    params: dict[str, str | int] = {}


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem."""
    return STATUS[problem.kind]


def from_status(status: int) -> Problem:
    """Our problem for a status the framework chose."""
    code, kind = _BY_STATUS.get(
        status, ("internal", Kind.INTERNAL) if status >= 500 else ("invalid_request", Kind.INVALID)
    )
    return Problem(code, kind)


def body_of(problem: Problem, status: int) -> bytes:
    """problem+json. The detail of an internal error stays in our logs."""
    detail = "" if problem.kind is Kind.INTERNAL else problem.detail
    title = problem.code.replace("_", " ")
    return msgspec.json.encode(
        ProblemBody(
            type=f"urn:mingzhang:problem:{problem.code}",
            title=title,
            status=status,
            code=problem.code,
            detail=detail,
            params=problem.params,
        )
    )


def example_of(code: str, status: int) -> dict[str, str | int]:
    """A problem as the API's description shows it."""
    return {
        "type": f"urn:mingzhang:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
    }


def field_error(problem: Problem) -> tuple[str, str] | None:
    """(form field, field error code) when a form can be mended there, else None."""
    if problem.kind is not Kind.INVALID:
        return None
    field, code = _FIELD_CODES.get(problem.code, ("", problem.code))
    return str(problem.params.get("field", field)), str(problem.params.get("reason", code))
