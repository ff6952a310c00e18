"""Staff: own card stock. Levels, batches, import by upload with a preview, move, recycle bin. No code is ever shown."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    form_of,
    language,
    page,
    refuse_foreign,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.app.stock_words import expiry_of, numbers_of
from mingzhang.fulfilment.stock import importer, shelf, store
from mingzhang.fulfilment.stock.importer import NewBatch
from mingzhang.fulfilment.stock.reader import read_cards
from mingzhang.fulfilment.stock.trade import Payment
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.money import parse_yuan
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_staff
from mingzhang.web.model_staff import StockBatchRow, StockBinRow, StockFile, StockLevelRow, StockShown

HOME: Final = "/staff/stock"
SIGN_IN: Final = "/staff/sign-in"
UPLOAD_BYTES_MAX: Final = 8 * 1024 * 1024
BODY_BYTES_MAX: Final = UPLOAD_BYTES_MAX + 64 * 1024
LISTED_MAX: Final = 20
FIELD_MAX: Final = 200
STATUS: Final = {Kind.INVALID: 422, Kind.TOO_LARGE: 413, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404}


async def _page(
    request: AnyRequest,
    member: Member,
    notice: str = "",
    status: int = 200,
    file: StockFile | None = None,
    form: Mapping[str, str] = MappingProxyType({}),
) -> HtmlResponse:
    desk = desk_of(request)
    now, costs = desk.clock.now(), member.may(Right.VIEW_COSTS)
    async with desk.pool.acquire() as conn:
        levels = await store.read_levels(conn, now)
        batches = await store.list_batches(conn)
        binned = await store.read_bin(conn)
    shown = StockShown(
        now=now,
        may_change=member.may(Right.MANAGE_CATALOGUE),
        file=file,
        form=dict(form),
        levels=tuple(
            StockLevelRow(
                product=row.product,
                available=row.available,
                endless=row.endless,
                expired=row.expired,
                next_expiry=row.next_expiry,
                low_at=row.low_at,
                low=row.low,
                cost_fen=row.value_fen if costs else None,
            )
            for row in levels
        ),
        batches=tuple(
            StockBatchRow(
                batch_id=row.batch_id,
                product=row.product,
                available=row.available,
                cards=row.cards,
                skipped=row.skipped,
                expires_at=row.expires_at,
                reusable=row.reusable,
                source=row.source,
                added_by=row.added_by,
                added_at=row.added_at,
                cost_fen=row.unit_cost_fen if costs else None,
            )
            for row in batches
        ),
        bin=tuple(
            StockBinRow(
                batch_id=row.batch_id,
                product=row.product,
                cards=row.cards,
                reason=row.reason,
                by=row.by,
                last_at=row.last_at,
            )
            for row in binned
        ),
    )
    html = pages_staff.stock_page(
        shown, shop_of(desk), language(request), await frame_of(request, member), notice
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def stock(request: AnyRequest) -> Response[Any]:
    """What is left, what came in, what lies in the bin."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _page(request, member, "done" if request.query_params.get("done") == "1" else "")


@post(
    f"{HOME}/import",
    include_in_schema=False,
    request_max_body_size=BODY_BYTES_MAX,
    guards=[staff(Right.MANAGE_CATALOGUE)],
)
async def take_in(request: AnyRequest) -> Response[Any]:
    """A file of cards: looked at, or taken in; which, says the button."""
    refuse_foreign(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    fields, name, data = await _uploaded(request)
    check_csrf(staff_csrf(request), fields)
    await record.require(office_of(request), member, Right.MANAGE_CATALOGUE)
    try:
        file = await _take(request, member, fields, name, data)
    except Problem as problem:
        return await _refused(request, member, problem, fields)
    return await _page(request, member, file=file, form={} if file.batch_id else fields)


async def _take(
    request: AnyRequest, member: Member, fields: dict[str, str], name: str, data: bytes
) -> StockFile:
    ctx = desk_of(request).ctx
    if len(data) > UPLOAD_BYTES_MAX:
        raise Problem("file_too_large", Kind.TOO_LARGE, f"at most {UPLOAD_BYTES_MAX} bytes")
    read = await asyncio.to_thread(read_cards, data, name)
    found = await importer.preview(ctx.pool, ctx.vault, read.cards)
    shown = StockFile(
        name=name,
        lines=found.lines,
        fresh=found.fresh,
        repeated_count=found.repeated_count,
        known_count=found.known_count,
        bad_count=read.bad_count,
        listed=tuple((each.line, each.masked) for each in [*found.repeated, *found.known][:LISTED_MAX]),
        bad=tuple((each.line, each.why) for each in read.bad[:LISTED_MAX]),
    )
    if fields.get("do") != "import":
        return shown
    product = fields.get("product", "").strip()[:60]
    batch = NewBatch(
        batch_id=f"{product[:40]}-{hashlib.sha256(data).hexdigest()[:12]}" if product else "",
        product=product,
        unit_cost_fen=parse_yuan(fields.get("cost", "").strip() or "0"),
        expires_at=expiry_of(fields.get("expires", "").strip()),
        source=name,
        added_by=member.name,
        reusable=fields.get("reusable") == "1",
        payment=Payment(paid_to=fields.get("paid_to", "").strip()),
    )
    done = await importer.import_cards(ctx.pool, ctx.vault, batch, read.cards, ctx.now())
    async with transaction(ctx.pool) as conn:
        told = {"cards": done.cards, "skipped": done.skipped, "product": product}
        await record.write(conn, ctx.rng, ctx.now(), member, "stock_import", done.batch_id, data=told)
    return StockFile(
        name=name,
        lines=found.lines,
        fresh=done.cards,
        repeated_count=found.repeated_count,
        known_count=found.known_count,
        bad_count=read.bad_count,
        batch_id=done.batch_id,
    )


async def _uploaded(request: AnyRequest) -> tuple[dict[str, str], str, bytes]:
    """Fields, the file's name and content. Raises `invalid_request`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem("invalid_request", Kind.INVALID, "send a form with a file")
    fields, name, data = {}, "", b""
    form = await request.form()
    try:
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                if key == "file":
                    name, data = (value.filename or "")[-100:], await value.read(UPLOAD_BYTES_MAX + 1)
            else:
                fields[str(key)[:FIELD_MAX]] = str(value)[:FIELD_MAX]
    finally:
        await form.close()
    if any("\x00" in text for text in [*fields.values(), name]):
        raise Problem("invalid_request", Kind.INVALID, "a field holds a NUL character")
    return fields, name, data


async def _changer(request: AnyRequest) -> tuple[Member | None, dict[str, str]]:
    """Who sends one of the page's forms, with the right to, and its fields."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is not None:
        check_csrf(staff_csrf(request), form)
        await record.require(
            office_of(request), member, Right.MANAGE_CATALOGUE, form.get("batch", "")[:FIELD_MAX]
        )
    return member, form


@post(f"{HOME}/move", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def move(request: AnyRequest) -> Response[Any]:
    """Unsold cards to another product."""
    return await _change(request, "stock_move")


@post(f"{HOME}/recycle", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def recycle(request: AnyRequest) -> Response[Any]:
    """Unsold cards into the bin."""
    return await _change(request, "stock_recycle")


@post(f"{HOME}/restore", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def restore(request: AnyRequest) -> Response[Any]:
    """Cards of the bin back on the shelf."""
    return await _change(request, "stock_restore")


async def _change(request: AnyRequest, action: str) -> Response[Any]:
    member, form = await _changer(request)
    if member is None:
        return see_other(SIGN_IN)
    ctx, batch = desk_of(request).ctx, form.get("batch", "")[:FIELD_MAX]
    reason = form.get("reason", "")[:FIELD_MAX]
    try:
        numbers = numbers_of(form.get("cards", "")[:FIELD_MAX])
        if action == "stock_recycle":
            record.check_reason(reason)
            gone = await shelf.withdraw(
                ctx.pool, batch, numbers, reason=reason, by=member.name, now=ctx.now()
            )
            cards = len(gone)
        else:
            product = form.get("to", "").strip()[:60] or await store.product_of(ctx.pool, batch)
            into = NewBatch(
                batch_id=f"{product[:40]}-{new_id(ctx.now(), ctx.rng)}",
                product=product,
                unit_cost_fen=0,
                expires_at=None,
                source=batch,
                added_by=member.name,
            )
            use = shelf.move if action == "stock_move" else shelf.restore
            cards = (await use(ctx.pool, ctx.vault, batch, numbers, into, ctx.now())).cards
        async with transaction(ctx.pool) as conn:
            data = {"cards": cards}
            await record.write(conn, ctx.rng, ctx.now(), member, action, batch, reason=reason, data=data)
    except Problem as problem:
        return await _refused(request, member, problem)
    return see_other(f"{HOME}?done=1")


async def _refused(
    request: AnyRequest, member: Member, problem: Problem, form: Mapping[str, str] = MappingProxyType({})
) -> HtmlResponse:
    """The page with the refusal in words; what nobody expected goes on."""
    if problem.kind in (Kind.INTERNAL, Kind.UNAVAILABLE):
        raise problem
    return await _page(request, member, problem.code, STATUS.get(problem.kind, 409), form=form)


HANDLERS: Final = (stock, take_in, move, recycle, restore)
