"""修改充值账号 (R19): the call, the page and its form. Who corrects is known by the order's token, or by its contact."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody

from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import BROWSER, OPENED, PROOF
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    csrf_of,
    desk_of,
    form_of,
    known_order_id,
    language,
    page,
    see_other,
    shop_of,
    take_guess,
    unlocked,
)
from mingzhang.app.problems import field_error
from mingzhang.catalogue.fields import FIELDS_MAX, VALUE_MAX
from mingzhang.kit.errors import Kind, Problem
from mingzhang.web import pages_correction
from mingzhang.web.model import OrderStatus

FIELD_MAX: Final = 250


class CorrectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account as it should have been, `fields` as when ordering; or `refund`, to take the money back instead.

    `contact`: the order's contact (or query password), for whoever does not hold its token.
    """

    account: Annotated[str, msgspec.Meta(max_length=FIELD_MAX)] = ""
    fields: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=40)],
            Annotated[str, msgspec.Meta(max_length=VALUE_MAX)],
        ],
        msgspec.Meta(max_length=FIELDS_MAX),
    ] = {}
    contact: Annotated[str, msgspec.Meta(max_length=120)] = ""
    refund: bool = False


async def identified(request: AnyRequest, order_id: str, contact: str, door: str) -> str:
    """The order id when token or contact opens it; an order that never existed answers like a wrong one.

    Tries are counted by ``door``.
    """
    await take_guess(request, f"{door}:{order_id}")
    desk = desk_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        known_order_id(order_id)
        if scheme.lower() == "bearer" and token and await desk.check_token(order_id, token.strip()[:200]):
            return order_id
        if contact and await desk.check_contact(order_id, contact.strip()):
            return order_id
    except Problem as problem:
        if problem.code != "unknown_order":
            raise
    raise Problem("unauthenticated", Kind.UNAUTHENTICATED, "the order's token or its contact is needed")


@post(
    "/orders/{order_id:str}/correction",
    status_code=200,
    summary="Correct the account",
    security=[*BY_TOKEN, {}],
    responses=problems(
        {
            401: ("unauthenticated",),
            409: ("correction_not_open",),
            413: ("too_large",),
            422: ("invalid_request", "bad_account", "account_unchanged"),
            429: ("too_many",),
        }
    ),
    operation_id="correctAccount",
    guards=[PROOF],
)
async def correct_account(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[CorrectionRequest]
) -> OrderStatus:
    """待您处理: the order goes on with another account, under a new number at the supplier, or its money goes back.

    Only while the order is `needs_buyer`. Once a supplier may have acted there is nothing to correct.
    """
    texts = (data.account, data.contact, *(text for pair in data.fields.items() for text in pair))
    if not all(text.isprintable() for text in texts):
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    await identified(request, order_id, data.contact, "correct")
    desk = desk_of(request)
    if data.refund:
        await desk.refuse_correction(order_id)
    else:
        await desk.correct(order_id, data.account, data.fields)
    return await desk.status(order_id)


async def _form_page(
    request: AnyRequest,
    order_id: str,
    form: dict[str, str],
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_correction.correction_page(
        await desk.order_page(order_id),
        await desk.correction_fields(order_id),
        shop_of(desk),
        language(request),
        csrf_of(request, order_id),
        form=form,
        errors=errors or {},
    )
    return page(request, html, status)


@get("/orders/{order_id:str}/correction", include_in_schema=False, guards=[OPENED])
async def correction_form(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The form, with the clock and what happens when it ends."""
    return await _form_page(request, order_id, {})


@post("/orders/{order_id:str}/correction", include_in_schema=False, guards=[BROWSER])
async def send_correction(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Correct it, then show the order's page. The account is typed twice: a second mistake costs a day."""
    desk, form = desk_of(request), await form_of(request)
    if not unlocked(request, order_id):
        raise Problem("unauthenticated", Kind.UNAUTHENTICATED)
    known_order_id(order_id)
    check_csrf(csrf_of(request, order_id), form)
    names = [field.name for field in await desk.correction_fields(order_id)]
    more = {name: form.get(name, "")[:FIELD_MAX] for name in names if name != "account"}
    account = form.get("account", "")[:FIELD_MAX]
    if "".join(account.split()) != "".join(form.get("again", "").split()):
        return await _form_page(request, order_id, form, {"again": "account_differs"}, 422)
    try:
        await desk.correct(order_id, account, more)
    except Problem as problem:
        error = field_error(problem)
        if error is None:
            raise
        return await _form_page(request, order_id, form, dict([error]), 422)
    return see_other(f"/orders/{order_id}")


ROUTER: Final = Router("/api/v1", route_handlers=[correct_account])
HANDLERS: Final = (correction_form, send_correction)
