"""What buyers and staff read and do about who supplies: closures, the calendar, balances, scores (R14, R20)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.app.source_notes import source_notes
from mingzhang.catalogue import pauses
from mingzhang.catalogue import store as catalogue
from mingzhang.catalogue.pauses import NewPause
from mingzhang.fulfilment.closures import next_window
from mingzhang.fulfilment.figures import Figure, Prefund
from mingzhang.fulfilment.health import SQL as HEALTH
from mingzhang.kit.beijing import read_beijing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id
from mingzhang.kit.money import parse_yuan
from mingzhang.orders import sourcing
from mingzhang.orders.context import Context
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.web.model import ProductCard
from mingzhang.web.model_shop import ClosedNote, Front
from mingzhang.web.model_staff import PauseRow, RoutingRow, SupplierRow, SupplyBoard

TIME_LENGTH: Final = len("2026-01-02T03:04")


async def with_closure(ctx: Context, card: ProductCard) -> ProductCard:
    """A product as the shop shows it, with why it is not sold now, or will not be."""
    sources = await ctx.catalogue.sources(card.product_id, ctx.now())
    if sources.product is None:
        return card
    look = await sourcing.outlook(ctx, sources)
    card = msgspec.structs.replace(card, sources=source_notes(ctx, sources, look))
    closed = await _closed(ctx, card.product_id)
    if closed is not None:
        return msgspec.structs.replace(card, closed=closed)
    suppliers = {sources.product.supplier, *(route.supplier for route in sources.routes)}
    coming = next_window(suppliers, card.product_id, look)
    if coming is None:
        return card
    planned = ClosedNote(why=coming.cause, since=coming.starts_at, until=coming.ends_at, note=coming.note)
    return msgspec.structs.replace(card, planned=planned)


async def with_closures(ctx: Context, front: Front) -> Front:
    """The front with what is not sold now; a family only when none of its variants is."""
    items = []
    for item in front.items:
        products = [choice.product_id for choice in item.choices] or [item.product_id]
        closed = [await _closed(ctx, product_id) for product_id in products]
        items.append(msgspec.structs.replace(item, closed=closed[0]) if all(closed) else item)
    return msgspec.structs.replace(front, items=tuple(items))


async def _closed(ctx: Context, product_id: str) -> ClosedNote | None:
    sources = await ctx.catalogue.sources(product_id, ctx.now())
    if sources.product is None:
        return None
    closure = await sourcing.sale_closure(ctx, sources.product)
    return ClosedNote(why=closure.why, until=closure.until, note=closure.note) if closure else None


async def read_board(ctx: Context) -> SupplyBoard:
    """Suppliers, calendar and products as they stand, for staff."""
    now = ctx.now()
    await ctx.standing.refresh(ctx.pool)
    async with ctx.pool.acquire() as conn:
        down = {row["supplier"]: row["down_since"] for row in await conn.fetch(HEALTH.list_suppliers_down)}
        entries = await pauses.list_pauses(conn, now)
        products = await catalogue.list_products(conn)
        routes = await catalogue.list_all_routes(conn)
    further: dict[str, list[str]] = {}
    for route in routes:
        further.setdefault(route.product_id, []).append(route.supplier)
    figures = ctx.standing.figures.values()
    return SupplyBoard(
        suppliers=tuple(
            _supplier(name, ctx.standing.prefunds.get(name), down.get(name), figures)
            for name in ctx.suppliers
        ),
        pauses=tuple(_pause(entry, now) for entry in entries),
        routing=tuple(
            RoutingRow(
                product_id=product.product_id,
                title_zh=product.title_zh,
                title_en=product.title_en,
                route_mode=product.route_mode,
                allow_loss_fen=product.allow_loss_fen,
                offer_choice=product.offer_choice,
                suppliers=(product.supplier, *further.get(product.product_id, ())),
            )
            for product in products
        ),
    )


def _supplier(
    name: str, prefund: Prefund | None, down_since: datetime | None, figures: Iterable[Figure]
) -> SupplierRow:
    own = [each for each in figures if each.supplier == name]
    prefund = prefund or Prefund(supplier=name, standing="unknown")
    times = sorted(each.median_s for each in own if each.median_s is not None)
    return SupplierRow(
        name=name,
        down_since=down_since,
        n=sum(each.n for each in own),
        succeeded=sum(each.succeeded for each in own),
        median_s=times[len(times) // 2] if times else None,
        since=min((each.since for each in own), default=None),
        standing=prefund.standing,
        free_fen=prefund.free_fen if prefund.known_at else None,
        runway_s=prefund.runway_s,
        known_at=prefund.known_at,
    )


def _pause(entry: pauses.Pause, now: datetime) -> PauseRow:
    return PauseRow(
        pause_id=entry.pause_id,
        scope=entry.scope,
        name=entry.name,
        cause=entry.cause,
        note=entry.note,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        made_by=entry.made_by,
        holds=entry.holds(now),
    )


async def enter_pause(ctx: Context, who: Member | str, wish: NewPause) -> str:
    """Enter a window or a pause, on record; its number. Raises `bad_pause`, `unknown_product`, `unknown_supplier`."""
    async with transaction(ctx.pool) as conn:
        if wish.scope == "product":
            await catalogue.read_product(conn, wish.name)
        elif wish.scope == "supplier" and wish.name not in ctx.suppliers:
            there = ", ".join(ctx.suppliers) or "none"
            raise Problem(
                "unknown_supplier", Kind.NOT_FOUND, f"{wish.name!r} is not set up here; set up: {there}"
            )
        now = ctx.now()
        made = await pauses.add_pause(conn, ctx.rng, now, wish, who if isinstance(who, str) else who.name)
        data = {"cause": made.cause, "until": made.ends_at.isoformat() if made.ends_at else ""}
        await record.write(
            conn, ctx.rng, now, who, "pause", f"{made.scope}:{made.name}", reason=made.note, data=data
        )
    ctx.catalogue.forget()
    return made.pause_id


async def lift_pause(ctx: Context, who: Member | str, pause_id: str) -> None:
    """End one before its time, on record. Raises `unknown_pause`."""
    if not is_id(pause_id):
        raise Problem("unknown_pause", Kind.NOT_FOUND)
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        await pauses.lift_pause(conn, pause_id, now, who if isinstance(who, str) else who.name)
        await record.write(conn, ctx.rng, now, who, "lift_pause", pause_id)
    ctx.catalogue.forget()


async def set_routing(
    ctx: Context,
    who: Member | str,
    product_id: str,
    route_mode: str,
    allow_loss: str,
    *,
    offer_choice: bool = False,
) -> None:
    """How a product chooses, the loss allowed on a unit (yuan), whether a refused buyer chooses (R35); on record.

    Raises `bad_routing`, `unknown_product`.
    """
    try:
        loss_fen = parse_yuan(allow_loss or "0")
    except Problem:
        raise Problem("bad_routing", Kind.INVALID, "write the loss in yuan, as 0.50") from None
    async with transaction(ctx.pool) as conn:
        await _check_product(conn, product_id)
        await catalogue.set_routing(conn, product_id, route_mode, loss_fen, offer_choice=offer_choice)
        data = {"route_mode": route_mode, "allow_loss_fen": loss_fen, "offer_choice": offer_choice}
        await record.write(conn, ctx.rng, ctx.now(), who, "set_routing", product_id, data=data)
    ctx.catalogue.forget()


async def _check_product(conn: asyncpg.Connection, product_id: str) -> None:
    if not product_id.isprintable():
        raise Problem("unknown_product", Kind.NOT_FOUND)
    await catalogue.read_product(conn, product_id)


def read_time(text: str) -> datetime | None:
    """Beijing time as forms and the command line write it ("2026-12-01T02:00", or a space between); None when empty.

    Raises `bad_pause` for anything else.
    """
    text = text.strip()
    if not text:
        return None
    at = read_beijing(f"{text.replace('T', ' ')}:00") if len(text) == TIME_LENGTH else None
    if at is None:
        raise Problem("bad_pause", Kind.INVALID, "write Beijing time as 2026-12-01 02:00")
    return at
