"""Where to turn (该找谁) and the letters (R31–R38): read from the order's page; what a buyer types is kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.http_guard import BROWSER, OPENED
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    csrf_of,
    desk_of,
    form_of,
    language,
    page,
    page_headers,
    see_other,
    shop_of,
    take_guess,
)
from mingzhang.app.paper import set_paper
from mingzhang.kit.errors import Kind, Problem
from mingzhang.recourse.law import read_law
from mingzhang.recourse.letters import LANGUAGES, TEXT_MAX, read_typed
from mingzhang.recourse.letters import Kind as LetterKind
from mingzhang.web import pages_letters, pages_recourse
from mingzhang.web.i18n import translations
from mingzhang.web.views import View
from mingzhang.web.words_letters import LETTERS


@get("/orders/{order_id:str}/help", include_in_schema=False, guards=[OPENED])
async def show_help(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Whose turn it is, what to do there, what applies."""
    desk = desk_of(request)
    law = read_law(desk.settings.law_path)
    html = pages_recourse.help_page(
        await desk.order_page(order_id), shop_of(desk, request), language(request), law
    )
    return page(request, html)


@get("/orders/{order_id:str}/complaint", include_in_schema=False, guards=[OPENED])
async def complaint(order_id: FromPath[str]) -> Response[Any]:
    """The former address of the same page."""
    return see_other(f"/orders/{order_id}/help")


def _kind(name: str) -> LetterKind:
    try:
        return LetterKind(name)
    except ValueError:
        raise Problem("not_found", Kind.NOT_FOUND) from None


async def _write(request: AnyRequest, order_id: str, kind: LetterKind, form: Mapping[str, str]) -> str:
    desk = desk_of(request)
    asked = form.get("in", "")
    return pages_letters.write_letter(
        kind,
        await desk.order_page(order_id),
        shop_of(desk, request),
        desk.settings.base_url,
        read_law(desk.settings.law_path),
        read_typed(form),
        asked if asked in LANGUAGES else language(request),
    )


async def _letter_page(
    request: AnyRequest, order_id: str, kind: LetterKind, form: Mapping[str, str]
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_letters.letter_page(
        kind,
        await desk.order_page(order_id),
        shop_of(desk, request),
        language(request),
        csrf_of(request, order_id),
        text=await _write(request, order_id, kind, form),
        form=form,
        written_in=form.get("in") or language(request),
    )
    return page(request, html)


@get("/orders/{order_id:str}/letters/{kind:str}", include_in_schema=False, guards=[OPENED])
async def show_letter(request: AnyRequest, order_id: FromPath[str], kind: FromPath[str]) -> Response[Any]:
    """The letter as the order's records write it, with a form for what they do not hold."""
    return await _letter_page(request, order_id, _kind(kind), {})


@post("/orders/{order_id:str}/letters/{kind:str}", include_in_schema=False, guards=[BROWSER])
async def take_letter(request: AnyRequest, order_id: FromPath[str], kind: FromPath[str]) -> Response[Any]:
    """Written anew with what was typed (`do=write`), or taken home as it was changed (`do=text`, `do=pdf`)."""
    wanted, form = _kind(kind), await form_of(request)
    if form.get("do") not in ("text", "pdf"):
        return await _letter_page(request, order_id, wanted, form)
    await take_guess(request, f"letter:{order_id}")
    text = form.get("text", "").replace("\r\n", "\n")[:TEXT_MAX]
    if form["do"] == "text":
        return _file(request, f"{text}\n".encode(), "text/plain; charset=utf-8", f"{wanted}-{order_id}.txt")
    desk, lang = desk_of(request), language(request)
    told = {
        "title": View(lang, shop_of(desk), translations(lang)).t(LETTERS[wanted]),
        "lang": lang,
        "lines": text.split("\n"),
    }
    template = files("mingzhang.recourse").joinpath("letter.typ").read_bytes()
    body = await asyncio.to_thread(set_paper, template, told, desk.clock.now())
    return _file(request, body, "application/pdf", f"{wanted}-{order_id}.pdf")


def _file(request: AnyRequest, body: bytes, media_type: str, name: str) -> Response[Any]:
    headers = {**page_headers(desk_of(request)), "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, status_code=200, media_type=media_type, headers=headers)


HANDLERS: Final = (show_help, complaint, show_letter, take_letter)
