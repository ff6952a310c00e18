"""The trust page and what hangs on it, as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_trust import DayProof, LicenceShown, PaperDraft, PaperPage, PaperVersion, TrustPage
from mingzhang.web.pages import render
from mingzhang.web.views import View
from mingzhang.web.words_trust import PAPER_KINDS

DAYS_SHOWN = 14


def percent(ppm: int | None) -> str:
    """ "98.73 %", rounded down; a dash for none."""
    return "—" if ppm is None else f"{ppm // 10_000}.{ppm // 100 % 100:02d} %"


def trust_page(found: TrustPage, shop: ShopInfo, lang: str, now: datetime) -> str:
    """All that a buyer may hold a shop to."""
    view = View(lang, shop, translations(lang), now)
    return render("trust.html", lang, it=found, shop=shop, view=view, percent=percent, days_shown=DAYS_SHOWN)


def day_page(found: DayProof, shop: ShopInfo, lang: str, now: datetime) -> str:
    """One day's coverage with its proof."""
    return render("trust_day.html", lang, it=found, shop=shop, view=View(lang, shop, translations(lang), now))


def paper_page(found: PaperPage, shop: ShopInfo, lang: str, now: datetime) -> str:
    """One version of the rules, the agreement or the privacy terms."""
    return render(
        "trust_paper.html", lang, it=found, shop=shop, view=View(lang, shop, translations(lang), now)
    )


def licence_page(found: Sequence[LicenceShown], shop: ShopInfo, lang: str, now: datetime) -> str:
    """A licence with every version it had, the newest first."""
    view = View(lang, shop, translations(lang), now)
    return render("trust_licence.html", lang, versions=found, shop=shop, view=view)


def papers_page(
    versions: Sequence[PaperVersion],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    form: Mapping[str, str],
    errors: Mapping[str, str],
    draft: PaperDraft | None = None,
    done: str = "",
) -> str:
    """Staff: all versions, and the next one in two steps."""
    return render_console(
        "staff_papers.html",
        lang,
        shop,
        frame,
        now,
        versions=versions,
        kinds=tuple(PAPER_KINDS),
        form=form,
        errors=errors,
        draft=draft,
        done=done,
    )
