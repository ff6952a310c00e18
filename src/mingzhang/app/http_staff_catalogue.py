"""Staff: the catalogue. List, edit, pictures, import with a preview, export; all by `manage_catalogue`, on record."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from mingzhang.app import desk_catalogue
from mingzhang.app.http_guard import staff
from mingzhang.app.http_kit import (
    PAGE_HEADERS,
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
from mingzhang.catalogue.cells import ID
from mingzhang.catalogue.sheet import read_sheet
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.pictures import UPLOAD_BYTES_MAX
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_catalogue
from mingzhang.web.model_catalogue import CatalogueImport

HOME: Final = "/staff/catalogue"
SIGN_IN: Final = "/staff/sign-in"
FILE_BYTES_MAX: Final = 1024 * 1024
# The file comes a second time, in base64, with the decision to apply it.
IMPORT_BODY_MAX: Final = FILE_BYTES_MAX * 4 // 3 + 64 * 1024
PICTURE_BODY_MAX: Final = UPLOAD_BYTES_MAX + 64 * 1024
FILE_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def _manager(request: AnyRequest, subject: str = "") -> Member | None:
    """Whoever is signed in and may manage the catalogue; None: nobody is signed in. Raises `right_missing`."""
    member = await signed_in(request)
    if member is not None:
        await record.require(office_of(request), member, Right.MANAGE_CATALOGUE, subject)
    return member


def _known(product_id: str) -> str:
    if ID.fullmatch(product_id) is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    return product_id


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def listed(request: AnyRequest) -> Response[Any]:
    """Every product, on sale or not; `q` words, `p` the page."""
    member = await _manager(request)
    if member is None:
        return see_other(SIGN_IN)
    desk, number = desk_of(request), request.query_params.get("p", "1")
    found = await desk_catalogue.list_catalogue(
        desk.ctx,
        member,
        request.query_params.get("q", "").strip()[:60],
        int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1,
    )
    done = "done" if request.query_params.get("done") == "1" else ""
    html = pages_catalogue.catalogue_page(
        found, shop_of(desk), language(request), await frame_of(request, member), done
    )
    return page(request, html)


async def _edit_page(
    request: AnyRequest,
    member: Member,
    product_id: str,
    typed: dict[str, str] | None = None,
    problem: Problem | None = None,
) -> HtmlResponse:
    desk = desk_of(request)
    edit = await desk_catalogue.read_edit(desk.ctx, member, product_id)
    notice = "done" if request.query_params.get("done") == "1" else ""
    if problem is not None:
        plan = await desk_catalogue.plan(desk.ctx, [(0, {"product_id": product_id, **(typed or {})})])
        faults = plan.rows[0].faults
        edit = msgspec.structs.replace(edit, cells=edit.cells | (typed or {}), faults=faults)
        notice = "" if faults else problem.code
    html = pages_catalogue.edit_page(
        edit, shop_of(desk), language(request), await frame_of(request, member), notice
    )
    return page(request, html, 422 if problem is not None else 200)


@get(f"{HOME}/products/{{product_id:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def edit(request: AnyRequest, product_id: FromPath[str]) -> Response[Any]:
    """One product as a form."""
    member = await _manager(request, product_id[:64])
    if member is None:
        return see_other(SIGN_IN)
    return await _edit_page(request, member, _known(product_id))


@post(f"{HOME}/products/{{product_id:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def save(request: AnyRequest, product_id: FromPath[str]) -> Response[Any]:
    """Change the cells that were sent; back to the form with what is wrong, or with what was done."""
    form = await form_of(request)
    member = await _manager(request, product_id[:64])
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    desk, cells = desk_of(request), desk_catalogue.cells_of(form)
    await desk_catalogue.read_edit(desk.ctx, member, _known(product_id))
    try:
        line = (0, {"product_id": product_id, **cells})
        await desk_catalogue.apply(desk.ctx, member, [line], "page", product_id)
    except Problem as problem:
        if problem.code != "import_refused":
            raise
        return await _edit_page(request, member, product_id, cells, problem)
    desk.window.forget()
    return see_other(
        f"{HOME}?done=1" if form.get("back") == "list" else f"{HOME}/products/{product_id}?done=1"
    )


@post(
    f"{HOME}/products/{{product_id:str}}/picture",
    include_in_schema=False,
    request_max_body_size=PICTURE_BODY_MAX,
    guards=[staff(Right.MANAGE_CATALOGUE)],
)
async def set_picture(request: AnyRequest, product_id: FromPath[str]) -> Response[Any]:
    """Another picture."""
    refuse_foreign(request)
    member = await _manager(request, product_id[:64])
    if member is None:
        return see_other(SIGN_IN)
    fields, file = await _uploaded(request, UPLOAD_BYTES_MAX)
    check_csrf(staff_csrf(request), fields)
    desk = desk_of(request)
    await desk_catalogue.read_edit(desk.ctx, member, _known(product_id))
    try:
        await desk_catalogue.set_picture(desk.ctx, member, product_id, file)
    except Problem as problem:
        if problem.kind not in {Kind.INVALID, Kind.TOO_LARGE}:
            raise
        return await _edit_page(request, member, product_id, {}, problem)
    desk.window.forget()
    return see_other(f"{HOME}/products/{product_id}?done=1")


async def _uploaded(request: AnyRequest, most: int) -> tuple[dict[str, str], bytes]:
    """Fields and file of a multipart (or plain) form. Raises `invalid_request`, `too_large`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise Problem("invalid_request", Kind.INVALID, "send a form")
    fields, file = {}, b""
    form = await request.form()
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                file = await value.read(most + 1)
            else:
                fields[str(name)[:40]] = str(value)
    finally:
        await form.close()
    if len(file) > most:
        raise Problem("too_large", Kind.TOO_LARGE)
    return fields, file


async def _import_page(
    request: AnyRequest, member: Member, shown: CatalogueImport, status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    html = pages_catalogue.import_page(
        shown, shop_of(desk), language(request), await frame_of(request, member)
    )
    return page(request, html, status)


@get(f"{HOME}/import", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def import_form(request: AnyRequest) -> Response[Any]:
    """Choose a file."""
    member = await _manager(request)
    return see_other(SIGN_IN) if member is None else await _import_page(request, member, CatalogueImport())


@post(
    f"{HOME}/import",
    include_in_schema=False,
    request_max_body_size=IMPORT_BODY_MAX,
    guards=[staff(Right.MANAGE_CATALOGUE)],
)
async def import_file(request: AnyRequest) -> Response[Any]:
    """Without `digest`: what the file would change. With it: apply exactly that, all rows or none."""
    refuse_foreign(request)
    member = await _manager(request)
    if member is None:
        return see_other(SIGN_IN)
    fields, file = await _uploaded(request, FILE_BYTES_MAX)
    check_csrf(staff_csrf(request), fields)
    desk = desk_of(request)
    if not fields.get("digest"):
        shown = await desk_catalogue.preview(desk.ctx, member, file)
        return await _import_page(request, member, shown, 422 if shown.problem or shown.refused else 200)
    try:
        data = base64.b64decode(fields.get("data", ""), validate=True)
    except (ValueError, binascii.Error) as error:
        raise Problem("invalid_request", Kind.INVALID, "not base64") from error
    try:
        lines = await asyncio.to_thread(read_sheet, data)  # seconds for a large one: the pages go on
        await desk_catalogue.apply(desk.ctx, member, lines, "import", "catalogue", fields["digest"])
    except Problem as problem:
        if problem.code not in {"import_refused", "catalogue_changed", "sheet_invalid"}:
            raise
        shown = await desk_catalogue.preview(desk.ctx, member, data)
        return await _import_page(
            request, member, msgspec.structs.replace(shown, problem=shown.problem or problem.code), 409
        )
    desk.window.forget()
    return see_other(f"{HOME}?done=1")


@get(f"{HOME}/export/{{form:str}}", include_in_schema=False, guards=[staff(Right.MANAGE_CATALOGUE)])
async def export(request: AnyRequest, form: FromPath[str]) -> Response[Any]:
    """The catalogue as `csv` or `xlsx`."""
    member = await _manager(request)
    if member is None:
        return see_other(SIGN_IN)
    if form not in FILE_TYPES:
        raise Problem("not_found", Kind.NOT_FOUND)
    data = await desk_catalogue.export(desk_of(request).ctx, member, form)
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="catalogue.{form}"'}
    return Response(data, media_type=FILE_TYPES[form], headers=headers)


HANDLERS: Final = (listed, edit, save, set_picture, import_form, import_file, export)
