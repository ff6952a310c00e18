"""Who can supply an order now: the product's list, the calendar, the breakers and our money there, put together (R14, R20).

Everything is read from near-static rows that this process remembers for half a second; no order asks the database.
"""

from collections.abc import Sequence
from datetime import datetime

from mingzhang.catalogue.cache import Sources
from mingzhang.catalogue.store import Product
from mingzhang.fulfilment.closures import Closure, Outlook, closed_to_sale, closed_to_sending
from mingzhang.fulfilment.routing import Choice, Option, choose
from mingzhang.fulfilment.scoring import as_stored, scores
from mingzhang.fulfilment.store import Attempt
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order


async def warm(ctx: Context) -> None:
    """Have everything in memory that `known` needs: to be called before a turn begins.

    Inside a turn nobody may wait for a second connection: enough turns that do, and none is left to finish one.
    """
    await ctx.catalogue.warm(ctx.now())
    await ctx.standing.refresh(ctx.pool)


def known(ctx: Context, product_id: str) -> tuple[Sources, Outlook]:
    """Who could supply a product and what is known of them, from memory alone: for use inside a turn."""
    sources = ctx.catalogue.remembered(product_id)
    return sources, _outlook(ctx, sources)


async def outlook(ctx: Context, sources: Sources) -> Outlook:
    """What is known of suppliers at this moment; never inside a turn."""
    await ctx.standing.refresh(ctx.pool)
    return _outlook(ctx, sources)


def _outlook(ctx: Context, sources: Sources) -> Outlook:
    now = ctx.now()
    return Outlook(
        now=now, pauses=sources.pauses, down=ctx.standing.down(now), prefunds=ctx.standing.prefunds
    )


def own_option(order: Order) -> Option:
    """The supplier that the order was placed with."""
    return Option(supplier=order.supplier, supplier_product=order.supplier_product, cost_fen=order.cost_fen)


def options_of(first: Option, sources: Sources, quantity: int) -> list[Option]:
    """The order's own supplier first, as it was when it was placed, then the product's others."""
    return [first] + [
        Option(
            supplier=route.supplier,
            supplier_product=route.supplier_product,
            cost_fen=route.cost_fen * quantity,
        )
        for route in sources.routes
    ]


def allowed_loss(order: Order, sources: Sources) -> int:
    """How far the order's cost may be above its price, in fen (a rule of the product)."""
    return sources.product.allow_loss_fen * order.quantity if sources.product is not None else 0


def decide(ctx: Context, order: Order, sources: Sources, look: Outlook, before: Sequence[Attempt]) -> Choice:
    """The next supplier of an order, by its product's own way of choosing."""

    def closed(option: Option) -> str:
        closure = closed_to_sending(option, order.product_id, look)
        return closure.why if closure is not None else ""

    def score(fit: Sequence[Option]) -> list[dict[str, object]]:
        return as_stored(
            scores(
                fit,
                price_fen=order.price_fen,
                promise_s=order.promise_s,
                figures=ctx.standing.figures,
                prefunds=look.prefunds,
            )
        )

    return choose(
        options_of(own_option(order), sources, order.quantity),
        before,
        connected=ctx.suppliers.keys(),
        price_fen=order.price_fen + allowed_loss(order, sources),
        closed=closed,
        score=score if sources.product is not None and sources.product.route_mode == "scored" else None,
    )


async def sale_closure(ctx: Context, product: Product, quantity: int = 1) -> Closure | None:
    """Why a product is not sold now; None when it is."""
    sources = await ctx.catalogue.sources(product.product_id, ctx.now())
    look = await outlook(ctx, sources)
    first = Option(
        supplier=product.supplier,
        supplier_product=product.supplier_product,
        cost_fen=product.cost_fen * quantity,
    )
    return closed_to_sale(options_of(first, sources, quantity), product.product_id, look)


async def check_sale(ctx: Context, product: Product, quantity: int) -> None:
    """Raise `sale_paused`, with the reason and, where it is known, the end."""
    closure = await sale_closure(ctx, product, quantity)
    if closure is None:
        return
    params: dict[str, str | int] = {"reason": closure.why}
    if closure.until is not None:
        params["until"] = _iso(closure.until)
    raise Problem("sale_paused", Kind.CONFLICT, closure.why, params)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
