"""The rows of the console's lists as markup, made before the template: hundreds of rows of macros take too long.

A word, a party and a heading are looked up once a page, not once a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from string import Formatter
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

from mingzhang.web import words
from mingzhang.web.model_console import Column, ListShown, Titles
from mingzhang.web.record_cells import draw_data
from mingzhang.web.views import View, yuan
from mingzhang.web.words_deeds import DEEDS

Row = Mapping[str, Any]
_NOTHING: Final = Markup('<span class="mz-soft">—</span>')
_WRAPPED: Final = frozenset({"reason", "claim_said", "claim_answer"})
_PLAIN: Final = frozenset(
    {
        "pay_method",
        "staff_actor",
        "record_kind",
        "work_kind",
        "book_place",
        "age",
        "notice_template",
        "notice_channel",
        "notice_audience",
        "limit_rule",
    }
)
_CLASSES: Final[Mapping[str, str]] = {
    "yuan": ' class="mz-num"',
    "time": ' class="mz-when"',
    "person": ' class="mz-whom"',
    "title": ' class="mz-title-cell"',
}
_ADDRESSES: Final = Formatter()
_CODE_SHORT: Final = 24  # a code below this is not broken


class DrawnRow(msgspec.Struct, frozen=True):
    """A row as the template shows it. ``head``: the first cell; ``cells``: attributes and content of the others."""

    key: str
    late: bool
    head: Markup
    cells: tuple[tuple[Markup, Markup], ...]


def draw_rows(shown: ListShown, view: View) -> Iterator[DrawnRow]:
    """Every row of a list."""
    first, *others = shown.columns
    head = _content(first, view)
    rest = [
        (column, _content(column, view), Markup(f' data-label="{escape(view.t(column.title))}"'))  # noqa: S704 - escaped
        for column in others
    ]
    for row in shown.rows:
        yield DrawnRow(
            key=str(row["key"]),
            late=_is_late(row, view.now),
            head=_linked(first, row, head(row)) if first.link else head(row),
            cells=tuple(
                (
                    _class_of(column, row) + label,
                    _linked(column, row, content(row)) if column.link and row[column.name] else content(row),
                )
                for column, content, label in rest
            ),
        )


def _is_late(row: Row, now: datetime | None) -> bool:
    """Past its deadline and somebody's turn, or failed for good."""
    if row.get("state") == "failed":
        return True
    deadline = row.get("deadline_at")
    if not deadline or now is None or deadline >= now:
        return False
    return not row.get("finished_at") and bool(row.get("next_actor"))


def _linked(column: Column, row: Row, content: Markup) -> Markup:
    """With its link, unless the row lacks what the address is made of."""
    named = (name for _, name, _, _ in _ADDRESSES.parse(column.link) if name)
    if not all(row[name] for name in named):
        return content
    return Markup(f'<a href="{escape(column.link.format(**row))}">{content}</a>')  # noqa: S704 - escaped


def _class_of(column: Column, row: Row) -> Markup:
    if column.kind == "code":
        value = row[column.name]
        return Markup(' class="mz-code-cell"' if value and len(value) < _CODE_SHORT else "")  # noqa: S704 - ours
    return Markup(_CLASSES.get(column.kind, ""))  # noqa: S704 - ours


def _content(column: Column, view: View) -> Callable[[Row], Markup]:
    """What draws the content of a column's cells."""
    if column.kind == "title":
        return lambda row: _title(column, view, row)
    name, draw = column.name, _drawer(column, view)
    known: dict[Any, Markup] = {}

    def content(row: Row) -> Markup:
        value = row[name]
        if value is None or value in ("", "{}"):
            return _NOTHING
        found = known.get(value)
        if found is None:
            found = known[value] = draw(value)
        return found

    return content


def _title(column: Column, view: View, row: Row) -> Markup:
    text = escape(view.title(Titles(row, column.name), column.name))
    many = row.get("quantity", 1)
    return Markup(f"{text} × {many}") if many > 1 else text  # noqa: S704 - escaped


def _drawer(column: Column, view: View) -> Callable[[Any], Markup]:
    """What draws one value that is there."""
    table = column.table
    match column.kind:
        case "yuan":
            return yuan
        case "time":
            return view.at
        case "deed":
            return lambda value: escape(view.t(DEEDS[value])) if value in DEEDS else _code(value)
        case "data":
            return lambda value: draw_data(value, view)
        case "code":
            return _code
        case "channel" | "supplier" as kind:
            named = view.channel if kind == "channel" else view.supplier
            return lambda value: escape(named(value) if value in words.PARTIES else value)
    if table in _WRAPPED:
        return lambda value: Markup(f'<span class="mz-why-text">{escape(view.w(table, value))}</span>')  # noqa: S704 - escaped
    if table in _PLAIN:
        return lambda value: escape(view.w(table, value))
    if column.kind == "word":
        return lambda value: _marked(view.w(table, value), value)
    return escape


def _code(value: str) -> Markup:
    return Markup(f"<code>{escape(value)}</code>")  # noqa: S704 - escaped


def _marked(text: str, code: str) -> Markup:
    tone = escape(code.rpartition(":")[2])
    return Markup(f'<span class="mz-w mz-w-{tone}">{escape(text)}</span>')  # noqa: S704 - escaped
