"""The first sheet of an XLSX file as rows of texts, with bounds on everything: nothing is computed, linked or unpacked at
will. A spreadsheet is a zip of XML: sizes are read before anything is unpacked, and a document type is refused."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from mingzhang.kit.errors import Kind, Problem

MAGIC: Final = b"PK\x03\x04"
_PARTS_MAX: Final = 2_000
_HEAD_BYTES: Final = 4_096
_BROKEN: Final = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zlib.error,
)


def read_rows(
    data: bytes, *, rows_max: int, columns_max: int, unpacked_bytes_max: int
) -> Iterator[list[str]]:
    """Rows as they come, at most ``rows_max`` of at most ``columns_max`` cells; texts exactly, formulas as written.

    Raises Problem `too_large` (it unpacks to too much) and `spreadsheet_unreadable`.
    """
    import openpyxl  # noqa: PLC0415 - a tenth of a second of every start, for a file now and then
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        _look_inside(data, unpacked_bytes_max)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            found = book.worksheets[0].iter_rows(max_row=rows_max, max_col=columns_max, values_only=True)
            for row in found:
                yield [plain(value) for value in row]
        finally:
            book.close()
    except Problem:
        raise
    except (*_BROKEN, InvalidFileException) as error:
        raise Problem("spreadsheet_unreadable", Kind.INVALID, type(error).__name__) from error


def _look_inside(data: bytes, unpacked_bytes_max: int) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        parts = packed.infolist()
        if len(parts) > _PARTS_MAX or sum(part.file_size for part in parts) > unpacked_bytes_max:
            raise Problem("too_large", Kind.TOO_LARGE, "the spreadsheet unpacks to too much")
        for part in parts:
            if part.filename.endswith((".xml", ".rels")):
                with packed.open(part) as text:
                    head = text.read(_HEAD_BYTES)
                if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                    raise Problem("spreadsheet_unreadable", Kind.INVALID, "a document type inside")


def plain(value: object) -> str:
    """A cell's value as it is typed: whole numbers without a dot, decimals exactly as shown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value).replace("\r\n", "\n").replace("_x000D_", "")
