"""Pages about money that goes back another way than it came, as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping

from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


def payee_page(
    page: OrderPage,
    shop: ShopInfo,
    lang: str,
    csrf: str,
    *,
    form: Mapping[str, str],
    errors: Mapping[str, str],
) -> str:
    """收款账户: name and account for a bank transfer; `errors`: a field error code by field."""
    view = View(lang, shop, translations(lang), page.now)
    return render("payee.html", lang, page=page, shop=shop, view=view, csrf=csrf, form=form, errors=errors)
