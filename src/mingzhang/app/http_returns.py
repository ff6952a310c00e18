"""What a buyer may do while an order goes another way: go ahead of others (R27), name an account for a refund (row 17)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody

from mingzhang.app.http_correction import identified
from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import BROWSER, OPENED, PROOF
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
from mingzhang.app.problems import field_error
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import ahead
from mingzhang.transfers.payee import name_payee
from mingzhang.web import pages_returns
from mingzhang.web.model import OrderStatus

PAYEE_MAX: Final = 80


class ContactRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks: the order's contact, or its query password, for whoever does not hold its token."""

    contact: Annotated[str, msgspec.Meta(max_length=120)] = ""


class ChoiceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`choice`: refund, resupply (after a refusal) or wait (after the promised time). `contact`: for whoever does not
    hold the order's token.
    """

    choice: Annotated[str, msgspec.Meta(max_length=20)] = ""
    contact: Annotated[str, msgspec.Meta(max_length=120)] = ""


class PayeeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the refund is to be paid to, as it stands at their bank. `contact`: for whoever does not hold the token."""

    name: Annotated[str, msgspec.Meta(max_length=PAYEE_MAX)] = ""
    account: Annotated[str, msgspec.Meta(max_length=PAYEE_MAX)] = ""
    contact: Annotated[str, msgspec.Meta(max_length=120)] = ""


@post(
    "/orders/{order_id:str}/ahead",
    status_code=200,
    summary="Have a paid order go ahead",
    security=[*BY_TOKEN, {}],
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
    await identified(request, order_id, data.contact, "ahead")
    desk = desk_of(request)
    await ahead.go_ahead(desk.ctx, order_id)
    return await desk.status(order_id)


@post(
    "/orders/{order_id:str}/payee",
    status_code=200,
    summary="Name an account for a refund",
    security=[*BY_TOKEN, {}],
    responses=problems(
        {
            401: ("unauthenticated",),
            409: ("payee_not_open",),
            413: ("too_large",),
            422: ("invalid_request", "payee_name_invalid", "payee_account_invalid"),
            429: ("too_many", "too_many_payees"),
        }
    ),
    operation_id="namePayee",
    guards=[PROOF],
)
async def api_payee(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[PayeeRequest]
) -> OrderStatus:
    """收款账户: only while the channel has refused to give the money back the way it came. Sealed; nobody reads it back."""
    if not all(text.isprintable() for text in (data.name, data.account, data.contact)):
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    await identified(request, order_id, data.contact, "payee")
    desk = desk_of(request)
    await name_payee(desk.ctx, order_id, data.name, data.account)
    return await desk.status(order_id)


@post(
    "/orders/{order_id:str}/choice",
    status_code=200,
    summary="Choose the remedy",
    security=[*BY_TOKEN, {}],
    responses=problems(
        {
            401: ("unauthenticated",),
            409: ("no_choice_open",),
            413: ("too_large",),
            422: ("invalid_request", "unknown_choice"),
            429: ("too_many",),
        }
    ),
    operation_id="chooseRemedy",
    guards=[PROOF],
)
async def choose(request: AnyRequest, order_id: FromPath[str], data: JSONBody[ChoiceRequest]) -> OrderStatus:
    """退款, 补发 or to wait on, as the order's `actions` offer it: after a refusal, or after the promised time (R35)."""
    if not data.contact.isprintable():
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    await identified(request, order_id, data.contact, "choice")
    desk = desk_of(request)
    await desk.choose(order_id, data.choice)
    return await desk.status(order_id)


async def _payee_page(
    request: AnyRequest, order_id: str, form: dict[str, str], errors: dict[str, str], status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    shown = await desk.order_page(order_id)
    html = pages_returns.payee_page(
        shown, shop_of(desk, request), language(request), csrf_of(request, order_id), form=form, errors=errors
    )
    return page(request, html, status)


@get("/orders/{order_id:str}/payee", include_in_schema=False, guards=[OPENED])
async def payee_form(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The form, or that nothing is needed."""
    return await _payee_page(request, order_id, {}, {})


@post("/orders/{order_id:str}/payee", include_in_schema=False, guards=[BROWSER])
async def send_payee(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Name it, then show the order's page. The account is typed twice: a wrong digit costs days."""
    form = await form_of(request)
    name, account = form.get("name", "")[:PAYEE_MAX], form.get("account", "")[:PAYEE_MAX]
    if "".join(account.split()) != "".join(form.get("again", "").split()):
        return await _payee_page(request, order_id, form, {"again": "payee_differs"}, 422)
    try:
        await take_guess(request, f"payee:{order_id}")
        await name_payee(desk_of(request).ctx, order_id, name, account)
    except Problem as problem:
        error = field_error(problem)
        if error is None:
            raise
        return await _payee_page(request, order_id, form, dict([error]), 422)
    return see_other(f"/orders/{order_id}#payee")


ROUTER: Final = Router("/api/v1", route_handlers=[go_ahead, choose, api_payee])
HANDLERS: Final = (payee_form, send_payee)
