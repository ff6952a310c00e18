"""What a 卡速售 site sells and what it wants to know for an order: read from ``goods/list`` and ``goods/attach``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mingzhang.fulfilment.suppliers.fulu_wire import fen_charged
from mingzhang.kit.money import Fen

_TEXT_MAX: Final = 200
_FIELDS_MAX: Final = 20
_ON_SALE: Final = "1"  # 1 销售, 2 暂停, 3 禁售
_CARD: Final = "1"  # 1 卡密, 2 虚拟


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """One product of the site's list. Costs are for finance, never for the buyer."""

    product_id: str
    name: str
    face_value_fen: Fen | None
    cost_fen: Fen | None
    is_card: bool
    on_sale: bool
    stock: int


class AccountField(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a product's order template (下单模板): its key in ``attach``, and words for the buyer.

    ``kind``: text, password, checkbox, select, radio or cascader.
    """

    key: str
    name: str
    tip: str
    kind: str


def read_goods(rows: list[Any]) -> list[Goods]:
    """The products of one page."""
    return [_goods(row) for row in rows if isinstance(row, dict)]


def read_template(rows: object) -> tuple[AccountField, ...] | None:
    """A product's template; empty for cards, None when it is no template."""
    if not isinstance(rows, list) or len(rows) > _FIELDS_MAX:
        return None
    fields = tuple(
        AccountField(
            key=text_of(row, "key"),
            name=text_of(row, "name"),
            tip=text_of(row, "tip"),
            kind=text_of(row, "type") or "text",
        )
        for row in rows
        if isinstance(row, dict)
    )
    return fields if len(fields) == len(rows) and all(field.key for field in fields) else None


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A text of the answer, cut to what anybody reads; empty for anything else."""
    value = fields.get(name)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _goods(row: Mapping[str, Any]) -> Goods:
    stock = row.get("stock_num")
    return Goods(
        product_id=str(row.get("id", ""))[:_TEXT_MAX],
        name=text_of(row, "goods_name"),
        face_value_fen=fen_charged(row.get("face_value")),
        cost_fen=fen_charged(row.get("goods_price")),
        is_card=str(row.get("goods_type")) == _CARD,
        on_sale=str(row.get("status")) == _ON_SALE,
        stock=stock if isinstance(stock, int) and not isinstance(stock, bool) else 0,
    )
