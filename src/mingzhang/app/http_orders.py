"""The order page and what happens on it: opening it, its live part, its buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from mingzhang.app.desk import Desk
from mingzhang.app.desk_ahead import prove_and_go_ahead
from mingzhang.app.http_guard import ANYBODY, BROWSER
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    buyer_of,
    check_csrf,
    csrf_of,
    desk_of,
    form_of,
    known_order_id,
    language,
    order_cookie,
    page,
    page_headers,
    payer_of,
    see_other,
    shop_of,
    take_guess,
    unlocked,
    way_of,
)
from mingzhang.kit.errors import Kind, Problem
from mingzhang.web import pages

BEAT_S: Final = 15.0  # a comment this often keeps proxies from closing a quiet stream
BEATS_MAX: Final = 40  # then the browser connects anew


@get("/orders/{order_id:str}", include_in_schema=False, guards=[ANYBODY])
async def order(request: AnyRequest, order_id: FromPath[str]) -> HtmlResponse:
    """The order page, or the question for the contact; an unknown number looks like a locked one."""
    desk, lang = desk_of(request), language(request)
    if not order_id.isalnum() or not unlocked(request, order_id):
        return page(request, pages.order_locked_page(order_id[:64], lang, shop_of(desk)))
    shown = await desk.order_page(known_order_id(order_id), "page")
    shop = shop_of(desk, request, shown.price_fen, payer_of(request))
    return page(request, pages.order_page(shown, shop, lang, csrf_of(request, order_id)))


@post("/orders/{order_id:str}/session", include_in_schema=False, guards=[ANYBODY])
async def open_session(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Exchange the link's token, or the contact, for this browser's cookie."""
    desk, form = desk_of(request), await form_of(request)
    by_token = "token" in form
    code = "contact_mismatch"
    try:
        await take_guess(request, order_id)
        known_order_id(order_id)
        if by_token:
            right = await desk.check_token(order_id, form["token"][:200])
        else:
            right = await desk.check_contact(order_id, form.get("contact", "").strip()[:120])
    except Problem as problem:
        if problem.code not in ("unknown_order", "too_many") or (by_token and problem.code == "too_many"):
            raise
        right, code = False, "too_many" if problem.code == "too_many" else code
    if not right:
        if by_token:
            raise Problem("unauthenticated", Kind.UNAUTHENTICATED)
        html = pages.order_locked_page(order_id[:64], language(request), shop_of(desk), code)
        return page(request, html, 429 if code == "too_many" else 401)
    cookie = order_cookie(desk, order_id)
    if by_token:
        return Response(
            {"ok": True}, cookies=[cookie], headers={"Cache-Control": "no-store"}, status_code=200
        )
    return see_other(f"/orders/{order_id}", (cookie,))


def _need_session(request: AnyRequest, order_id: str) -> str:
    if not unlocked(request, order_id):
        raise Problem("unauthenticated", Kind.UNAUTHENTICATED)
    return known_order_id(order_id)


@get("/orders/{order_id:str}/fragment", include_in_schema=False, guards=[BROWSER])
async def fragment(request: AnyRequest, order_id: FromPath[str]) -> HtmlResponse:
    """The live part of the page alone."""
    desk = desk_of(request)
    shown = await desk.order_page(_need_session(request, order_id), "live")
    shop = shop_of(desk, request, shown.price_fen, payer_of(request))
    html = pages.order_fragment(shown, shop, language(request), csrf_of(request, order_id))
    return Response(html, media_type="text/html", headers=page_headers(desk))


def changes(desk: Desk, order_id: str, seq: int) -> AsyncIterator[ServerSentEventMessage]:
    """One `order` message for every change after `seq`, a comment when nothing happened for a while."""

    async def stream() -> AsyncIterator[ServerSentEventMessage]:
        known = seq
        for _ in range(BEATS_MAX):
            newest = await desk.wait_change(order_id, known, BEAT_S)
            if newest > known:
                known = newest
                yield ServerSentEventMessage(event="order", data=str(known), id=str(known))
            else:
                yield ServerSentEventMessage(data=None, comment="still here")

    return stream()


@get("/orders/{order_id:str}/live", include_in_schema=False, guards=[BROWSER])
async def live(request: AnyRequest, order_id: FromPath[str]) -> ServerSentEvent:
    """Server-sent events: the order changed (R9)."""
    desk = desk_of(request)
    shown = await desk.order_page(_need_session(request, order_id))
    return ServerSentEvent(
        changes(desk, order_id, min(since(request.headers.get("last-event-id"), shown.seq), shown.seq))
    )


def since(last: str | None, otherwise: int) -> int:
    """Where the reader left off (Last-Event-ID), else `otherwise`."""
    readable = last is not None and last.isascii() and last.isdecimal() and len(last) <= 9
    return int(last) if last is not None and readable else otherwise


@post("/orders/{order_id:str}/actions/{action:str}", include_in_schema=False, guards=[BROWSER])
async def act(request: AnyRequest, order_id: FromPath[str], action: FromPath[str]) -> Response[Any]:
    """pay, check_payment (已付款,订单未更新), choose_refund, choose_resupply, keep_waiting, go_ahead; then back."""
    desk = desk_of(request)
    form = await form_of(request)
    _need_session(request, order_id)
    check_csrf(csrf_of(request, order_id), form)
    url = f"/orders/{order_id}"
    if action == "pay":
        channel, method = way_of(desk, form.get("method", "qr"), payer_of(request))
        back = f"{desk.settings.base_url}{url}"
        panel = await desk.open_payment(order_id, channel, method, back, buyer_of(request))
        if panel.invoke:  # signed for this moment and kept nowhere: the page's script takes it from here
            return page(request, pages.jsapi_page(order_id, panel.invoke, shop_of(desk), language(request)))
    elif action == "check_payment":
        await desk.check_payment(order_id)
    elif action == "choose_refund":
        await desk.choose(order_id, "refund")
    elif action == "choose_resupply":
        await desk.choose(order_id, "resupply")
    elif action == "keep_waiting":
        await desk.choose(order_id, "wait")
    elif action == "go_ahead":
        await take_guess(request, order_id)
        await prove_and_go_ahead(desk, order_id, form.get("contact", "").strip()[:120])
    else:
        raise Problem("not_found", Kind.NOT_FOUND)
    return see_other(url)


HANDLERS: Final = (order, open_session, fragment, live, act)
