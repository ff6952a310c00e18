"""Staff: the first screen, the search of everything, the dashboards (docs/console.md)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get

from mingzhang.app.console.board import PANELS, read_panels
from mingzhang.app.console.board_read import RANGES
from mingzhang.app.console.search import QUERY_MAX, search
from mingzhang.app.console.today import read_tiles
from mingzhang.app.http_guard import SIGNED_IN, staff
from mingzhang.app.http_kit import AnyRequest, desk_of, language, page, see_other, shop_of
from mingzhang.app.http_session import signed_in
from mingzhang.app.http_staff import frame_of
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.console import found_pages, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.views import View

SIGN_IN: Final = "/staff/sign-in"


@get("/staff/today", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def today(request: AnyRequest) -> Response[Any]:
    """What needs a person, what is broken, what ages, who is unhealthy."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    desk, frame = desk_of(request), await frame_of(request, member)
    tiles = await read_tiles(desk.ctx, frame.may, await desk.work_list())
    html = render_console(
        "staff_today.html", language(request), shop_of(desk), frame, desk.clock.now(), tiles=tiles
    )
    return page(request, html)


@get("/staff/search", include_in_schema=False, guards=[SIGNED_IN])
async def find(request: AnyRequest) -> Response[Any]:
    """Everything that `q` may mean; the one thing that it means opens at once."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    desk, frame, lang = desk_of(request), await frame_of(request, member), language(request)
    shown = await search(desk.pool, desk.ctx.vault, frame.may, request.query_params.get("q", "")[:QUERY_MAX])
    pages = found_pages(frame.may, shown.query, lang)
    hits = [hit for _, group, _ in shown.groups for hit in group]
    if len({hit.href for hit in hits}) == 1 and not pages and hits[0].kind != "product":
        return see_other(hits[0].href)
    html = render_console(
        "staff_search.html", lang, shop_of(desk), frame, desk.clock.now(), shown=shown, pages=pages
    )
    return page(request, html, 200 if hits or pages or not shown.query else 404)


@get("/staff/figures", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def figures(request: AnyRequest) -> Response[Any]:
    """Dashboards of one kind (`board`) over a range (`range`)."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    board, chosen = request.query_params.get("board", ""), request.query_params.get("range", "")
    html = await _draw_board(request, member, board if board in PANELS else next(iter(PANELS)), chosen)
    return page(request, html)


@get("/staff/risk", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def risk(request: AnyRequest) -> Response[Any]:
    """Who orders, claims and disputes more than others, whom limits stopped, what channels took back."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    chosen = request.query_params.get("range", "30d")
    return page(request, await _draw_board(request, member, "risk", chosen))


async def _draw_board(request: AnyRequest, member: Member, board: str, chosen: str) -> str:
    desk, lang, frame = desk_of(request), language(request), await frame_of(request, member)
    chosen = chosen if chosen in RANGES else next(iter(RANGES))
    shop, now = shop_of(desk), desk.clock.now()
    view = View(lang, shop, translations(lang), now)
    return render_console(
        "staff_figures.html",
        lang,
        shop,
        frame,
        view=view,
        panels=await read_panels(desk.ctx, frame.may, view, board, chosen),
        board=board,
        boards=tuple(PANELS),
        chosen=chosen,
        ranges=tuple(RANGES),
    )


HANDLERS: Final = (today, find, figures, risk)
