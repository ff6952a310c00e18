"""The catalogue as CSV or XLSX: read with bounds on everything, written so that no cell is taken for a formula.

A spreadsheet program runs what begins with = + - @ as a formula. A text that begins so is written behind an
apostrophe, and read back without it; a formula that stands in an uploaded sheet is refused, not computed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from mingzhang.catalogue.cells import CELL_MAX, COLUMNS, to_cells
from mingzhang.catalogue.change import ROWS_MAX, Line
from mingzhang.catalogue.model import Listing
from mingzhang.kit import spreadsheet
from mingzhang.kit.errors import Kind, Problem

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
_COLUMNS_MAX: Final = 60
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_ODD: Final = "'"


def guard(text: str) -> str:
    """A cell's text so that no spreadsheet computes it."""
    return _ODD + text if text.startswith((*_FORMULA, _ODD)) else text


def unguard(text: str) -> str:
    """What `guard` was given."""
    return text[1:] if text.startswith(_ODD) and text[1:].startswith((*_FORMULA, _ODD)) else text


def write_csv(listings: Iterable[Listing], hidden: frozenset[str] = frozenset()) -> bytes:
    """UTF-8 with a byte order mark, as spreadsheet programs expect it. `hidden`: columns left out."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows(_rows(listings, hidden))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def write_xlsx(listings: Iterable[Listing], hidden: frozenset[str] = frozenset()) -> bytes:
    """One sheet of texts: amounts stay what they are written as."""
    import openpyxl  # noqa: PLC0415 - as in `kit.spreadsheet`
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as in `kit.spreadsheet`

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("catalogue")
    for row in _rows(listings, hidden):
        cells = [WriteOnlyCell(sheet, value=text) for text in row]
        for cell in cells:
            cell.data_type = "s"
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _rows(listings: Iterable[Listing], hidden: frozenset[str]) -> Iterable[list[str]]:
    columns = [name for name in COLUMNS if name not in hidden]
    yield columns
    for listing in listings:
        cells = to_cells(listing)
        yield [guard(cells[name]) for name in columns]


def read_sheet(data: bytes) -> list[Line]:
    """The rows of a CSV (UTF-8, GB18030) or XLSX file with their numbers. Raises Problem `too_large`, `sheet_invalid`."""
    if len(data) > FILE_BYTES_MAX:
        raise Problem("too_large", Kind.TOO_LARGE, f"at most {FILE_BYTES_MAX // 1024 // 1024} MB")
    rows = _read_xlsx(data) if data.startswith(spreadsheet.MAGIC) else _read_csv(data)
    header, *others = rows or [[]]
    names = [name.strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    if "product_id" not in names:
        raise _invalid("the first row must name the columns, product_id among them", row=1)
    if len(names) > _COLUMNS_MAX or len(set(names)) != len(names):
        raise _invalid("a column stands twice, or there are too many", row=1)
    if len(others) > ROWS_MAX:
        raise Problem("too_large", Kind.TOO_LARGE, f"at most {ROWS_MAX} rows")
    return [(number, _cells(number, names, row)) for number, row in enumerate(others, start=2) if any(row)]


def _cells(number: int, names: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    if any(row[len(names) :]):
        raise _invalid("a cell stands beyond the named columns", row=number)
    cells = dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False))
    if any(len(text) > CELL_MAX + 1 for text in cells.values()):
        raise _invalid("a cell is too long", row=number)
    if any(text.startswith("=") for text in cells.values()):
        raise _invalid("a cell holds a formula", row=number, reason="formula_in_cell")
    return {name: unguard(text) for name, text in cells.items()}


def _invalid(why: str, *, row: int = 0, reason: str = "sheet_invalid") -> Problem:
    return Problem("sheet_invalid", Kind.INVALID, why, {"row": row, "reason": reason, "field": "file"})


def _read_csv(data: bytes) -> list[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _invalid("neither UTF-8 nor GB18030, nor a spreadsheet")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [
            [cell.replace("\r\n", "\n") for cell in row]
            for row, _ in zip(reader, range(ROWS_MAX + 2), strict=False)
        ]
    except csv.Error as error:
        raise _invalid(str(error)) from error


def _read_xlsx(data: bytes) -> list[list[str]]:
    try:
        rows = list(
            spreadsheet.read_rows(
                data,
                rows_max=ROWS_MAX + 2,
                columns_max=_COLUMNS_MAX + 1,
                unpacked_bytes_max=_UNPACKED_BYTES_MAX,
            )
        )
    except Problem as problem:
        if problem.code != "spreadsheet_unreadable":
            raise
        raise _invalid(f"the spreadsheet cannot be read ({problem.detail})") from problem
    while rows and not any(rows[-1]):
        rows.pop()
    return rows
