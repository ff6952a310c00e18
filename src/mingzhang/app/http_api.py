"""The API under /api/v1, described by OpenAPI 3.1 at /api/schema. Errors are problem+json with the kit's codes."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import ServerSentEvent

from mingzhang.app.http_kit import AnyRequest, desk_of, known_order_id
from mingzhang.app.http_orders import changes, since
from mingzhang.app.problems import ProblemBody
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.place import PlaceRequest
from mingzhang.web.model import MoneyPart, OrderPage, PaymentPanel, TimelineItem

SEQ_MAX: Final = 2_000_000_000


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A new order, or the same one again (``repeated``). ``token`` opens it: keep it like a password."""

    order_id: str
    token: str
    repeated: bool
    url: str


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the buyer wants to pay."""

    channel: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,20}$")] = "alipay"
    method: Annotated[str, msgspec.Meta(pattern="^(qr|page|wap)$")] = "qr"


def _problems(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            data_container=ProblemBody, media_type="application/problem+json", generate_examples=False
        )
        for status in (400, 503, *statuses)
    }


async def _authorised(request: AnyRequest, order_id: str) -> str:
    """The order id when the bearer token opens it; unknown orders answer like wrong tokens."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    refused = Problem("unauthenticated", Kind.UNAUTHENTICATED, "the order's token is needed as bearer token")
    if scheme.lower() != "bearer" or not token:
        raise refused
    try:
        right = await desk_of(request).check_token(known_order_id(order_id), token.strip()[:200])
    except Problem as problem:
        if problem.code != "unknown_order":
            raise
        right = False
    if not right:
        raise refused
    return order_id


@post("/orders", status_code=201, responses=_problems(404, 409, 413, 422), operation_id="placeOrder")
async def place_order(
    request: AnyRequest,
    data: JSONBody[PlaceRequest],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=64)],
    client: Annotated[str, HeaderParameter(name="X-Client", min_length=1, max_length=40)] = "guest",
) -> PlacedOrder:
    """Place an order. The same key and input give the same order; the same key with other input is refused."""
    texts = (idempotency_key, client, data.product_id, data.account, data.contact)
    if not all(text.isprintable() for text in texts):
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    placed = await desk_of(request).place(f"api:{client}", idempotency_key, data)
    return PlacedOrder(
        order_id=placed.order_id,
        token=placed.token,
        repeated=placed.repeated,
        url=f"{desk_of(request).settings.base_url}/orders/{placed.order_id}#t={placed.token}",
    )


@get("/orders/{order_id:str}", responses=_problems(401), operation_id="getOrder")
async def get_order(request: AnyRequest, order_id: FromPath[str]) -> OrderPage:
    """Everything the order page shows."""
    return await desk_of(request).order_page(await _authorised(request, order_id))


@get("/orders/{order_id:str}/trail", responses=_problems(401), operation_id="getTrail")
async def get_trail(request: AnyRequest, order_id: FromPath[str]) -> list[MoneyPart]:
    """Where the order's money is now; once paid, the parts sum to its price."""
    return await desk_of(request).trail(await _authorised(request, order_id))


@get(
    "/orders/{order_id:str}/events",
    responses={
        200: ResponseSpec(data_container=list[TimelineItem], description="or text/event-stream"),
        **_problems(401),
    },
    operation_id="getEvents",
)
async def get_events(
    request: AnyRequest,
    order_id: FromPath[str],
    after: Annotated[int, QueryParameter(ge=0, le=SEQ_MAX)] = 0,
) -> Response[Any]:
    """What happened after event `after`; a live stream when `text/event-stream` is accepted."""
    desk = desk_of(request)
    await _authorised(request, order_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        return ServerSentEvent(changes(desk, order_id, since(request, SEQ_MAX) % SEQ_MAX))
    return Response(await desk.events(order_id, after), media_type=MediaType.JSON)


@post(
    "/orders/{order_id:str}/payments",
    status_code=201,
    responses=_problems(401, 409, 413, 422),
    operation_id="openPayment",
)
async def open_payment(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[PaymentRequest]
) -> PaymentPanel:
    """Open a payment, or give back the open one."""
    await _authorised(request, order_id)
    desk = desk_of(request)
    back = f"{desk.settings.base_url}/orders/{order_id}"
    return await desk.open_payment(order_id, data.channel, data.method, back)


ROUTER: Final = Router(
    "/api/v1", route_handlers=[place_order, get_order, get_trail, get_events, open_payment]
)
