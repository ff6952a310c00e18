"""Staff: refunds under way by their age (退款账龄)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get

from mingzhang.app import desk_ageing
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import AnyRequest, desk_of, language, page, see_other, shop_of
from mingzhang.app.http_staff import frame_of, office_of, signed_in
from mingzhang.staff import record
from mingzhang.staff.rights import Right
from mingzhang.web import pages_refunds


@get("/staff/refund-ageing", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def refund_ageing(request: AnyRequest) -> Response[Any]:
    """How many, how much, how old; each figure leads to its rows."""
    member = await signed_in(request)
    if member is None:
        return see_other("/staff/sign-in")
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    desk = desk_of(request)
    age = request.query_params.get("age", "")
    shown = await desk_ageing.read_ageing(desk.ctx, age if age in desk_ageing.AGES else "")
    frame = await frame_of(request, member)
    return page(
        request,
        pages_refunds.ageing_page(shown, shop_of(desk), language(request), frame, desk.clock.now()),
    )


HANDLERS: Final = (refund_ageing,)
