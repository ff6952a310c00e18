"""Pages of refunds for staff."""

from __future__ import annotations

from datetime import datetime

from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_refunds import Ageing
from mingzhang.web.views import View


def ageing_page(shown: Ageing, shop: ShopInfo, lang: str, frame: Frame, now: datetime) -> str:
    """Refunds under way by age."""
    view = View(lang, shop, translations(lang), now)
    return render_console("staff_refund_ageing.html", lang, shop, frame, view=view, shown=shown)


def payee_page(order_id: str, payee: str, shop: ShopInfo, lang: str, frame: Frame, back: str = "") -> str:
    """Whom a refund of an order, or of money put aside (``back``: its page), is to be paid to, for one look."""
    return render_console("staff_payee.html", lang, shop, frame, order_id=order_id, payee=payee, back=back)
