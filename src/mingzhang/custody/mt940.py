"""SWIFT MT940 (customer statement): strict and line by line, so that every refusal can name the line and the field.

Statements that come in several messages (62M, then 60M) are put together again; one whose last page is missing is
refused. The libraries that were looked at pass over lines they do not understand; money may not be passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

import msgspec

from mingzhang.custody.model import (
    FILE_BYTES_MAX,
    LINES_MAX,
    Line,
    Statement,
    checked,
    clip,
    read_account,
    read_amount,
    refused,
)

_TAG: Final = re.compile(r":([0-9]{2}[A-Z]?):(.*)")
_HEAD: Final = re.compile(r"^\{1:[^}]*\}(?:\{[235]:(?:[^{}]|\{[^{}]*\})*\})*\{4:\s*")
_BALANCE: Final = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,15},[0-9]{0,2})")
_ENTRY: Final = re.compile(
    r"([0-9]{6})([0-9]{4})?(R?[CD])([A-Z])?([0-9]{1,15},[0-9]{0,2})([A-Z][A-Z0-9]{3})(.*)"
)
_NUMBER: Final = re.compile(r"([0-9]{1,10})(?:/([0-9]{1,5}))?")
_STRUCTURED: Final = re.compile(r"^[0-9]{3}(.)(?=[0-9]{2})")
_EREF: Final = re.compile(r"(?:^|[\s/?])EREF[+:/ ]\s?([A-Za-z0-9\-]{1,35})")
PART_LENGTH: Final = 27
_ONCE: Final = frozenset({"20", "25", "28", "60", "62"})
_IGNORED: Final = frozenset({"13D", "21", "34F", "64", "65", "90C", "90D"})


class Field(NamedTuple):
    """One field: tag, content (further lines after line ends), line of the file."""

    tag: str
    text: str
    row: int


class _Page(NamedTuple):
    """One message."""

    account: str
    number: str
    opening: tuple[str, int, date, str, int]
    closing: tuple[str, int, date, str, int]
    lines: list[Line]
    row: int


def is_mt940(body: bytes) -> bool:
    """Whether a file looks like one, by its head."""
    return re.search(rb"(?:^|\n|\{4:)\s*:20:", body[:4096]) is not None


def read_mt940(body: bytes) -> list[Statement]:
    """Every statement of a file. Raises Problem ``statement_refused``."""
    if len(body) > FILE_BYTES_MAX:
        raise refused("too_large", 0, "file", f"more than {FILE_BYTES_MAX} bytes")
    pages = [_page(fields) for fields in _messages(list(_fields(_decode(body))))]
    found: list[Statement] = []
    waiting: list[_Page] = []
    for page in pages:
        _follows(waiting, page)
        waiting.append(page)
        if page.closing[0] == "62F":
            found.append(_joined(waiting))
            waiting = []
    if waiting:
        last = waiting[-1]
        raise refused("truncated", last.closing[4], "62M", "the page with the closing balance is missing")
    if not found:
        raise refused("malformed", 1, "20", "is missing")
    return found


def _decode(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise refused("malformed", 1, "file", "neither UTF-8 nor GB18030")


def _fields(text: str) -> Iterator[Field]:
    """Tagged fields in their order; a line without a tag continues the field before it."""
    tag, parts, row = "", [""], 0
    for n, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        line = _HEAD.sub("", raw.rstrip())
        if line.startswith("-}"):
            line = "-"
        match = _TAG.match(line)
        if match is None and line != "-":
            if line and not tag:
                raise refused("malformed", n, "20", f"{line[:20]!r} stands before any field")
            parts.append(line)
            continue
        if tag:
            yield Field(tag, "\n".join(parts).rstrip("\n"), row)
        tag, parts, row = (match[1], [match[2]], n) if match else ("", [""], n)
    if tag:
        yield Field(tag, "\n".join(parts).rstrip("\n"), row)


def _messages(fields: list[Field]) -> Iterator[list[Field]]:
    """The fields of one message each: a message begins with field 20."""
    begins = [n for n, field in enumerate(fields) if field.tag == "20"]
    if fields and (not begins or begins[0] != 0):
        raise refused("malformed", fields[0].row, fields[0].tag, "a message begins with field 20")
    for n, start in enumerate(begins):
        yield fields[start : begins[n + 1] if n + 1 < len(begins) else len(fields)]


def _page(fields: list[Field]) -> _Page:
    single: dict[str, Field] = {}
    lines: list[Line] = []
    for field in fields:
        if field.tag == "61":
            if "60" not in single or "62" in single:
                raise refused("malformed", field.row, "61", "stands outside opening and closing balance")
            if len(lines) >= LINES_MAX:
                raise refused("too_large", field.row, "61", f"more than {LINES_MAX}")
            lines.append(_entry(field, len(lines) + 1))
        elif field.tag == "86":
            if lines and "62" not in single:
                lines[-1] = _told(lines[-1], field)
        elif field.tag not in _IGNORED:
            _keep(single, field)
    for tag, why in (("25", "malformed"), ("28", "malformed"), ("60", "truncated"), ("62", "truncated")):
        if tag not in single:
            raise refused(why, fields[-1].row, tag, "is missing")
    number = _NUMBER.fullmatch(single["28"].text.strip())
    if number is None:
        raise refused("malformed", single["28"].row, "28C", f"{single['28'].text[:20]!r}")
    opening, closing = _balance(single["60"]), _balance(single["62"])
    account = single["25"].text.strip().split("\n")[0].removesuffix(closing[3])
    return _Page(
        read_account(account, single["25"].row, "25"), number[1], opening, closing, lines, fields[0].row
    )


def _keep(single: dict[str, Field], field: Field) -> None:
    """One of the fields that stand once in a message."""
    name = field.tag.rstrip("CFMP")
    if name not in _ONCE:
        raise refused("malformed", field.row, field.tag, "is no field of MT940")
    if name in single:
        raise refused("malformed", field.row, field.tag, "stands there twice")
    single[name] = field


def _balance(field: Field) -> tuple[str, int, date, str, int]:
    """Tag, fen, date, currency, row."""
    match = _BALANCE.fullmatch(field.text.strip())
    if match is None or field.tag not in ("60F", "60M", "62F", "62M"):
        raise refused("malformed", field.row, field.tag, f"{field.text[:40]!r} is no balance")
    fen = read_amount(match[4], field.row, field.tag) * (1 if match[1] == "C" else -1)
    return field.tag, fen, _date(match[2], field), match[3], field.row


def _date(text: str, field: Field) -> date:
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise refused("malformed", field.row, field.tag, f"{text!r} is no date") from None


def _entry(field: Field, position: int) -> Line:
    first, _, further = field.text.partition("\n")
    match = _ENTRY.fullmatch(first.strip())
    if match is None:
        raise refused("malformed", field.row, "61", f"{first[:60]!r}")
    valued = _date(match[1], field)
    booked = valued
    if match[2]:
        # The booking date has no year: the one nearest to the value date.
        near = [_date(f"{year % 100:02d}{match[2]}", field) for year in _years(valued)]
        booked = min(near, key=lambda day: abs((day - valued).days))
    fen = read_amount(match[5], field.row, "61") * (1 if match[3] in ("C", "RD") else -1)
    if fen == 0:
        raise refused("malformed", field.row, "61", "is zero")
    customer, _, bank = match[7].partition("//")
    reference = customer.strip()
    return Line(
        position=position,
        booked_on=booked,
        amount_fen=fen,
        reference="" if reference in ("NONREF", "NOTPROVIDED") else clip(reference),
        bank_reference=clip(bank),
        purpose=clip(further),
        reversal=match[3].startswith("R"),
        row=field.row,
    )


def _years(near: date) -> tuple[int, ...]:
    return tuple(year for year in (near.year - 1, near.year, near.year + 1) if 2000 <= year <= 2099)


def _told(line: Line, field: Field) -> Line:
    """A line with what field 86 says of it: free text, or parts under two-digit codes."""
    joined = field.text.replace("\n", "")
    mark = _STRUCTURED.match(joined)
    name = account = ""
    purpose = field.text
    if mark is not None:
        parts = [(part[:2], part[2:]) for part in joined.split(mark[1])[1:]]
        told = [text for code, text in parts if code[:1] in ("2", "6")]
        # A part that is full goes on in the next one; a shorter one ends there.
        purpose = "".join(text if len(text) == PART_LENGTH else f"{text} " for text in told)
        name = "".join(text for code, text in parts if code in ("32", "33"))
        account = "".join(text for code, text in parts if code == "31")
    eref = _EREF.search(purpose)
    return msgspec.structs.replace(
        line,
        reference=eref[1] if eref else line.reference,
        counterparty=clip(name),
        counterparty_account=clip(account),
        purpose=clip(f"{line.purpose} {purpose}"),
    )


def _follows(waiting: list[_Page], page: _Page) -> None:
    """A page continues the one before it, or begins a statement."""
    row = page.opening[4]
    if not waiting:
        if page.opening[0] != "60F":
            raise refused("truncated", row, "60M", "the page before is missing")
        return
    before = waiting[-1]
    if (page.opening[0], page.account, page.number) != ("60M", before.account, before.number):
        raise refused("truncated", row, page.opening[0], "does not continue the page before")
    if page.opening[1:4] != before.closing[1:4]:
        raise refused("unbalanced", row, "60M", "is not what the page before closed with")


def _joined(pages: list[_Page]) -> Statement:
    first, last = pages[0], pages[-1]
    if first.opening[3] != last.closing[3]:
        raise refused("wrong_currency", last.closing[4], "62F", f"not {first.opening[3]}")
    lines = [line for page in pages for line in page.lines]
    numbered = [msgspec.structs.replace(line, position=n) for n, line in enumerate(lines, start=1)]
    return checked(
        account=first.account,
        statement_id=f"{last.closing[2].isoformat()}/{first.number}",
        currency=last.closing[3],
        opened_on=min(first.opening[2], last.closing[2]),
        closed_on=last.closing[2],
        opening_fen=first.opening[1],
        closing_fen=last.closing[1],
        lines=numbered,
        row=first.row,
        closing_row=last.closing[4],
    )
