"""Staff: winding the shop down, proposed by one and decided by another; by `manage_shop` (R29)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_wind_down
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_session import signed_in
from mingzhang.app.http_staff import frame_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.workdays import end_of
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_status
from mingzhang.web.words_status import FIELD_ERRORS

HOME: Final = "/staff/wind-down"
STATUS: Final = {
    Kind.INVALID: 422,
    Kind.CONFLICT: 409,
    Kind.NOT_FOUND: 404,
    Kind.FORBIDDEN: 403,
    Kind.GONE: 410,
}
AT_THE_FORM: Final = frozenset(FIELD_ERRORS) | {"reason_missing"}


async def _member(request: AnyRequest) -> Member:
    member = await signed_in(request)
    assert member is not None  # the guard let nobody else in
    return member


async def _show(
    request: AnyRequest, form: Mapping[str, str] | None = None, problem: Problem | None = None
) -> HtmlResponse:
    desk = desk_of(request)
    running, proposals, progress = await desk_wind_down.read(desk)
    html = pages_status.wind_down_page(
        running,
        proposals,
        progress,
        shop_of(desk),
        language(request),
        await frame_of(request, await _member(request)),
        desk.clock.now(),
        form=form or {},
        error=problem.code if problem else "",
        done=request.query_params.get("done") == "1",
    )
    return page(request, html, STATUS[problem.kind] if problem else 200)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def show_wind_down(request: AnyRequest) -> Response[Any]:
    """What runs and how far it is, or a form to propose it."""
    return await _show(request)


def _end_of_day(text: str) -> datetime:
    """The end of a Beijing day. Raises Problem `notice_too_short` for what is none."""
    try:
        day = date.fromisoformat(text)
        return end_of(day)
    except (ValueError, OverflowError):
        raise Problem("notice_too_short", Kind.INVALID, params={"field": "closes_on"}) from None


@post(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def propose_wind_down(request: AnyRequest) -> Response[Any]:
    """Propose it, or propose to call it off."""
    form = await form_of(request)
    try:
        closes_at = None if form.get("what") == "call_off" else _end_of_day(form.get("closes_on", ""))
        await desk_wind_down.propose(
            desk_of(request), await _member(request), closes_at, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, form, problem)
    return see_other(f"{HOME}?done=1")


@post(f"{HOME}/{{subject:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def decide_wind_down(request: AnyRequest, subject: FromPath[str]) -> Response[Any]:
    """approve, reject or withdraw; approved, sales stop at once."""
    form = await form_of(request)
    try:
        await desk_wind_down.decide(
            desk_of(request),
            await _member(request),
            subject[:64],
            form.get("word", ""),
            form.get("reason", ""),
        )
    except Problem as problem:
        return await _refused(request, {}, problem)
    await desk_of(request).shop.refresh()
    request.app.state.status_board.forget()
    return see_other(f"{HOME}?done=1")


async def _refused(request: AnyRequest, form: Mapping[str, str], problem: Problem) -> HtmlResponse:
    if problem.code not in AT_THE_FORM or problem.kind not in STATUS:
        raise problem
    return await _show(request, form, problem)


HANDLERS: Final = (show_wind_down, propose_wind_down, decide_wind_down)
