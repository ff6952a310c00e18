"""Own card stock under real traffic (F7, F8): every paid order has exactly its cards, and never more than there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from house import House, open_house
from mingzhang.catalogue.store import Product, add_product
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine

CLIENTS = 8
PRODUCTS = 8
COST_FEN = 100


async def stock_up(house: House, names: list[str], cards: int) -> None:
    """Products of our own cards; what they cost is booked with the import."""
    ctx = house.desk.ctx
    for position, name in enumerate(names, start=50):
        batch = NewBatch(
            batch_id=name,
            product=name,
            unit_cost_fen=COST_FEN,
            expires_at=None,
            source="test.csv",
            added_by="keeper",
        )
        lines = [CardLine(n, f"{name}-{n}", f"{name}:{n:06d}") for n in range(1, cards + 1)]
        await import_cards(ctx.pool, ctx.vault, batch, lines, ctx.now())
        async with ctx.pool.acquire() as conn:
            await add_product(
                conn,
                Product(
                    product_id=name,
                    kind="card",
                    title_zh=name,
                    title_en=name,
                    face_value_fen=200,
                    price_fen=200,
                    cost_fen=COST_FEN,
                    max_quantity=3,
                    supplier="stock",
                    supplier_product=name,
                    account_template="none",
                    promise_s=3600,
                    position=position,
                ),
            )
    ctx.catalogue.forget()


async def exactly_its_cards(house: House, orders: dict[str, int]) -> None:
    """Every order, by how many cards it bought, has them, nobody else has one of them, and no card is lost."""
    for order_id, quantity in orders.items():
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived", 120)
        assert len(page.cards) == quantity, order_id
    rows = await house.desk.pool.fetch(
        "SELECT order_id, card_hash FROM delivered_card WHERE order_id = ANY ($1::text[])", list(orders)
    )
    assert Counter(row["order_id"] for row in rows) == orders
    assert len(rows) == len({row["card_hash"] for row in rows})
    sold = await house.desk.pool.fetchval(
        "SELECT sum(b.cards - s.available) FROM card_shelf s JOIN card_batch b USING (batch_id) WHERE s.product LIKE 'own%'"
    )
    assert sold == sum(orders.values())
    await house.until_applied()
    report = await house.audit()
    assert report.ok, report.findings


async def buy_all(house: House, names: list[str], count: int, told_six_times: int) -> dict[str, int]:
    """Clients in parallel, each buying its share, product after product, one to three cards an order.

    Of the first so many orders the paid notify comes six times at once (F6).
    """
    bought: dict[str, int] = {}

    async def client(first: int) -> None:
        for n in range(first, count, CLIENTS):
            faults = (("alipay", "notify_concurrent"),) if n < told_six_times else ()
            quantity = 1 + n % 3
            order_id = await house.buy(*faults, product=names[n % len(names)], account="", quantity=quantity)
            bought[order_id] = quantity

    await asyncio.gather(*(client(first) for first in range(CLIENTS)))
    assert len(bought) == count
    return bought


@pytest.mark.parametrize(
    ("orders", "told_six_times"),
    [
        pytest.param(40, 40, id="six-notifies-at-once"),
        pytest.param(400, 40, id="full", marks=pytest.mark.long),
    ],
)
async def test_f07_eight_clients_on_eight_products_all_have_exactly_their_cards(
    database_url: str, tmp_path: Path, orders: int, told_six_times: int
) -> None:
    names = [f"own-{n}" for n in range(PRODUCTS)]
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, names, orders // PRODUCTS * 3)
        await exactly_its_cards(house, await buy_all(house, names, orders, told_six_times))


async def test_f08_unpaid_orders_hold_no_stock(database_url: str, tmp_path: Path) -> None:
    """Ten orders stand unpaid before the only three cards; three who pay have them, the fourth of those who still pay
    has his money back, and nobody else can order what is sold out."""
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, ["own"], 3)
        waiting = [await house.place("own", "") for _ in range(10)]
        opened = [await house.open(order_id) for order_id in waiting]
        served = [await house.buy(product="own", account="") for _ in range(3)]
        await exactly_its_cards(house, dict.fromkeys(served, 1))
        with pytest.raises(AssertionError, match="sold_out"):
            await house.place("own", "")
        await house.buyer_pays(opened[0])
        page = await house.until(waiting[0], lambda page: page.pay_badge == "refunded")
        assert (page.reason, page.cards) == ("stock_out", ())
        report = await house.audit()
        assert report.ok, report.findings
