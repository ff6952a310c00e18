"""Forms with pictures, read within bounds; and pictures of a conversation, served so that no browser runs anything."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response
from litestar.datastructures import UploadFile

from mingzhang.app.http_kit import AnyRequest
from mingzhang.kit.attachments import MEDIA_TYPE
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.pictures import UPLOAD_BYTES_MAX

FORM_KINDS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")
FIELD_MAX: Final = 200


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` by name; `files`: the content of every file that was chosen, in order, each at most one byte too long."""

    fields: dict[str, str]
    files: tuple[bytes, ...]


async def read_form(
    request: AnyRequest, files_named: str, *, files_max: int, field_max: int = FIELD_MAX
) -> Form:
    """A form's fields, cut to `field_max`, and its files under one name. Raises `invalid_request`.

    The handler bounds the body (`request_max_body_size`, `attachments.BODY_BYTES_MAX`): what is longer is refused
    before it is read. One file more than `files_max` is read at most, so that the caller can refuse it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORM_KINDS:
        raise Problem("invalid_request", Kind.INVALID, "send a form")
    fields: dict[str, str] = {}
    files: list[bytes] = []
    form = await request.form()
    try:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields[str(name)[:FIELD_MAX]] = str(value)[:field_max]
            elif name == files_named and len(files) <= files_max:
                files.append(await value.read(UPLOAD_BYTES_MAX + 1))
    finally:
        await form.close()
    if any("\x00" in text for text in fields.values()):
        raise Problem("invalid_request", Kind.INVALID, "a field holds a NUL character")
    return Form(fields=fields, files=tuple(data for data in files if data))


def picture_answer(picture: bytes, attachment_id: str) -> Response[bytes]:
    """A picture of a conversation: a JPEG and nothing else, in a sandbox, for this reader alone.

    Inline: pages show it, and a tap opens it. It has been drawn anew, and the sandbox runs no script whatever it was.
    """
    headers = {
        "Content-Disposition": f'inline; filename="{attachment_id}.jpg"',
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }
    return Response(picture, media_type=MEDIA_TYPE, headers=headers)
