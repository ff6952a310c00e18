"""Pages of staff as pure functions of plain data; see `pages.py`. No page offers to mark anything paid or delivered."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from mingzhang.kit.vocabulary import Mend, mended_by
from mingzhang.web import words
from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo, WorkItem
from mingzhang.web.model_refunds import RefundPreview
from mingzhang.web.model_staff import ClaimRow, ManualRow, StaffOrder, StockShown, SuspensePage, SuspenseRow
from mingzhang.web.pages import BADGE_TONES
from mingzhang.web.views import View, order_names


def staff_order_page(
    shown: StaffOrder,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    notice: str = "",
    preview: RefundPreview | None = None,
) -> str:
    """One order. `notice`: an error code of the last action, or "done". `preview`: a partial refund not proposed yet."""
    view = View(lang, shop, translations(lang), shown.page.now)
    view = replace(view, defaults=order_names(shown.page, view))
    return render_console(
        "staff_order.html",
        lang,
        shop,
        frame,
        view=view,
        order=shown,
        page=shown.page,
        notice=notice,
        preview=preview,
        answers=tuple(words.CLAIM_ANSWERS),
        correctable=sorted(mended_by(Mend.CORRECTION)),
        badge_tones=BADGE_TONES,
    )


def claims_page(
    rows: Sequence[ClaimRow],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
) -> str:
    """Every open claim."""
    view = View(lang, shop, translations(lang), now)
    return render_console("staff_claims.html", lang, shop, frame, view=view, rows=rows)


def manual_page(
    rows: Sequence[ManualRow],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
    *,
    notice: str = "",
    reasons: Sequence[str] = (),
    shown: tuple[str, str] = ("", ""),
) -> str:
    """Every open task by hand. `shown`: the attempt whose account is shown once, and the account."""
    view = View(lang, shop, translations(lang), now)
    return render_console(
        "staff_manual.html",
        lang,
        shop,
        frame,
        view=view,
        rows=rows,
        notice=notice,
        reasons=reasons,
        shown=shown,
    )


def suspense_page(
    rows: Sequence[SuspenseRow],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
) -> str:
    """Money put aside."""
    view = View(lang, shop, translations(lang), now)
    total = sum(row.amount_fen for row in rows)
    return render_console("staff_suspense.html", lang, shop, frame, view=view, rows=rows, total=total)


def item_page(
    shown: SuspensePage,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime | None = None,
    notice: str = "",
) -> str:
    """One item put aside. `notice`: an error code of the last action, or "done"."""
    view = View(lang, shop, translations(lang), now)
    return render_console("staff_item.html", lang, shop, frame, view=view, shown=shown, notice=notice)


def picture_page(
    claim_id: str, order_id: str, picture: bytes, shop: ShopInfo, lang: str, frame: Frame
) -> str:
    """One screenshot (JPEG), inside the page: it has no address of its own."""
    return render_console(
        "staff_picture.html",
        lang,
        shop,
        frame,
        claim_id=claim_id,
        order_id=order_id,
        picture=base64.b64encode(picture).decode(),
    )


def codes_page(
    order_id: str,
    codes: Sequence[tuple[str, str]],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
) -> str:
    """The card codes of one order, for one look."""
    return render_console("staff_codes.html", lang, shop, frame, order_id=order_id, codes=codes)


def stock_page(shown: StockShown, shop: ShopInfo, lang: str, frame: Frame, notice: str = "") -> str:
    """Own card stock: levels, import with preview, batches, recycle bin. `notice`: an error code, or "done"."""
    view = View(lang, shop, translations(lang), shown.now)
    return render_console("staff_stock.html", lang, shop, frame, view=view, shown=shown, notice=notice)


EACH_KIND_MAX: Final = 40


def _soonest(items: Sequence[WorkItem]) -> list[WorkItem]:
    """The first of each kind, in the order in which they came: the soonest deadline first."""
    seen: Counter[str] = Counter()
    kept = []
    for item in items:
        seen[item.kind] += 1
        if seen[item.kind] <= EACH_KIND_MAX:
            kept.append(item)
    return kept


def work_list_page(
    items: Sequence[WorkItem],
    lang: str,
    shop: ShopInfo,
    frame: Frame,
    *,
    now: datetime | None = None,
    notice: str = "",
    kind: str = "",
    late: bool = False,
    counts: Mapping[str, int] | None = None,
) -> str:
    """Whatever waits for a person, with the safe actions only: no "mark as paid", no "mark as delivered".

    `notice`: an error code of the last action, or "done". `kind`, `late`: the filter in force; `counts`: how many
    rows each kind has, `late` among them. Of every kind together, only the soonest of each are drawn: hundreds of
    rows nobody reads cost a fifth of a second.
    """
    view = View(lang, shop, translations(lang), now)
    shown = list(items) if kind else _soonest(items)
    return render_console(
        "work.html",
        lang,
        shop,
        frame,
        view=view,
        items=shown,
        cut=len(items) - len(shown),
        each_max=EACH_KIND_MAX,
        notice=notice,
        kind=kind,
        late=late,
        counts=counts or {},
    )
