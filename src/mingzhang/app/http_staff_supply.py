"""Staff: who supplies – balances, the calendar of maintenance and pauses, how products choose (R14, R20)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_supply
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
from mingzhang.catalogue.pauses import NewPause
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_supply

SIGN_IN: Final = "/staff/sign-in"
HOME: Final = "/staff/suppliers"
STATUS: Final = {Kind.INVALID: 422, Kind.NOT_FOUND: 404}

Work = Callable[[Context, Member, dict[str, str]], Awaitable[object]]


async def _board(request: AnyRequest, member: Member, notice: str = "", status: int = 200) -> HtmlResponse:
    desk = desk_of(request)
    board = await desk_supply.read_board(desk.ctx)
    html = pages_supply.suppliers_page(
        board,
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice=notice,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def suppliers(request: AnyRequest) -> Response[Any]:
    """How every supplier stands, the calendar, and how each product chooses."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _board(request, member, "done" if request.query_params.get("done") == "1" else "")


async def _act(request: AnyRequest, right: Right, work: Work) -> Response[Any]:
    """One change by somebody who may, or the page with the refusal in words."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, right)
    try:
        await work(desk_of(request).ctx, member, form)
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return see_other(f"{HOME}?done=1")


@post(f"{HOME}/pauses", include_in_schema=False, guards=[staff(Right.MANAGE_CHANNELS)])
async def enter(request: AnyRequest) -> Response[Any]:
    """A maintenance window, or a pause until it is lifted."""

    async def work(ctx: Context, member: Member, form: dict[str, str]) -> None:
        scope, _, name = form.get("what", "").partition(":")
        wish = NewPause(
            scope=scope,
            name=name[:64],
            cause=form.get("cause", ""),
            note=form.get("note", "").strip(),
            starts_at=desk_supply.read_time(form.get("starts", "")),
            ends_at=desk_supply.read_time(form.get("ends", "")),
        )
        await desk_supply.enter_pause(ctx, member, wish)

    return await _act(request, Right.MANAGE_CHANNELS, work)


@post(f"{HOME}/pauses/{{pause_id:str}}/lift", include_in_schema=False, guards=[staff(Right.MANAGE_CHANNELS)])
async def lift(request: AnyRequest, pause_id: FromPath[str]) -> Response[Any]:
    """End one before its time."""

    async def work(ctx: Context, member: Member, form: dict[str, str]) -> None:
        _ = form
        await desk_supply.lift_pause(ctx, member, pause_id)

    return await _act(request, Right.MANAGE_CHANNELS, work)


@post(f"{HOME}/routing", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def routing(request: AnyRequest) -> Response[Any]:
    """How one product chooses its supplier."""

    async def work(ctx: Context, member: Member, form: dict[str, str]) -> None:
        await desk_supply.set_routing(
            ctx,
            member,
            form.get("product", "")[:64],
            form.get("route_mode", ""),
            form.get("allow_loss", "")[:16],
            offer_choice=form.get("offer_choice") == "1",
        )

    return await _act(request, Right.MANAGE_CATALOGUE, work)


HANDLERS: Final = (suppliers, enter, lift, routing)
