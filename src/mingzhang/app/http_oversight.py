"""Oversight (监管): pages of auditors and regulators. Nothing here changes anything; each view is on record (http_guard)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.response import Stream

from mingzhang.app import desk_custody, desk_oversight, desk_sample
from mingzhang.app.desk_custody import ratio_text
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import AnyRequest, HtmlResponse, desk_of, language, page, shop_of
from mingzhang.app.http_staff import frame_of
from mingzhang.app.http_staff_people import member_of
from mingzhang.app.resolution_pack import write_pack
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import WHOLE_SHOP
from mingzhang.kit.ids import is_id
from mingzhang.oversight import sample
from mingzhang.oversight.resolution import SHEETS
from mingzhang.oversight.watch import HOURS, WINDOW
from mingzhang.staff.rights import Right
from mingzhang.transparency.covered import AUDIT, NOT_COVERED, RECORD
from mingzhang.web.console import render_console
from mingzhang.web.model import TimelineItem

HOME: Final = "/staff/oversight"
OVERSEERS: Final = [staff(Right.OVERSEE)]
SAMPLE_N: Final = 10
CHUNK_BYTES: Final = 256 * 1024
VIEW_KINDS: Final = ("seen", "viewed")


async def show(request: AnyRequest, template: str, status: int = 200, **context: object) -> HtmlResponse:
    """A page of the console's frame for whoever was let in."""
    desk, member = desk_of(request), await member_of(request)
    html = render_console(
        template,
        language(request),
        shop_of(desk),
        await frame_of(request, member),
        desk.clock.now(),
        home=HOME,
        ratio=ratio_text,
        hours=HOURS,
        window_days=WINDOW.days,
        **context,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=OVERSEERS)
async def overview(request: AnyRequest) -> HtmlResponse:
    """Everything at a glance, each figure a way to its rows."""
    desk = desk_of(request)
    return await show(
        request, "oversight.html", it=await desk_oversight.read_overview(desk.ctx, desk.settings)
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise Problem("unknown_day", Kind.NOT_FOUND) from None


@get(f"{HOME}/coverage", include_in_schema=False, guards=OVERSEERS)
async def coverage(request: AnyRequest) -> HtmlResponse:
    """Coverage now or of a closed day (`?day=`) with every row of its proof; shortfalls and how long to their cure."""
    ctx = desk_of(request).ctx
    found = await desk_custody.read_coverage(ctx, _day(request.query_params.get("day", "")))
    return await show(
        request, "oversight_coverage.html", it=found, spans=await desk_oversight.read_shortfalls(ctx)
    )


@get(f"{HOME}/receipts", include_in_schema=False, guards=OVERSEERS)
async def receipts(request: AnyRequest) -> HtmlResponse:
    """Which paid orders have a supplier's word, and which have none (R15)."""
    look = await desk_oversight.read_receipts(desk_of(request).ctx)
    return await show(request, "oversight_receipts.html", it=look)


@get(f"{HOME}/answers", include_in_schema=False, guards=OVERSEERS)
async def answers(request: AnyRequest) -> HtmlResponse:
    """How fast buyers were answered, and which deadlines were missed (R34, R43)."""
    ctx = desk_of(request).ctx
    sums, rows = await desk_oversight.read_breaches(ctx)
    found, reports = await desk_oversight.read_answers(ctx), await desk_oversight.read_reports(ctx)
    return await show(request, "oversight_answers.html", answers=found, sums=sums, rows=rows, reports=reports)


@get(f"{HOME}/record", include_in_schema=False, guards=OVERSEERS)
async def record(request: AnyRequest) -> HtmlResponse:
    """The public record: its state, what waits, who witnesses it, what the last drill found, what is covered."""
    desk = desk_of(request)
    return await show(
        request,
        "oversight_record.html",
        it=await desk_oversight.read_record(desk.ctx, desk.settings),
        record_tables=RECORD,
        audit_tables=AUDIT,
        open_tables=NOT_COVERED,
    )


@get(f"{HOME}/views", include_in_schema=False, guards=OVERSEERS)
async def views(request: AnyRequest) -> Response[Any]:
    """Who opened which personal data and why; and what overseers looked at (`?kind=viewed`)."""
    asked, before = request.query_params.get("kind", ""), request.query_params.get("before", "")
    kind = asked if asked in VIEW_KINDS else VIEW_KINDS[0]
    rows = await desk_oversight.read_views(desk_of(request).ctx, kind, before if is_id(before) else "")
    older = rows[-1]["action_id"] if len(rows) == desk_oversight.VIEWS_MAX else ""
    return await show(request, "oversight_views.html", rows=rows, kind=kind, kinds=VIEW_KINDS, older=older)


@get(f"{HOME}/sample", include_in_schema=False, guards=OVERSEERS)
async def sampled(request: AnyRequest) -> HtmlResponse:
    """Orders that the reader's seed chooses, each with its trail and what was checked of it."""
    desk, seed = desk_of(request), request.query_params.get("seed", "").strip()
    n = request.query_params.get("n", "") or str(SAMPLE_N)
    found = await desk_sample.draw(desk.ctx, desk.settings, *sample.check_wish(seed, n)) if seed else None
    return await show(
        request,
        "oversight_sample.html",
        it=found,
        seed=seed[:64],
        n=n[:4],
        moment=datetime.fromisoformat,
        happened=_happened,
    )


def _happened(kind: str, order: Mapping[str, Any]) -> TimelineItem:
    """An event as a page tells it, with the order's price and supplier: its own details stand sealed in the record."""
    told = {"amount_fen": str(order["price_fen"]), "supplier": str(order["supplier"])}
    return TimelineItem(seq=0, kind=kind, at=datetime.fromtimestamp(0, UTC), params=told)


@get(f"{HOME}/sample/export", include_in_schema=False, guards=OVERSEERS)
async def exported(request: AnyRequest) -> Response[bytes]:
    """The same as JSON."""
    desk, seed = desk_of(request), request.query_params.get("seed", "").strip()
    wish = sample.check_wish(seed, request.query_params.get("n", "") or str(SAMPLE_N))
    body = msgspec.json.format(msgspec.json.encode(await desk_sample.draw(desk.ctx, desk.settings, *wish)))
    return Response(body, media_type="application/json", headers=_attached("sample.json"))


@get(f"{HOME}/pack", include_in_schema=False, guards=OVERSEERS)
async def pack(request: AnyRequest) -> HtmlResponse:
    """What the resolution pack holds, and the way to it."""
    return await show(request, "oversight_pack.html", sheets=tuple(SHEETS))


@get(f"{HOME}/pack/download", include_in_schema=False, guards=OVERSEERS)
async def downloaded(request: AnyRequest) -> Stream:
    """The resolution pack: written to a temporary file, then streamed. A few an hour: each reads the whole shop."""
    desk, guesses = desk_of(request), request.app.state.guesses
    await guesses.take("resolution_pack", WHOLE_SHOP)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever reads it to the end
    try:
        await write_pack(desk, file, lambda *_: None)
        file.seek(0)
    except BaseException:
        file.close()
        raise

    async def chunks() -> AsyncIterator[bytes]:
        with file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

    name = f"resolution-{desk.clock.now():%Y%m%d}.zip"
    return Stream(chunks(), media_type="application/zip", headers=_attached(name))


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


HANDLERS: Final = (
    overview,
    coverage,
    receipts,
    answers,
    record,
    views,
    sampled,
    exported,
    pack,
    downloaded,
)
