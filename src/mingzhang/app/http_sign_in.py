"""Staff: signing in and out (docs/staff.md)."""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie

from mingzhang.app.desk import Desk
from mingzhang.app.http_guard import ANYBODY, SIGNED_IN
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    address_of,
    check_csrf,
    desk_of,
    form_of,
    host_cookie,
    language,
    page,
    see_other,
    shop_of,
    sign,
)
from mingzhang.app.http_session import STAFF_COOKIE, form_token, office_of, staff_token
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import A_MINUTE, Guesses
from mingzhang.staff import accounts, doors
from mingzhang.staff.doors import From
from mingzhang.staff.passwords import LENGTH_MAX
from mingzhang.web import pages

BEFORE_COOKIE: Final = "mz_before"
KNOWN_COOKIE: Final = "mz_known"
FIRST_PAGE: Final = "/staff"
SIGN_IN: Final = "/staff/sign-in"
SESSION_HOURS: Final = 12
KNOWN_DAYS: Final = 180
CODE_MAX: Final = 20


def staff_cookie(desk: Desk, name: str, value: str, hours: int) -> Cookie:
    """One for staff: no script reads it, no other site sends it, over https no other host sets it."""
    return Cookie(
        key=host_cookie(desk, name),
        value=value,
        path="/" if desk.settings.secure_cookies else "/staff",
        max_age=hours * 3600,
        httponly=True,
        samesite="strict",
        secure=desk.settings.secure_cookies,
    )


def session_cookie(desk: Desk, token: str) -> Cookie:
    """A new session's."""
    return staff_cookie(desk, STAFF_COOKIE, token, SESSION_HOURS)


def origin_of(request: AnyRequest, name: str) -> From:
    """Where somebody comes from, and whether this browser is known for this name."""
    desk = desk_of(request)
    given, _, mac = request.cookies.get(host_cookie(desk, KNOWN_COOKIE), "").partition(".")
    fits = mac.isascii() and hmac.compare_digest(mac, _known_mac(desk, name, given))
    browser = request.headers.get("user-agent", "")
    return From(
        address_of(request),
        browser if browser.isprintable() else "",
        given if fits else "",
    )


def _known_mac(desk: Desk, name: str, given: str) -> str:
    return sign(desk, "known-browser", f"{name.casefold()}\n{given}")


def _sign_in_page(
    request: AnyRequest, name: str = "", error: str = "", status: int = 200, wait_s: int = 0
) -> HtmlResponse:
    """The form; its token is bound to a cookie given with it (double submit)."""
    desk = desk_of(request)
    before = secrets.token_urlsafe(24)
    html = pages.sign_in_page(
        language(request),
        shop_of(desk),
        name=name,
        error=error,
        csrf=sign(desk, f"staff-form-{BEFORE_COOKIE}", before),
        wait_s=wait_s,
    )
    cookies = (staff_cookie(desk, BEFORE_COOKIE, before, 1),)
    return page(request, html, status, cookies, wait_s=wait_s)


@get(SIGN_IN, include_in_schema=False, guards=[ANYBODY])
async def sign_in_form(request: AnyRequest) -> HtmlResponse:
    """The sign-in form."""
    return _sign_in_page(request)


@post(SIGN_IN, include_in_schema=False, guards=[ANYBODY])
async def sign_in(request: AnyRequest) -> Response[Any]:
    """Check name, password and, where the account has a second factor, its code. A session is always a new one."""
    desk, form = desk_of(request), await form_of(request)
    check_csrf(form_token(request, BEFORE_COOKIE), form)
    name = form.get("name", "").strip()[: accounts.NAME_MAX]
    password, code = form.get("password", "")[:LENGTH_MAX], form.get("code", "").strip()[:CODE_MAX]
    guesses: Guesses = request.app.state.guesses
    origin = origin_of(request, name)
    try:
        await guesses.take(f"address:{address_of(request)}", A_MINUTE)
        token = await doors.sign_in(office_of(request), name, password, code, origin, staff_token(request))
    except Problem as problem:
        if problem.kind is not Kind.TOO_MANY:
            raise
        return _sign_in_page(request, name, problem.code, 429, int(problem.params.get("wait_s", 0)))
    if token is None:
        return _sign_in_page(request, name, "sign_in_failed", 401)
    cookies = [session_cookie(desk, token), staff_cookie(desk, BEFORE_COOKIE, "", 0)]
    if not origin.known:
        given = secrets.token_hex(16)
        known = f"{given}.{_known_mac(desk, name, given)}"
        cookies.append(staff_cookie(desk, KNOWN_COOKIE, known, KNOWN_DAYS * 24))
    return see_other(FIRST_PAGE, tuple(cookies))


@post("/staff/sign-out", include_in_schema=False, guards=[SIGNED_IN])
async def sign_out(request: AnyRequest) -> Response[Any]:
    """End the session."""
    await doors.sign_out(office_of(request), staff_token(request))
    return see_other(SIGN_IN, (staff_cookie(desk_of(request), STAFF_COOKIE, "", 0),))


HANDLERS: Final = (sign_in_form, sign_in, sign_out)
