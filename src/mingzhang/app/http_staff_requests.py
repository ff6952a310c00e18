"""Staff: what buyers ask of the shop, and the answers (R34, R35). By `answer_buyers`; what they wrote, on record."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_buyer
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
from mingzhang.web import pages_buyer

HOME: Final = "/staff/requests"
SIGN_IN: Final = "/staff/sign-in"
STATUS: Final = {Kind.INVALID: 422, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409}


async def _board(
    request: AnyRequest,
    member: Member,
    notice: str = "",
    status: int = 200,
    *,
    opened: tuple[str, str] = ("", ""),
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_buyer.staff_requests_page(
        await desk_buyer.read_requests(desk.ctx),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice=notice,
        opened=opened,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def listed(request: AnyRequest) -> Response[Any]:
    """Every request without an answer, the soonest deadline first."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _board(request, member, "done" if request.query_params.get("done") == "1" else "")


@post(f"{HOME}/{{request_id:str}}/answer", include_in_schema=False, guards=[staff(Right.ANSWER_BUYERS)])
async def answer(request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
    """Answer one, in words that its buyer reads."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, Right.ANSWER_BUYERS, request_id[:40])
    try:
        await desk_buyer.answer(
            desk_of(request).ctx, member, request_id, form.get("answer", "")[:20], form.get("text", "")[:600]
        )
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return see_other(f"{HOME}?done=1")


@post(f"{HOME}/{{request_id:str}}/words", include_in_schema=False, guards=[staff(Right.VIEW_PERSONAL_DATA)])
async def words(request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
    """What the buyer wrote, with a reason, on record before it is shown."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    try:
        text = await desk_buyer.reveal_words(
            office_of(request), member, request_id, form.get("reason", "")[:200]
        )
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return await _board(request, member, opened=(request_id, text))


HANDLERS: Final = (listed, answer, words)
