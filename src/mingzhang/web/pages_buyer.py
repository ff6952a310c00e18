"""The buyer's further pages as pure functions of plain data: my orders, requests, proof; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from mingzhang.catalogue.accounts import mask
from mingzhang.catalogue.terms import Paper
from mingzhang.orders.requests import ANSWERS, CAUSES, WISHES
from mingzhang.web.console import Frame, render_console
from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.model_shop import MyOrder
from mingzhang.web.model_staff import RequestRow
from mingzhang.web.money import drawing
from mingzhang.web.pages import render
from mingzhang.web.views import View, order_names


def my_page(
    lang: str,
    shop: ShopInfo,
    *,
    form: Mapping[str, str],
    error: tuple[str, str] = ("", ""),
    can_write: bool,
    can_text: bool = False,
) -> str:
    """Two ways to one's orders: a code to the contact, or a number with it. `error`: field and field error code;
    `can_write`, `can_text`: whether a code goes out by mail, by text message.
    """
    return render("my.html", lang, shop=shop, form=form, error=error, can_write=can_write, can_text=can_text)


def my_code_page(lang: str, shop: ShopInfo, contact: str, *, error: str = "", shown: str = "") -> str:
    """Asks for the code. `shown`: the code itself, in a demo that has no mail."""
    return render(
        "my_code.html", lang, shop=shop, contact=contact, masked=mask(contact), error=error, shown=shown
    )


def my_orders_page(
    orders: Sequence[MyOrder], contact: str, now: datetime, lang: str, shop: ShopInfo, csrf: str
) -> str:
    """The orders of one contact, newest first."""
    view = View(lang, shop, translations(lang), now)
    return render(
        "my_orders.html", lang, shop=shop, view=view, orders=orders, contact=mask(contact), csrf=csrf
    )


def request_page(
    page: OrderPage, shop: ShopInfo, lang: str, csrf: str, *, form: Mapping[str, str], error: str = ""
) -> str:
    """申请退款/补发: the form, or why there is none now."""
    return render(
        "request.html",
        lang,
        page=page,
        shop=shop,
        view=_view(page, shop, lang),
        csrf=csrf,
        form=form,
        error=error,
        wishes=WISHES,
        causes=CAUSES,
    )


class ReceiptLink(NamedTuple):
    """A change of the order that is in the public record, and where its receipt is."""

    at: datetime
    events: tuple[str, ...]
    url: str


class OwedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A day at whose end something was owed to the buyer, and where the proof is that it counts."""

    day: str
    amount_fen: int
    url: str


def proof_page(
    page: OrderPage,
    shop: ShopInfo,
    lang: str,
    receipts: Sequence[ReceiptLink] = (),
    agreed: Sequence[Paper] = (),
    owed: Sequence[OwedLink] = (),
) -> str:
    """下载交易凭证: what is on record, with hashes, to print; receipts that are checked without the shop.

    `agreed`: agreement and privacy terms in force when it was placed.
    """
    view = _view(page, shop, lang)
    told = {item.kind: view.event(item) for item in page.timeline}
    return render(
        "proof.html",
        lang,
        page=page,
        shop=shop,
        view=view,
        drawing=drawing(page),
        agreed=agreed,
        owed=owed,
        receipts=[(one, [told[kind] for kind in one.events if kind in told]) for one in receipts],
    )


def _view(page: OrderPage, shop: ShopInfo, lang: str) -> View:
    view = View(lang, shop, translations(lang), page.now)
    return replace(view, defaults=order_names(page, view))


def staff_requests_page(
    rows: Sequence[RequestRow],
    shop: ShopInfo,
    lang: str,
    frame: Frame,
    now: datetime,
    *,
    notice: str = "",
    opened: tuple[str, str] = ("", ""),
) -> str:
    """What buyers ask of the shop. `opened`: one of them and what its buyer wrote."""
    return render_console(
        "staff_requests.html",
        lang,
        shop,
        frame,
        now,
        rows=rows,
        notice=notice,
        opened=opened,
        answers=ANSWERS,
    )
