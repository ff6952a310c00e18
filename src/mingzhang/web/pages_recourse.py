"""The help page: whose turn it is, what to do there, what applies, what to send (R31–R38). Pure; see `pages.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from mingzhang.recourse.law import Basis, Law
from mingzhang.recourse.letters import KINDS
from mingzhang.recourse.routing import Route, Trail, find_route
from mingzhang.web import words_recourse
from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.pages import render
from mingzhang.web.views import View, order_names

# Doors that are pages of the order; the action each needs to be open, where it needs one.
OWN_DOORS: Final = {
    "claim": ("/claim", ""),
    "correction": ("/correction", "change_account"),
    "choose": ("", "choose_refund"),
    "request": ("/request", "request"),
    "dispute": ("/disputes", ""),
}


class Told(NamedTuple):
    """A basis as it is shown: its kind's word, name, what it says, and where that stands."""

    kind: str
    basis: Basis


def trail_of(page: OrderPage) -> Trail:
    """The trail that the page was read from, for routing."""
    refund = page.refund
    return Trail(
        pay=page.pay_badge,
        supply=page.supply_badge,
        place=page.sentence.place,
        party=page.sentence.party,
        refund=refund.state if refund else "",
        actor=page.sentence.next_actor,
        until=_until(page),
        may_choose="choose_refund" in page.actions,
    )


def _until(page: OrderPage) -> datetime | None:
    if page.refund is not None:
        return page.refund.promised_at
    return page.sentence.deadline_at


def find_page_route(page: OrderPage) -> Route:
    """Whose turn it is, as far as the page knows."""
    return find_route(trail_of(page), page.now)


def channel_of(page: OrderPage) -> str:
    """The channel through which this order was paid, or was to be."""
    told = next((item.params["channel"] for item in page.timeline if "channel" in item.params), "")
    return page.payment.channel if page.payment else told


def number_of(page: OrderPage, kind: str) -> str:
    """The first number of a kind that the order has; empty for none."""
    return next((value for each, value in page.numbers if each == kind), "")


def channel_text(page: OrderPage, shop: ShopInfo, view: View) -> str:
    """What to paste into the channel's form."""
    missing = view.t(words_recourse.UNKNOWN_NUMBER)
    return view.t(words_recourse.CHANNEL_TEXT) % {
        "day": view.day(page.placed_at),
        "shop": shop.called(view.lang),
        "title": view.title(page),
        "amount": view.amount(page.price_fen),
        "payment": number_of(page, "payment") or missing,
        "transaction": number_of(page, "transaction") or missing,
        "order": page.order_id,
        "state": state_text(page, view),
    }


def state_text(page: OrderPage, view: View) -> str:
    """How payment and supply stand, in one clause."""
    supply = view.supply_badge(page.supply_badge, page.kind)
    return f"{view.w('pay_badge', page.pay_badge)} / {supply}"


def view_of(page: OrderPage, shop: ShopInfo, lang: str) -> View:
    """Helpers of a page about one order."""
    view = View(lang, shop, translations(lang), page.now)
    return replace(view, defaults=order_names(page, view))


def help_page(page: OrderPage, shop: ShopInfo, lang: str, law: Law) -> str:
    """The whole page."""
    route, view, channel = find_page_route(page), view_of(page, shop, lang), channel_of(page)
    return render(
        "help.html",
        lang,
        page=page,
        shop=shop,
        view=view,
        route=route,
        first=_open_doors(page, route.doors),
        told=_told(route, law),
        ladder=_told_by(law, ("cpl_39", "complaint_7", "report_15", "cpl_55", "civil_165", "civil_166")),
        channel=channel,
        ways=words_recourse.CHANNEL_WAYS.get(channel, words_recourse.CHANNEL_WAY_GENERAL),
        hotline=law.hotline.get(channel),
        text=channel_text(page, shop, view),
        own=OWN_DOORS,
        letters=tuple(KINDS),
        ceilings=law.small_claims,
    )


def _open_doors(page: OrderPage, doors: Sequence[str]) -> tuple[str, ...]:
    """Doors that are not open now are not shown."""
    needs = {door: action for door, (_, action) in OWN_DOORS.items()}
    return tuple(door for door in doors if not needs.get(door) or needs[door] in page.actions)


def _told(route: Route, law: Law) -> tuple[Told, ...]:
    return _told_by(law, route.bases)


def _told_by(law: Law, codes: Sequence[str]) -> tuple[Told, ...]:
    return tuple(Told(law.basis[code].kind, law.basis[code]) for code in codes)
