"""Staff: differences between the ledger and the outside, one at a time with both raw lines, and as a table to keep."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_reconcile
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
from mingzhang.reconciliation import report
from mingzhang.reconciliation.model import BreakClass
from mingzhang.reconciliation.sources import SOURCES
from mingzhang.reconciliation.states import TRANSITIONS
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web.console import render_console
from mingzhang.web.model_reconcile import BreakLine

SIGN_IN: Final = "/staff/sign-in"
HOME: Final = "/staff/reconcile"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final = tuple(BreakLine.__struct_fields__)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _known(break_id: str) -> str:
    if len(break_id) != 26 or not break_id.isalnum() or not break_id.isascii():
        raise Problem("unknown_break", Kind.NOT_FOUND)
    return break_id


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def breaks(request: AnyRequest) -> Response[Any]:
    """The list by filter, and how the last days stand."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    desk = desk_of(request)
    shown = await desk_reconcile.list_page(desk.ctx, desk_reconcile.read_filter(request.query_params))
    html = render_console(
        "staff_breaks.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        list=shown,
        sources=(*SOURCES, *sorted({it.source for it in shown.days} - set(SOURCES))),
        classes=tuple(it.value for it in BreakClass),
        states=tuple(TRANSITIONS),
        ages=tuple(desk_reconcile.AGES),
    )
    return page(request, html)


@get(f"{HOME}/export/{{form:str}}", include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def export(request: AnyRequest, form: FromPath[str]) -> Response[Any]:
    """The same list as a file: csv or xlsx."""
    if await signed_in(request) is None:
        return see_other(SIGN_IN)
    if form not in ("csv", "xlsx"):
        raise Problem("not_found", Kind.NOT_FOUND)
    chosen = desk_reconcile.read_filter(request.query_params)
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        rows = await desk_reconcile.read_breaks(conn, chosen, desk.clock.now(), desk_reconcile.EXPORT_MAX)
    lines = [desk_reconcile.line_of(row) for row in rows]
    body = _csv(lines) if form == "csv" else _xlsx(lines)
    media = "text/csv; charset=utf-8" if form == "csv" else XLSX
    headers = {
        "Content-Disposition": f'attachment; filename="differences.{form}"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type=media, headers=headers)


@get(f"{HOME}/reports/{{day:str}}/{{form:str}}", include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def closing_report(request: AnyRequest, day: FromPath[str], form: FromPath[str]) -> Response[Any]:
    """A day's closing report: pdf or json."""
    if await signed_in(request) is None:
        return see_other(SIGN_IN)
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Problem("not_found", Kind.NOT_FOUND) from None
    async with desk_of(request).pool.acquire() as conn:
        made = await report.read_last(conn, wanted)
    if made is None or form not in ("pdf", "json"):
        raise Problem("not_found", Kind.NOT_FOUND)
    headers = {
        "Content-Disposition": f'attachment; filename="closing-{wanted}-{made.n}.{form}"',
        "Cache-Control": "no-store",
    }
    body = made.body_pdf if form == "pdf" else made.body_json
    return Response(body, media_type=f"application/{form}", headers=headers)


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, int):
        return value
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(lines: list[BreakLine]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(it, name)) for name in COLUMNS] for it in lines)
    return out.getvalue().encode("utf-8-sig")


def _xlsx(lines: list[BreakLine]) -> bytes:
    from openpyxl import Workbook  # noqa: PLC0415 - as in `kit.spreadsheet`

    book = Workbook(write_only=True)
    sheet = book.create_sheet("differences")
    sheet.append(COLUMNS)
    for it in lines:
        sheet.append([_cell(getattr(it, name)) for name in COLUMNS])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def _break_page(
    request: AnyRequest, member: Member, break_id: str, notice: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    shown = await desk_reconcile.break_page(desk.ctx, member, _known(break_id))
    html = render_console(
        "staff_break.html",
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        it=shown,
        notice=notice,
    )
    return page(request, html, status)


@get(f"{HOME}/{{break_id:str}}", include_in_schema=False, guards=[staff(Right.VIEW_COSTS)])
async def one(request: AnyRequest, break_id: FromPath[str]) -> Response[Any]:
    """One difference with the raw lines of both sides."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    return await _break_page(
        request, member, break_id, "done" if request.query_params.get("done") == "1" else ""
    )


async def _refused(request: AnyRequest, member: Member, break_id: str, problem: Problem) -> HtmlResponse:
    if problem.kind in (Kind.INTERNAL, Kind.NOT_FOUND, Kind.UNAVAILABLE):
        raise problem
    status = 403 if problem.kind is Kind.FORBIDDEN else 422 if problem.kind is Kind.INVALID else 409
    return await _break_page(request, member, break_id, problem.code, status)


@post(f"{HOME}/{{break_id:str}}/ask", include_in_schema=False, guards=[staff(Right.ASK_OUTSIDE)])
async def ask(request: AnyRequest, break_id: FromPath[str]) -> Response[Any]:
    """Have the outside asked now."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    try:
        await desk_reconcile.ask(desk_of(request).ctx, member, _known(break_id))
    except Problem as problem:
        return await _refused(request, member, break_id, problem)
    return see_other(f"{HOME}/{break_id}?done=1")


@post(f"{HOME}/{{break_id:str}}/settle", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def settle(request: AnyRequest, break_id: FromPath[str]) -> Response[Any]:
    """How it should end: proposed by one …"""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    ctx = desk_of(request).ctx
    try:
        await desk_reconcile.propose(
            ctx, member, _known(break_id), form.get("way", ""), form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, break_id, problem)
    return see_other(f"{HOME}/{break_id}?done=1")


@post(
    f"{HOME}/{{break_id:str}}/approvals/{{approval_id:str}}",
    include_in_schema=False,
    guards=[staff(Right.PROPOSE_MONEY, Right.DECIDE_MONEY)],
)
async def decide(request: AnyRequest, break_id: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    ctx, word = desk_of(request).ctx, form.get("word", "")
    try:
        await desk_reconcile.decide(
            ctx, member, _known(break_id), approval_id[:64], word, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, break_id, problem)
    return see_other(f"{HOME}/{break_id}?done=1")


HANDLERS: Final = (breaks, export, closing_report, one, ask, settle, decide)
"""`export` stands before `one`: its address is no difference's."""
