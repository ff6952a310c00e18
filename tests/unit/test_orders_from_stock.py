"""Whole orders over real HTTP, supplied by our own card stock and by DT One (F6-F8, F19 as far as it reaches)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from house import House, open_house
from mingzhang.app.sample_shop import STOCK_CARDS, STOCK_COST_FEN
from mingzhang.catalogue.store import Product, add_product
from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.suppliers.dtone import DtOne, DtOneSettings
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger


def product(name: str, kind: str, supplier: str, supplier_product: str, cost_fen: int) -> Product:
    return Product(
        product_id=name,
        kind=kind,
        title_zh=name,
        title_en=name,
        face_value_fen=10000,
        price_fen=12000,
        cost_fen=cost_fen,
        max_quantity=3,
        supplier=supplier,
        supplier_product=supplier_product,
        account_template="none" if kind == "card" else "phone_cn",
        promise_s=900,
        position=90,
    )


async def sell(house: House, offered: Product) -> None:
    async with house.desk.pool.acquire() as conn:
        await add_product(conn, offered)


async def stock_up(house: House, cards: int) -> CardStock:
    """A batch of cards on the shelf, their cost booked as the stock's opening balance (rows 1 and 25)."""
    ctx = house.desk.ctx
    batch = NewBatch(
        batch_id="b1",
        product="own-card",
        unit_cost_fen=9000,
        expires_at=None,
        source="cards.csv",
        added_by="keeper",
    )
    lines = [CardLine(n, f"N{n}", f"code-{n:04d}") for n in range(1, cards + 1)]
    await import_cards(ctx.pool, ctx.vault, batch, lines, ctx.now())
    stock = CardStock(ctx.pool, ctx.vault, ctx.clock)
    ctx.suppliers["stock"] = stock
    await house.desk.book_opening_balances()
    await sell(house, product("own-card", "card", "stock", "own-card", 9000))
    return stock


async def test_five_pay_for_three_cards(database_url: str, tmp_path: Path) -> None:
    """F8: three have exactly their card, two have their money, and the books say so."""
    async with open_house(database_url, tmp_path) as house:
        stock = await stock_up(house, 3)
        bought = await asyncio.gather(
            *(house.buy(("alipay", "notify_concurrent"), product="own-card", account="") for _ in range(5))
        )
        done = ("arrived", "refused")
        pages = [
            await house.until(order_id, lambda page: page.supply_badge in done and page.pay_badge != "paying")
            for order_id in bought
        ]
        refused = [page for page in pages if page.supply_badge == "refused"]
        assert (len(pages) - len(refused), {page.reason for page in refused}) == (3, {"stock_out"})
        for order_id, page in zip(bought, pages, strict=True):
            if page in refused:
                await house.until(order_id, lambda page: page.pay_badge == "refunded")
        rows = await house.desk.pool.fetch("SELECT order_id, card_hash FROM delivered_card")
        assert (len(rows), len({row["card_hash"] for row in rows})) == (3, 3)
        balance = await stock.balance()
        assert (balance.known, balance.free_fen) == (True, STOCK_CARDS * STOCK_COST_FEN)  # the sample's own
        report = await house.audit()
        assert report.ok, report.findings


async def deal_without_opening(house: House, supplier: str) -> None:
    """Something stands at a supplier whose opening balance was never booked."""
    async with transaction(house.desk.pool) as conn:
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg")
        posting = postings.capital_in("CAPITAL-else", party=supplier, place="supplier.free", amount_fen=1)
        await ledger.write_shared(conn, posting, evidence_id=cited, now=house.desk.ctx.now())


async def test_orders_go_through_dt_one(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        outbound = Outbound()
        settings = DtOneSettings(
            **house.world.ready["dtone"], callback_url=f"{house.url}/hooks/suppliers/dtone"
        )
        ctx = house.desk.ctx
        ctx.suppliers["dtone"] = DtOne(settings, outbound, ctx.clock)
        assert await house.desk.book_opening_balances() == {}  # each was booked at the start, once
        await sell(house, product("dt-100", "mobile", "dtone", "61100", 9900))
        bought = await house.buy(product="dt-100", account="13800138001")
        banned = await house.buy(("dtone", "account_banned"), product="dt-100", account="13800138002")
        lost = await house.buy(("dtone", "timeout_after_acceptance"), product="dt-100", account="13800138003")
        dear = await house.place("dt-100", "13800138004")
        await house.world.tell(
            "POST",
            "/faults",
            {
                "order": dear,
                "faults": [{"party": "dtone", "name": "price_above_safe", "params": {"percent": 40}}],
            },
        )
        await house.buyer_pays(await house.open(dear))
        for order_id in (bought, lost):
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
        for order_id, reason in ((banned, "account_banned"), (dear, "price_changed")):
            page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
            assert page.reason == reason
        books = (await house.world.books())["dtone"]
        assert set(books["topups"].values()) == {1}
        spent = sum(row["charged_fen"] - row["credited_fen"] for row in books["orders"])
        settled = await house.desk.pool.fetchval(
            """SELECT sum(amount_fen) FROM leg WHERE place IN ('supplier.settled', 'supplier.reserved')
               AND party LIKE 'dtone%'"""
        )
        hints = await house.desk.pool.fetch(
            "SELECT DISTINCT standing FROM evidence WHERE kind = 'dtone.callback'"
        )
        assert [row["standing"] for row in hints] == ["hint"]
        assert settled == spent == books["opening_balance_fen"] - books["balance_fen"]
        report = await house.audit()
        assert report.ok, report.findings
        await deal_without_opening(house, "late")
        ctx.suppliers["late"] = ctx.suppliers["fulu"]
        with pytest.raises(Problem, match="opening_too_late"):
            await house.desk.book_opening_balances()
        await outbound.aclose()
