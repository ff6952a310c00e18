"""The chapters that every edition has: order, promise, money and timeline as the order page tells them, rules, operator."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from mingzhang.app.pack_parts import plain
from mingzhang.app.reading import read_page
from mingzhang.app.settings import Settings
from mingzhang.catalogue.papers import list_papers, read_paper
from mingzhang.catalogue.terms import Paper
from mingzhang.orders.store import Order, read_order
from mingzhang.orders.typical import TypicalTimes
from mingzhang.packs.model import Part, Section
from mingzhang.shop.face import list_versions
from mingzhang.shop.model import Version
from mingzhang.transparency.entry import utc
from mingzhang.web.i18n import translations
from mingzhang.web.model import OrderPage, ShopInfo
from mingzhang.web.views import View, order_names
from mingzhang.web.views import yuan_text as yuan

VERSIONS_MAX: Final = 200
FACE: Final = (
    ("name_zh", "店名"),
    ("licence", "营业执照"),
    ("icp", "ICP 备案或许可"),
    ("address", "经营地址"),
    ("support", "客服"),
)
TERMS: Final = {"rules": "交易规则", "agreement": "服务协议", "privacy": "隐私条款"}
README: Final = """这是一份交易凭证包。

1. 先核对：  python3 verify.py pack.zip
   只用 Python 自带的库，不联网，不依赖本店。也可以用浏览器打开保存好的核对网页 verify.html。
2. 核对程序会检查：清单（manifest.json）由本店公开记录的密钥签名；每个文件都是清单所列的那一个（SHA-256）；
   每一步变动都在公开记录之中。改动任何一个字节，都会被拒绝并说明原因。
3. 把打印出来的密钥（Log key）与您从别处得知的本店密钥比对一次。
4. 核对程序最好从本店以外的来源取得，例如另一位买家存下的副本：它们应当逐字相同。

时间戳与签名证明“此后未被改动”，不证明内容本身为真；内容的来源见各原始报文及其验签结果。
"""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What is told in every edition, and what making the rest needs. ``numbers``: ours and theirs, to find messages by."""

    order: Order
    page: OrderPage
    view: View
    shop: str
    host: str
    numbers: tuple[str, ...]
    sections: tuple[Section, ...]
    files: tuple[Part, ...]


async def read_story(conn: asyncpg.Connection, settings: Settings, order_id: str, now: datetime) -> Story:
    """One order as every edition tells it. Raises `unknown_order`."""
    order = await read_order(conn, order_id)
    page = await read_page(conn, None, TypicalTimes(), order_id, now)
    versions = await list_versions(conn, VERSIONS_MAX)
    then = next((one for one in versions if one.set_at and one.set_at <= order.placed_at), Version())
    current = versions[0] if versions else Version()
    shop = current.face.name_zh or settings.shop_name
    bare = View("zh", ShopInfo(name=shop), translations("zh"), now)
    view = replace(bare, defaults=order_names(page, bare))
    terms = await _terms(conn, order.placed_at)
    return Story(
        order=order,
        page=page,
        view=view,
        shop=shop,
        host=urlsplit(settings.base_url).netloc,
        numbers=(order_id, *(value for _, value in page.numbers)),
        sections=(
            _order(order, page, view),
            _money(page, view),
            _timeline(page, view),
            _operator(then, current, shop, settings),
        ),
        files=(*terms, Part("readme.txt", README.encode(), "怎样核对这份凭证")),
    )


async def _terms(conn: asyncpg.Connection, at: datetime) -> list[Part]:
    """Rules, service agreement and privacy terms that held at a moment, in both languages."""
    held: dict[str, Paper] = {}
    for paper in await list_papers(conn):  # the newest first
        if paper.effective_at <= at:
            held.setdefault(paper.kind, paper)
    whole = [await read_paper(conn, paper.kind, paper.version) for paper in held.values()]
    return [
        Part(f"{paper.kind}.txt", paper.body, f"下单时的{TERMS[paper.kind]}（第 {paper.version} 版）")
        for paper in whole
    ]


def _order(order: Order, page: OrderPage, view: View) -> Section:
    names = (
        "order_id",
        "product_id",
        "kind",
        "title_zh",
        "title_en",
        "quantity",
        "face_value_fen",
        "price_fen",
    )
    more = (
        "rule_version",
        "promise_s",
        "account_mask",
        "contact_mask",
        "placed_at",
        "paid_at",
        "finished_at",
    )
    data = plain(order, *names, *more)
    data |= {"pay_badge": page.pay_badge, "supply_badge": page.supply_badge, "reason": page.reason}
    data |= {"serial": page.serial, "numbers": [list(pair) for pair in page.numbers]}
    supply = view.supply_badge(page.supply_badge, page.kind)
    rows = [
        ("订单号", order.order_id),
        ("商品", f"{order.title_zh} × {order.quantity}"),
        ("金额", yuan(order.price_fen)),
        ("账号", order.account_mask),
        ("联系方式", order.contact_mask),
        ("下单时间", view.stamp(order.placed_at)),
        ("承诺时间", f"付款后{view.lasts(order.promise_s)}内给出结果"),
        ("交易规则", f"第 {order.rule_version} 版（rules.txt）"),
        ("支付", view.w("pay_badge", page.pay_badge)),
        ("充值" if order.kind != "card" else "发卡", supply),
        ("原因", view.w("reason", page.reason) if page.reason else ""),
        ("运营商流水号", page.serial),
    ]
    rows += [(view.w("number", kind), value) for kind, value in page.numbers]
    return Section(
        name="order",
        title="订单",
        data=data,
        head=("项目", "内容"),
        rows=tuple(row for row in rows if row[1]),
    )


def _money(page: OrderPage, view: View) -> Section:
    parts = [{"place": part.place, "party": part.party, "amount_fen": part.amount_fen} for part in page.money]
    hops = [
        {
            "from_place": hop.from_place,
            "from_party": hop.from_party,
            "place": hop.place,
            "party": hop.party,
            "amount_fen": hop.amount_fen,
            "at": utc(hop.at),
            "evidence_sha256": hop.proof,
            "witness": hop.witness,
            "standing": hop.standing,
        }
        for hop in page.hops
    ]
    return Section(
        name="money",
        title="款项经过的每一步",
        data={"now": parts, "hops": hops},
        head=("时间", "从", "到", "金额", "依据（SHA-256）"),
        rows=tuple(
            (
                view.stamp(hop.at),
                view.spot(hop.from_place, hop.from_party),
                view.spot(hop.place, hop.party),
                yuan(hop.amount_fen),
                hop.proof,
            )
            for hop in page.hops
        ),
    )


def _timeline(page: OrderPage, view: View) -> Section:
    def told(item: Any) -> str:
        words = view.event(item).striptags()
        said = "；".join(f"{view.w('feedback', key)}：{value}" for key, value in item.feedback.items())
        return f"{words}（{said}）" if said else words

    return Section(
        name="timeline",
        title="经过",
        data=[
            {
                "seq": item.seq,
                "kind": item.kind,
                "at": utc(item.at),
                "params": item.params,
                "feedback": item.feedback,
                "evidence_sha256": item.evidence_sha256,
                "evidence_party": item.evidence_party,
                "evidence_standing": item.evidence_standing,
                "known_at": utc(item.known_at) if item.known_at else "",
            }
            for item in page.timeline
        ],
        head=("时间", "事项"),
        rows=tuple((view.stamp(item.at), told(item)) for item in page.timeline),
    )


def _operator(then: Version, current: Version, shop: str, settings: Settings) -> Section:
    """Who runs the shop, as it said at the time of the order and says now."""

    def told(version: Version) -> dict[str, Any]:
        face = {name: getattr(version.face, name) for name, _ in FACE}
        return {**face, "version": version.version, "set_at": utc(version.set_at) if version.set_at else ""}

    rows = [("网址", settings.base_url, settings.base_url)]
    rows += [(label, getattr(then.face, name), getattr(current.face, name)) for name, label in FACE]
    rows = [(label, old or "未填写", new or "未填写") for label, old, new in rows]
    return Section(
        name="operator",
        title="经营者",
        data={"shop": shop, "address": settings.base_url, "then": told(then), "now": told(current)},
        head=("项目", f"下单时（第 {then.version} 版）", f"现在（第 {current.version} 版）"),
        rows=tuple(rows),
    )
