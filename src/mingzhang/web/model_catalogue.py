"""What the staff's catalogue pages show: plain data, no words; see `model.py`."""

from __future__ import annotations

import msgspec

from mingzhang.catalogue.cells import Fault
from mingzhang.catalogue.model import Category, ChangeLine
from mingzhang.catalogue.plan import RowPlan


class CatalogueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `cost_fen`: None for whoever may not see costs. `faults`: rules it breaks while on sale."""

    product_id: str
    title_zh: str
    title_en: str
    kind: str
    category: Category | None
    price_fen: int
    cost_fen: int | None
    promise_s: int
    on_sale: bool
    faults: tuple[str, ...] = ()


class CatalogueList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list."""

    rows: tuple[CatalogueRow, ...]
    query: str = ""
    page: int = 1
    pages: int = 1
    found: int = 0


class CatalogueEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One product as a form. `cells`: what is typed in, by column; `hidden`: columns left empty for this person."""

    product_id: str
    cells: dict[str, str]
    faults: tuple[Fault, ...] = ()
    categories: tuple[Category, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    hidden: frozenset[str] = frozenset()


class CatalogueImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import before it is applied. `rows`: the first of them, refused ones in front; `data`: the file in base64."""

    rows: tuple[RowPlan, ...] = ()
    counts: dict[str, int] = {}
    digest: str = ""
    data: str = ""
    refused: bool = False
    problem: str = ""
    problem_row: int = 0
    hidden: frozenset[str] = frozenset()
