"""Staff: one safe action on many rows: preview, confirmation, progress (docs/console.md)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.console import bulk
from mingzhang.app.console.bulk import ACTIONS, Line, Run, Runs
from mingzhang.app.http_guard import SIGNED_IN, staff_by_form
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
from mingzhang.kit.ids import is_id
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.staff.model import Member
from mingzhang.web.console import render_console

SIGN_IN: Final = "/staff/sign-in"
STATES: Final = {
    "payments": "payment_state",
    "attempts": "supply_state",
    "refunds": "refund_state",
    "notices": "notice_state",
}
RIGHTS: Final = {name: action.right for name, action in ACTIONS.items()}


async def _page(
    request: AnyRequest, member: Member, name: str, lines: list[Line], run: Run | None = None
) -> HtmlResponse:
    desk, action = desk_of(request), ACTIONS[name]
    html = render_console(
        "staff_bulk.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        action=name,
        listing=action.listing,
        lines=lines,
        todo=sum(line.result == "will" for line in lines),
        run=run,
        state_table=STATES[action.listing],
    )
    return page(request, html)


async def _lines(request: AnyRequest, name: str, form: dict[str, str]) -> list[Line]:
    """The rows that the form names, as they stand now. Raises `choice_missing` when it names none."""
    keys = bulk.clean_keys(
        [value for field, value in form.items() if field[:1] == "k" and field[1:].isdecimal()]
    )
    if not keys:
        raise Problem("choice_missing", Kind.INVALID)
    async with desk_of(request).pool.acquire() as conn:
        buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
        return await bulk.preview(conn, buckets, name, keys)


def _wanted(listing: str, name: str) -> None:
    if ACTIONS[name].listing != listing:
        raise Problem("not_found", Kind.NOT_FOUND)


@post(
    "/staff/bulk/{listing:str}",
    include_in_schema=False,
    status_code=200,
    guards=[staff_by_form("action", RIGHTS)],
)
async def preview(request: AnyRequest, listing: FromPath[str]) -> Response[Any]:
    """What would be done to the rows that were picked; nothing is done yet."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    form = await form_of(request)
    name = form["action"]
    _wanted(listing, name)
    return await _page(request, member, name, await _lines(request, name, form))


@post("/staff/bulk/{listing:str}/start", include_in_schema=False, guards=[staff_by_form("action", RIGHTS)])
async def start(request: AnyRequest, listing: FromPath[str]) -> Response[Any]:
    """Do it, row by row, each on record; the answer is where its progress stands."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    form = await form_of(request)
    name = form["action"]
    _wanted(listing, name)
    runs: Runs = request.app.state.runs
    run = runs.start(desk_of(request).ctx, member, name, await _lines(request, name, form))
    return see_other(f"/staff/runs/{run.run_id}")


@get("/staff/runs/{run_id:str}", include_in_schema=False, guards=[SIGNED_IN])
async def progress(request: AnyRequest, run_id: FromPath[str]) -> Response[Any]:
    """How far a run of one's own is; one that another process does, or that is long over, is on record only."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    runs: Runs = request.app.state.runs
    run = runs.find(run_id, member)
    if run is not None:
        return await _page(request, member, run.action, run.lines, run)
    if not is_id(run_id):
        raise Problem("not_found", Kind.NOT_FOUND)
    desk, frame = desk_of(request), await frame_of(request, member)
    html = render_console("staff_run_elsewhere.html", language(request), shop_of(desk), frame)
    return page(request, html)


HANDLERS: Final = (preview, start, progress)
