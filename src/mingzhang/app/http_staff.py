"""Staff: signing in, and the work list with its safe actions only."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.console.counts import Counts
from mingzhang.app.desk_staff import STAFF_ACTIONS
from mingzhang.app.http_guard import SIGNED_IN, staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_session import office_of, signed_in, staff_csrf
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_staff
from mingzhang.web.console import Frame, home_of
from mingzhang.web.model import WorkItem

HOME: Final = "/staff/work"


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


@get("/staff", include_in_schema=False, guards=[SIGNED_IN])
async def home(request: AnyRequest) -> Response[Any]:
    """To the first page that the person's rights open."""
    member = await signed_in(request)
    return see_other("/staff/sign-in" if member is None else home_of(frozenset(map(str, member.rights))))


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
HANDLERS: Final = (home, work, act)
