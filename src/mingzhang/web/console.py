"""The frame of the operator console: which pages there are, and what each person sees of the way to them.

A page is one line of `PAGES`. The navigation, the phone's bottom bar and the way home are made from it; what a
person's rights do not allow is not offered (the handlers refuse it all the same). docs/console.md says how another
part of the product adds a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from mingzhang.staff.rights import Right
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_console import Titles
from mingzhang.web.pages import render
from mingzhang.web.views import View
from mingzhang.web.words import N_

# Chapters of the navigation, in the order in which they stand; every page names one.
GROUPS: Final[Mapping[str, str]] = {
    "today": N_("今天"),
    "orders": N_("订单与款项"),
    "goods": N_("商品与供应"),
    "shop": N_("本店"),
    "oversight": N_("监管与审计"),
}


class ConsolePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the console. ``path``: its address, everything below it belongs to it; ``title``: a message of the
    catalogue; ``right``: without it the page is not offered; ``badge``: a counter of `app/console_counts.py` whose
    number stands beside it; ``phone``: its place in the phone's bottom bar, 0 for "more";
    ``also``: further rights that open it.
    """

    path: str
    title: str
    group: str
    icon: str
    right: Right
    badge: str = ""
    phone: int = 0
    also: tuple[Right, ...] = ()


def _overseen(name: str, title: str, icon: str, phone: int = 0) -> ConsolePage:
    path = f"/staff/oversight/{name}".rstrip("/")
    return ConsolePage(path=path, title=title, group="oversight", icon=icon, right=Right.OVERSEE, phone=phone)


_PAGES_OF_OVERSEERS: Final = (
    _overseen("", N_("监管总览"), "shield", 1),
    _overseen("coverage", N_("每日覆盖率"), "vault", 2),
    _overseen("receipts", N_("供应商回执"), "supplier", 3),
    _overseen("answers", N_("答复与超时"), "clock", 4),
    _overseen("record", N_("记录完整性"), "lock"),
    _overseen("sample", N_("抽样核查"), "search"),
    _overseen("licences", N_("资质与有效期"), "file"),
    _overseen("pack", N_("处置资料包"), "copies"),
    _overseen("views", N_("查看留痕"), "book"),
)
PAGES: Final[tuple[ConsolePage, ...]] = (
    ConsolePage(
        path="/staff/today", title=N_("总览"), group="today", icon="home", right=Right.VIEW_ORDERS, phone=1
    ),
    ConsolePage(
        path="/staff/work",
        title=N_("待办"),
        group="today",
        icon="check-circle",
        right=Right.VIEW_ORDERS,
        badge="work",
        phone=2,
    ),
    ConsolePage(
        path="/staff/orders",
        title=N_("全部订单"),
        group="orders",
        icon="list",
        right=Right.VIEW_ORDERS,
        phone=3,
    ),
    ConsolePage(
        path="/staff/payments", title=N_("付款单"), group="orders", icon="channel", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/attempts", title=N_("供货单"), group="orders", icon="send", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/refunds", title=N_("退款单"), group="orders", icon="back", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/refund-ageing",
        title=N_("退款账龄"),
        group="orders",
        icon="clock",
        right=Right.VIEW_ORDERS,
    ),
    ConsolePage(
        path="/staff/decisions",
        title=N_("双人复核"),
        group="today",
        icon="copies",
        right=Right.DECIDE_MONEY,
        also=(Right.PROPOSE_MONEY, Right.MANAGE_STAFF),
    ),
    ConsolePage(
        path="/staff/claims",
        title=N_("付款凭证"),
        group="orders",
        icon="channel",
        right=Right.VIEW_ORDERS,
        badge="claims",
    ),
    ConsolePage(
        path="/staff/requests", title=N_("买家申请"), group="orders", icon="chat", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/complaints",
        title=N_("渠道投诉"),
        group="orders",
        icon="chat",
        right=Right.VIEW_ORDERS,
        badge="complaints",
    ),
    ConsolePage(
        path="/staff/disputes",
        title=N_("纠纷处理"),
        group="orders",
        icon="chat",
        right=Right.VIEW_ORDERS,
        badge="disputes",
    ),
    ConsolePage(
        path="/staff/suspense",
        title=N_("挂账"),
        group="orders",
        icon="question",
        right=Right.VIEW_ORDERS,
        badge="suspense",
    ),
    ConsolePage(
        path="/staff/missing", title=N_("渠道没有的钱"), group="orders", icon="search", right=Right.VIEW_COSTS
    ),
    ConsolePage(
        path="/staff/custody", title=N_("存管与结算"), group="orders", icon="vault", right=Right.VIEW_COSTS
    ),
    ConsolePage(
        path="/staff/coverage", title=N_("覆盖率"), group="orders", icon="shield", right=Right.VIEW_COSTS
    ),
    ConsolePage(
        path="/staff/manual",
        title=N_("人工充值"),
        group="orders",
        icon="person",
        right=Right.VIEW_ORDERS,
        badge="manual",
    ),
    ConsolePage(
        path="/staff/ageing",
        title=N_("未了结的，按时间"),
        group="today",
        icon="clock",
        right=Right.VIEW_ORDERS,
    ),
    ConsolePage(
        path="/staff/figures", title=N_("图表"), group="today", icon="chart", right=Right.VIEW_ORDERS, phone=4
    ),
    ConsolePage(
        path="/staff/reconcile",
        title=N_("对账"),
        group="orders",
        icon="check-circle",
        right=Right.VIEW_COSTS,
        badge="breaks",
    ),
    ConsolePage(
        path="/staff/catalogue",
        title=N_("商品管理"),
        group="goods",
        icon="ticket",
        right=Right.MANAGE_CATALOGUE,
    ),
    ConsolePage(
        path="/staff/stock", title=N_("卡密库存"), group="goods", icon="copies", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/suppliers",
        title=N_("供应商一览"),
        group="goods",
        icon="supplier",
        right=Right.VIEW_ORDERS,
    ),
    ConsolePage(
        path="/staff/channels", title=N_("通道一览"), group="goods", icon="channel", right=Right.VIEW_ORDERS
    ),
    ConsolePage(path="/staff/team", title=N_("员工"), group="shop", icon="user", right=Right.MANAGE_STAFF),
    ConsolePage(
        path="/staff/notices",
        title=N_("通知"),
        group="shop",
        icon="bell",
        right=Right.VIEW_ORDERS,
        badge="notices",
    ),
    ConsolePage(path="/staff/risk", title=N_("风险"), group="shop", icon="shield", right=Right.VIEW_ORDERS),
    ConsolePage(
        path="/staff/limits", title=N_("限购命中"), group="shop", icon="lock", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/breaches", title=N_("超时记录"), group="shop", icon="clock", right=Right.VIEW_ORDERS
    ),
    ConsolePage(
        path="/staff/records", title=N_("操作记录"), group="shop", icon="book", right=Right.VIEW_RECORDS
    ),
    ConsolePage(
        path="/staff/setup", title=N_("开店设置"), group="shop", icon="flag", right=Right.MANAGE_SHOP
    ),
    ConsolePage(
        path="/staff/papers", title=N_("规则与协议"), group="shop", icon="list", right=Right.MANAGE_CATALOGUE
    ),
    ConsolePage(
        path="/staff/settings", title=N_("店铺设置"), group="shop", icon="gear", right=Right.MANAGE_SHOP
    ),
    ConsolePage(
        path="/staff/webhooks", title=N_("Webhook"), group="shop", icon="send", right=Right.MANAGE_SHOP
    ),
    ConsolePage(
        path="/staff/licences", title=N_("资质登记"), group="shop", icon="file", right=Right.MANAGE_CHANNELS
    ),
    ConsolePage(
        path="/staff/wind-down", title=N_("停止经营"), group="shop", icon="moon", right=Right.MANAGE_SHOP
    ),
    *_PAGES_OF_OVERSEERS,
)
BAR_MAX: Final = 4
COUNT_MAX: Final = 99


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at which page: ``may``: rights of the session; ``here``: the address; ``counts``: numbers by badge;
    ``query``: what stands in the search box.
    """

    name: str
    csrf: str = ""
    may: frozenset[str] = frozenset()
    here: str = ""
    counts: Mapping[str, int] = {}
    query: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A page as the navigation shows it. ``count``: "" for none, "99+" beyond `COUNT_MAX`."""

    page: ConsolePage
    current: bool
    count: str


def offered(may: frozenset[str], pages: tuple[ConsolePage, ...] = PAGES) -> tuple[ConsolePage, ...]:
    """The pages that these rights open."""
    return tuple(page for page in pages if not may.isdisjoint({page.right, *page.also}))


def home_of(may: frozenset[str]) -> str:
    """Where a person begins: the first page that is open to them, or the work list, which says what they lack."""
    return next((page.path for page in offered(may)), PAGES[0].path)


def found_pages(may: frozenset[str], text: str, lang: str) -> tuple[ConsolePage, ...]:
    """Pages whose name, in the reader's language, holds what was typed."""
    catalogue, wanted = translations(lang), text.casefold()
    return tuple(
        page for page in offered(may) if wanted and wanted in str(catalogue.ugettext(page.title)).casefold()
    )


def current_of(here: str, pages: tuple[ConsolePage, ...]) -> ConsolePage | None:
    """The page that an address belongs to: the longest path that it is or lies below."""
    under = [page for page in pages if here == page.path or here.startswith(page.path + "/")]
    return max(under, key=lambda page: len(page.path), default=None)


def _entry(page: ConsolePage, frame: Frame, current: ConsolePage | None) -> Entry:
    n = frame.counts.get(page.badge, 0) if page.badge else 0
    shown = f"{COUNT_MAX}+" if n > COUNT_MAX else str(n) if n else ""
    return Entry(page=page, current=page is current, count=shown)


def navigation(frame: Frame) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """Chapters with their pages, as far as the person's rights open them."""
    mine = offered(frame.may)
    current = current_of(frame.here, mine)
    chapters = (
        (group, tuple(_entry(page, frame, current) for page in mine if page.group == group))
        for group in GROUPS
    )
    return tuple((group, entries) for group, entries in chapters if entries)


def bottom_bar(frame: Frame) -> tuple[Entry, ...]:
    """At most four pages for the thumb; what is left over is behind "more"."""
    mine = offered(frame.may)
    current = current_of(frame.here, mine)
    chosen = sorted((page for page in mine if page.phone), key=lambda page: page.phone)
    return tuple(_entry(page, frame, current) for page in chosen[:BAR_MAX])


def render_console(
    template: str, lang: str, shop: ShopInfo, frame: Frame, now: datetime | None = None, **context: object
) -> str:
    """Render a page of the console. `now`: the page's own clock, for times; a `view` given wins over it.

    Templates on `staff_base.html` find `frame`, and `name`, `csrf` and `may` out of it.
    """
    context.setdefault("view", View(lang, shop, translations(lang), now))
    context.setdefault("may", frame.may)
    return render(
        template,
        lang,
        shop=shop,
        frame=frame,
        chapters=navigation(frame),
        thumb=bottom_bar(frame),
        groups_of_pages=GROUPS,
        name=frame.name,
        csrf=frame.csrf,
        titles=Titles,
        **context,
    )
