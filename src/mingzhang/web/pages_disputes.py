"""Pages of disputes as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mingzhang.disputes.states import KINDS, REMEDIES, TEXT_MAX
from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_complaints import ComplaintCard
from mingzhang.web.model_disputes import DisputePage, DisputesPage
from mingzhang.web.model_shop import DisputeLine
from mingzhang.web.pages import render
from mingzhang.web.views import View


def disputes_page(
    shown: DisputesPage, shop: ShopInfo, lang: str, csrf: str, *, form: Mapping[str, str], error: str = ""
) -> str:
    """The order's disputes and the form for a new one."""
    view = View(lang, shop, translations(lang), shown.now)
    return render(
        "disputes.html",
        lang,
        shop=shop,
        view=view,
        shown=shown,
        csrf=csrf,
        form=form,
        error=error,
        remedies=REMEDIES,
        text_max=TEXT_MAX,
    )


def dispute_page(
    shown: DisputePage, shop: ShopInfo, lang: str, csrf: str, *, error: str = "", text: str = ""
) -> str:
    """One dispute for its buyer."""
    view = View(lang, shop, translations(lang), shown.now)
    return render(
        "dispute.html",
        lang,
        shop=shop,
        view=view,
        shown=shown,
        csrf=csrf,
        error=error,
        text=text,
        text_max=TEXT_MAX,
    )


def staff_disputes_page(
    alive: Sequence[DisputeLine],
    ended: Sequence[DisputeLine],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    notice: str = "",
    order: str = "",
) -> str:
    """What is open, the soonest term first, and what ended last; ``order``: what was typed into the form."""
    return render_console(
        "staff_disputes.html",
        lang,
        shop,
        frame,
        now,
        alive=alive,
        ended=ended,
        notice=notice,
        order=order,
        kinds=KINDS,
        text_max=TEXT_MAX,
    )


def staff_dispute_page(
    shown: DisputePage,
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    notice: str = "",
    complaints: Sequence[ComplaintCard] = (),
) -> str:
    """One dispute in the console. `complaints`: what was complained of at a channel, as the channel has it."""
    return render_console(
        "staff_dispute.html",
        lang,
        shop,
        frame,
        now,
        shown=shown,
        notice=notice,
        remedies=REMEDIES,
        text_max=TEXT_MAX,
        complaints=complaints,
    )
