"""Lists as CSV and XLSX: streamed piece by piece, bounded, no cell taken for a formula, personal data masked."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mingzhang.catalogue.sheet import guard
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.money import format_yuan
from mingzhang.web.model_console import Column, Titles
from mingzhang.web.views import View

ROWS_MAX: Final = 50_000
CLEAR_ROWS_MAX: Final = 1_000
LOOKS_MAX: Final = 200
CHUNK_BYTES: Final = 64 * 1024
_MARK: Final = b"\xef\xbb\xbf"  # spreadsheet programs take UTF-8 for UTF-8 only behind it

Pieces = AsyncIterator[list[dict[str, Any]]]
Open = Callable[[bytes], str]


def text_of(column: Column, row: Mapping[str, Any], view: View) -> str:
    """One cell as text: amounts in yuan without a sign, times of Beijing, codes in words."""
    value = view.title(Titles(row, column.name), column.name) if column.kind == "title" else row[column.name]
    if value is None:
        return ""
    match column.kind:
        case "yuan":
            return format_yuan(int(value))
        case "time":
            assert isinstance(value, datetime)
            return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        case "word":
            return view.w(column.table, str(value)) if value else ""
        case "channel":
            return view.channel(str(value)) if value else ""
        case "supplier":
            return view.supplier(str(value)) if value else ""
    return str(value)


def cells_of(
    columns: Sequence[Column],
    row: Mapping[str, Any],
    view: View,
    sealed: Mapping[str, str],
    unseal: Open | None,
) -> list[str]:
    """A row as texts that no spreadsheet computes. `unseal`: opens personal data for whoever may see it."""
    shown = []
    for column in columns:
        if unseal is not None and column.name in sealed and row[sealed[column.name]]:
            shown.append(guard(unseal(row[sealed[column.name]])))
        else:
            shown.append(guard(text_of(column, row, view)))
    return shown


async def stream_csv(
    pieces: Pieces,
    columns: Sequence[Column],
    view: View,
    sealed: Mapping[str, str],
    unseal: Open | None = None,
) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark; one chunk for each piece that was read."""
    yield _MARK + _lines([[view.t(column.title) for column in columns]])
    async for rows in pieces:
        yield _lines([cells_of(columns, row, view, sealed, unseal) for row in rows])


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


async def stream_xlsx(
    pieces: Pieces,
    columns: Sequence[Column],
    view: View,
    sealed: Mapping[str, str],
    unseal: Open | None = None,
) -> AsyncIterator[bytes]:
    """One sheet of texts, put together in a temporary file beside the event loop, then sent in chunks."""
    import openpyxl  # noqa: PLC0415 - as in `kit.spreadsheet`
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as in `kit.spreadsheet`

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")

    def add(rows: Sequence[Sequence[str]]) -> None:
        for row in rows:
            cells = [WriteOnlyCell(sheet, value=text) for text in row]
            for cell in cells:
                cell.data_type = "s"
            sheet.append(cells)

    add([[view.t(column.title) for column in columns]])
    async for rows in pieces:
        await asyncio.to_thread(add, [cells_of(columns, row, view, sealed, unseal) for row in rows])
    with tempfile.TemporaryFile() as out:
        await asyncio.to_thread(book.save, out)
        out.seek(0)
        while chunk := out.read(CHUNK_BYTES):
            yield chunk
