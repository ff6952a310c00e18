"""Own card stock under real traffic (F7, F8): every paid order has exactly its cards, and never more than there are."""

from __future__ import annotations

import asyncio
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
    """Products of one unit of our own cards each; what they cost is less than the sample stock that was booked (row 1)."""
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
                    max_quantity=1,
                    supplier="stock",
                    supplier_product=name,
                    account_template="none",
                    promise_s=3600,
                    position=position,
                ),
            )
    ctx.catalogue.forget()


async def exactly_one_card_each(house: House, orders: list[str]) -> None:
    for order_id in orders:
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived", 120)
        assert len(page.cards) == 1, order_id
    rows = await house.desk.pool.fetch(
        "SELECT order_id, card_hash FROM delivered_card WHERE order_id = ANY ($1::text[])", orders
    )
    assert len(rows) == len({row["order_id"] for row in rows}) == len({row["card_hash"] for row in rows})
    assert len(rows) == len(orders)
    await house.until_applied()
    report = await house.audit()
    assert report.ok, report.findings


async def buy_all(house: House, names: list[str], count: int, *faults: tuple[str, str]) -> list[str]:
    """Clients in parallel, each buying its share, product after product."""

    async def client(first: int) -> list[str]:
        return [
            await house.buy(*faults, product=names[n % len(names)], account="")
            for n in range(first, count, CLIENTS)
        ]

    bought = await asyncio.gather(*(client(first) for first in range(CLIENTS)))
    return [order_id for orders in bought for order_id in orders]


@pytest.mark.long
async def test_f07_eight_clients_eight_products_four_hundred_orders(
    database_url: str, tmp_path: Path
) -> None:
    names = [f"own-{n}" for n in range(PRODUCTS)]
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, names, 60)
        await exactly_one_card_each(house, await buy_all(house, names, 400))


async def test_f07_six_notifies_at_once_for_forty_orders(database_url: str, tmp_path: Path) -> None:
    names = [f"own-{n}" for n in range(PRODUCTS)]
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, names, 10)
        await exactly_one_card_each(house, await buy_all(house, names, 40, ("alipay", "notify_concurrent")))


async def test_f08_unpaid_orders_hold_no_stock(database_url: str, tmp_path: Path) -> None:
    """Ten orders stand unpaid before the only three cards; three who pay have them, the fourth of those who still pay
    has his money back, and nobody else can order what is sold out."""
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, ["own"], 3)
        waiting = [await house.place("own", "") for _ in range(10)]
        opened = [await house.open(order_id) for order_id in waiting]
        served = [await house.buy(product="own", account="") for _ in range(3)]
        await exactly_one_card_each(house, served)
        with pytest.raises(AssertionError, match="sold_out"):
            await house.place("own", "")
        await house.buyer_pays(opened[0])
        page = await house.until(waiting[0], lambda page: page.pay_badge == "refunded")
        assert (page.reason, page.cards) == ("stock_out", ())
        report = await house.audit()
        assert report.ok, report.findings
