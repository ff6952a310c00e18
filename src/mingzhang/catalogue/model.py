"""What the shop sells, as plain data: products, variants, prices by quantity, texts, rules."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from mingzhang.catalogue.fields import AccountField

SLOW_FROM_S: Final = 86_400


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A price of one unit (阶梯价) for whoever buys at least that many, in fen."""

    from_quantity: int
    price_fen: int


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product (商品): 直充, 话费 or 卡密. Money in fen for one unit, promise in seconds (R1, R17).

    `family`: the products of one family are its variants (规格), named by `variant_zh`, `variant_en`. Quantities go
    from `min_quantity` in steps of `step_quantity`. `fields`: what the buyer is asked for beyond `account_template`.
    `double_entry`: the account is typed twice. `promise_from_s`: where the promised span begins, 0 for at once.
    `official`: the official channel that a large amount is better bought at (R46), as plain text.
    `route_mode`: how one of its suppliers is chosen, ordered or scored. `allow_loss_fen`: how far the cost of a unit may
    be above its price. `offer_choice`: whether the buyer of a refused order chooses between refund and re-supply (R35).
    """

    product_id: str
    kind: str
    title_zh: str
    title_en: str
    face_value_fen: int
    price_fen: int
    cost_fen: int
    max_quantity: int
    supplier: str
    supplier_product: str
    account_template: str
    promise_s: int
    position: int
    category: str = ""
    family: str = ""
    variant_zh: str = ""
    variant_en: str = ""
    min_quantity: int = 1
    step_quantity: int = 1
    tiers: tuple[Tier, ...] = ()
    fields: tuple[AccountField, ...] = ()
    double_entry: bool = False
    promise_from_s: int = 0
    official: str = ""
    route_mode: str = "ordered"
    allow_loss_fen: int = 0
    offer_choice: bool = False

    @property
    def slow(self) -> bool:
        """慢充: a day or more is promised, and the buyer is told so before paying."""
        return self.promise_s >= SLOW_FROM_S

    def sells(self, quantity: int) -> bool:
        """Whether that many can be bought at once."""
        within = self.min_quantity <= quantity <= self.max_quantity
        return within and (quantity - self.min_quantity) % self.step_quantity == 0

    def unit_fen(self, quantity: int) -> int:
        """The price of one unit for whoever buys that many."""
        reached = [tier.price_fen for tier in self.tiers if tier.from_quantity <= quantity]
        return reached[-1] if reached else self.price_fen

    def total_fen(self, quantity: int) -> int:
        """What that many cost together."""
        return self.unit_fen(quantity) * quantity


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A further supplier of a product (备用供应商). ``position`` from 1; ``cost_fen`` for one unit."""

    product_id: str
    position: int
    supplier: str
    supplier_product: str
    cost_fen: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the shop's rules (平台规则)."""

    version: int
    text_zh: str
    text_en: str


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of a product says besides its title. `picture`: SHA-256 of a stored picture, in hex, or empty."""

    description_zh: str = ""
    description_en: str = ""
    notice_zh: str = ""
    notice_en: str = ""
    picture: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the shop's staff may set about one product. `family_zh`, `family_en`: its family's title."""

    product: Product
    texts: Texts = Texts()
    on_sale: bool = True
    family_zh: str = ""
    family_en: str = ""

    def all_texts(self) -> dict[str, str]:
        """Texts beside the product's own titles, by cell name."""
        return {
            "family_zh": self.family_zh,
            "family_en": self.family_en,
            "description_zh": self.texts.description_zh,
            "description_en": self.texts.description_en,
            "notice_zh": self.texts.notice_zh,
            "notice_en": self.texts.notice_en,
        }


class ChangeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one field on record. `subject`: a product's id, or `category:` and its id."""

    batch: str
    subject: str
    field: str
    old: str
    new: str
    changed_by: str
    way: str
    at: datetime


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """One category; `parent` is empty for the upper of the two levels."""

    category_id: str
    parent: str
    title_zh: str
    title_en: str
    position: int
