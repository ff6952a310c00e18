"""Staff: the shop's settings. One form, one version at a time, on record; by `manage_shop`."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from mingzhang.app import desk_shop
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
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.pictures import UPLOAD_BYTES_MAX
from mingzhang.shop.face import LENGTHS
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_settings

HOME: Final = "/staff/settings"
SIGN_IN: Final = "/staff/sign-in"
BODY_MAX: Final = UPLOAD_BYTES_MAX + 64 * 1024
FIELD_MAX: Final = 2_000
AT_THE_FORM: Final = frozenset(
    {
        "setting_invalid",
        "contrast_low",
        "settings_changed",
        "nothing_changed",
        "picture_invalid",
        "picture_too_large",
    }
)
STATUS: Final = {Kind.INVALID: 422, Kind.CONFLICT: 409, Kind.TOO_LARGE: 413}


async def _manager(request: AnyRequest) -> Member | None:
    member = await signed_in(request)
    if member is not None:
        await record.require(office_of(request), member, Right.MANAGE_SHOP, "shop")
    return member


async def _form_page(
    request: AnyRequest, member: Member, typed: dict[str, str] | None = None, problem: Problem | None = None
) -> HtmlResponse:
    desk = desk_of(request)
    versions = await desk_shop.read_versions(desk.ctx)
    errors: dict[str, str] = {}
    if problem is not None:
        field, code = field_error(problem) or ("", problem.code)
        errors[field] = code
    html = pages_settings.settings_page(
        versions,
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        typed=typed,
        errors=errors,
        better=str(problem.params.get("better", "")) if problem else "",
        done=request.query_params.get("done") == "1",
        defaults={"name_zh": desk.settings.shop_name, "support": desk.settings.support},
    )
    return page(request, html, STATUS[problem.kind] if problem else 200)


@get(HOME, include_in_schema=False, guards=[staff(Right.MANAGE_SHOP)])
async def settings(request: AnyRequest) -> Response[Any]:
    """What holds, as a form, and the versions before it."""
    member = await _manager(request)
    if member is None:
        return see_other(SIGN_IN)
    return await _form_page(request, member)


@post(HOME, include_in_schema=False, request_max_body_size=BODY_MAX, guards=[staff(Right.MANAGE_SHOP)])
async def save(request: AnyRequest) -> Response[Any]:
    """Set a new version; back to the form with what is wrong, or with what was done."""
    refuse_foreign(request)
    member = await _manager(request)
    if member is None:
        return see_other(SIGN_IN)
    form, logo = await _uploaded(request)
    check_csrf(staff_csrf(request), form)
    desk = desk_of(request)
    seen = form.get("seen", "0")
    try:
        await desk_shop.set_face(
            desk.ctx,
            desk.shop,
            member,
            int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 9 else -1,
            {name: form.get(name, "") for name in LENGTHS},
            None if form.get("no_logo") == "1" and not logo else logo,
            form.get("reason", ""),
        )
    except Problem as problem:
        if problem.code not in AT_THE_FORM:
            raise
        return await _form_page(request, member, form, problem)
    return see_other(f"{HOME}?done=1")


async def _uploaded(request: AnyRequest) -> tuple[dict[str, str], bytes]:
    """Fields and logo of a multipart form. Raises `invalid_request`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Problem("invalid_request", Kind.INVALID, "send a form")
    fields, picture = {}, b""
    form = await request.form()
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                picture = await value.read(UPLOAD_BYTES_MAX + 1) if name == "logo" else picture
            else:
                fields[str(name)[:64]] = str(value)[:FIELD_MAX]
    finally:
        await form.close()
    if any("\x00" in text for text in fields.values()):
        raise Problem("invalid_request", Kind.INVALID, "a field holds a NUL character")
    return fields, picture


HANDLERS: Final = (settings, save)
