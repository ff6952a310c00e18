"""Staff: signing in, and the work list with its safe actions only."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from mingzhang.app.console.counts import Counts
from mingzhang.app.desk import Desk
from mingzhang.app.desk_staff import STAFF_ACTIONS
from mingzhang.app.http_guard import ANYBODY, SIGNED_IN, staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    count_guess,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
    sign,
)
from mingzhang.app.http_session import STAFF_COOKIE, form_token, office_of, signed_in, staff_csrf
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import accounts, doors, record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages, pages_staff
from mingzhang.web.console import Frame, home_of
from mingzhang.web.model import WorkItem

BEFORE_COOKIE: Final = "mz_before"
HOME: Final = "/staff/work"


def _cookie(desk: Desk, key: str, value: str, hours: int) -> Cookie:
    return Cookie(
        key=key,
        value=value,
        path="/staff",
        max_age=hours * 3600,
        httponly=True,
        samesite="strict",
        secure=desk.settings.secure_cookies,
    )


async def frame_of(request: AnyRequest, member: Member) -> Frame:
    """What stands around every page of the console: who looks, at what, and what waits elsewhere."""
    counts: Counts = request.app.state.counts
    return Frame(
        name=member.name,
        csrf=staff_csrf(request),
        may=frozenset(right.value for right in member.rights),
        here=request.scope["path"],
        counts=await counts.read(),
        query=request.query_params.get("q", "").strip()[:64],
    )


def _sign_in_page(request: AnyRequest, name: str = "", error: str = "", status: int = 200) -> HtmlResponse:
    """The form; its token is bound to a cookie given with it (double submit)."""
    desk = desk_of(request)
    before = secrets.token_urlsafe(24)
    html = pages.sign_in_page(
        language(request),
        shop_of(desk),
        name=name,
        error=error,
        csrf=sign(desk, f"staff-form-{BEFORE_COOKIE}", before),
    )
    return page(request, html, status, (_cookie(desk, BEFORE_COOKIE, before, 1),))


@get("/staff", include_in_schema=False, guards=[SIGNED_IN])
async def home(request: AnyRequest) -> Response[Any]:
    """To the first page that the person's rights open."""
    member = await signed_in(request)
    return see_other("/staff/sign-in" if member is None else home_of(frozenset(map(str, member.rights))))


@get("/staff/sign-in", include_in_schema=False, guards=[ANYBODY])
async def sign_in_form(request: AnyRequest) -> HtmlResponse:
    """The sign-in form."""
    return _sign_in_page(request)


@post("/staff/sign-in", include_in_schema=False, guards=[ANYBODY])
async def sign_in(request: AnyRequest) -> Response[Any]:
    """Check name, password and, where the account has a second factor, its code."""
    desk, form = desk_of(request), await form_of(request)
    check_csrf(form_token(request, BEFORE_COOKIE), form)
    name = form.get("name", "").strip()[: accounts.NAME_MAX]
    try:
        count_guess(request, f"staff:{name}")
        password, code = form.get("password", "")[: accounts.PASSWORD_MAX], form.get("code", "")[:10]
        token = await doors.sign_in(office_of(request), name, password, code)
    except Problem as problem:
        if problem.kind is not Kind.TOO_MANY:
            raise
        return _sign_in_page(request, name, problem.code, 429)
    if token is None:
        return _sign_in_page(request, name, "sign_in_failed", 401)
    return see_other(HOME, (_cookie(desk, STAFF_COOKIE, token, 12),))


@post("/staff/sign-out", include_in_schema=False, guards=[SIGNED_IN])
async def sign_out(request: AnyRequest) -> Response[Any]:
    """End the session."""
    desk, form = desk_of(request), await form_of(request)
    check_csrf(staff_csrf(request), form)
    await doors.sign_out(office_of(request), request.cookies.get(STAFF_COOKIE, ""))
    return see_other("/staff/sign-in", (_cookie(desk, STAFF_COOKIE, "", 0),))


async def _work_page(request: AnyRequest, member: Member, notice: str, status: int = 200) -> HtmlResponse:
    desk = desk_of(request)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    everything, now = await desk.work_list(), desk.clock.now()
    kind = request.query_params.get("kind", "")
    kind = kind if kind in STAFF_ACTIONS else ""
    late = request.query_params.get("late") == "1"
    counts = Counter(item.kind for item in everything)
    counts["late"] = sum(_is_late(item, now) for item in everything)
    html = pages_staff.work_list_page(
        [item for item in everything if kind in ("", item.kind) and not (late and not _is_late(item, now))],
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        now=now,
        notice=notice,
        kind=kind,
        late=late,
        counts=counts,
    )
    return page(request, html, status)


def _is_late(item: WorkItem, now: datetime) -> bool:
    return item.deadline_at is not None and item.deadline_at < now


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def work(request: AnyRequest) -> Response[Any]:
    """Whatever waits for a person, all of it or what `kind` and `late` say; `q` opens the order behind a number."""
    member = await signed_in(request)
    if member is None:
        return see_other("/staff/sign-in")
    number = request.query_params.get("q", "").strip()
    if number:
        await record.require(office_of(request), member, Right.VIEW_ORDERS)
        found = await desk_of(request).behind(number[:64])
        if found:
            return see_other(f"/staff/orders/{found}")
        return await _work_page(request, member, "unknown_order", 404)
    return await _work_page(request, member, "done" if request.query_params.get("done") == "1" else "")


@post(
    f"{HOME}/{{kind:str}}/{{subject:str}}/{{action:str}}",
    include_in_schema=False,
    guards=[staff(Right.ASK_OUTSIDE)],
)
async def act(
    request: AnyRequest, kind: FromPath[str], subject: FromPath[str], action: FromPath[str]
) -> Response[Any]:
    """One safe action, recorded with the name of who did it."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other("/staff/sign-in")
    check_csrf(staff_csrf(request), form)
    if action not in STAFF_ACTIONS.get(kind, ()) or not (subject.isascii() and subject.isalnum()):
        raise Problem("not_found", Kind.NOT_FOUND)
    await record.require(office_of(request), member, Right.ASK_OUTSIDE, subject)
    try:
        await desk_of(request).staff_action(member, kind, subject, action)
    except Problem as problem:
        if problem.kind is Kind.INTERNAL:
            raise
        return await _work_page(request, member, problem.code, 409)
    if kind == "order" and form.get("back") == "order":
        return see_other(f"/staff/orders/{subject}?done=1")
    return see_other(f"{HOME}?done=1")


__all__ = ["HANDLERS", "office_of", "signed_in", "staff_csrf"]
HANDLERS: Final = (home, sign_in_form, sign_in, sign_out, work, act)
