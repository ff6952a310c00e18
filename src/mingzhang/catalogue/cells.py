"""A product as a line of named cells: what a sheet, `mingzhang catalogue set` and the staff's form have in common.

`to_cells` and `read_cells` are each other's inverse. Money is written in yuan, spans as 15m, 24h or 3d. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import msgspec

from mingzhang.catalogue.fields import TEMPLATES, AccountField, check_fields
from mingzhang.catalogue.model import Listing, Product, Texts, Tier
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import format_yuan

QUANTITY_MAX: Final = 10_000
MONEY_FEN_MAX: Final = 1_000_000_000
_DIGITS_MAX: Final = 9
PROMISE_S: Final = range(60, 72 * 3600 + 1)
CELL_MAX: Final = 4_000
ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
PICTURE: Final = re.compile(r"[0-9a-f]{64}")
_SPAN: Final = re.compile(r"(\d{1,7})\s*([smhd])")
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_YES: Final = {
    "yes": True,
    "1": True,
    "true": True,
    "是": True,
    "no": False,
    "0": False,
    "false": False,
    "否": False,
}
KINDS: Final = ("mobile", "direct", "card")


class Fault(NamedTuple):
    """What is wrong with a cell, by code; `detail` helps a person to find it."""

    column: str
    code: str
    detail: str = ""


class _BadError(ValueError):
    """A cell that cannot be read: its code."""


def _money(text: str) -> int:
    try:
        yuan = Decimal(text.replace(",", "").removeprefix("¥").removeprefix("￥"))
    except InvalidOperation:
        raise _BadError("bad_money") from None
    if not yuan.is_finite() or yuan.adjusted() > _DIGITS_MAX:
        raise _BadError("bad_money")  # 1e999999 would be written out digit by digit
    fen = yuan * 100
    whole = int(fen)
    if fen != whole or not 0 < whole <= MONEY_FEN_MAX:
        raise _BadError("bad_money")
    return whole


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        text = text.removesuffix(".0")
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
            raise _BadError("bad_number")
        return int(text)

    return read


def _yes(text: str) -> bool:
    if text.lower() not in _YES:
        raise _BadError("bad_choice")
    return _YES[text.lower()]


def _span(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise _BadError("bad_span")
    return int(found[1]) * _UNITS[found[2]]


def write_span(seconds: int) -> str:
    """Seconds in the largest unit up to hours that fits: 900 is 15m, three days are 72h."""
    unit = "h" if seconds and seconds % 3600 == 0 else "m" if seconds and seconds % 60 == 0 else "s"
    return f"{seconds // _UNITS[unit]}{unit}"


def _tiers(text: str) -> tuple[Tier, ...]:
    try:
        pairs = [
            part.split(":") for part in text.replace("：", ":").replace("；", ";").split(";") if part.strip()
        ]
        return tuple(
            Tier(from_quantity=int(many.strip()), price_fen=_money(price.strip())) for many, price in pairs
        )
    except ValueError:
        raise _BadError("bad_tiers") from None


def _write_tiers(tiers: tuple[Tier, ...]) -> str:
    return ";".join(f"{tier.from_quantity}:{format_yuan(tier.price_fen)}" for tier in tiers)


def _fields(text: str) -> tuple[AccountField, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[AccountField, ...]) if text else ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _BadError("bad_fields") from None


def _write_fields(fields: tuple[AccountField, ...]) -> str:
    return msgspec.json.encode([msgspec.structs.asdict(one) for one in fields]).decode() if fields else ""


def _text(most: int, *, lines: bool = False) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > most:
            raise _BadError("too_long")
        if not (text.replace("\n", "") if lines else text).isprintable():
            raise _BadError("not_printable")
        return text

    return read


def _shaped(pattern: re.Pattern[str], code: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text and pattern.fullmatch(text) is None:
            raise _BadError(code)
        return text

    return read


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise _BadError("bad_choice")
        return text

    return read


class Column(NamedTuple):
    """How a cell is read and written. `empty`: an empty cell says "empty"; otherwise it says "as it is"."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    empty: bool = False
    needed: bool = False


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


_ONE_LINE: Final = Column(_text(80), empty=True)
_LONG: Final = Column(_text(CELL_MAX, lines=True), empty=True)
COLUMNS: Final[Mapping[str, Column]] = {
    "product_id": Column(_shaped(ID, "bad_id"), needed=True),
    "on_sale": Column(_yes, _yes_no),
    "category": Column(_shaped(ID, "bad_id"), empty=True),
    "family": Column(_shaped(ID, "bad_id"), empty=True),
    "family_zh": _ONE_LINE,
    "family_en": _ONE_LINE,
    "variant_zh": Column(_text(40), empty=True),
    "variant_en": Column(_text(40), empty=True),
    "kind": Column(_one_of(KINDS), needed=True),
    "title_zh": Column(_text(80), needed=True),
    "title_en": Column(_text(80), needed=True),
    "face_value": Column(_money, format_yuan, needed=True),
    "price": Column(_money, format_yuan, needed=True),
    "tiers": Column(_tiers, _write_tiers, empty=True),
    "cost": Column(_money, format_yuan, needed=True),
    "min_quantity": Column(_whole(1, QUANTITY_MAX)),
    "max_quantity": Column(_whole(1, QUANTITY_MAX)),
    "step_quantity": Column(_whole(1, QUANTITY_MAX)),
    "account_template": Column(_one_of(tuple(TEMPLATES)), needed=True),
    "fields": Column(_fields, _write_fields, empty=True),
    "double_entry": Column(_yes, _yes_no),
    "supplier": Column(_shaped(ID, "bad_id"), needed=True),
    "supplier_product": Column(_text(80), needed=True),
    "promise": Column(_span, write_span),
    "promise_from": Column(_span, write_span),
    "position": Column(_whole(0, 1_000_000)),
    "official": Column(_text(200), empty=True),
    "description_zh": _LONG,
    "description_en": _LONG,
    "notice_zh": _LONG,
    "notice_en": _LONG,
    "picture": Column(_shaped(PICTURE, "bad_picture"), empty=True),
}
# Columns whose name differs from the attribute: the unit stands in ours.
_ATTRIBUTES: Final = {
    "face_value": "face_value_fen",
    "price": "price_fen",
    "cost": "cost_fen",
    "promise": "promise_s",
    "promise_from": "promise_from_s",
}
_NEW: Final[Mapping[str, Any]] = {
    "on_sale": False,
    "max_quantity": 1,
    "promise_s": 900,
    "position": 1000,
}
_PRODUCT: Final = frozenset(Product.__struct_fields__)
_TEXTS: Final = frozenset(Texts.__struct_fields__)


def to_cells(listing: Listing) -> dict[str, str]:
    """Every cell of a product, in the order of `COLUMNS`."""
    values = _values_of(listing)
    return {name: column.write(values[_ATTRIBUTES.get(name, name)]) for name, column in COLUMNS.items()}


def _values_of(listing: Listing) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(listing.product),
        **msgspec.structs.asdict(listing.texts),
        "on_sale": listing.on_sale,
        "family_zh": listing.family_zh,
        "family_en": listing.family_en,
    }


def read_cells(cells: Mapping[str, str], before: Listing | None) -> tuple[Listing | None, list[Fault]]:
    """The product these cells make of the one `before` (None: a new one); None when something is wrong."""
    faults = [Fault(name, "unknown_column") for name in cells if name not in COLUMNS]
    values: dict[str, Any] = dict(_NEW) if before is None else _values_of(before)
    for name, column in COLUMNS.items():
        text = cells.get(name, "").strip()
        if name not in cells or (not text and not column.empty):
            if column.needed and before is None:
                faults.append(Fault(name, "missing"))
            continue
        try:
            values[_ATTRIBUTES.get(name, name)] = column.read(text)
        except _BadError as bad:
            faults.append(Fault(name, str(bad), text[:40]))
    if faults:
        return None, faults
    made = Listing(
        product=Product(**{name: value for name, value in values.items() if name in _PRODUCT}),
        texts=Texts(**{name: value for name, value in values.items() if name in _TEXTS}),
        on_sale=values["on_sale"],
        family_zh=values.get("family_zh", ""),
        family_en=values.get("family_en", ""),
    )
    faults = check_sound(made)
    return (None if faults else made), faults


def check_sound(listing: Listing) -> list[Fault]:
    """What no single cell shows: quantities, tiers, spans, fields and titles that do not go together."""
    product, faults = listing.product, []
    if product.max_quantity < product.min_quantity:
        faults.append(Fault("max_quantity", "bad_quantity"))
    steps = [product.min_quantity, *(tier.from_quantity for tier in product.tiers)]
    prices = [product.price_fen, *(tier.price_fen for tier in product.tiers)]
    if (
        steps != sorted(set(steps))
        or prices != sorted(prices, reverse=True)
        or steps[-1] > product.max_quantity
    ):
        faults.append(Fault("tiers", "bad_tiers"))
    if product.promise_s not in PROMISE_S:
        faults.append(Fault("promise", "bad_span"))
    if product.promise_from_s and product.promise_from_s >= product.promise_s:
        faults.append(Fault("promise_from", "bad_span"))
    if (product.kind == "card") != (product.account_template == "none"):
        faults.append(Fault("account_template", "template_unfit"))
    if product.family and not (
        listing.family_zh and listing.family_en and product.variant_zh and product.variant_en
    ):
        faults.append(Fault("family", "family_unnamed"))
    try:
        check_fields(product.account_template, product.fields)
    except Problem as problem:
        faults.append(Fault("fields", problem.code))
    return faults
