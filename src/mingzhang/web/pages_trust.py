"""The trust page and what hangs on it, as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from datetime import datetime

from mingzhang.catalogue.model import RulesVersion
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_trust import DayProof, TrustPage
from mingzhang.web.pages import render
from mingzhang.web.views import View

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


def rules_page(found: RulesVersion, shop: ShopInfo, lang: str, now: datetime) -> str:
    """One version of the rules."""
    return render(
        "trust_rules.html", lang, it=found, shop=shop, view=View(lang, shop, translations(lang), now)
    )
