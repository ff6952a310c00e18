"""The buyer's disputes: what they are, opening one, the conversation, and what the buyer decides (R27, R35)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import reading_disputes
from mingzhang.app.http_attachments import picture_answer, read_form
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
)
from mingzhang.disputes import flow
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening
from mingzhang.disputes.states import TEXT_MAX, dispute_number
from mingzhang.kit import attachments
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.web import pages_disputes

PICTURES: Final = "pictures"
STATUS: Final = {Kind.INVALID: 422, Kind.CONFLICT: 409, Kind.TOO_MANY: 429, Kind.TOO_LARGE: 413}
N_MAX: Final = 999


def _number(order_id: str, n: int) -> str:
    if not 0 < n <= N_MAX:
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return dispute_number(known_order_id(order_id), n)


async def _list_page(
    request: AnyRequest, order_id: str, form: Mapping[str, str], error: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_disputes.disputes_page(
        await reading_disputes.read_list(desk.ctx, known_order_id(order_id)),
        shop_of(desk, request),
        language(request),
        csrf_of(request, order_id),
        form=form,
        error=error,
    )
    return page(request, html, status)


async def _dispute_page(
    request: AnyRequest, order_id: str, n: int, error: str = "", status: int = 200, text: str = ""
) -> HtmlResponse:
    desk = desk_of(request)
    _number(order_id, n)
    html = pages_disputes.dispute_page(
        await reading_disputes.read_buyers(desk.ctx, order_id, n),
        shop_of(desk, request),
        language(request),
        csrf_of(request, order_id),
        error=error,
        text=text,
    )
    return page(request, html, status)


def _explained(problem: Problem) -> int:
    """The status of a refusal that the page itself explains; another is raised on."""
    if problem.kind not in STATUS:
        raise problem
    return STATUS[problem.kind]


@get("/orders/{order_id:str}/disputes", include_in_schema=False, guards=[OPENED])
async def listed(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The order's disputes, and the form for a new one."""
    return await _list_page(request, order_id, {})


@post(
    "/orders/{order_id:str}/disputes",
    include_in_schema=False,
    request_max_body_size=attachments.BODY_BYTES_MAX,
    guards=[BROWSER],
)
async def open_one(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Put it on record; from here on the shop's clocks run."""
    refuse_foreign(request)
    form = await read_form(request, PICTURES, files_max=attachments.COUNT_MAX, field_max=TEXT_MAX + 200)
    check_csrf(csrf_of(request, order_id), form.fields)
    try:
        await take_guess(request, f"dispute:{order_id}")
        drawn = await attachments.draw_all(form.files)
        opened = await flow.open_dispute(
            desk_of(request).ctx,
            Opening(
                order_id=known_order_id(order_id),
                kind=form.fields.get("kind", "")[:40],
                wish=form.fields.get("wish", "")[:20],
                words=form.fields.get("text", ""),
                attachments=drawn,
            ),
        )
    except Problem as problem:
        return await _list_page(request, order_id, form.fields, problem.code, _explained(problem))
    return see_other(f"/orders/{order_id}/disputes/{opened.dispute_id.rpartition('D')[2]}")


@get("/orders/{order_id:str}/disputes/{n:int}", include_in_schema=False, guards=[OPENED])
async def show(request: AnyRequest, order_id: FromPath[str], n: FromPath[int]) -> Response[Any]:
    """One dispute: whose turn it is and until when, the conversation, what can be done."""
    return await _dispute_page(request, order_id, n)


@post(
    "/orders/{order_id:str}/disputes/{n:int}/say",
    include_in_schema=False,
    request_max_body_size=attachments.BODY_BYTES_MAX,
    guards=[BROWSER],
)
async def say(request: AnyRequest, order_id: FromPath[str], n: FromPath[int]) -> Response[Any]:
    """The buyer writes, with pictures."""
    refuse_foreign(request)
    form = await read_form(request, PICTURES, files_max=attachments.COUNT_MAX, field_max=TEXT_MAX + 200)
    check_csrf(csrf_of(request, order_id), form.fields)
    text = form.fields.get("text", "")
    try:
        await take_guess(request, f"dispute:{order_id}")
        drawn = await attachments.draw_all(form.files)
        said = Said(speaker="buyer", text=text, attachments=drawn)
        await flow.add_message(desk_of(request).ctx, _number(order_id, n), said)
    except Problem as problem:
        return await _dispute_page(request, order_id, n, problem.code, _explained(problem), text)
    return see_other(f"/orders/{order_id}/disputes/{n}#newest")


async def _accept(ctx: Context, dispute_id: str, _: str) -> None:
    await flow.accept(ctx, dispute_id)


async def _withdraw(ctx: Context, dispute_id: str, _: str) -> None:
    await flow.withdraw(ctx, dispute_id)


async def _arrived(ctx: Context, dispute_id: str, _: str) -> None:
    await flow.withdraw(ctx, dispute_id, outcome="delivered")


Word = Callable[[Context, str, str], Awaitable[None]]
WORDS: Final[Mapping[str, Word]] = {
    "accept": _accept,
    "refuse": flow.refuse,
    "withdraw": _withdraw,
    "arrived": _arrived,
    "reopen": flow.reopen,
}
"""What a buyer decides, by name; the text goes with refuse and reopen."""


@post("/orders/{order_id:str}/disputes/{n:int}/{word:str}", include_in_schema=False, guards=[BROWSER])
async def decide(
    request: AnyRequest, order_id: FromPath[str], n: FromPath[int], word: FromPath[str]
) -> Response[Any]:
    """accept, refuse, withdraw, arrived, reopen; then the dispute's page."""
    refuse_foreign(request)
    form = await read_form(request, PICTURES, files_max=0, field_max=TEXT_MAX + 200)
    check_csrf(csrf_of(request, order_id), form.fields)
    dispute_id = _number(order_id, n)
    if word not in WORDS:
        raise Problem("not_found", Kind.NOT_FOUND)
    try:
        await take_guess(request, f"dispute:{order_id}")
        await WORDS[word](desk_of(request).ctx, dispute_id, form.fields.get("text", ""))
    except Problem as problem:
        return await _dispute_page(request, order_id, n, problem.code, _explained(problem))
    return see_other(f"/orders/{order_id}/disputes/{n}#newest")


@get(
    "/orders/{order_id:str}/disputes/{n:int}/pictures/{attachment_id:str}",
    include_in_schema=False,
    guards=[BROWSER],
)
async def picture(
    request: AnyRequest, order_id: FromPath[str], n: FromPath[int], attachment_id: FromPath[str]
) -> Response[bytes]:
    """A picture of the conversation."""
    body = await reading_disputes.read_picture(desk_of(request).ctx, _number(order_id, n), attachment_id)
    return picture_answer(body, attachment_id)


HANDLERS: Final = (listed, open_one, show, say, decide, picture)
