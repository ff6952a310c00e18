"""What buyers and staff read and do about who supplies: closures, the calendar, balances, scores (R14, R20)."""

from __future__ import annotations

import msgspec

from mingzhang.fulfilment.closures import next_window
from mingzhang.orders import sourcing
from mingzhang.orders.context import Context
from mingzhang.web.model import ClosedNote, ProductCard


async def with_closure(ctx: Context, card: ProductCard) -> ProductCard:
    """A product as the shop shows it, with why it is not sold now, or will not be."""
    sources = await ctx.catalogue.sources(card.product_id, ctx.now())
    if sources.product is None:
        return card
    look = await sourcing.outlook(ctx, sources)
    closure = await sourcing.sale_closure(ctx, sources.product)
    if closure is not None:
        closed = ClosedNote(why=closure.why, until=closure.until, note=closure.note)
        return msgspec.structs.replace(card, closed=closed)
    suppliers = {sources.product.supplier, *(route.supplier for route in sources.routes)}
    coming = next_window(suppliers, card.product_id, look)
    if coming is None:
        return card
    planned = ClosedNote(why=coming.cause, since=coming.starts_at, until=coming.ends_at, note=coming.note)
    return msgspec.structs.replace(card, planned=planned)
