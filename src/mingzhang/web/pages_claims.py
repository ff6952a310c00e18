"""Pages of claims (已付款,订单未更新), as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


def claim_page(
    page: OrderPage, shop: ShopInfo, lang: str, csrf: str = "", *, number: str = "", error: str = ""
) -> str:
    """The form for a number and a screenshot; `error`: a field error code."""
    view = View(lang, shop, translations(lang), page.now)
    return render("claim.html", lang, page=page, shop=shop, view=view, csrf=csrf, number=number, error=error)
