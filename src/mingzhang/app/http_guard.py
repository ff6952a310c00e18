"""Who may call a route: declared once, at the handler, and held before the handler begins (docs/rights.md).

Every handler names exactly one guard: `@get(path, guards=[staff(Right.VIEW_ORDERS)])`. `require_guards` refuses to
start an application in which one does not. A guard lets in, or raises; what it lets in has a session, a right and, when
it changes something by the power of a cookie, the form's own token. Thin calls ask the same guard (`admit_holder`).
`app/rights_table.py` prints all of them, role by role.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from mingzhang.app.desk import Desk
from mingzhang.app.desk_buyer import contact_of
from mingzhang.app.http_kit import (
    AnyRequest,
    check_csrf,
    csrf_of,
    desk_of,
    form_of,
    known_order_id,
    refuse_foreign,
    unlocked,
)
from mingzhang.app.http_session import buyer_csrf, buyer_session, office_of, signed_in, staff_csrf
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import record
from mingzhang.staff.rights import Right

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SUBJECTS: Final = ("order_id", "item_id", "claim_id", "number", "subject", "product_id", "name")
SUBJECT_MAX: Final = 64
ON_RECORD: Final = frozenset({"day", "seed", "n", "kind", "state"})
"""What stands on record of an overseer's question: never what was typed into a search."""

SIGNED_OUT: Final = "signed_out"
LOCKED: Final = "order_locked"
NO_ACCOUNT: Final = "no_account"


class Caller(StrEnum):
    """Whom a route is for."""

    ANYBODY = "anybody"  # forms must come from a page of ours (Origin, Sec-Fetch-Site)
    PARTY = (
        "party"  # a channel or supplier: whoever calls is heard, only a signature or a question is believed
    )
    MACHINE = "machine"  # this machine and the networks that the settings name
    BROWSER = "browser"  # a browser that was given the order's cookie
    OPENED = "opened"  # the same, for a page: whoever has not is led to the order's own door
    ACCOUNT = "account"  # a browser that proved a contact by a code (我的订单)
    TOKEN = "token"  # noqa: S105 - the order's token, as bearer
    PROOF = (
        "proof"  # the order's token or its contact: the handler asks, and answers a stranger like a wrong one
    )
    STAFF = "staff"  # a session with the right


@dataclass(frozen=True)
class Guard:
    """Who may call. Of `rights` one is enough; none: whoever is signed in.

    `part`: the path parameter (or, with `in_form`, the form's field) that names the action, where one route has several;
    `choices`: each action's right. Another value is answered as an address that does not exist.
    """

    caller: Caller
    rights: tuple[Right, ...] = ()
    part: str = ""
    choices: Mapping[str, Right] = field(default_factory=dict)
    in_form: bool = False

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """Let in, or raise a Problem: `unauthenticated`, `csrf_invalid`, `right_missing`, `forbidden`."""
        if not isinstance(connection, Request):
            raise Problem("forbidden", Kind.FORBIDDEN)
        await _HOLD[self.caller](self, connection)

    def admit_holder(self, desk: Desk, order_id: str, authorization: str) -> None:
        """The part that needs no request, for thin calls too. Raises `unauthenticated`."""
        if self.caller is Caller.TOKEN and not desk.token_fits(order_id, bearer_of(authorization)):
            raise no_token()


ANYBODY: Final = Guard(Caller.ANYBODY)
PARTY: Final = Guard(Caller.PARTY)
MACHINE: Final = Guard(Caller.MACHINE)
BROWSER: Final = Guard(Caller.BROWSER)
OPENED: Final = Guard(Caller.OPENED)
ACCOUNT: Final = Guard(Caller.ACCOUNT)
TOKEN: Final = Guard(Caller.TOKEN)
PROOF: Final = Guard(Caller.PROOF)
SIGNED_IN: Final = Guard(Caller.STAFF)
DECISIONS: Final = {
    "approve": Right.DECIDE_MONEY,
    "reject": Right.DECIDE_MONEY,
    "withdraw": Right.PROPOSE_MONEY,
}
"""What two people say to a proposal."""


def staff(*rights: Right) -> Guard:
    """Staff with one of these rights."""
    return Guard(Caller.STAFF, rights)


def staff_by_path(part: str, choices: Mapping[str, Right]) -> Guard:
    """Staff with the right of the action that the path names."""
    return Guard(Caller.STAFF, part=part, choices=choices)


def staff_by_form(part: str, choices: Mapping[str, Right]) -> Guard:
    """Staff with the right of the action that the form names."""
    return Guard(Caller.STAFF, part=part, choices=choices, in_form=True)


def no_token() -> Problem:
    """What everybody hears who has no token that fits, whether or not there is such an order."""
    return Problem("unauthenticated", Kind.UNAUTHENTICATED, "the order's token is needed as bearer token")


def bearer_of(authorization: str) -> str:
    """The token of an `Authorization` header. Raises Problem `unauthenticated`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise no_token()
    return token.strip()[:200]


async def _anybody(_: Guard, request: AnyRequest) -> None:
    if request.method not in SAFE and not request.scope["path"].startswith("/api/"):
        refuse_foreign(request)


async def _party(_: Guard, __: AnyRequest) -> None:
    """Judged by what was sent: everything is kept as evidence, also what is forged."""


async def _machine(_: Guard, request: AnyRequest) -> None:
    if not _is_near(request.client.host if request.client else "", desk_of(request)):
        raise Problem("forbidden", Kind.FORBIDDEN)


def _is_near(host: str, desk: Desk) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in desk.settings.metrics_networks)


async def _browser(_: Guard, request: AnyRequest) -> None:
    order_id = str(request.path_params.get("order_id", ""))
    changes = request.method not in SAFE
    if changes:
        refuse_foreign(request)
    if not unlocked(request, order_id):
        raise Problem("unauthenticated", Kind.UNAUTHENTICATED)
    known_order_id(order_id)
    if changes:
        await _checked(request, csrf_of(request, order_id))


async def _opened(_: Guard, request: AnyRequest) -> None:
    order_id = str(request.path_params.get("order_id", ""))
    if not unlocked(request, order_id):
        raise Problem(LOCKED, Kind.UNAUTHENTICATED, params={"order": order_id[:SUBJECT_MAX]})
    known_order_id(order_id)


async def _account(_: Guard, request: AnyRequest) -> None:
    changes = request.method not in SAFE
    if changes:
        refuse_foreign(request)
    if not contact_of(desk_of(request), buyer_session(request)):
        raise Problem(NO_ACCOUNT, Kind.UNAUTHENTICATED)
    if changes:
        await _checked(request, buyer_csrf(request))


async def _token(guard: Guard, request: AnyRequest) -> None:
    order_id = str(request.path_params.get("order_id", ""))
    guard.admit_holder(desk_of(request), order_id, request.headers.get("authorization", ""))


async def _proof(_: Guard, __: AnyRequest) -> None:
    """The handler's own question: the contact stands in the body."""


async def _staff(guard: Guard, request: AnyRequest) -> None:
    changes = request.method not in SAFE
    if changes:
        refuse_foreign(request)
    member = await signed_in(request)
    if member is None:
        raise Problem(SIGNED_OUT, Kind.UNAUTHENTICATED)
    fields = await _checked(request, staff_csrf(request)) if changes else {}
    rights = _rights_for(guard, fields if guard.in_form else request.path_params)
    if rights and not any(member.may(right) for right in rights):
        await _let_go(request)
        await record.require(office_of(request), member, rights[0], _subject(request))
    if request.method == "GET" and member.may(Right.OVERSEE):
        chosen = {name: text[:32] for name, text in request.query_params.items() if name in ON_RECORD}
        await record.view(office_of(request), member, request.scope["path"][:SUBJECT_MAX], chosen)


def _rights_for(guard: Guard, named: Mapping[str, Any]) -> tuple[Right, ...]:
    if not guard.part:
        return guard.rights
    right = guard.choices.get(str(named.get(guard.part, "")))
    if right is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    return (right,)


async def _checked(request: AnyRequest, expected: str) -> Mapping[str, str]:
    """The form's fields, once it has shown its token."""
    fields = await fields_of(request)
    try:
        check_csrf(expected, fields)
    except Problem:
        await _let_go(request)
        raise
    return fields


async def _let_go(request: AnyRequest) -> None:
    """Close the files of a form that no handler will see."""
    if _is_multipart(request):
        await (await request.form()).close()


def _is_multipart(request: AnyRequest) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "multipart/form-data"


def _subject(request: AnyRequest) -> str:
    """What a refusal on record was about: the one number in the address."""
    named = (str(request.path_params[name]) for name in SUBJECTS if name in request.path_params)
    text = next(named, "")[:SUBJECT_MAX]
    return text if text.isprintable() else ""


async def fields_of(request: AnyRequest) -> Mapping[str, str]:
    """The texts of whatever form was sent, files left alone. Raises `invalid_request`, `too_large`."""
    if not _is_multipart(request):
        return await form_of(request)
    sent = await request.form()
    return {str(name): str(value) for name, value in sent.multi_items() if not isinstance(value, UploadFile)}


_HOLD: Final = {
    Caller.ANYBODY: _anybody,
    Caller.PARTY: _party,
    Caller.MACHINE: _machine,
    Caller.BROWSER: _browser,
    Caller.OPENED: _opened,
    Caller.ACCOUNT: _account,
    Caller.TOKEN: _token,
    Caller.PROOF: _proof,
    Caller.STAFF: _staff,
}


def guard_of(handler: BaseRouteHandler) -> Guard | None:
    """The one guard of a handler; None when it has none, or several."""
    found = [each for each in handler.resolve_guards() if isinstance(each, Guard)]
    return found[0] if len(found) == 1 else None


def routes_of(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler]]:
    """(path, method, handler) of every route; the framework's own answers to OPTIONS tell methods only."""
    found = [
        (route.path_format, str(method), handler)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in sorted(getattr(handler, "http_methods", ()))
        if str(method) != "OPTIONS"
    ]
    return sorted(found, key=lambda each: (each[0], each[1]))


def require_guards(app: Litestar) -> None:
    """Raises Problem `route_without_guard`, naming each: nobody starts a shop with a door that nobody watches."""
    open_ones = [f"{method} {path}" for path, method, handler in routes_of(app) if guard_of(handler) is None]
    mounted = [route.path for route in app.routes if not hasattr(route, "route_handlers")]
    if open_ones or mounted:
        raise Problem(
            "route_without_guard",
            Kind.INTERNAL,
            f"declare who may call, with guards=[…] of app/http_guard.py: {', '.join(open_ones + mounted)}",
        )
