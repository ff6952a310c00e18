"""删除我的个人信息: the buyer's wish, known by the order's token, its cookie, or a proved contact (个人信息保护法 47)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath

from mingzhang.app import desk_buyer
from mingzhang.app.desk import Desk
from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import ACCOUNT, BROWSER, OPENED, TOKEN
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    csrf_of,
    desk_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_my import HOME as MY
from mingzhang.app.http_session import buyer_csrf, buyer_session
from mingzhang.kit.database import transaction
from mingzhang.oversight import erasure
from mingzhang.oversight.erasure import Erasure
from mingzhang.oversight.privacy import BANK, BOOKS, MESSAGES, TRADE
from mingzhang.web import pages_privacy

KEPT: Final = (TRADE, MESSAGES)
STAYS: Final = (BOOKS, BANK)


class KeptPart(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not erased yet. ``until``: ISO 8601, UTC, or "" where it stays; ``why``: the article."""

    what: str
    until: str
    why: str


class ErasureStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a wish stands. ``step``: none (nobody asked), waiting (the order, or something about it, is open), kept (the
    contact is erased; ``kept`` says what the law has kept and until when), done. Times ISO 8601, UTC, or ""."""

    step: str
    asked_at: str
    erased_at: str
    kept: list[KeptPart]


def status_of(wish: Erasure | None) -> ErasureStatus:
    """As the API tells it."""
    if wish is None:
        return ErasureStatus(step="none", asked_at="", erased_at="", kept=[])
    until = wish.keep_until.isoformat() if wish.keep_until else ""
    held = [KeptPart(what=each.zh, until=until, why=each.why) for each in KEPT] if wish.step != "done" else []
    stays = [KeptPart(what=each.zh, until="", why=each.why) for each in STAYS]
    return ErasureStatus(
        step=wish.step,
        asked_at=wish.asked_at.isoformat(),
        erased_at=_iso(wish.done_at or wish.first_at),
        kept=[*held, *stays],
    )


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


async def _read(desk: Desk, order_id: str) -> Erasure | None:
    async with desk.pool.acquire() as conn:
        return await erasure.read(conn, order_id)


async def _ask(desk: Desk, order_ids: list[str]) -> None:
    async with transaction(desk.pool) as conn:
        await erasure.ask(conn, order_ids, desk.clock.now())


async def _mine(desk: Desk, request: AnyRequest) -> list[str]:
    """Every order of whoever is signed in as a buyer."""
    contact = desk_buyer.contact_of(desk, buyer_session(request))
    async with desk.pool.acquire() as conn:
        return await erasure.list_mine(conn, desk.ctx.vault, contact)


@get(
    "/orders/{order_id:str}/erasure",
    summary="How the erasure of an order's personal data stands",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",)}),
    operation_id="getErasure",
    guards=[TOKEN],
)
async def get_erasure(request: AnyRequest, order_id: FromPath[str]) -> ErasureStatus:
    """What was erased, what is kept, until when, and by which law."""
    return status_of(await _read(desk_of(request), order_id))


@post(
    "/orders/{order_id:str}/erasure",
    status_code=202,
    summary="Ask for an order's personal data to be erased",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",)}),
    operation_id="askErasure",
    guards=[TOKEN],
)
async def ask_erasure(request: AnyRequest, order_id: FromPath[str]) -> ErasureStatus:
    """Put on record at once and done within a minute, or, while anything about the order is open, once that has ended."""
    desk = desk_of(request)
    await _ask(desk, [order_id])
    return status_of(await _read(desk, order_id))


@get("/orders/{order_id:str}/privacy", include_in_schema=False, guards=[OPENED])
async def order_privacy(request: AnyRequest, order_id: FromPath[str]) -> HtmlResponse:
    """What is kept of this order, and the button."""
    desk = desk_of(request)
    html = pages_privacy.privacy_page(
        await _read(desk, order_id),
        order_id,
        language(request),
        shop_of(desk),
        desk.clock.now(),
        csrf_of(request, order_id),
    )
    return page(request, html)


@post("/orders/{order_id:str}/privacy", include_in_schema=False, guards=[BROWSER])
async def erase_order(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The wish for one order."""
    await _ask(desk_of(request), [order_id])
    return see_other(f"/orders/{order_id}/privacy")


@get(f"{MY}/privacy", include_in_schema=False, guards=[ACCOUNT])
async def my_privacy(request: AnyRequest) -> HtmlResponse:
    """The same for every order of the proved contact."""
    desk = desk_of(request)
    found = await _mine(desk, request)
    html = pages_privacy.my_privacy_page(
        len(found),
        language(request),
        shop_of(desk),
        buyer_csrf(request),
        done=request.query_params.get("done") == "1",
    )
    return page(request, html)


@post(f"{MY}/privacy", include_in_schema=False, guards=[ACCOUNT])
async def erase_mine(request: AnyRequest) -> Response[Any]:
    """The wish for all of them."""
    desk = desk_of(request)
    await _ask(desk, await _mine(desk, request))
    return see_other(f"{MY}/privacy?done=1")


HANDLERS: Final = (order_privacy, erase_order, my_privacy, erase_mine)
ROUTER: Final = Router("/api/v1", route_handlers=[get_erasure, ask_erasure])
