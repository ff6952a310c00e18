"""The set-up wizard's page as a pure function of plain data; see `pages.py`."""

from __future__ import annotations

from datetime import datetime

from mingzhang.web import words_setup
from mingzhang.web.console import Frame, render_console
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_setup import STEPS, SetupPage


def setup_page(
    shown: SetupPage,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    refused: str = "",
    field: str = "",
    done: bool = False,
) -> str:
    """`refused`: the code of what was not done, and the field it names; `done`: something was."""
    return render_console(
        "staff_setup.html",
        lang,
        shop,
        frame,
        now,
        page=shown,
        steps=STEPS,
        fields=tuple(words_setup.PRODUCT_FIELDS),
        refused=refused,
        field=field,
        done=done,
    )
