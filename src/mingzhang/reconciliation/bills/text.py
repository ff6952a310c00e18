"""What all bills have in common: bounded unpacking, cells, money as text, and one way to refuse."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Final

import msgspec

from mingzhang.kit.beijing import BEIJING, read_beijing
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import FEN_MAX
from mingzhang.reconciliation.model import Line

RAW_BYTES_MAX: Final = 128 << 20
PLAIN_BYTES_MAX: Final = 1 << 30
LINE_MAX: Final = 16_384
NUMBER_MAX: Final = 64
_ZIP: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b"


class Told(msgspec.Struct, kw_only=True):
    """What a file says of itself, filled while it is read. `account`: whose it is, where it says so."""

    day: date
    account: str = ""
    lines: int = 0


def refused(why: str, line: int, field: str, told: str) -> Problem:
    """A file that is not taken: Problem ``bill_refused`` with the line of the file and the field.

    ``why``: malformed, truncated, wrong_day, wrong_account, too_large, unknown_form.
    """
    where = f"line {line}, {field}" if line else field
    params: dict[str, str | int] = {"why": why, "line": line, "field": field}
    return Problem("bill_refused", Kind.INVALID, f"{why}: {where}: {told[:200]}", params)


class _Bounded(io.RawIOBase):
    """A stream that refuses to unpack to more than a bound (a small file may hold a large one)."""

    def __init__(self, inner: IO[bytes] | gzip.GzipFile) -> None:
        self._inner = inner
        self._left = PLAIN_BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise refused("too_large", 0, "file", f"more than {PLAIN_BYTES_MAX >> 20} MiB unpacked")
        buffer[: len(data)] = data
        return len(data)


def read_lines(raw: bytes, encoding: str, member: str = "") -> Iterator[tuple[int, str]]:
    """The numbered lines (from 1) of a file as it came: plain, gzip, or zip (whose member's name contains `member`)."""
    if len(raw) > RAW_BYTES_MAX:
        raise refused("too_large", 0, "file", f"more than {RAW_BYTES_MAX >> 20} MiB")
    number = 0
    try:
        with io.TextIOWrapper(io.BufferedReader(_open(raw, member)), encoding, newline="") as text:
            while line := text.readline(LINE_MAX):
                number += 1
                if len(line) == LINE_MAX:
                    raise refused("malformed", number, "line", f"longer than {LINE_MAX} characters")
                yield number, line.rstrip("\r\n").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise refused("malformed", number + 1, "text", f"is not {encoding}") from error
    except (EOFError, zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError) as error:
        raise refused("truncated", number, "file", "cannot be unpacked to its end") from error


def _open(raw: bytes, member: str) -> _Bounded:
    if raw.startswith(_ZIP):
        bundle = zipfile.ZipFile(io.BytesIO(raw))
        names = [info for info in bundle.infolist() if member in _name(info) and "汇总" not in _name(info)]
        if len(names) != 1:
            raise refused("unknown_form", 0, "zip", f"holds {len(names)} files named {member!r}")
        return _Bounded(bundle.open(names[0]))
    if raw.startswith(_GZIP):
        return _Bounded(gzip.open(io.BytesIO(raw)))
    return _Bounded(io.BytesIO(raw))


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name: old zips of Chinese systems hold GBK bytes that Python reads as cp437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gbk")
    except UnicodeError:
        return info.filename


def fen_of(text: str, line: int, field: str) -> int:
    """Yuan with a sign and any number of decimals, as whole fen; refused when it is not whole."""
    try:
        fen = Decimal(text.strip() or "x") * 100
    except InvalidOperation:
        fen = Decimal("NaN")
    if not fen.is_finite() or abs(fen) > FEN_MAX or fen != fen.to_integral_value():
        raise refused("malformed", line, field, f"{text[:40]!r} is no amount in whole fen")
    return int(fen)


def number_of(text: str, line: int, field: str, *, needed: bool = True) -> str:
    """A number that somebody gave out: no blanks around, nothing invisible within."""
    number = text.strip()
    if (not number and needed) or len(number) > NUMBER_MAX or not number.isprintable():
        raise refused("malformed", line, field, f"{text[:40]!r} is no number")
    return number


def time_of(text: str, line: int, field: str) -> datetime:
    """Beijing time."""
    at = read_beijing(text.strip())
    if at is None:
        raise refused("malformed", line, field, f"{text[:40]!r} is no time")
    return at


def cell_of(cells: Mapping[str, str], name: str, line: int) -> str:
    """A cell by its column's name; a file without that column is of another form."""
    if name not in cells:
        raise refused("unknown_form", line, name, "no such column")
    return cells[name]


def check_days(lines: Iterator[Line], told: Told) -> Iterator[Line]:
    """Pass lines on; a file of which no line is of the day is some other day's. Lone strays pass: they are judged."""
    on_day = False
    for line in lines:
        told.lines += 1
        on_day = on_day or line.occurred_at.astimezone(BEIJING).date() == told.day
        yield line
    if told.lines and not on_day:
        raise refused("wrong_day", 0, "day", f"no line is of {told.day}")


def raw_line(raw: bytes, encoding: str, member: str, position: int) -> str:
    """One line of a file as it stands there, for people to see; empty when there is none."""
    for number, line in read_lines(raw, encoding, member):
        if number == position:
            return line
    return ""
