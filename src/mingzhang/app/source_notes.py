"""Who would supply a product, and how each did lately, as buyers read it (R20, R45): never cost, never our balance."""

from __future__ import annotations

from mingzhang.catalogue.cache import Sources
from mingzhang.fulfilment.closures import Outlook, closed_to_sending
from mingzhang.fulfilment.routing import Option
from mingzhang.orders.context import Context
from mingzhang.web.model_shop import SourceNote


def source_notes(ctx: Context, sources: Sources, look: Outlook) -> tuple[SourceNote, ...]:
    """Those that are connected, in the order in which the product names them."""
    product = sources.product
    if product is None:
        return ()
    named = [(product.supplier, product.supplier_product, product.cost_fen)]
    named += [(route.supplier, route.supplier_product, route.cost_fen) for route in sources.routes]
    notes = []
    for supplier, goods, cost_fen in dict.fromkeys(named):
        if supplier not in ctx.suppliers:
            continue
        option = Option(supplier=supplier, supplier_product=goods, cost_fen=cost_fen)
        closed = closed_to_sending(option, product.product_id, look)
        figure = ctx.standing.figures.get((supplier, goods))
        notes.append(
            SourceNote(
                party=supplier,
                state="fine" if closed is None else "down" if closed.why == "supplier_down" else "paused",
                n=figure.n if figure else 0,
                succeeded=figure.succeeded if figure else 0,
                median_s=figure.median_s if figure else None,
                since=figure.since if figure else None,
            )
        )
    return tuple(notes)
