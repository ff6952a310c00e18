"""The public status page and the staff page of winding down, as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from mingzhang.shop.wind_down import NOTICE, WindDown
from mingzhang.staff.approvals import Approval
from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


class Stated(Protocol):
    """What the page needs of the status: see `app/public_status.py`."""

    @property
    def as_of(self) -> datetime:
        """When it was looked at."""
        ...


def status_page(status: Stated, lang: str, shop: ShopInfo) -> str:
    """Plain words for every sign of life, and how far a winding down is."""
    view = View(lang, shop, translations(lang), status.as_of)
    return render("status.html", lang, shop=shop, view=view, status=status)


def wind_down_page(
    running: WindDown | None,
    proposals: Sequence[Approval],
    progress: object,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    form: Mapping[str, str],
    error: str = "",
    done: bool = False,
) -> str:
    """The form, what waits for the second person, and how far it is."""
    return render_console(
        "staff_wind_down.html",
        lang,
        shop,
        frame,
        now,
        running=running,
        proposals=proposals,
        progress=progress,
        form=form,
        error=error,
        done=done,
        earliest=now + NOTICE,
    )
