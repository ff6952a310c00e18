"""What a history sells, through whom, and how long each takes: the shop's own catalogue, with weights."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from mingzhang.app.demo_load.sheets import escaped
from mingzhang.catalogue.accounts import mask
from mingzhang.catalogue.fields import ACCOUNT, AccountField, fields_of, mask_values, pack_values
from mingzhang.catalogue.model import Product, Route

OWN_TABLES: Final = frozenset({"stock", "manual"})
"""Suppliers with tables of their own: a history leaves them to the program itself."""
QUANTITIES: Final = (1, 1, 1, 1, 1, 1, 2, 2, 3, 5)
MOBILE: Final = (
    "138",
    "139",
    "150",
    "151",
    "157",
    "158",
    "159",
    "182",
    "187",
    "188",
    "130",
    "131",
    "155",
    "186",
    "133",
    "189",
)
_KINDS: Final = {"mobile": 3.0, "direct": 1.0, "card": 1.2}

# Median seconds from sent to the last word, and the log-normal's width.
DELAYS: Final[Mapping[str, tuple[float, float]]] = {
    "fulu": (38.0, 0.7),
    "kasushou": (55.0, 0.9),
    "dtone": (12.0, 0.6),
}
DELAY_ELSE: Final = (45.0, 0.8)
CHANNELS: Final = (("alipay", 0.55), ("wechat", 0.38), ("epay", 0.07))
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "alipay": ("qr", "wap", "page"),
    "wechat": ("qr", "h5", "jsapi"),
    "epay": ("page",),
}
# Why suppliers refuse, with what they say; the last column: a correction or another supplier may mend it.
REFUSALS: Final = (
    ("supplier_error", "充值失败", 26, "failover"),
    ("account_banned", "充值账号已封禁", 14, ""),
    ("stock_out", "库存不足", 14, "failover"),
    ("maintenance", "系统维护中", 13, "failover"),
    ("velocity", "充值过于频繁，风控拦截", 9, "failover"),
    ("wrong_account", "充值账号不存在", 9, "correction"),
    ("number_suspended", "号码已停机", 6, "correction"),
    ("price_changed", "商品价格已变动", 5, "failover"),
    ("off_sale", "商品已下架", 4, "failover"),
)


class Source(msgspec.Struct, frozen=True):
    """One supplier of a product; ``cost_fen`` for one unit."""

    supplier: str
    product: str
    cost_fen: int


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """One product as orders snapshot it; titles ready for COPY. ``prices``: fen in all, by quantity."""

    product_id: str
    kind: str
    title_zh: str
    title_en: str
    face_value_fen: int
    promise_s: int
    fields: tuple[AccountField, ...]
    prices: Mapping[int, int]
    sources: tuple[Source, ...]
    weight: float


class Buyer(msgspec.Struct, frozen=True):
    """Who orders: ``contact`` and ``account`` in clear, for sealing; ``shown``: the account as pages show it."""

    contact: str
    account: str
    shown: str


def goods_of(products: Sequence[Product], routes: Sequence[Route]) -> tuple[Goods, ...]:
    """What can be sold of a catalogue: everything that another than our own tables supplies."""
    found = []
    for rank, product in enumerate(products):
        sources = [Source(product.supplier, product.supplier_product, product.cost_fen)]
        sources += [
            Source(route.supplier, route.supplier_product, route.cost_fen)
            for route in routes
            if route.product_id == product.product_id
        ]
        sources = [source for source in sources if source.supplier not in OWN_TABLES]
        prices = {
            n: product.total_fen(n) for n in sorted({*QUANTITIES, product.min_quantity}) if product.sells(n)
        }
        if not sources or not prices:
            continue
        found.append(
            Goods(
                product_id=product.product_id,
                kind=product.kind,
                title_zh=escaped(product.title_zh),
                title_en=escaped(product.title_en),
                face_value_fen=product.face_value_fen,
                promise_s=product.promise_s,
                fields=fields_of(product.account_template, product.fields),
                prices=prices,
                sources=tuple(sources),
                weight=_KINDS.get(product.kind, 1.0) / (rank + 2) ** 0.6,
            )
        )
    return tuple(found)


class Wheel:
    """Draws an index with a weight."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._sums = list(accumulate(weights))

    def draw(self, rng: Random) -> int:
        """The next index."""
        return min(bisect(self._sums, rng.random() * self._sums[-1]), len(self._sums) - 1)


def phone_of(customer: int) -> str:
    """A customer's mobile number: the same for the same customer."""
    mixed = customer * 2_654_435_761 % 100_000_000
    return f"{MOBILE[customer % len(MOBILE)]}{mixed:08d}"


def buyer_of(rng: Random, customers: int, goods: Goods) -> Buyer:
    """Somebody who comes back now and then: few buy often, many once."""
    customer = int(customers * rng.random() ** 1.6)
    phone = phone_of(customer)
    contact = phone if customer % 3 else f"u{customer:07d}@example.com"
    if not goods.fields:
        return Buyer(contact, "", "")
    values = {field.name: _value(field, rng, phone, customer) for field in goods.fields}
    if len(values) == 1:
        return Buyer(contact, values[ACCOUNT], mask(values[ACCOUNT]))
    return Buyer(contact, pack_values(values), mask_values(goods.fields, values))


def _value(field: AccountField, rng: Random, phone: str, customer: int) -> str:
    match field.kind:
        case "phone_cn":
            return phone if rng.random() < 0.8 else phone_of(rng.randrange(1 << 24))
        case "qq":
            return str(100_000 + customer * 7919)
        case "steam64":
            return f"7656119{customer:010d}"
        case "game_id":
            return f"player{customer}"
        case "email":
            return f"u{customer:07d}@example.com"
        case "choice":
            return field.choices[customer % len(field.choices)]
        case _:
            return f"{field.name}{customer % 50}"
