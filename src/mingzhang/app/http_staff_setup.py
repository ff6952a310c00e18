"""Staff: the set-up wizard. Each step can be opened, left and gone on with; what it shows is computed or was tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.desk import Desk
from mingzhang.app.http_demo import control
from mingzhang.app.http_guard import staff, staff_by_path
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    language,
    order_cookie,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in
from mingzhang.app.setup import flow
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.model_setup import STEPS
from mingzhang.web.pages_setup import setup_page

HOME: Final = "/staff/setup"
SIGN_IN: Final = "/staff/sign-in"
VALUE_MAX: Final = 200
# What a form of each step does, and the right that it needs.
ACTIONS: Final[Mapping[str, Right]] = {
    "channel": Right.MANAGE_SHOP,
    "supplier": Right.MANAGE_SHOP,
    "custody": Right.MANAGE_SHOP,
    "rules": Right.MANAGE_CATALOGUE,
    "product": Right.MANAGE_CATALOGUE,
    "order": Right.MANAGE_SHOP,
    "address": Right.MANAGE_SHOP,
}
STEP_OF: Final = {
    "channel": "channels",
    "supplier": "suppliers",
    "custody": "custody",
    "rules": "product",
    "product": "product",
    "order": "order",
    "address": "launch",
}


async def _show(
    request: AnyRequest, member: Member, step: str, problem: Problem | None = None
) -> HtmlResponse:
    desk = desk_of(request)
    shown = await flow.read_setup(desk, office_of(request), step)
    code = problem.code if problem else ""
    field = str(problem.params.get("field", "")) if problem else ""
    html = setup_page(
        shown,
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        refused=code,
        field=field,
        done=request.query_params.get("done") == "1",
    )
    return page(request, html, 200 if problem is None else 409 if problem.kind is Kind.CONFLICT else 422)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP, Right.MANAGE_CATALOGUE)])
async def setup(request: AnyRequest) -> Response[Any]:
    """All steps, and the first that is not done."""
    member = await signed_in(request)
    return see_other(SIGN_IN) if member is None else await _show(request, member, "")


@get(
    f"{HOME}/{{step:str}}",
    include_in_schema=False,
    guards=[staff(Right.MANAGE_SHOP, Right.MANAGE_CATALOGUE)],
)
async def setup_step(request: AnyRequest, step: FromPath[str]) -> Response[Any]:
    """One step."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    if step not in STEPS:
        raise Problem("not_found", Kind.NOT_FOUND)
    return await _show(request, member, step)


@post(f"{HOME}/{{action:str}}", include_in_schema=False, guards=[staff_by_path("action", ACTIONS)])
async def act(request: AnyRequest, action: FromPath[str]) -> Response[Any]:
    """Try or choose something; back to its step with what came of it."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    form = {name: value[:VALUE_MAX] for name, value in (await form_of(request)).items()}
    desk, step = desk_of(request), STEP_OF[action]
    try:
        cookies = await _DO[action](desk, member, form)
    except Problem as problem:
        if problem.kind in {Kind.INTERNAL, Kind.NOT_FOUND, Kind.UNAUTHENTICATED}:
            raise
        return await _show(request, member, step, problem)
    return see_other(f"{HOME}/{step}?done=1", cookies)


Cookies = tuple[Any, ...]


async def _channel(desk: Desk, member: Member, form: Mapping[str, str]) -> Cookies:
    await flow.call_channel(desk, member, form.get("name", ""))
    return ()


async def _supplier(desk: Desk, member: Member, form: Mapping[str, str]) -> Cookies:
    await flow.call_supplier(desk, member, form.get("name", ""))
    return ()


async def _custody(desk: Desk, member: Member, form: Mapping[str, str]) -> Cookies:
    await flow.choose_custody(desk, member, form.get("choice", ""))
    return ()


async def _rules(desk: Desk, member: Member, _: Mapping[str, str]) -> Cookies:
    await flow.publish_rules(desk, member)
    return ()


async def _product(desk: Desk, member: Member, form: Mapping[str, str]) -> Cookies:
    await flow.add_product(desk, member, form.get("template", ""), form)
    return ()


async def _order(desk: Desk, member: Member, form: Mapping[str, str]) -> Cookies:
    """In a demo the simulated buyer pays at once; else whoever tests pays on the order's page, with real money."""
    order_id = await flow.place_test_order(desk, member, form.get("product_id", ""), form.get("account", ""))
    if desk.settings.control_url and desk.channels:
        with suppress(Problem):  # the order stands; its page shows what is known and offers to pay
            panel = await desk.open_payment(order_id)
            await control(desk, "POST", "/buyers/pay", {"out_trade_no": panel.payment_no})
    return (order_cookie(desk, order_id),)


async def _address(desk: Desk, member: Member, _: Mapping[str, str]) -> Cookies:
    await flow.ask_address(desk, member)
    return ()


_DO: Final[Mapping[str, Callable[[Desk, Member, Mapping[str, str]], Awaitable[Cookies]]]] = {
    "channel": _channel,
    "supplier": _supplier,
    "custody": _custody,
    "rules": _rules,
    "product": _product,
    "order": _order,
    "address": _address,
}
HANDLERS: Final = (setup, setup_step, act)
