"""The shop window (橱窗): what is on sale, with texts and categories, from memory; for who looks, not for orders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from mingzhang.catalogue.model import Category, Listing
from mingzhang.catalogue.store import list_categories, list_listings

FRESH_REAL_S: Final = 1.0
PAGE_ITEMS: Final = 24


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What is on sale, in the shop's order."""

    categories: tuple[Category, ...]
    listings: tuple[Listing, ...]

    def category(self, category_id: str) -> Category | None:
        """One category."""
        return next((one for one in self.categories if one.category_id == category_id), None)

    def below(self, parent: str) -> list[Category]:
        """The categories under one, or the upper ones, that have something on sale."""
        return [one for one in self.categories if one.parent == parent and self.within(one.category_id)]

    def within(self, category_id: str) -> list[Listing]:
        """What is on sale in a category and below it; all of it for no category."""
        inside = {category_id, *(one.category_id for one in self.categories if one.parent == category_id)}
        return [one for one in self.listings if not category_id or one.product.category in inside]

    def path(self, category_id: str) -> list[Category]:
        """The category and the one above it, from the top."""
        found: list[Category] = []
        one = self.category(category_id)
        while one is not None and one not in found:
            found.insert(0, one)
            one = self.category(one.parent)
        return found

    def variants(self, listing: Listing) -> list[Listing]:
        """The products of its family, itself among them."""
        family = listing.product.family
        return [one for one in self.listings if one.product.family == family] if family else [listing]

    def search(self, category_id: str, text: str) -> list[list[Listing]]:
        """Families and single products that hold every word asked for, each as its variants, in the shop's order."""
        words = text.casefold().split()[:8]
        found: dict[str, list[Listing]] = {}
        for one in self.within(category_id):
            if all(word in self._said(one) for word in words):
                found.setdefault(one.product.family or f"/{one.product.product_id}", []).append(one)
        return list(found.values())

    def _said(self, listing: Listing) -> str:
        product = listing.product
        names = [name for one in self.path(product.category) for name in (one.title_zh, one.title_en)]
        texts = listing.all_texts().values()
        own = (product.product_id, product.title_zh, product.title_en, product.variant_zh, product.variant_en)
        return "\n".join((*own, *texts, *names)).casefold()


class WindowCache:
    """The window as it was at most a second ago."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._window = Window(categories=(), listings=())
        self._read_at = float("-inf")

    async def look(self) -> Window:
        """What is on sale."""
        if time.monotonic() - self._read_at > FRESH_REAL_S:
            async with self._pool.acquire() as conn:
                listings = [one for one in await list_listings(conn) if one.on_sale]
                categories = await list_categories(conn)
            self._window = Window(categories=tuple(categories), listings=tuple(listings))
            self._read_at = time.monotonic()
        return self._window

    def forget(self) -> None:
        """Read again at the next look."""
        self._read_at = float("-inf")


def page_of(items: Sequence[list[Listing]], number: int) -> tuple[list[list[Listing]], int, int]:
    """One page of them, its number (from 1) and how many there are."""
    pages = max(1, -(-len(items) // PAGE_ITEMS))
    number = max(1, min(number, pages))
    return list(items[(number - 1) * PAGE_ITEMS : number * PAGE_ITEMS]), number, pages
