"""Whose session a request carries – staff's, or a buyer's –, and the token that its forms carry back."""

from __future__ import annotations

from typing import Final

from mingzhang.app.desk import Desk
from mingzhang.app.http_kit import AnyRequest, desk_of, host_cookie, sign
from mingzhang.staff import doors
from mingzhang.staff.model import Member, Office

STAFF_COOKIE: Final = "mz_staff"
BUYER_COOKIE: Final = "mz_buyer"
_MEMBER: Final = "staff_member"


def office_of(request: AnyRequest) -> Office:
    """What staff code needs, of this application."""
    ctx = desk_of(request).ctx
    return Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)


async def signed_in(request: AnyRequest) -> Member | None:
    """Whose session this is; looked up once for each request, by the guard where there is one."""
    noted = request.scope["state"]
    if _MEMBER not in noted:
        noted[_MEMBER] = await doors.who(office_of(request), staff_token(request))
    found: Member | None = noted[_MEMBER]
    return found


def staff_token(request: AnyRequest) -> str:
    """The session's token; empty without one."""
    return request.cookies.get(host_cookie(desk_of(request), STAFF_COOKIE), "")


def form_token(request: AnyRequest, cookie: str) -> str:
    """The token of a form, bound to what the browser holds in a cookie."""
    desk = desk_of(request)
    return sign(desk, f"staff-form-{cookie}", request.cookies.get(host_cookie(desk, cookie), ""))


def form_token_of(desk: Desk, token: str) -> str:
    """The token that forms of this session carry."""
    return sign(desk, f"staff-form-{STAFF_COOKIE}", token)


def staff_csrf(request: AnyRequest) -> str:
    """The token of every form of this session."""
    return form_token(request, STAFF_COOKIE)


def buyer_cookie_name(desk: Desk) -> str:
    """Over https `__Secure-`: it belongs to the addresses of 我的订单, so it cannot be `__Host-`."""
    return f"__Secure-{BUYER_COOKIE}" if desk.settings.secure_cookies else BUYER_COOKIE


def buyer_session(request: AnyRequest) -> str:
    """What a browser was given when it proved a contact; empty without."""
    return request.cookies.get(buyer_cookie_name(desk_of(request)), "")


def buyer_csrf(request: AnyRequest) -> str:
    """The token of forms on 我的订单."""
    return sign(desk_of(request), "buyer-form", buyer_session(request))
