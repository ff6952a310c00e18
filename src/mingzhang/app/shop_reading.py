"""From the catalogue to what the shop's pages show. Never cost, supplier or margin."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from mingzhang.catalogue.fields import fields_of
from mingzhang.catalogue.model import Category, Listing
from mingzhang.catalogue.window import Window, page_of
from mingzhang.orders.typical import TypicalTimes
from mingzhang.web.model import ProductCard
from mingzhang.web.model_shop import Choice, Front, Named, Shown

QUERY_MAX = 60


async def read_front(
    conn: asyncpg.Connection, times: TypicalTimes, window: Window, category: str, query: str, number: int
) -> Front:
    """One page of what is on sale; an unknown category is none."""
    path = window.path(category)
    at = path[-1].category_id if path else ""
    found = window.search(at, query[:QUERY_MAX])
    shown, number, pages = page_of(found, number)
    return Front(
        items=tuple([await _shown(conn, times, variants) for variants in shown]),
        top=_named(window.below("")),
        sub=_named(window.below(path[0].category_id)) if path else (),
        at=_named(path),
        query=query[:QUERY_MAX],
        page=number,
        pages=pages,
        found=len(found),
    )


def _named(categories: Sequence[Category]) -> tuple[Named, ...]:
    return tuple(
        Named(id=one.category_id, title_zh=one.title_zh, title_en=one.title_en) for one in categories
    )


def _choices(variants: Sequence[Listing]) -> tuple[Choice, ...]:
    if len(variants) < 2:
        return ()
    return tuple(
        Choice(
            product_id=one.product.product_id,
            title_zh=one.product.variant_zh,
            title_en=one.product.variant_en,
            price_fen=one.product.price_fen,
        )
        for one in sorted(variants, key=lambda one: (one.product.face_value_fen, one.product.price_fen))
    )


async def _shown(conn: asyncpg.Connection, times: TypicalTimes, variants: Sequence[Listing]) -> Shown:
    cheapest = min(variants, key=lambda one: one.product.price_fen).product
    first, product = variants[0], variants[0].product
    typical = await times.of(conn, product.product_id)
    family = len(variants) > 1
    return Shown(
        product_id=product.product_id,
        kind=product.kind,
        title_zh=first.family_zh if family else product.title_zh,
        title_en=first.family_en if family else product.title_en,
        price_fen=cheapest.price_fen,
        face_value_fen=cheapest.face_value_fen,
        promise_s=max(one.product.promise_s for one in variants),
        promise_from_s=min(one.product.promise_from_s for one in variants),
        picture=first.texts.picture,
        choices=_choices(variants),
        typical_p50_s=typical.p50,
        typical_n=typical.n,
    )


async def read_card(
    conn: asyncpg.Connection, times: TypicalTimes, window: Window, listing: Listing, large_fen: int
) -> ProductCard:
    """One product with its variants, texts and the path to it."""
    product, texts = listing.product, listing.texts
    typical = await times.of(conn, product.product_id)
    return ProductCard(
        product_id=product.product_id,
        kind=product.kind,
        title_zh=product.title_zh,
        title_en=product.title_en,
        face_value_fen=product.face_value_fen,
        price_fen=product.price_fen,
        max_quantity=product.max_quantity,
        account_template=product.account_template,
        promise_s=product.promise_s,
        typical_p50_s=typical.p50,
        typical_n=typical.n,
        promise_from_s=product.promise_from_s,
        min_quantity=product.min_quantity,
        step_quantity=product.step_quantity,
        tiers=tuple((tier.from_quantity, tier.price_fen) for tier in product.tiers),
        fields=fields_of(product.account_template, product.fields),
        double_entry=product.double_entry,
        official=product.official,
        large_fen=large_fen,
        family_zh=listing.family_zh,
        family_en=listing.family_en,
        choices=_choices(window.variants(listing)),
        crumbs=_named(window.path(product.category)),
        description_zh=texts.description_zh,
        description_en=texts.description_en,
        notice_zh=texts.notice_zh,
        notice_en=texts.notice_en,
        picture=texts.picture,
    )
