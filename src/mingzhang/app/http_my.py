"""我的订单: a buyer proves a contact by a one-time code and sees its orders. Accounts are optional (R31)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from mingzhang.app import desk_buyer
from mingzhang.app.desk import Desk
from mingzhang.app.http_guard import ACCOUNT, ANYBODY
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    known_order_id,
    language,
    order_cookie,
    page,
    see_other,
    shop_of,
    take_guess,
)
from mingzhang.app.http_session import buyer_cookie_name, buyer_csrf, buyer_session
from mingzhang.app.problems import field_error
from mingzhang.kit.errors import Kind, Problem
from mingzhang.web import pages_buyer

HOME: Final = "/my"
CONTACT_MAX: Final = 120
_DAY_S: Final = 86_400


def _cookie(desk: Desk, value: str, days: int = desk_buyer.SESSION_DAYS) -> Cookie:
    return Cookie(
        key=buyer_cookie_name(desk),
        value=value,
        path=HOME,
        max_age=days * _DAY_S,
        httponly=True,
        samesite="lax",
        secure=desk.settings.secure_cookies,
    )


def _contact(request: AnyRequest) -> str:
    return desk_buyer.contact_of(desk_of(request), buyer_session(request))


def _ask_page(request: AnyRequest, form: dict[str, str], problem: Problem | None = None) -> HtmlResponse:
    desk = desk_of(request)
    error, status = ("", ""), 200
    if problem is not None:
        status = 429 if problem.kind is Kind.TOO_MANY else 422
        error = field_error(problem) or ("", problem.code)
    html = pages_buyer.my_page(
        language(request),
        shop_of(desk),
        form=form,
        error=error,
        can_write=desk_buyer.can_write(desk) or desk.settings.demo,
        can_text=desk_buyer.can_text(desk),
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[ANYBODY])
async def mine(request: AnyRequest) -> Response[Any]:
    """The orders of the contact that was proved; before that, the ways to find one."""
    desk, contact = desk_of(request), _contact(request)
    if not contact:
        return _ask_page(request, {})
    found = await desk_buyer.list_orders(desk, contact)
    html = pages_buyer.my_orders_page(
        found, contact, desk.clock.now(), language(request), shop_of(desk), buyer_csrf(request)
    )
    return page(request, html)


@post(f"{HOME}/code", include_in_schema=False, guards=[ANYBODY])
async def send_code(request: AnyRequest) -> Response[Any]:
    """Have a code sent. The answer is the same for every address that can be written to."""
    desk, form = desk_of(request), await form_of(request)
    contact = form.get("contact", "").strip()[:CONTACT_MAX]
    try:
        await take_guess(request, f"code:{contact.lower()}")
        shown = await desk_buyer.send_code(desk, contact, language(request))
    except Problem as problem:
        if problem.kind not in (Kind.INVALID, Kind.TOO_MANY):
            raise
        return _ask_page(request, form, problem)
    return page(request, pages_buyer.my_code_page(language(request), shop_of(desk), contact, shown=shown))


@post(f"{HOME}/enter", include_in_schema=False, guards=[ANYBODY])
async def enter(request: AnyRequest) -> Response[Any]:
    """Exchange the code for this browser's cookie; every refusal looks alike."""
    desk, form = desk_of(request), await form_of(request)
    contact = form.get("contact", "").strip()[:CONTACT_MAX]
    try:
        await take_guess(request, f"enter:{contact.lower()}")
        session = await desk_buyer.enter(desk, contact, form.get("code", "")[:20])
    except Problem as problem:
        if problem.code not in ("code_wrong", "too_many"):
            raise
        status = 429 if problem.code == "too_many" else 422
        html = pages_buyer.my_code_page(language(request), shop_of(desk), contact, error=problem.code)
        return page(request, html, status)
    return see_other(HOME, (_cookie(desk, session),))


@post(f"{HOME}/out", include_in_schema=False, guards=[ACCOUNT])
async def leave(request: AnyRequest) -> Response[Any]:
    """Forget it in this browser."""
    return see_other(HOME, (_cookie(desk_of(request), "", 0),))


@get(f"{HOME}/orders/{{order_id:str}}", include_in_schema=False, guards=[ACCOUNT])
async def open_order(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """To the order's page, when it is one of this contact's."""
    desk, contact = desk_of(request), _contact(request)
    known_order_id(order_id)
    if not await desk.check_contact(order_id, contact):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return see_other(f"/orders/{order_id}", (order_cookie(desk, order_id),))


HANDLERS: Final = (mine, send_code, enter, leave, open_order)
