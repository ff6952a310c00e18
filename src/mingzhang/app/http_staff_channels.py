"""Staff: the register of payment channels with their live figures (R10, R11, R42)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_channels
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
from mingzhang.web import pages_supply

SIGN_IN: Final = "/staff/sign-in"
HOME: Final = "/staff/channels"
FIELDS: Final = ("rate", "fixed", "settle", "min", "max", "day", "licensee", "licence", "until", "source")


async def _page(request: AnyRequest, member: Member, notice: str = "", status: int = 200) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_supply.channels_page(
        await desk_channels.read_channels(desk.ctx),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice=notice,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def channels(request: AnyRequest) -> Response[Any]:
    """What each channel costs and takes, its licence, and how it does."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _page(request, member, "done" if request.query_params.get("done") == "1" else "")


@post(f"{HOME}/{{channel:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_CHANNELS)])
async def set_terms(request: AnyRequest, channel: FromPath[str]) -> Response[Any]:
    """Enter one channel's terms."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, Right.MANAGE_CHANNELS)
    desk = desk_of(request)
    named: dict[str, str] = {name: form[name] for name in FIELDS if name in form}
    try:
        await desk_channels.set_terms(desk.ctx, member, channel, named)
    except Problem as problem:
        if problem.kind is not Kind.INVALID:
            raise
        return await _page(request, member, problem.code, 422)
    return see_other(f"{HOME}?done=1")


HANDLERS: Final = (channels, set_terms)
