"""The API under /api/v1, described by OpenAPI 3.1 at /api/schema and shown at /api/schema/docs.

Errors are problem+json with the kit's codes.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import MediaType, Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import ServerSentEvent

from mingzhang.app.desk import Desk
from mingzhang.app.http_docs import BY_TOKEN, Streamed, problems
from mingzhang.app.http_guard import ANYBODY, TOKEN, no_token
from mingzhang.app.http_kit import AnyRequest, buyer_of, desk_of, take_guess
from mingzhang.app.http_orders import changes, since
from mingzhang.catalogue.fields import FIELDS_MAX, VALUE_MAX
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.limits import Origin
from mingzhang.orders.password import LENGTH_MAX
from mingzhang.orders.pay import Buyer
from mingzhang.orders.place import PlaceRequest
from mingzhang.payments.pictures import UPLOAD_BYTES_MAX
from mingzhang.web.model import ClaimPanel, MoneyPart, OrderPage, OrderStatus, PaymentPanel, TimelineItem

SEQ_MAX: Final = 2_000_000_000
QUANTITY_MAX: Final = 10_000
PICTURE_TEXT_MAX: Final = UPLOAD_BYTES_MAX // 3 * 4 + 4
CLAIM_BODY_BYTES_MAX: Final = PICTURE_TEXT_MAX + 4096
TOO_LARGE_AN_ORDER: Final = ("limit_order_units", "limit_order_fen")
WRONG_TOKEN: Final = {401: ("unauthenticated",)}


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer asks for. `account` may be empty for card codes; `contact` is an e-mail or a phone.

    `fields`: what the product asks for besides the account (region, server, …), by name. `query_password` (查询密码):
    at least 6 characters that open the order later, beside or instead of the contact; one of the two is needed.
    `again`: 再下一单, after the refusal `repeat_purchase` (this account got the same product within two minutes).
    """

    product_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX)] = 1
    account: Annotated[str, msgspec.Meta(max_length=250)] = ""
    fields: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=40)],
            Annotated[str, msgspec.Meta(max_length=VALUE_MAX)],
        ],
        msgspec.Meta(max_length=FIELDS_MAX),
    ] = {}
    contact: Annotated[str, msgspec.Meta(max_length=120)] = ""
    query_password: Annotated[str, msgspec.Meta(max_length=LENGTH_MAX)] = ""
    language: Literal["zh", "en"] = "zh"
    again: bool = False


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A new order, or the same one again (``repeated``). ``token`` opens it: keep it like a password."""

    order_id: str
    token: str
    repeated: bool
    url: str


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the buyer wants to pay. `payer_id`: WeChat's openid, for `jsapi`."""

    channel: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,20}$")] = "alipay"
    method: Annotated[str, msgspec.Meta(pattern="^(qr|page|wap|h5|jsapi)$")] = "qr"
    payer_id: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{0,128}$")] = ""


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment that the shop does not know of: the channel's number (交易号) or ours, a screenshot, or both.

    `picture`: PNG, JPEG or WebP in base64, at most 4 MiB before encoding.
    """

    number: Annotated[str, msgspec.Meta(max_length=64)] = ""
    picture: Annotated[str, msgspec.Meta(max_length=PICTURE_TEXT_MAX)] = ""


async def _existing(request: AnyRequest, order_id: str) -> str:
    """The number, whose token fits by now. Unknown orders answer like wrong tokens."""
    if await desk_of(request).ctx.reader.snapshot(order_id) is None:
        raise no_token()
    return order_id


async def place(desk: Desk, client: str, key: str, data: OrderRequest, client_ip: str) -> PlacedOrder:
    """Place an order for whoever calls; header values and body have their lengths already."""
    texts = (
        *(key, client, data.product_id, data.account, data.contact, data.query_password),
        *(text for pair in data.fields.items() for text in pair),
    )
    if not all(text.isprintable() for text in texts):
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    asked = PlaceRequest(
        product_id=data.product_id,
        quantity=data.quantity,
        account=data.account,
        contact=data.contact,
        language=data.language,
        fields=data.fields,
        query_password=data.query_password,
        again=data.again,
    )
    placed = await desk.place(f"api:{client}", key, asked, Origin(address=client_ip))
    return PlacedOrder(
        order_id=placed.order_id,
        token=placed.token,
        repeated=placed.repeated,
        url=f"{desk.settings.base_url}/orders/{placed.order_id}#t={placed.token}",
    )


async def pay(desk: Desk, order_id: str, data: PaymentRequest, client_ip: str) -> PaymentPanel:
    """Open a payment; the guard has seen the token."""
    back = f"{desk.settings.base_url}/orders/{order_id}"
    buyer = Buyer(client_ip=client_ip, payer_id=data.payer_id)
    try:
        return await desk.open_payment(order_id, data.channel, data.method, back, buyer)
    except Problem as problem:
        raise no_token() if problem.code == "unknown_order" else problem from None


async def stand(desk: Desk, order_id: str) -> OrderStatus:
    """Where the order stands; the guard has seen the token."""
    try:
        return await desk.status(order_id)
    except Problem as problem:
        raise no_token() if problem.code == "unknown_order" else problem from None


@post(
    "/orders",
    status_code=201,
    summary="Place an order",
    responses=problems(
        {
            400: ("invalid_request",),
            404: ("unknown_product",),
            409: ("key_reused", "sale_paused", "sold_out", "repeat_purchase"),
            429: ("limit_account", "limit_contact", "limit_device", "limit_burst", "limit_address"),
            413: ("too_large",),
            422: (
                "invalid_request",
                "bad_quantity",
                "bad_account",
                "bad_password",
                "bad_contact",
                "limit_order_units",
                "limit_order_fen",
            ),
            503: ("no_rules",),
        }
    ),
    operation_id="placeOrder",
    guards=[ANYBODY],
)
async def place_order(
    request: AnyRequest,
    data: JSONBody[OrderRequest],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=64)],
    client: Annotated[str, HeaderParameter(name="X-Client", min_length=1, max_length=40)] = "guest",
) -> PlacedOrder:
    """Place an order. The same key and input give the same order; the same key with other input is refused."""
    if len(request.headers.getall("idempotency-key")) > 1 or len(request.headers.getall("x-client", [])) > 1:
        raise Problem("invalid_request", Kind.INVALID, "a header stands twice")
    address = buyer_of(request).client_ip
    return await place(desk_of(request), client, idempotency_key, data, address)


@get(
    "/orders/{order_id:str}",
    summary="Get an order",
    security=BY_TOKEN,
    responses=problems(WRONG_TOKEN),
    operation_id="getOrder",
    guards=[TOKEN],
)
async def get_order(request: AnyRequest, order_id: FromPath[str]) -> OrderPage:
    """Everything the order page shows."""
    return await desk_of(request).order_page(await _existing(request, order_id), "api")


@get(
    "/orders/{order_id:str}/status",
    summary="Get an order's state",
    security=BY_TOKEN,
    responses=problems(WRONG_TOKEN),
    operation_id="getOrderStatus",
    guards=[TOKEN],
)
async def get_status(request: AnyRequest, order_id: FromPath[str]) -> OrderStatus:
    """Where it stands, in short: cheap enough to ask again and again."""
    return await stand(desk_of(request), order_id)


@get(
    "/orders/{order_id:str}/trail",
    summary="Where the money is",
    security=BY_TOKEN,
    responses=problems(WRONG_TOKEN),
    operation_id="getTrail",
    guards=[TOKEN],
)
async def get_trail(request: AnyRequest, order_id: FromPath[str]) -> list[MoneyPart]:
    """Where the order's money is now; once paid, the parts sum to its price."""
    return await desk_of(request).trail(await _existing(request, order_id))


@get(
    "/orders/{order_id:str}/events",
    summary="What happened, and what happens",
    security=BY_TOKEN,
    responses={
        200: ResponseSpec(
            data_container=list[TimelineItem],
            generate_examples=False,
            description="The events after a number, or, when `text/event-stream` is accepted, a live stream",
        ),
        **problems(WRONG_TOKEN),
    },
    operation_id="getEvents",
    operation_class=Streamed,
    guards=[TOKEN],
)
async def get_events(
    request: AnyRequest,
    order_id: FromPath[str],
    after: Annotated[int, QueryParameter(ge=0, le=SEQ_MAX)] = 0,
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> Response[Any]:
    """What happened after event `after`; a live stream when `text/event-stream` is accepted.

    A stream that is opened again goes on after `Last-Event-ID`.
    """
    desk = desk_of(request)
    await _existing(request, order_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        return ServerSentEvent(changes(desk, order_id, min(since(last_event_id, after), SEQ_MAX)))
    return Response(await desk.events(order_id, after), media_type=MediaType.JSON)


@post(
    "/orders/{order_id:str}/payments",
    status_code=201,
    summary="Open a payment",
    security=BY_TOKEN,
    responses=problems(
        {
            **WRONG_TOKEN,
            409: ("order_not_payable", "channel_refused", "channel_limit"),
            413: ("too_large",),
            422: ("unknown_channel",),
            429: ("too_many_payments",),
            503: ("channel_unavailable",),
        }
    ),
    operation_id="openPayment",
    guards=[TOKEN],
)
async def open_payment(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[PaymentRequest]
) -> PaymentPanel:
    """Open a payment, or give back the open one."""
    return await pay(desk_of(request), order_id, data, buyer_of(request).client_ip)


@post(
    "/orders/{order_id:str}/claims",
    status_code=201,
    summary="Show a payment",
    security=BY_TOKEN,
    responses=problems(
        {
            **WRONG_TOKEN,
            413: ("too_large", "picture_too_large"),
            422: ("invalid_request", "claim_empty", "claim_number_invalid", "picture_invalid"),
            429: ("too_many", "too_many_claims"),
        }
    ),
    operation_id="makeClaim",
    request_max_body_size=CLAIM_BODY_BYTES_MAX,
    guards=[TOKEN],
)
async def make_claim(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[ClaimRequest]
) -> ClaimPanel:
    """已付款,订单未更新: the channel is asked at once; the order's `claims` say what it answered and what is next.

    The same number again gives the same claim.
    """
    await _existing(request, order_id)
    await take_guess(request, f"claim:{order_id}")
    try:
        picture = base64.b64decode(data.picture, validate=True)
    except ValueError as error:
        raise Problem("picture_invalid", Kind.INVALID, "not base64") from error
    return await desk_of(request).make_claim(order_id, data.number, picture)


ROUTER: Final = Router(
    "/api/v1",
    route_handlers=[place_order, get_order, get_status, get_trail, get_events, open_payment, make_claim],
)
