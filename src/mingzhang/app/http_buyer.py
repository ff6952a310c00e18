"""What a buyer may do besides waiting: ask for a refund or re-supply, take the proof home (R31, R32, R35)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.desk_papers import papers_of
from mingzhang.app.http_guard import BROWSER, OPENED
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    csrf_of,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
    take_guess,
)
from mingzhang.app.http_log import read_receipts
from mingzhang.app.http_owed import read_owed
from mingzhang.kit.errors import Problem
from mingzhang.orders.requests import WORDS_MAX, make_request
from mingzhang.web import pages_buyer

AT_THE_FORM: Final = {
    "request_invalid": 422,
    "too_long": 422,
    "request_not_open": 409,
    "too_many": 429,
}


async def _form_page(
    request: AnyRequest, order_id: str, form: dict[str, str], error: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    shown = await desk.order_page(order_id)
    html = pages_buyer.request_page(
        shown, shop_of(desk, request), language(request), csrf_of(request, order_id), form=form, error=error
    )
    return page(request, html, status)


@get("/orders/{order_id:str}/request", include_in_schema=False, guards=[OPENED])
async def request_form(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The form: what is wanted, why, and in what words."""
    return await _form_page(request, order_id, {})


@post("/orders/{order_id:str}/request", include_in_schema=False, guards=[BROWSER])
async def send_request(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Put it on record, then show the order's page, where its clock runs."""
    form = await form_of(request)
    try:
        await take_guess(request, f"request:{order_id}")
        await make_request(
            desk_of(request).ctx,
            order_id,
            form.get("wish", "")[:20],
            form.get("cause", "")[:20],
            form.get("words", "")[: WORDS_MAX + 1],
        )
    except Problem as problem:
        if problem.code not in AT_THE_FORM:
            raise
        return await _form_page(request, order_id, form, problem.code, AT_THE_FORM[problem.code])
    return see_other(f"/orders/{order_id}#requests")


@get("/orders/{order_id:str}/proof", include_in_schema=False, guards=[OPENED])
async def proof(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Everything on record for the buyer, on one page to print or keep; no card codes."""
    desk = desk_of(request)
    found = await desk.order_page(order_id)
    html = pages_buyer.proof_page(
        found,
        shop_of(desk, request),
        language(request),
        await read_receipts(desk, order_id),
        await papers_of(request).agreed(found.placed_at),
        await read_owed(desk, order_id),
    )
    return page(request, html)


HANDLERS: Final = (request_form, send_request, proof)
