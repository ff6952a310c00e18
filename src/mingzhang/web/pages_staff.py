"""Pages of staff as pure functions of plain data; see `pages.py`. No page offers to mark anything paid or delivered."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mingzhang.kit.vocabulary import Mend, mended_by
from mingzhang.web import words
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_staff import ClaimRow, ManualRow, StaffOrder, StockShown, SuspensePage, SuspenseRow
from mingzhang.web.pages import BADGE_TONES, render
from mingzhang.web.views import View, order_names


def staff_order_page(
    shown: StaffOrder, shop: ShopInfo, lang: str, name: str, csrf: str = "", notice: str = ""
) -> str:
    """One order. `notice`: an error code of the last action, or "done"."""
    view = View(lang, shop, translations(lang), shown.page.now)
    view = replace(view, defaults=order_names(shown.page, view))
    return render(
        "staff_order.html",
        lang,
        shop=shop,
        view=view,
        order=shown,
        page=shown.page,
        name=name,
        csrf=csrf,
        notice=notice,
        answers=tuple(words.CLAIM_ANSWERS),
        correctable=sorted(mended_by(Mend.CORRECTION)),
        badge_tones=BADGE_TONES,
    )


def claims_page(
    rows: Sequence[ClaimRow],
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
) -> str:
    """Every open claim."""
    view = View(lang, shop, translations(lang), now)
    return render("staff_claims.html", lang, shop=shop, view=view, rows=rows, name=name, csrf=csrf)


def manual_page(
    rows: Sequence[ManualRow],
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
    *,
    notice: str = "",
    reasons: Sequence[str] = (),
    may: frozenset[str] = frozenset(),
    shown: tuple[str, str] = ("", ""),
) -> str:
    """Every open task by hand. `shown`: the attempt whose account is shown once, and the account."""
    view = View(lang, shop, translations(lang), now)
    return render(
        "staff_manual.html",
        lang,
        shop=shop,
        view=view,
        rows=rows,
        name=name,
        csrf=csrf,
        notice=notice,
        reasons=reasons,
        may=may,
        shown=shown,
    )


def suspense_page(
    rows: Sequence[SuspenseRow],
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
) -> str:
    """Money put aside."""
    view = View(lang, shop, translations(lang), now)
    total = sum(row.amount_fen for row in rows)
    return render(
        "staff_suspense.html", lang, shop=shop, view=view, rows=rows, total=total, name=name, csrf=csrf
    )


def item_page(
    shown: SuspensePage,
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
    now: datetime | None = None,
    notice: str = "",
) -> str:
    """One item put aside. `notice`: an error code of the last action, or "done"."""
    view = View(lang, shop, translations(lang), now)
    return render(
        "staff_item.html", lang, shop=shop, view=view, shown=shown, name=name, csrf=csrf, notice=notice
    )


def picture_page(
    claim_id: str, order_id: str, picture: bytes, shop: ShopInfo, lang: str, name: str, csrf: str = ""
) -> str:
    """One screenshot (JPEG), inside the page: it has no address of its own."""
    return render(
        "staff_picture.html",
        lang,
        shop=shop,
        claim_id=claim_id,
        order_id=order_id,
        picture=base64.b64encode(picture).decode(),
        name=name,
        csrf=csrf,
    )


def codes_page(
    order_id: str,
    codes: Sequence[tuple[str, str]],
    shop: ShopInfo,
    lang: str,
    name: str,
    csrf: str = "",
) -> str:
    """The card codes of one order, for one look."""
    return render("staff_codes.html", lang, shop=shop, order_id=order_id, codes=codes, name=name, csrf=csrf)


def stock_page(
    shown: StockShown, shop: ShopInfo, lang: str, name: str, csrf: str = "", notice: str = ""
) -> str:
    """Own card stock: levels, import with preview, batches, recycle bin. `notice`: an error code, or "done"."""
    view = View(lang, shop, translations(lang), shown.now)
    return render(
        "staff_stock.html", lang, shop=shop, view=view, shown=shown, name=name, csrf=csrf, notice=notice
    )
