"""Evidence packs over HTTP: the buyer's edition for whoever has the order open, the others by right, on record."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, Router, get, post
from litestar.params import FromPath

from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import OPENED, TOKEN, fields_of, staff_by_form
from mingzhang.app.http_kit import AnyRequest, desk_of, known_order_id, see_other, take_guess
from mingzhang.app.http_session import office_of, signed_in
from mingzhang.app.packs import make_pack
from mingzhang.kit.database import transaction
from mingzhang.packs.model import Edition
from mingzhang.staff import record
from mingzhang.staff.rights import Right

BY_EDITION: Final = {
    Edition.BUYER.value: Right.VIEW_ORDERS,
    Edition.STAFF.value: Right.VIEW_ORDERS,
    Edition.AUDITOR.value: Right.VIEW_COSTS,
}


@get("/orders/{order_id:str}/pack.zip", include_in_schema=False, guards=[OPENED])
async def buyer_pack(request: AnyRequest, order_id: FromPath[str]) -> Response[bytes]:
    """下载交易凭证: the buyer's edition, for a browser that has the order open."""
    return await _for_buyer(request, order_id)


@get(
    "/orders/{order_id:str}/pack",
    summary="The evidence pack of an order, masked, to be checked offline",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",), 409: ("pack_too_large",), 429: ("too_many",)}),
    operation_id="getPack",
    guards=[TOKEN],
    media_type="application/zip",
)
async def get_pack(request: AnyRequest, order_id: FromPath[str]) -> Response[bytes]:
    """A zip with a signed list of its parts; `mingzhang verify`, /log/verify.py and /log/verify.html check it whole."""
    return await _for_buyer(request, order_id)


async def _for_buyer(request: AnyRequest, order_id: str) -> Response[bytes]:
    await take_guess(request, f"pack:{order_id}")
    desk = desk_of(request)
    return _zip(await make_pack(desk.ctx, desk.settings, order_id, Edition.BUYER), order_id, Edition.BUYER)


@post(
    "/staff/orders/{order_id:str}/pack",
    include_in_schema=False,
    guards=[staff_by_form("edition", BY_EDITION)],
    status_code=200,
)
async def staff_pack(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """An edition by right, on record before it is made; unmasked with a reason, for whoever may see personal data."""
    member = await signed_in(request)
    if member is None:
        return see_other("/staff/sign-in")
    known_order_id(order_id)
    fields = await fields_of(request)
    edition, reason = Edition(fields.get("edition", "")), fields.get("reason", "").strip()
    clear = fields.get("clear") == "1"
    office, desk = office_of(request), desk_of(request)
    if clear:
        await record.look(office, member, Right.VIEW_PERSONAL_DATA, order_id, f"pack_{edition.value}", reason)
    else:
        async with transaction(office.pool) as conn:
            await record.write(
                conn,
                office.rng,
                office.clock.now(),
                member,
                "make_pack",
                order_id,
                kind="seen",
                reason=reason,
                data={"edition": edition.value},
            )
    made = await make_pack(
        desk.ctx, desk.settings, order_id, edition, made_by=member.name, to_buyer=False, clear=clear
    )
    return _zip(made, order_id, edition)


def _zip(made: bytes, order_id: str, edition: Edition) -> Response[bytes]:
    name = f"mingzhang-{order_id}-{edition.value}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(made, media_type="application/zip", headers=headers)


HANDLERS: Final = (buyer_pack, staff_pack)
ROUTER: Final = Router("/api/v1", route_handlers=[get_pack])
