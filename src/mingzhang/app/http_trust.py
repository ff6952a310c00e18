"""The trust page (R45): for people at /trust, for machines at /api/v1/trust; everything on it is for everybody."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from litestar import Response, Router, get
from litestar.params import FromPath

from mingzhang.app.desk_papers import subject_of
from mingzhang.app.http_docs import problems
from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, language, page, shop_of
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.app.trust.cache import Trust
from mingzhang.app.trust.licences import read_own_picture, read_versions
from mingzhang.app.trust.read import read_day, read_paper_page
from mingzhang.catalogue.papers import read_paper
from mingzhang.catalogue.terms import KINDS
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.receipt import list_logged, make_receipt
from mingzhang.transparency.statements import SHOPS_BUCKET
from mingzhang.web import pages_trust
from mingzhang.web.model_trust import DayProof, TrustPage

VERSION_DIGITS_MAX: Final = 6


def _trust(request: AnyRequest) -> Trust:
    known: Trust = request.app.state.trust
    return known


@get("/trust", include_in_schema=False, guards=[ANYBODY])
async def trust(request: AnyRequest) -> HtmlResponse:
    """Licences, money, suppliers, service, breaches, rules and the public record, on one page."""
    desk = desk_of(request)
    found = await _trust(request).read()
    return page(
        request,
        pages_trust.trust_page(found, shop_of(desk), language(request), desk.clock.now()),
        packed=True,
    )


@get("/trust/days/{day:str}", include_in_schema=False, guards=[ANYBODY])
async def trust_day(request: AnyRequest, day: FromPath[str]) -> HtmlResponse:
    """A closed day's coverage with its proof."""
    desk = desk_of(request)
    found = await read_day(desk, day_in(day))
    return page(
        request, pages_trust.day_page(found, shop_of(desk), language(request), desk.clock.now()), packed=True
    )


@get("/trust/papers/{kind:str}/{version:str}", include_in_schema=False, guards=[ANYBODY])
async def paper(request: AnyRequest, kind: FromPath[str], version: FromPath[str]) -> HtmlResponse:
    """A version of the rules, the agreement or the privacy terms, past, present or to come, and what it changed."""
    desk, lang = desk_of(request), language(request)
    found = await read_paper_page(desk, _kind(kind), _version(version), lang)
    return page(request, pages_trust.paper_page(found, shop_of(desk), lang, desk.clock.now()), packed=True)


@get("/trust/papers/{kind:str}/{version:str}/text", include_in_schema=False, guards=[ANYBODY])
async def paper_text(request: AnyRequest, kind: FromPath[str], version: FromPath[str]) -> Response[Any]:
    """The same to keep: both languages, as the SHA-256 on the trust page covers them."""
    async with desk_of(request).pool.acquire() as conn:
        found = await read_paper(conn, _kind(kind), _version(version))
    headers = {"Content-Disposition": f'attachment; filename="{found.kind}-{found.version}.txt"'}
    return Response(found.body, media_type="text/plain; charset=utf-8", headers=headers)


@get("/trust/papers/{kind:str}/{version:str}/receipt", include_in_schema=False, guards=[ANYBODY])
async def paper_receipt(request: AnyRequest, kind: FromPath[str], version: FromPath[str]) -> Response[Any]:
    """The proof, checked offline, that the public record was told of this text when it was published."""
    subject = subject_of(_kind(kind), _version(version))
    return await stated_receipt(request, subject, f"{kind}-{version}-receipt.json")


async def stated_receipt(request: AnyRequest, subject: str, name: str) -> Response[Any]:
    """The receipt of one of the shop's own statements. Raises `not_logged`."""
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        logged = await list_logged(conn, subject, SHOPS_BUCKET)
        receipt = logged and await make_receipt(
            conn, logged[0], signer_of(desk.settings), [w.key for w in witnesses_of(desk.settings)]
        )
    if not receipt:
        raise Problem("not_logged", Kind.NOT_FOUND)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(receipt, media_type="application/json", headers=headers)


@get("/trust/licences/{licence_id:str}", include_in_schema=False, guards=[ANYBODY])
async def licence(request: AnyRequest, licence_id: FromPath[str]) -> HtmlResponse:
    """Every version of a licence, and of our own its picture."""
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        found = await read_versions(conn, licence_id, desk.clock.now())
    return page(
        request,
        pages_trust.licence_page(found, shop_of(desk), language(request), desk.clock.now()),
        packed=True,
    )


@get("/trust/licences/{licence_id:str}/picture/{version:str}", include_in_schema=False, guards=[ANYBODY])
async def licence_picture(
    request: AnyRequest, licence_id: FromPath[str], version: FromPath[str]
) -> Response[Any]:
    """The picture of a version of one of our own licences, as it was drawn anew."""
    async with desk_of(request).pool.acquire() as conn:
        body = await read_own_picture(conn, licence_id, version)
    headers = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "public, max-age=3600"}
    return Response(body, media_type="image/jpeg", headers=headers)


def _kind(text: str) -> str:
    if text not in KINDS:
        raise Problem("not_found", Kind.NOT_FOUND)
    return text


def day_in(text: str) -> date:
    """A date in an address. Raises `unknown_day`."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Problem("unknown_day", Kind.NOT_FOUND) from None


def _version(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= VERSION_DIGITS_MAX):
        raise Problem("not_found", Kind.NOT_FOUND)
    return int(text)


@get(
    "/trust",
    summary="What anybody may know of this shop",
    responses=problems({}),
    operation_id="getTrust",
    guards=[ANYBODY],
)
async def api_trust(request: AnyRequest) -> TrustPage:
    """The trust page for machines; at most some seconds old. docs/trust.md says what each figure means."""
    return await _trust(request).read()


@get(
    "/trust/days/{day:str}",
    summary="A closed day's coverage with its proof",
    responses=problems({404: ("unknown_day",)}),
    operation_id="getTrustDay",
    guards=[ANYBODY],
)
async def api_day(request: AnyRequest, day: FromPath[str]) -> DayProof:
    """Every row that the day's coverage is made of. `day`: a Beijing date."""
    return await read_day(desk_of(request), day_in(day))


HANDLERS: Final = (trust, trust_day, paper, paper_text, paper_receipt, licence, licence_picture)
ROUTER: Final = Router("/api/v1", route_handlers=[api_trust, api_day])
