"""已付款,订单未更新: the page on which a buyer shows a payment, and what happens with what they send (R25, R26)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.http_attachments import read_form
from mingzhang.app.http_guard import BROWSER, OPENED
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    csrf_of,
    desk_of,
    known_order_id,
    language,
    page,
    refuse_foreign,
    see_other,
    shop_of,
    take_guess,
    unlocked,
)
from mingzhang.kit.errors import Kind, Problem
from mingzhang.payments.pictures import UPLOAD_BYTES_MAX
from mingzhang.web import pages_claims

BODY_BYTES_MAX: Final = UPLOAD_BYTES_MAX + 64 * 1024
# Refusals that the form itself explains.
AT_THE_FORM: Final = frozenset(
    {
        "claim_empty",
        "claim_number_invalid",
        "picture_invalid",
        "picture_too_large",
        "too_many_claims",
        "too_many",
    }
)
STATUS: Final = {Kind.INVALID: 422, Kind.TOO_LARGE: 413, Kind.TOO_MANY: 429}


def _entered(request: AnyRequest, order_id: str) -> str:
    if not unlocked(request, order_id):
        raise Problem("unauthenticated", Kind.UNAUTHENTICATED)
    return known_order_id(order_id)


async def _form_page(
    request: AnyRequest, order_id: str, number: str = "", error: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_claims.claim_page(
        await desk.order_page(order_id),
        shop_of(desk),
        language(request),
        csrf_of(request, order_id),
        number=number,
        error=error,
    )
    return page(request, html, status)


@get("/orders/{order_id:str}/claim", include_in_schema=False, guards=[OPENED])
async def claim_form(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The form, with where to find the number and what the bill's words mean."""
    return await _form_page(request, order_id)


@post(
    "/orders/{order_id:str}/claim",
    include_in_schema=False,
    request_max_body_size=BODY_BYTES_MAX,
    guards=[BROWSER],
)
async def make_claim(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Put it on record, then show the order's page, where the claim's state stands."""
    refuse_foreign(request)
    order_id = _entered(request, order_id)
    form = await read_form(request, "picture", files_max=1)
    fields, picture = form.fields, form.files[-1] if form.files else b""
    check_csrf(csrf_of(request, order_id), fields)
    number = fields.get("number", "").strip()
    try:
        await take_guess(request, f"claim:{order_id}")
        await desk_of(request).make_claim(order_id, number, picture)
    except Problem as problem:
        if problem.code not in AT_THE_FORM:
            raise
        return await _form_page(request, order_id, number[:64], problem.code, STATUS[problem.kind])
    return see_other(f"/orders/{order_id}#claims")


HANDLERS: Final = (claim_form, make_claim)
