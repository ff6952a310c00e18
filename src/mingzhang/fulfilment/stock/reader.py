"""Reads a file of cards: CSV, plain lines (UTF-8 or GB18030) or a spreadsheet. Pure; nothing is believed to be well formed.

A line is one card: a number and a password, or a password alone. What separates them is found out once for the
whole file (``----``, tab, ``|``, comma, semicolon or a space): the first that is in every line. A first
line that names its columns (卡号, 卡密, number, password …) is a header. Of a spreadsheet the first sheet is read; a
formula is no card, nor a long number that the spreadsheet program has rounded. Lines that are no card are listed, not
guessed at. Source: issue 4, card stock; the formats that shops of this kind export.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from mingzhang.kit import spreadsheet
from mingzhang.kit.errors import Kind, Problem

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 512 * 1024 * 1024  # a spreadsheet of a million rows of two cells takes 120 MB
LINES_MAX: Final = 2_000_000
FIELD_MAX: Final = 200
BAD_LISTED_MAX: Final = 100

_COLUMNS_MAX: Final = 20
# What a spreadsheet program makes of a long number that was typed as a number: its last digits are lost.
_ROUNDED: Final = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{2}")
_SEPARATORS: Final = ("----", "\t", "|", ",", ";", " ")
_CSV_SEPARATORS: Final = (",", ";", "\t", "|")
_NUMBER_NAMES: Final = frozenset(
    {"number", "card_number", "cardno", "account", "serial", "卡号", "账号", "序列号"}
)
_PASSWORD_NAMES: Final = frozenset(
    {
        "password",
        "card_pwd",
        "pwd",
        "code",
        "pin",
        "secret",
        "key",
        "卡密",
        "密码",
        "兑换码",
        "激活码",
        "卡密码",
    }
)


class CardLine(msgspec.Struct, frozen=True, gc=False):
    """One card as read. ``line``: counted from 1 in the file."""

    line: int
    number: str
    password: str

    @property
    def text(self) -> str:
        """What is sealed and fingerprinted: number and password, as delivered cards are."""
        return f"{self.number}\n{self.password}"

    @property
    def masked(self) -> str:
        """For lists that people read: the last four characters at most, never more than a third."""
        shown = min(4, len(self.password) // 3)
        return "…" + (self.password[-shown:] if shown else "")


class BadLine(msgspec.Struct, frozen=True):
    """A line that is no card, and why: empty, too_long, too_many_fields, control_character, formula, number_cut."""

    line: int
    why: str


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file. ``bad``: the first `BAD_LISTED_MAX` of ``bad_count``."""

    cards: list[CardLine]
    bad: list[BadLine]
    bad_count: int
    encoding: str
    separator: str


def read_cards(data: bytes, name: str) -> FileRead:
    """Read a file by its name's ending (.csv, .txt, .xlsx). Raises `Problem` when it can't be such a file at all."""
    if len(data) > FILE_BYTES_MAX:
        raise Problem("file_too_large", Kind.TOO_LARGE, f"at most {FILE_BYTES_MAX} bytes")
    ending = name.lower().rpartition(".")[2]
    if ending not in ("csv", "txt", "xlsx"):
        raise Problem("file_unsupported", Kind.INVALID, f"not .csv, .txt or .xlsx: {ending[:20]!r}")
    if ending == "xlsx":
        return _collect(_sheet_rows(data), "xlsx", "")
    text, encoding = _decode(data)
    rows, separator = _csv_rows(text) if ending == "csv" else _text_rows(text)
    return _collect(rows, encoding, separator)


def _collect(rows: Iterator[tuple[int, list[str]]], encoding: str, separator: str) -> FileRead:
    cards: list[CardLine] = []
    bad: list[BadLine] = []
    bad_count = 0
    columns: tuple[int, int] | None = None
    for line, fields in rows:
        if line > LINES_MAX:
            raise Problem("file_too_large", Kind.TOO_LARGE, f"at most {LINES_MAX} lines")
        if not cards and not bad and columns is None:
            columns = _header(fields)
            if columns is not None:
                continue
        why = _odd_cell(fields) if encoding == "xlsx" else ""
        read = BadLine(line, why) if why else _card(line, fields, columns)
        if isinstance(read, CardLine):
            cards.append(read)
            continue
        bad_count += 1
        if len(bad) < BAD_LISTED_MAX:
            bad.append(read)
    return FileRead(cards=cards, bad=bad, bad_count=bad_count, encoding=encoding, separator=separator)


def _decode(data: bytes) -> tuple[str, str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise Problem("file_unreadable", Kind.INVALID, "neither UTF-8 nor GB18030 text")


def _sheet_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        rows = spreadsheet.read_rows(
            data, rows_max=LINES_MAX, columns_max=_COLUMNS_MAX, unpacked_bytes_max=UNPACKED_BYTES_MAX
        )
        for n, row in enumerate(rows, start=1):
            fields = [field.strip() for field in row]
            while fields and not fields[-1]:
                fields.pop()
            if fields:
                yield n, fields
    except Problem as problem:
        if problem.code == "too_large":
            raise Problem("file_too_large", Kind.TOO_LARGE, problem.detail) from problem
        raise Problem("file_unreadable", Kind.INVALID, problem.detail) from problem


def _text_rows(text: str) -> tuple[Iterator[tuple[int, list[str]]], str]:
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), start=1)]
    lines = [(n, line) for n, line in lines if line]
    separator = next((mark for mark in _SEPARATORS if lines and all(mark in line for _, line in lines)), "")

    def rows() -> Iterator[tuple[int, list[str]]]:
        for n, line in lines:
            if separator == " ":
                yield n, line.split()
            else:
                yield n, [part.strip() for part in line.split(separator)] if separator else [line]

    return rows(), separator


def _csv_rows(text: str) -> tuple[Iterator[tuple[int, list[str]]], str]:
    first = text.split("\n", 1)[0]
    separator = next((mark for mark in _CSV_SEPARATORS if mark in first), ",")

    def rows() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield reader.line_num, [field.strip() for field in fields]
        except csv.Error as error:
            raise Problem("file_unreadable", Kind.INVALID, f"line {reader.line_num}: {error}") from error

    return rows(), separator


def _odd_cell(fields: list[str]) -> str:
    """What only a spreadsheet does to a code: why the line is no card, or nothing."""
    if any(field.startswith("=") for field in fields):
        return "formula"
    return "number_cut" if any(_ROUNDED.fullmatch(field) for field in fields) else ""


def _header(fields: list[str]) -> tuple[int, int] | None:
    """Where number and password stand (-1: nowhere) when these fields are names of columns."""
    names = [field.lower() for field in fields]
    password = next((k for k, name in enumerate(names) if name in _PASSWORD_NAMES), -1)
    number = next((k for k, name in enumerate(names) if name in _NUMBER_NAMES), -1)
    return None if password < 0 else (number, password)


def _card(line: int, fields: list[str], columns: tuple[int, int] | None) -> CardLine | BadLine:
    if columns is None:
        if len(fields) > 2:
            return BadLine(line, "too_many_fields")
        number, password = fields if len(fields) == 2 else ("", fields[0])
    else:
        number = fields[columns[0]] if 0 <= columns[0] < len(fields) else ""
        password = fields[columns[1]] if columns[1] < len(fields) else ""
    if not password:
        return BadLine(line, "empty")
    if len(number) > FIELD_MAX or len(password) > FIELD_MAX:
        return BadLine(line, "too_long")
    if not (number + password).isprintable():
        return BadLine(line, "control_character")
    return CardLine(line, number, password)
