"""Pages on which a buyer has personal data erased, and reads what is kept and until when."""

from __future__ import annotations

from datetime import datetime

from mingzhang.oversight.erasure import Erasure
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


def privacy_page(
    wish: Erasure | None, order_id: str, lang: str, shop: ShopInfo, now: datetime, csrf: str
) -> str:
    """For one order."""
    view = View(lang, shop, translations(lang), now)
    return render("privacy.html", lang, shop=shop, view=view, it=wish, order_id=order_id, csrf=csrf)


def my_privacy_page(orders: int, lang: str, shop: ShopInfo, csrf: str, *, done: bool) -> str:
    """For all orders of a contact."""
    view = View(lang, shop, translations(lang))
    return render("privacy_my.html", lang, shop=shop, view=view, orders=orders, csrf=csrf, done=done)
