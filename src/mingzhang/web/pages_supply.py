"""Staff pages about suppliers and channels as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_staff import ChannelRow, SupplyBoard
from mingzhang.web.views import View


def suppliers_page(
    board: SupplyBoard,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
    *,
    notice: str = "",
) -> str:
    """Suppliers, the calendar, how products choose. `may`: rights of the reader; balances need `view_costs`."""
    view = View(lang, shop, translations(lang), now)
    return render_console(
        "staff_suppliers.html",
        lang,
        shop,
        frame,
        view=view,
        board=board,
        notice=notice,
    )


def channels_page(
    rows: Sequence[ChannelRow],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
    *,
    notice: str = "",
) -> str:
    """The register of payment channels with their live figures. `may`: rights of the reader; fees need `view_costs`."""
    view = View(lang, shop, translations(lang), now)
    return render_console(
        "staff_channels.html",
        lang,
        shop,
        frame,
        view=view,
        rows=rows,
        notice=notice,
    )
