"""A letter to edit and take home: its text out of the order's facts, and the page around it (R35–R38). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.recourse.law import Law
from mingzhang.recourse.letters import (
    BOTH,
    KINDS,
    LANGUAGES,
    TEXT_MAX,
    WISHES,
    Case,
    Kind,
    Typed,
    fraud_fen,
    paragraphs_of,
)
from mingzhang.web import words, words_letters
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.pages_recourse import channel_of, find_page_route, number_of, state_text, view_of
from mingzhang.web.views import View

BETWEEN: Final = "\n\n――――――――\n\n"


def write_letter(
    kind: Kind, page: OrderPage, shop: ShopInfo, site: str, law: Law, typed: Typed, written_in: str
) -> str:
    """The text, in Chinese, English, or both, one below the other; lines end with a line feed."""
    languages = ("zh", "en") if written_in == BOTH else (written_in,)
    return BETWEEN.join(_write(kind, page, shop, site, law, typed, lang) for lang in languages)


def _write(kind: Kind, page: OrderPage, shop: ShopInfo, site: str, law: Law, typed: Typed, lang: str) -> str:
    view = view_of(page, shop, lang)
    case = _case_of(page, shop)
    names = _names(page, shop, view, case, typed, law) | {"site": site}
    lines = [view.t(words_letters.PARAGRAPHS[code]) % names for code in paragraphs_of(kind, case, typed)]
    return "\n".join(lines)


def _case_of(page: OrderPage, shop: ShopInfo) -> Case:
    route = find_page_route(page)
    return Case(
        order=page.order_id,
        placed_at=page.placed_at,
        price_fen=page.price_fen,
        payment=number_of(page, "payment"),
        transaction=number_of(page, "transaction"),
        refund=number_of(page, "refund"),
        reason=page.reason,
        promised_at=route.until,
        late=route.late,
        licence=shop.licence,
        shop_address=shop.address,
    )


def _names(page: OrderPage, shop: ShopInfo, view: View, case: Case, typed: Typed, law: Law) -> dict[str, str]:
    blank = view.t(words_letters.BLANK)
    channel = channel_of(page)
    return {
        "shop": shop.called(view.lang),
        "licence": view.t(words_letters.IN_BRACKETS) % {"licence": case.licence} if case.licence else "",
        "shop_address": case.shop_address or blank,
        "channel": view.channel(channel) if channel else view.t(words.CHANNEL_GENERAL),
        "name": typed.name or blank,
        "phone": typed.phone or blank,
        "address": typed.address or blank,
        "violation": typed.violation or blank,
        "time": view.stamp(case.placed_at),
        "now": view.stamp(page.now),
        "today": view.day(page.now),
        "title": view.title(page),
        "amount": view.amount(case.price_fen),
        "order": case.order,
        "payment": case.payment or blank,
        "transaction": case.transaction,
        "refund": case.refund,
        "reason": view.w("reason", case.reason) if case.reason else "",
        "promised": view.stamp(case.promised_at) if case.promised_at else "",
        "state": state_text(page, view),
        "fraud": view.amount(fraud_fen(law, case.price_fen)),
        "times": str(law.figure["fraud_times"].value),
        "least": view.amount(law.figure["fraud_least_fen"].value),
        "days": str(law.figure["answer_days"].value),
    }


def letter_page(
    kind: Kind,
    page: OrderPage,
    shop: ShopInfo,
    lang: str,
    csrf: str,
    *,
    text: str,
    form: Mapping[str, str],
    written_in: str,
) -> str:
    """The form, the text to edit, and two ways to take it home."""
    return render(
        "letter.html",
        lang,
        page=page,
        shop=shop,
        view=view_of(page, shop, lang),
        csrf=csrf,
        kind=kind.value,
        asks=KINDS[kind].asks,
        wishes=WISHES,
        form=form,
        text=text,
        text_max=TEXT_MAX,
        written_in=written_in,
        languages=LANGUAGES,
    )
