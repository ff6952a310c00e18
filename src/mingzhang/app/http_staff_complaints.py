"""Staff: what buyers complained of at payment channels, with the channels' clocks and our replies there (R36)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_complaints
from mingzhang.app.http_guard import staff
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
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.console import render_console
from mingzhang.web.model_complaints import OpenedWords

HOME: Final = "/staff/complaints"
SIGN_IN: Final = "/staff/sign-in"
STATUS: Final = {Kind.INVALID: 422, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409}
NOBODY: Final = OpenedWords()


async def _board(
    request: AnyRequest, member: Member, notice: str = "", status: int = 200, opened: OpenedWords = NOBODY
) -> HtmlResponse:
    desk = desk_of(request)
    html = render_console(
        "staff_complaints.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        rows=await desk_complaints.read_board(desk.ctx),
        notice=notice,
        opened=opened,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def listed(request: AnyRequest) -> Response[Any]:
    """Every complaint: what waits for a person first."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _board(request, member, "done" if request.query_params.get("done") == "1" else "")


async def _act(request: AnyRequest, work: str, channel: str, number: str) -> Response[Any]:
    """One deed by somebody who may, or the page with the refusal in words."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    ctx, channel, number = desk_of(request).ctx, channel[:32], number[:64]
    right = Right.ASK_OUTSIDE if work == "read" else Right.ANSWER_BUYERS
    await record.require(office_of(request), member, right, number)
    try:
        if work == "bind":
            await desk_complaints.bind_to(ctx, member, channel, number, form.get("order", "")[:40])
        elif work == "reply":
            text, seen = form.get("text", ""), form.get("seen", "")
            await desk_complaints.reply(ctx, member, channel, number, text, seen)
        else:
            await desk_complaints.read_again(ctx, member, channel, number)
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return see_other(f"{HOME}?done=1")


@post(
    f"{HOME}/{{channel:str}}/{{number:str}}/bind",
    include_in_schema=False,
    guards=[staff(Right.ANSWER_BUYERS)],
)
async def bind(request: AnyRequest, channel: FromPath[str], number: FromPath[str]) -> Response[Any]:
    """Say which order it is about."""
    return await _act(request, "bind", channel, number)


@post(
    f"{HOME}/{{channel:str}}/{{number:str}}/reply",
    include_in_schema=False,
    guards=[staff(Right.ANSWER_BUYERS)],
)
async def reply(request: AnyRequest, channel: FromPath[str], number: FromPath[str]) -> Response[Any]:
    """Answer one that belongs to no case."""
    return await _act(request, "reply", channel, number)


@post(
    f"{HOME}/{{channel:str}}/{{number:str}}/read",
    include_in_schema=False,
    guards=[staff(Right.ASK_OUTSIDE)],
)
async def read(request: AnyRequest, channel: FromPath[str], number: FromPath[str]) -> Response[Any]:
    """Ask the channel now."""
    return await _act(request, "read", channel, number)


@post(
    f"{HOME}/{{channel:str}}/{{number:str}}/words",
    include_in_schema=False,
    guards=[staff(Right.VIEW_PERSONAL_DATA)],
)
async def words(request: AnyRequest, channel: FromPath[str], number: FromPath[str]) -> Response[Any]:
    """What was written and the number to call, with a reason, on record before it is shown."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    reason = form.get("reason", "")[:200]
    try:
        opened = await desk_complaints.reveal(
            desk_of(request).ctx, office_of(request), member, channel[:32], number[:64], reason
        )
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return await _board(request, member, opened=opened)


HANDLERS: Final = (listed, bind, reply, read, words)
