"""Staff: work by hand (人工充值). Done is reported by one person and confirmed by another; refused with a reason."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_manual
from mingzhang.app.http_guard import DECISIONS, staff, staff_by_path
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
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.fulfilment.manual.store import REFUSALS
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_staff

HOME: Final = "/staff/manual"
SIGN_IN: Final = "/staff/sign-in"
ACTIONS: Final = {
    "account": Right.VIEW_PERSONAL_DATA,
    "report": Right.PROPOSE_MONEY,
    "refuse": Right.PROPOSE_MONEY,
    **DECISIONS,
}
_NUMBER: Final = re.compile(r"[0-9A-Z]{19}T[0-9]{1,4}")


async def _page(
    request: AnyRequest,
    member: Member,
    notice: str = "",
    status: int = 200,
    shown: tuple[str, str] = ("", ""),
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_staff.manual_page(
        await desk_manual.list_tasks(desk.ctx, member),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice=notice,
        reasons=tuple(reason.value for reason in REFUSALS),
        shown=shown,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def tasks(request: AnyRequest) -> Response[Any]:
    """Every open task, the soonest deadline first."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _page(request, member, "done" if request.query_params.get("done") == "1" else "")


@post(
    f"{HOME}/{{number:str}}/{{action:str}}",
    include_in_schema=False,
    guards=[staff_by_path("action", ACTIONS)],
)
async def act(request: AnyRequest, number: FromPath[str], action: FromPath[str]) -> Response[Any]:
    """report, refuse, account (looked at, on record), or a word about another's report (approve, reject, withdraw)."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    if _NUMBER.fullmatch(number) is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    try:
        shown = await _act(request, member, number, action, form)
    except Problem as problem:
        if problem.kind in (Kind.INTERNAL, Kind.NOT_FOUND, Kind.UNAVAILABLE):
            raise
        status = 403 if problem.kind is Kind.FORBIDDEN else 422 if problem.kind is Kind.INVALID else 409
        return await _page(request, member, problem.code, status)
    if shown:
        return await _page(request, member, shown=(number, shown))
    return see_other(f"{HOME}?done=1")


async def _act(request: AnyRequest, member: Member, number: str, action: str, form: dict[str, str]) -> str:
    """Do it; returns what is to be shown once, if anything."""
    ctx, office = desk_of(request).ctx, office_of(request)
    if action == "account":
        return await desk_manual.reveal_account(office, member, number, form.get("reason", ""))
    if action == "report":
        await record.require(office, member, Right.PROPOSE_MONEY, number)
        told, note = form.get("reference", ""), form.get("note", "")
        await desk_manual.report(ctx, member, number, told, note, before=form.get("before") == "1")
    elif action == "refuse":
        await record.require(office, member, Right.PROPOSE_MONEY, number)
        await desk_manual.refuse(ctx, member, number, form.get("reason", ""), form.get("note", ""))
    elif action in ("approve", "reject", "withdraw"):
        right = Right.PROPOSE_MONEY if action == "withdraw" else Right.DECIDE_MONEY
        await record.require(office, member, right, number)
        approval_id = form.get("approval", "")
        if not is_id(approval_id):
            raise Problem("not_found", Kind.NOT_FOUND)
        await desk_manual.decide(ctx, member, number, approval_id, action, form.get("reason", ""))
    else:
        raise Problem("not_found", Kind.NOT_FOUND)
    return ""


HANDLERS: Final = (tasks, act)
