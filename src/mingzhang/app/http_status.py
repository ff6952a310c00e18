"""Is anybody there? The public status page, for people and for machines (R29)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, Router, get

from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, language, page, shop_of
from mingzhang.app.public_status import PublicStatus, StatusBoard
from mingzhang.web import pages_status


def _board(request: AnyRequest) -> StatusBoard:
    board: StatusBoard = request.app.state.status_board
    return board


@get("/status", include_in_schema=False, guards=[ANYBODY])
async def show_status(request: AnyRequest) -> HtmlResponse:
    """In plain words."""
    status = await _board(request).read()
    return page(request, pages_status.status_page(status, language(request), shop_of(desk_of(request))))


@get(
    "/status",
    summary="Signs of life of the shop, judged by programs",
    operation_id="getStatus",
    guards=[ANYBODY],
)
async def get_status(request: AnyRequest) -> Response[PublicStatus]:
    """`ok`, `alarm` or `closing`, with each sign, when it was last seen and how long is too long. At most 5 s old."""
    return Response(await _board(request).read(), headers={"Cache-Control": "no-store"})


HANDLERS: Final[tuple[Any, ...]] = (show_status, Router("/api/v1", route_handlers=[get_status]))
