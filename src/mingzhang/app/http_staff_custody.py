"""Staff: custody (statements, payouts, instructions by two people) and coverage by day; the public figure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Final

from litestar import Response, Router, get, post
from litestar.params import FromPath

from mingzhang.app import desk_custody
from mingzhang.app.desk_custody import TrustCoverage, ratio_text
from mingzhang.app.http_docs import problems
from mingzhang.app.http_guard import ANYBODY, staff
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
from mingzhang.orders.context import Context
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.console import render_console

SIGN_IN: Final = "/staff/sign-in"
HOME: Final = "/staff/custody"
COVERAGE: Final = "/staff/coverage"
STATUS: Final = {
    Kind.INVALID: 422,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.FORBIDDEN: 403,
    Kind.GONE: 410,
}

Work = Callable[[Context, Member, dict[str, str]], Awaitable[object]]


async def _board(request: AnyRequest, member: Member, notice: str = "", status: int = 200) -> HtmlResponse:
    desk = desk_of(request)
    board = await desk_custody.read_board(desk.ctx)
    html = render_console(
        "staff_custody.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        board=board,
        notice=notice,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def custody(request: AnyRequest) -> Response[Any]:
    """Accounts, statements, lines that wait, payouts, instructions."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    return await _board(request, member, "done" if request.query_params.get("done") == "1" else "")


async def _act(request: AnyRequest, work: Work) -> Response[Any]:
    """One change by somebody who may, or the page with the refusal in words."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    try:
        await work(desk_of(request).ctx, member, form)
    except Problem as problem:
        if problem.kind not in STATUS:
            raise
        return await _board(request, member, problem.code, STATUS[problem.kind])
    return see_other(f"{HOME}?done=1")


@post(f"{HOME}/instructions", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def propose(request: AnyRequest) -> Response[Any]:
    """An instruction to the bank: proposed by one …"""

    async def work(ctx: Context, member: Member, form: dict[str, str]) -> None:
        await desk_custody.propose(ctx, member, desk_custody.read_wish(form), form.get("reason", ""))

    return await _act(request, work)


@post(
    f"{HOME}/{{bank:str}}/approvals/{{approval_id:str}}",
    include_in_schema=False,
    guards=[staff(Right.PROPOSE_MONEY, Right.DECIDE_MONEY)],
)
async def decide(request: AnyRequest, bank: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another; approved, it goes out by itself."""

    async def work(ctx: Context, member: Member, form: dict[str, str]) -> None:
        word, reason = form.get("word", ""), form.get("reason", "")
        await desk_custody.decide(ctx, member, bank[:31], approval_id[:64], word, reason)

    return await _act(request, work)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Problem("unknown_day", Kind.NOT_FOUND) from None


@get(COVERAGE, include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def coverage(request: AnyRequest) -> Response[Any]:
    """Now, or a closed day (`?day=`), with every row of the proof."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    desk = desk_of(request)
    found = await desk_custody.read_coverage(desk.ctx, _day(request.query_params.get("day", "")))
    html = render_console(
        "staff_coverage.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        it=found,
        ratio=ratio_text,
    )
    return page(request, html)


@get(
    "/trust/coverage",
    summary="Whether buyers' money is covered",
    responses=problems({}),
    operation_id="getTrustCoverage",
    guards=[ANYBODY],
)
async def trust_coverage(request: AnyRequest) -> TrustCoverage:
    """Coverage as last looked at and as of the last closed day, whether the money is in custody, and the indicator of
    new money paying old orders. Formulas: docs/custody.md."""
    return await desk_custody.read_trust(desk_of(request).ctx)


HANDLERS: Final = (custody, propose, decide, coverage)
ROUTER: Final = Router("/api/v1", route_handlers=[trust_coverage])
