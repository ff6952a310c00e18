"""Staff: the account that a buyer named for a refund by bank transfer, for one look, on record (row 17)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, post
from litestar.params import FromPath

from mingzhang.app import desk_transfers
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    AnyRequest,
    desk_of,
    form_of,
    known_order_id,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in
from mingzhang.staff.rights import Right
from mingzhang.web import pages_refunds


@post("/staff/orders/{order_id:str}/payee", include_in_schema=False, guards=[staff(Right.VIEW_PERSONAL_DATA)])
async def payee(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Name and account in clear, with a reason on record."""
    member = await signed_in(request)
    if member is None:
        return see_other("/staff/sign-in")
    known_order_id(order_id)
    form = await form_of(request)
    shown = await desk_transfers.reveal(office_of(request), member, order_id, form.get("reason", ""))
    desk = desk_of(request)
    frame = await frame_of(request, member)
    html = pages_refunds.payee_page(order_id, shown, shop_of(desk), language(request), frame)
    return page(request, html)


HANDLERS: Final = (payee,)
