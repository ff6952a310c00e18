"""The registry of licences: staff enter, overseers read (R42)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, see_other
from mingzhang.app.http_oversight import HOME as OVERSIGHT
from mingzhang.app.http_oversight import OVERSEERS, show
from mingzhang.app.http_session import office_of
from mingzhang.app.http_staff_people import member_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id
from mingzhang.kit.pictures import UPLOAD_BYTES_MAX
from mingzhang.oversight import licences
from mingzhang.oversight.licences import Licence
from mingzhang.payments.register import list_terms
from mingzhang.staff.rights import Right

HOME: Final = "/staff/licences"
BODY_MAX: Final = UPLOAD_BYTES_MAX + 64 * 1024
FIELD_MAX: Final = 400
TEXTS: Final = ("party", "title", "number", "issuer", "scope", "source_url", "contact")
STATUS: Final = {Kind.INVALID: 422, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409, Kind.TOO_LARGE: 413}
OWN: Final = frozenset({"stock", "manual"})  # suppliers that are the shop itself
HASH: Final = re.compile(r"[0-9a-f]{64}")


async def _page(request: AnyRequest, way: str, problem: Problem | None = None) -> HtmlResponse:
    desk = desk_of(request)
    if problem is not None and problem.kind not in STATUS:
        raise problem
    async with desk.pool.acquire() as conn:
        known = await licences.list_licences(conn)
        terms = await list_terms(conn)
    now = desk.clock.now()
    done = "done" if request.query_params.get("done") == "1" else ""
    return await show(
        request,
        "licences.html",
        STATUS[problem.kind] if problem else 200,
        rows=[(one, one.days_left(now)) for one in known],
        terms=[each for _, each in sorted(terms.items()) if each.licence_no],
        channels=sorted(desk.channels),
        unlicensed=sorted(
            name
            for name in (*desk.channels, *desk.suppliers)
            if name not in OWN
            and not any(one.party == name and not one.ended for one in known)
            and not (name in terms and terms[name].licence_no)
        ),
        kinds=licences.KINDS,
        way=way,
        notice=problem.code if problem else done,
    )


@get(f"{OVERSIGHT}/licences", include_in_schema=False, guards=OVERSEERS)
async def overseen(request: AnyRequest) -> HtmlResponse:
    """Licences and their ends, who has none; read only."""
    return await _page(request, OVERSIGHT)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_CHANNELS)])
async def registry(request: AnyRequest) -> HtmlResponse:
    """The same, with the form."""
    return await _page(request, HOME)


@post(HOME, include_in_schema=False, request_max_body_size=BODY_MAX, guards=[staff(Right.MANAGE_CHANNELS)])
async def enter(request: AnyRequest) -> Response[Any]:
    """A licence, or a new version of one."""
    member = await member_of(request)
    try:
        form, picture = await _uploaded(request)
        await licences.enter(office_of(request), member, _licence(form), picture)
    except Problem as problem:
        return await _page(request, HOME, problem)
    return see_other(f"{HOME}?done=1")


def _licence(form: dict[str, str]) -> Licence:
    until = form.get("valid_until", "").strip()
    known, text = form.get("licence_id", ""), {name: form.get(name, "").strip() for name in TEXTS}
    try:
        ends = date.fromisoformat(until) if until else None
    except ValueError:
        raise Problem("licence_invalid", Kind.INVALID, "valid_until") from None
    if known and not is_id(known):
        raise Problem("unknown_licence", Kind.NOT_FOUND)
    return Licence(
        licence_id=known,
        kind=form.get("kind", ""),
        valid_until=ends,
        ended=form.get("ended") == "1",
        party=text["party"],
        title=text["title"],
        number=text["number"],
        issuer=text["issuer"],
        scope=text["scope"],
        source_url=text["source_url"],
        contact=text["contact"],
    )


async def _uploaded(request: AnyRequest) -> tuple[dict[str, str], bytes]:
    """Fields and picture of the form."""
    fields, picture = {}, b""
    form = await request.form()
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                picture = await value.read(UPLOAD_BYTES_MAX + 1) if name == "picture" else picture
            else:
                fields[str(name)[:64]] = str(value)[:FIELD_MAX].replace("\x00", "")
    finally:
        await form.close()
    return fields, picture


@get(
    f"{HOME}/pictures/{{sha256:str}}",
    include_in_schema=False,
    guards=[staff(Right.OVERSEE, Right.MANAGE_CHANNELS)],
)
async def picture(request: AnyRequest, sha256: FromPath[str]) -> Response[bytes]:
    """A licence's picture; its name is the hash of its content."""
    if HASH.fullmatch(sha256) is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    async with desk_of(request).pool.acquire() as conn:
        body = await licences.read_picture(conn, sha256)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}
    return Response(body, media_type="image/jpeg", headers=headers)


HANDLERS: Final = (overseen, registry, enter, picture)
