"""Who may call what, printed from the guards at the handlers: every route × every role (docs/rights.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from litestar import Litestar

from mingzhang.app import http_docs
from mingzhang.app.http import handlers_of
from mingzhang.app.http_guard import Caller, Guard, guard_of, routes_of
from mingzhang.staff.rights import ROLE_NAMES, Right, Role, rights_of

BEGIN: Final = "<!-- printed by `tools/describe_rights.py`: begin -->"
END: Final = "<!-- printed by `tools/describe_rights.py`: end -->"
GUEST: Final = "guest"
BUYER: Final = "buyer"
NOBODY: Final = "nobody"
COLUMNS: Final = (GUEST, BUYER, *Role, NOBODY)
YES: Final = "✓"
WITH_CODE: Final = "✓²"
NO: Final = ""
ASKED: Final[dict[Caller, str]] = {
    Caller.ANYBODY: "–",
    Caller.PARTY: "what it sends is judged",
    Caller.MACHINE: "this machine's address",
    Caller.BROWSER: "the order's cookie",
    Caller.OPENED: "the order's cookie",
    Caller.ACCOUNT: "a contact proved by a code",
    Caller.TOKEN: "the order's token",
    Caller.PROOF: "the order's token or contact",
}


class Door(NamedTuple):
    """One route for one action. `part`: the action's name where the path or form names it, else empty."""

    method: str
    path: str
    part: str
    guard: Guard
    right: tuple[Right, ...]


@cache
def doors() -> tuple[Door, ...]:
    """Every door of the application, the demo's included, by path and method."""
    bare = Litestar(handlers_of(demo=True), openapi_config=http_docs.config(), logging_config=None)
    return tuple(
        door for path, method, handler in routes_of(bare) for door in _of(path, method, guard_of(handler))
    )


def _of(path: str, method: str, guard: Guard | None) -> Iterator[Door]:
    if guard is None:
        raise LookupError(f"{method} {path}")
    for name, right in guard.choices.items():
        yield Door(method, path, name, guard, (right,))
    if not guard.choices:
        yield Door(method, path, "", guard, guard.rights)


def mark(door: Door, column: str) -> str:
    """Whether this role gets through this door: `YES`, `WITH_CODE` (only with the second factor) or `NO`."""
    if door.guard.caller in {Caller.ANYBODY, Caller.PARTY, Caller.MACHINE}:
        return YES
    if door.guard.caller is not Caller.STAFF:
        return YES if column == BUYER else NO
    if column in {GUEST, BUYER}:
        return NO
    roles = () if column == NOBODY else (column,)
    if not door.right:
        return YES
    if not rights_of(roles, strong=True).intersection(door.right):
        return NO
    return YES if rights_of(roles, strong=False).intersection(door.right) else WITH_CODE


def asked(door: Door) -> str:
    """What the door asks for, in words."""
    if door.guard.caller is not Caller.STAFF:
        return ASKED[door.guard.caller]
    return " or ".join(f"`{right}`" for right in door.right) or "a session"


def print_table() -> str:
    """Markdown, from the guards alone."""
    names = (GUEST, BUYER, *(f"{role} {ROLE_NAMES[role][0]}" for role in Role), NOBODY)
    head = ["Route", "asks for", *names]
    lines = [head, ["---"] * len(head)]
    for door in doors():
        route = f"`{door.method} {door.path}`" + (f" {door.part}" if door.part else "")
        lines.append([route, asked(door), *(mark(door, column) for column in COLUMNS)])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


__all__ = ["BEGIN", "COLUMNS", "END", "Door", "asked", "doors", "mark", "print_table"]
