"""The page of a correction (修改充值账号, R19), as a pure function of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mingzhang.catalogue.fields import AccountField
from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View


def correction_page(
    page: OrderPage,
    fields: Sequence[AccountField],
    shop: ShopInfo,
    lang: str,
    csrf: str,
    *,
    form: Mapping[str, str],
    errors: Mapping[str, str],
) -> str:
    """What the product asks for, empty or as it was typed; `errors`: a field error code by field."""
    view = View(lang, shop, translations(lang), page.now)
    return render(
        "correction.html",
        lang,
        page=page,
        fields=fields,
        shop=shop,
        view=view,
        csrf=csrf,
        form=form,
        errors=errors,
    )
