"""Every page as a pure function of plain data: no database, no clock, no request.

Templates live in `templates/`, words in `words.py` and `problems.py`, translations in `locale/`. Nothing here
needs JavaScript; the scripts in `static/` only make it live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from mingzhang.catalogue.terms import Paper
from mingzhang.kit.money import format_yuan
from mingzhang.staff.rights import MEANING
from mingzhang.web import money, words
from mingzhang.web.i18n import translations
from mingzhang.web.markup import text_html
from mingzhang.web.model import BookRow, DemoSummary, OrderPage, ProductCard, ShopInfo
from mingzhang.web.model_shop import Front
from mingzhang.web.problems import advice
from mingzhang.web.views import View, breakable, group_digits, icon, order_names, qr_svg, yuan

# Sent with every page by the HTTP layer. `self` frames are the phone of /demo.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; script-src-attr 'none'; "
    "style-src-attr 'none'; worker-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
PERMISSIONS_POLICY: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), serial=(), usb=()"
)
SHOP: Final = ShopInfo()
TONES: Final[Mapping[str, str]] = {
    "delivered": "good",
    "refund_arrived": "good",
    "partly_refund_arrived": "good",
    "part_refund_arrived": "good",
    "waiting_prefund": "wait",
    "waiting_supplier": "wait",
    "closed_unpaid": "quiet",
    "confirming_payment": "wait",
    "confirming_result": "wait",
    "choose_refund_or_wait": "act",
    "choose_remedy": "act",
    "payee_needed": "act",
    "transfer_arrived": "good",
    "needs_buyer": "act",
    "needs_person": "act",
    "money_in_doubt": "act",
}
BADGE_TONES: Final[Mapping[str, str]] = {
    "paid": "good",
    "refunded": "good",
    "arrived": "good",
    "confirming": "wait",
    "refunding": "wait",
    "partly_refunded": "wait",
    "partly_arrived": "wait",
    "sent": "info",
    "processing": "info",
    "awaiting": "info",
    "refused": "bad",
    "needs_you": "act",
}
TONE_ICONS: Final[Mapping[str, str]] = {
    "good": "check-circle",
    "wait": "clock",
    "act": "alert",
    "bad": "cross-circle",
    "info": "send",
    "quiet": "dot",
}


@cache
def environment(lang: str) -> Environment:
    """Jinja with autoescape, gettext and strict names, for one language."""
    made = Environment(
        loader=PackageLoader("mingzhang.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = translations(lang)
    made.install_gettext_callables(catalogue.ugettext, catalogue.ungettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(yuan=yuan, bare_yuan=format_yuan, group=group_digits, texts=text_html)
    made.globals.update(
        breakable=breakable,
        icon=icon,
        qr_svg=qr_svg,
        words=words,
        tone_icons=TONE_ICONS,
        badge_tones=BADGE_TONES,
    )
    return made


def render(template: str, lang: str, **context: object) -> str:
    """Render one template. `shop` and `view` are filled in when they are not given."""
    shop = context.setdefault("shop", SHOP)
    assert isinstance(shop, ShopInfo)
    context["shop"] = shop = msgspec.structs.replace(shop, name=shop.called(lang))
    context.setdefault("view", View(lang, shop, translations(lang)))
    context.setdefault("lang", lang)
    return environment(lang).get_template(template).render(**context)


def shop_front(front: Front, shop: ShopInfo, lang: str, coming: Sequence[Paper] = ()) -> str:
    """The front: what can be bought, and what the shop does with the money. `coming`: changed terms (电子商务法 34)."""
    return render("shop_front.html", lang, front=front, shop=shop, coming=coming)


def product_page(
    product: ProductCard,
    shop: ShopInfo,
    lang: str,
    form: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    confirm: bool = False,
    rules_text: str = "",
    rule_version: int = 1,
    carrier: str = "",
    agreed: Sequence[Paper] = (),
) -> str:
    """Step 1 fills in the account, step 2 (`confirm`) restates everything before placing (R16, R17).

    `form`: account, account_again, f_<name> of further fields, quantity, contact, query_password, method,
    idempotency_key. `errors`: field → code ("": the whole form). `carrier`: whose prefix the number has, a hint.
    `agreed`: agreement and privacy terms in force.
    """
    typed = form.get("quantity", "")
    quantity = (
        int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else product.min_quantity
    )
    return render(
        "confirm.html" if confirm else "product.html",
        lang,
        product=product,
        shop=shop,
        form=form,
        errors=errors,
        quantity=max(product.min_quantity, min(quantity, product.max_quantity)),
        carrier=carrier,
        rules_text=rules_text,
        rule_version=rule_version,
        agreed=agreed,
    )


def _order_context(page: OrderPage, shop: ShopInfo, lang: str, csrf: str) -> dict[str, object]:
    view = View(lang, shop, translations(lang), page.now)
    view = replace(view, defaults=order_names(page, view))
    return {
        "page": page,
        "shop": shop,
        "view": view,
        "csrf": csrf,
        "tone": TONES.get(page.sentence.code, "info"),
        "flow": money.picture(page),
        "drawing": money.drawing(page),
        "live_url": f"/orders/{page.order_id}/live",
    }


def order_page(page: OrderPage, shop: ShopInfo, lang: str, csrf: str = "") -> str:
    """The buyer's order page: the product's face (R9, R39, R40, R47)."""
    return render("order.html", lang, **_order_context(page, shop, lang, csrf))


def order_fragment(page: OrderPage, shop: ShopInfo, lang: str, csrf: str = "") -> str:
    """The live part of the order page alone, for the swap after an SSE message."""
    return render("order_live.html", lang, **_order_context(page, shop, lang, csrf))


def order_locked_page(order_id: str, lang: str, shop: ShopInfo = SHOP, error: str = "") -> str:
    """Asks for the contact left with the order; our script exchanges the link's token instead.

    Shown alike for an order that does not exist. `error`: a field error code.
    """
    return render("order_locked.html", lang, order_id=order_id, shop=shop, error=error)


def jsapi_page(order_id: str, invoke: Mapping[str, str], shop: ShopInfo, lang: str) -> str:
    """Hands what the channel signed to WeChat's own script; the buyer then comes back to the order."""
    signed = msgspec.json.encode(invoke).decode()
    return render("pay_jsapi.html", lang, order_id=order_id, invoke=signed, shop=shop)


def find_order_page(
    lang: str, shop: ShopInfo = SHOP, form: Mapping[str, str] | None = None, error: str = ""
) -> str:
    """Find an order by any number the buyer may hold, with the contact (F12). `form`: number, contact."""
    return render("find.html", lang, shop=shop, form=form or {}, error=error)


def error_page(code: str, params: Mapping[str, str | int], lang: str, shop: ShopInfo = SHOP) -> str:
    """A refusal in words, and what to do next; of a missing right, which one."""
    means = {right.value: said for right, said in MEANING.items()}
    right = means.get(str(params.get("right", "")), ("", ""))[0 if lang == "zh" else 1]
    return render("error.html", lang, shop=shop, code=code, params=params, advice=advice(code), right=right)


def api_docs_page(lang: str, shop: ShopInfo = SHOP) -> str:
    """The API's description, to read and to try, drawn by Swagger UI from our own files."""
    return render("api_docs.html", lang, shop=shop)


def demo_page(lang: str, shop: ShopInfo = SHOP, summary: DemoSummary | None = None) -> str:
    """`/demo`: a live order in a phone frame, six scenarios, and the proof below."""
    view = View(lang, shop, translations(lang), summary.checked_at if summary else None)
    return render("demo.html", lang, shop=shop, view=view, summary=summary)


def books_page(
    rows: Sequence[BookRow], lang: str, shop: ShopInfo = SHOP, checked_at: datetime | None = None
) -> str:
    """Both parties' books side by side: the ledger, theirs, the difference (invariant 4)."""
    return render("books.html", lang, shop=shop, rows=rows, checked_at=checked_at)


def sign_in_page(
    lang: str, shop: ShopInfo = SHOP, *, name: str = "", error: str = "", csrf: str = "", wait_s: int = 0
) -> str:
    """Staff sign-in. `error`: a field error code; `wait_s`: after how many seconds one may try again."""
    return render("sign_in.html", lang, shop=shop, name=name, error=error, csrf=csrf, wait_s=wait_s)
