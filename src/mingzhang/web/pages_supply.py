"""Staff pages about suppliers and channels as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_staff import ChannelRow, SupplyBoard
from mingzhang.web.pages import render
from mingzhang.web.views import View


def suppliers_page(
    board: SupplyBoard,
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
    *,
    notice: str = "",
    may: frozenset[str] = frozenset(),
) -> str:
    """Suppliers, the calendar, how products choose. `may`: rights of the reader; balances need `view_costs`."""
    view = View(lang, shop, translations(lang), now)
    return render(
        "staff_suppliers.html",
        lang,
        shop=shop,
        view=view,
        board=board,
        name=name,
        csrf=csrf,
        notice=notice,
        may=may,
    )


def channels_page(
    rows: Sequence[ChannelRow],
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
    *,
    notice: str = "",
    may: frozenset[str] = frozenset(),
) -> str:
    """The register of payment channels with their live figures. `may`: rights of the reader; fees need `view_costs`."""
    view = View(lang, shop, translations(lang), now)
    return render(
        "staff_channels.html",
        lang,
        shop=shop,
        view=view,
        rows=rows,
        name=name,
        csrf=csrf,
        notice=notice,
        may=may,
    )
