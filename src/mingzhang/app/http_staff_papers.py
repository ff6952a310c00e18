"""Staff: rules, service agreement and privacy terms. Written, looked at beside what it changes, then published."""

from __future__ import annotations

import asyncio
from datetime import date
from functools import partial
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from mingzhang.app import desk_papers
from mingzhang.app.desk_papers import papers_of
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    language,
    page,
    refuse_foreign,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.app.problems import field_error
from mingzhang.app.trust.read import versions_of
from mingzhang.catalogue.papers import list_papers, read_newest
from mingzhang.catalogue.terms import EN_MAX, KINDS, Paper, compare
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_trust
from mingzhang.web.model_trust import PaperDraft

HOME: Final = "/staff/papers"
SIGN_IN: Final = "/staff/sign-in"
BODY_MAX: Final = 512 * 1024
FIELDS: Final = ("kind", "text_zh", "text_en", "effective_on", "reason", "seen", "step", "csrf")
AT_THE_FORM: Final = frozenset({"paper_invalid", "nothing_changed", "notice_too_short", "settings_changed"})
STATUS: Final = {Kind.INVALID: 422, Kind.CONFLICT: 409}


async def _writer(request: AnyRequest) -> Member | None:
    member = await signed_in(request)
    if member is not None:
        await record.require(office_of(request), member, Right.MANAGE_CATALOGUE, "papers")
    return member


async def _show(
    request: AnyRequest,
    member: Member,
    form: dict[str, str],
    *,
    draft: PaperDraft | None = None,
    problem: Problem | None = None,
) -> HtmlResponse:
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        known = await list_papers(conn)
    errors: dict[str, str] = {}
    if problem is not None:
        field, code = field_error(problem) or ("", problem.code)
        errors[field] = code
    html = pages_trust.papers_page(
        versions_of(known, desk.clock.now()),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        form=form,
        errors=errors,
        draft=draft,
        done=request.query_params.get("done", "")[:16],
    )
    return page(request, html, STATUS[problem.kind] if problem else 200)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def papers(request: AnyRequest) -> Response[Any]:
    """All versions; `?kind=` begins the next one of a kind, from the text of the newest."""
    member = await _writer(request)
    if member is None:
        return see_other(SIGN_IN)
    kind = request.query_params.get("kind", "")
    form: dict[str, str] = {}
    if kind in KINDS:
        desk = desk_of(request)
        async with desk.pool.acquire() as conn:
            last = await read_newest(conn, kind)
        form = {
            "kind": kind,
            "text_zh": last.text_zh if last else "",
            "text_en": last.text_en if last else "",
            "effective_on": str(desk_papers.earliest_day(desk.clock.now())) if last else "",
            "seen": str(last.version if last else 0),
        }
    return await _show(request, member, form)


@post(HOME, include_in_schema=False, request_max_body_size=BODY_MAX, guards=[staff(Right.MANAGE_CATALOGUE)])
async def write(request: AnyRequest) -> Response[Any]:
    """`step`: preview (both texts, and what changes), edit (back), publish (for ever)."""
    refuse_foreign(request)
    member = await _writer(request)
    if member is None:
        return see_other(SIGN_IN)
    form = await _form(request)
    check_csrf(staff_csrf(request), form)
    if form["kind"] not in KINDS:
        raise Problem("unknown_choice", Kind.INVALID, params={"field": "kind"})
    if form["step"] == "edit":
        return await _show(request, member, form)
    ctx = desk_of(request).ctx
    try:
        given = (form["kind"], form["text_zh"], form["text_en"], _day(form), form["reason"])
        if form["step"] == "publish":
            kept = await desk_papers.publish(ctx, member, *given, seen=_seen(form["seen"]))
            papers_of(request).forget()
            return see_other(f"{HOME}?done={kept.kind}")
        last, paper = await desk_papers.preview(ctx, member, *given)
    except Problem as problem:
        if problem.code not in AT_THE_FORM:
            raise
        return await _show(request, member, form, problem=problem)
    form["seen"] = str(last.version if last else 0)
    draft = await asyncio.to_thread(partial(_compared, last, paper))
    return await _show(request, member, form, draft=draft)


def _compared(last: Paper | None, paper: Paper) -> PaperDraft:
    before = last or paper
    return PaperDraft(
        paper=paper,
        before=last.version if last else 0,
        pieces_zh=tuple(compare(before.text_zh, paper.text_zh)),
        pieces_en=tuple(compare(before.text_en, paper.text_en, english=True)),
    )


def _day(form: dict[str, str]) -> date | None:
    """The Beijing day on which it begins to hold; a first version needs none. Raises `notice_too_short`."""
    try:
        return date.fromisoformat(form["effective_on"]) if form["effective_on"] else None
    except ValueError:
        raise Problem(
            "notice_too_short", Kind.INVALID, params={"field": "effective_on", "reason": "notice_too_short"}
        ) from None


def _seen(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else -1


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of the form, the texts longer than other forms' may be. Raises `invalid_request`, `too_large`."""
    fields = dict.fromkeys(FIELDS, "")
    form = await request.form()
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                raise Problem("invalid_request", Kind.INVALID, "send texts, not files")
            if len(str(value)) > 2 * EN_MAX:
                raise Problem("too_large", Kind.TOO_LARGE)
            if name in fields:
                fields[name] = str(value)
    finally:
        await form.close()
    if any("\x00" in text for text in fields.values()):
        raise Problem("invalid_request", Kind.INVALID, "a field holds a NUL character")
    return fields


HANDLERS: Final = (papers, write)
