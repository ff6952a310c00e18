"""Staff: webhooks. Endpoints with their secrets shown once, and what became of each message; by `manage_shop`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_webhooks
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_session import signed_in
from mingzhang.app.http_staff import frame_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.notices.webhook_types import GROUPS
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_webhooks

HOME: Final = "/staff/webhooks"
BUCKET_DIGITS_MAX: Final = 9
STATUS: Final = {Kind.INVALID: 422, Kind.CONFLICT: 409, Kind.NOT_FOUND: 404}
AT_THE_FORM: Final = frozenset(
    {
        "url_invalid",
        "url_private",
        "webhook_topics",
        "too_many_endpoints",
        "unknown_endpoint",
        "notice_not_done",
    }
)


async def _member(request: AnyRequest) -> Member:
    member = await signed_in(request)
    assert member is not None  # the guard let nobody else in
    return member


async def _show(
    request: AnyRequest,
    *,
    form: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    secret: str = "",
) -> HtmlResponse:
    desk = desk_of(request)
    endpoints, deliveries = await desk_webhooks.read_all(desk)
    html = pages_webhooks.webhooks_page(
        endpoints,
        deliveries,
        shop_of(desk),
        language(request),
        await frame_of(request, await _member(request)),
        desk.clock.now(),
        form=form or {},
        error=problem.code if problem else "",
        secret=secret,
        done=request.query_params.get("done") == "1",
    )
    return page(request, html, STATUS[problem.kind] if problem else 200)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def show_webhooks(request: AnyRequest) -> Response[Any]:
    """Endpoints, a form for another, and the newest messages."""
    return await _show(request)


@post(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def add_webhook(request: AnyRequest) -> Response[Any]:
    """A new endpoint; its secret stands on the page that answers, and nowhere again."""
    form = await form_of(request)
    topics = [group for group in GROUPS if form.get(f"topic_{group}") == "yes"]
    try:
        secret = await desk_webhooks.add(
            desk_of(request),
            await _member(request),
            form.get("url", "").strip(),
            topics,
            form.get("note", ""),
        )
    except Problem as problem:
        return await _refused(request, problem, form)
    return await _show(request, secret=secret)


@post(f"{HOME}/{{name:str}}/{{action:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def act_on_webhook(request: AnyRequest, name: FromPath[str], action: FromPath[str]) -> Response[Any]:
    """pause, resume, close, ping, or a new secret."""
    try:
        secret = await desk_webhooks.act(desk_of(request), await _member(request), name[:64], action)
    except Problem as problem:
        return await _refused(request, problem, {})
    return await _show(request, secret=secret) if secret else see_other(f"{HOME}?done=1")


@post(
    f"{HOME}/messages/{{number:str}}/send-again", include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)]
)
async def send_again(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
    """One message once more, under its own number. `number`: bucket and notice, as the log's button names them."""
    bucket, _, notice_id = number.partition("~")
    if not (bucket.isascii() and bucket.isdecimal() and len(bucket) <= BUCKET_DIGITS_MAX):
        raise Problem("not_found", Kind.NOT_FOUND)
    try:
        await desk_webhooks.send_anew(desk_of(request), await _member(request), int(bucket), notice_id[:128])
    except Problem as problem:
        return await _refused(request, problem, {})
    return see_other(f"{HOME}?done=1#messages")


async def _refused(request: AnyRequest, problem: Problem, form: Mapping[str, str]) -> HtmlResponse:
    if problem.code not in AT_THE_FORM:
        raise problem
    return await _show(request, form=form, problem=problem)


HANDLERS: Final = (show_webhooks, add_webhook, act_on_webhook, send_again)
