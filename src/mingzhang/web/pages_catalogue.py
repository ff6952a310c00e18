"""The staff's catalogue pages as pure functions of plain data; see `pages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.catalogue.cells import COLUMNS, KINDS
from mingzhang.catalogue.fields import TEMPLATES
from mingzhang.web.console import Frame, render_console
from mingzhang.web.model import ShopInfo
from mingzhang.web.model_catalogue import CatalogueEdit, CatalogueImport, CatalogueList

# How the form is divided, and which columns are chosen or written in several lines.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "sale": ("on_sale", "price", "tiers", "cost", "face_value"),
    "texts": (
        *("title_zh", "title_en", "description_zh", "description_en", "notice_zh", "notice_en", "official"),
    ),
    "place": ("category", "family", "family_zh", "family_en", "variant_zh", "variant_en", "position"),
    "order": (
        "kind",
        "account_template",
        "fields",
        "double_entry",
        "min_quantity",
        "max_quantity",
        "step_quantity",
    ),
    "supply": ("supplier", "supplier_product", "promise", "promise_from", "picture"),
}
LONG: Final = frozenset({"description_zh", "description_en", "notice_zh", "notice_en", "fields"})
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "on_sale": ("yes", "no"),
    "double_entry": ("yes", "no"),
    "kind": KINDS,
    "account_template": tuple(TEMPLATES),
}
assert {name for group in GROUPS.values() for name in group} == COLUMNS.keys() - {"product_id"}


def catalogue_page(listed: CatalogueList, shop: ShopInfo, lang: str, frame: Frame, notice: str = "") -> str:
    """Every product. `notice`: an error code of the last action, or "done"."""
    return render_console("staff_catalogue.html", lang, shop, frame, listed=listed, notice=notice)


def edit_page(edit: CatalogueEdit, shop: ShopInfo, lang: str, frame: Frame, notice: str = "") -> str:
    """One product as a form, with what was changed lately."""
    return render_console(
        "staff_catalogue_edit.html",
        lang,
        shop,
        frame,
        edit=edit,
        faults={fault.column: fault for fault in reversed(edit.faults)},
        groups=GROUPS,
        long=LONG,
        choices=CHOICES,
        notice=notice,
    )


def import_page(shown: CatalogueImport, shop: ShopInfo, lang: str, frame: Frame) -> str:
    """Choose a file; or what it would change, row by row."""
    return render_console("staff_catalogue_import.html", lang, shop, frame, shown=shown)
