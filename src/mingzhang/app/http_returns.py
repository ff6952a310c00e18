"""What a buyer may ask for while an order goes another way: to go ahead of others (R27). The calls of the API."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Router, post
from litestar.params import FromPath, JSONBody

from mingzhang.app.desk_ahead import prove_and_go_ahead
from mingzhang.app.http_docs import problems
from mingzhang.app.http_guard import PROOF
from mingzhang.app.http_kit import AnyRequest, desk_of, known_order_id, take_guess
from mingzhang.kit.errors import Kind, Problem
from mingzhang.web.model import OrderStatus


class ContactRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks: the order's contact, or its query password. The order's token alone is no proof of a person."""

    contact: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


@post(
    "/orders/{order_id:str}/ahead",
    status_code=200,
    summary="Have a paid order go ahead",
    responses=problems(
        {
            401: ("unauthenticated",),
            409: ("ahead_not_open",),
            413: ("too_large",),
            422: ("invalid_request",),
            429: ("too_many",),
        }
    ),
    operation_id="goAhead",
    guards=[PROOF],
)
async def go_ahead(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[ContactRequest]
) -> OrderStatus:
    """优先处理: paid and not sent yet, it goes ahead of new orders. Once more changes nothing (R27)."""
    if not data.contact.isprintable():
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    await take_guess(request, f"prove:{order_id}")
    desk = desk_of(request)
    try:
        known_order_id(order_id)
        await prove_and_go_ahead(desk, order_id, data.contact.strip())
    except Problem as problem:
        if problem.code not in ("unknown_order", "contact_mismatch"):
            raise
        raise Problem("unauthenticated", Kind.UNAUTHENTICATED, "the order's contact is needed") from None
    return await desk.status(order_id)


ROUTER: Final = Router("/api/v1", route_handlers=[go_ahead])
