"""How the shop looks: its colour as a style sheet, its logo, and the middleware that keeps both fresh in memory."""

from __future__ import annotations

import re
from typing import Final

from litestar import Response, get
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import AnyRequest, desk_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.shop.colours import shades_css
from mingzhang.shop.face import read_logo

LOGO_ID: Final = re.compile(r"[0-9a-f]{64}")
FOREVER: Final = "public, max-age=31536000, immutable"
# Answers without a page: they show no name and no colour.
_PAGELESS: Final = ("/api/", "/hooks/", "/static/", "/pictures/", "/healthz", "/readyz", "/metrics")


class FreshFace(ASGIMiddleware):
    """Looks at most once a second whether the shop's settings have changed, before a page is made."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on."""
        if not scope["path"].startswith(_PAGELESS):
            await scope["litestar_app"].state.desk.shop.refresh()
        await next_app(scope, receive, send)


@get("/shop.css", include_in_schema=False, guards=[ANYBODY])
async def shades(request: AnyRequest) -> Response[str]:
    """The shop's colour and its shades; the version in the address makes it keepable."""
    held = desk_of(request).shop.now
    kept = request.query_params.get("v") == str(held.version)
    headers = {"Cache-Control": FOREVER if kept else "no-cache"}
    return Response(shades_css(held.face.accent), media_type="text/css", headers=headers)


@get("/shop-logo/{name:str}", include_in_schema=False, guards=[ANYBODY])
async def logo(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """The shop's logo; its name is the hash of its content."""
    logo_id = name.removesuffix(".png")
    body = None
    if LOGO_ID.fullmatch(logo_id) is not None:
        async with desk_of(request).pool.acquire() as conn:
            body = await read_logo(conn, logo_id)
    if body is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    headers = {
        "Cache-Control": FOREVER,
        "Content-Security-Policy": "default-src 'none'",
    }
    return Response(body, media_type="image/png", headers=headers)


HANDLERS: Final = (shades, logo)
