"""The page of the public record as a pure function of plain data; see `pages.py`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


class Witnessed(NamedTuple):
    """A third party that signs states, and the newest that it signed (0: none yet)."""

    name: str
    key: str
    size: int


class Stamped(NamedTuple):
    """A state with a timestamp. ``period_end``: of the day, or whatever span, that it closes."""

    authority: str
    period_end: datetime
    size: int
    at: datetime
    url: str


class Waits(NamedTuple):
    """A timestamp that is still to come. ``why``: what went wrong the last time, as a code, or nothing."""

    anchor: str
    period_end: datetime
    tries: int
    why: str


class RecordPage(NamedTuple):
    """What the page shows. ``root``: base64."""

    now: datetime
    key: str
    size: int
    root: str
    signed_at: datetime | None
    witnesses: tuple[Witnessed, ...]
    stamps: tuple[Stamped, ...]
    waiting: tuple[Waits, ...]


def record_page(shown: RecordPage, shop: ShopInfo, lang: str) -> str:
    """公开记录."""
    return render(
        "record.html", lang, shop=shop, shown=shown, view=View(lang, shop, translations(lang), shown.now)
    )
