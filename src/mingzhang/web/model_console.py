"""What the console's lists, search, first screen and dashboards show: plain data, no words but message ids."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column. ``kind``: text, code (a number that is copied), yuan (fen), time, word (a code of ``table``), channel,
    supplier, person (masked personal data), title (``<name>_zh``, ``<name>_en``). ``right``: without it the column is
    left out, also of exports. ``link``: an address with fields of the row in braces.
    """

    name: str
    title: str
    kind: str = "text"
    table: str = ""
    right: str = ""
    link: str = ""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter. ``choices``: codes shown by ``table`` (or by ``kind``: channel, supplier); none: free text."""

    name: str
    title: str
    table: str = ""
    kind: str = "word"
    choices: tuple[str, ...] = ()


class ListShown(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. ``values``: filters in force by name, with since, until and open; ``older``: the address of
    what follows, "" at the end; ``looked_to``: how far back was looked when that is not everything; ``cut``: there is
    more than is shown and no way on but another filter; ``actions``: bulk actions open to the reader.
    """

    name: str
    path: str
    title: str
    note: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    values: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]
    older: str
    looked_to: datetime | None
    cut: bool
    has_open: bool
    sorts: tuple[str, ...]
    may_clear: bool
    actions: tuple[str, ...] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """Something found. ``kind``: a code of the number table; ``label``: what matched, masked; ``href``: where it is."""

    kind: str
    label: str
    href: str
    state: str = ""
    table: str = ""
    amount_fen: int | None = None
    at: datetime | None = None
    title_zh: str = ""
    title_en: str = ""


class SearchShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found, group by group; ``groups``: (name of the group, its hits, whether there are more)."""

    query: str
    groups: tuple[tuple[str, tuple[Hit, ...], bool], ...]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a tile. ``unit``: count, fen, seconds, ppm, text; ``tone``: good, wait, act, bad or quiet;
    ``about``: the figure is an estimate or bounded, and said to be so.
    """

    label: str
    value: int | str | None
    href: str
    unit: str = "count"
    tone: str = "quiet"
    about: bool = False
    detail: str = ""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A tile of the first screen: a title and its figures; nothing to tell gives a tile without figures."""

    name: str
    title: str
    icon: str
    figures: tuple[Figure, ...]
    calm: str = ""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of a dashboard's table; see `Figure`. ``word``: a table of codes that the value is a code of."""

    value: Any
    unit: str = "text"
    href: str = ""
    word: str = ""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard: a chart with its table. ``chart``: what `static/charts.js` draws; ``heads``: message ids of columns;
    ``as_of``: up to when the figures go; ``href``: all rows behind it; ``listed``: rows are findings: none is
    good news.
    """

    name: str
    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chart: Mapping[str, Any] = {}
    as_of: datetime | None = None
    href: str = ""
    listed: bool = False

    @property
    def calm(self) -> bool:
        """Rows, and nothing in them but zeros: a sentence says so, where a chart would be an empty field."""
        if not self.rows:
            return self.listed
        counted = [cell.value for row in self.rows for cell in row if cell.unit in ("count", "fen")]
        return bool(counted) and not any(counted)


class Titles:
    """A row's text in two languages, as `View.title` reads it."""

    def __init__(self, row: Mapping[str, Any], name: str) -> None:
        self.__dict__.update({f"{name}_{lang}": row[f"{name}_{lang}"] for lang in ("zh", "en")})
