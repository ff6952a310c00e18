"""A shop with every kind of ending in it, made once by driving the real thing; tests work on copies of its database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from typer.testing import CliRunner

from house import House, open_house
from mingzhang.app.cli import app
from mingzhang.catalogue.cache import CatalogueCache
from mingzhang.kit.clock import Clock
from mingzhang.kit.vault import Vault
from mingzhang.orders.batch import BatchReader, OrderBatch
from mingzhang.orders.context import Context
from mingzhang.refunds.flow import start_refund
from mingzhang.web.model import OrderPage


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Name of the database to copy, the clock's text, and an order for each ending."""

    database: str
    clock: str
    orders: dict[str, str]


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop and thread of its own."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def with_database(dsn: str, name: str) -> str:
    """The same server's DSN with another database name."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def execute(dsn: str, statement: str) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _paid_twice(house: House) -> str:
    """The buyer's one action makes two trades on one number (F15): the second is a suspense item."""
    order_id: str = await house.place()
    await house.buyer_pays(await house.open(order_id), pay_twice=True)
    for _ in range(400):
        if await house.desk.pool.fetchval("SELECT count(*) FROM suspense WHERE order_id = $1", order_id):
            return order_id
        await asyncio.sleep(0.1)
    raise AssertionError("the second payment did not come to light")


async def _doubted(house: House) -> str:
    """A signed success that the channel denies (F4), while the supplier keeps silent."""
    order_id: str = await house.place()
    await house.world.fault(order_id, "alipay", "notify_for_unpaid")
    await house.world.fault(order_id, "fulu", "silent")
    await house.open(order_id)
    await house.until(order_id, lambda page: _happened(page, "payment_contradicted"))
    return order_id


async def _nothing_to_come(house: House) -> None:
    """Every refund has arrived, also the second payment's, and every fact is applied: nothing changes any more."""
    for _ in range(400):
        if not await house.desk.pool.fetchval("SELECT count(*) FROM refund WHERE state <> 'arrived'"):
            break
        await asyncio.sleep(0.1)
    await house.until_applied()


def _happened(page: OrderPage, kind: str) -> bool:
    return any(item.kind == kind for item in page.timeline)


async def fill(dsn: str, folder: Path) -> tuple[str, dict[str, str]]:
    """Drive one order to each ending; returns the clock's text and the order numbers by ending."""
    async with open_house(dsn, folder) as house:
        orders = {
            "delivered": await house.buy(),
            "card": await house.buy(product="card-100", account=""),
            "refunded": await house.buy(("fulu", "account_banned")),
            "silent": await house.buy(("fulu", "silent")),
            "unpaid": await house.place(),
            "mistyped": await house.buy(("fulu", "wrong_account")),
            "rerouted": await house.buy(("kasushou", "stock_out"), product="phone-30"),
            "reversed": await house.buy(("kasushou", "success_then_reversed"), product="phone-30"),
            "late": await house.buy(
                ("kasushou", "account_banned"), ("kasushou", "success_after_failure"), product="phone-30"
            ),
            "partly": await house.buy(
                ("kasushou", "part_delivered"), product="card-50", account="", quantity=3
            ),
        }
        orders["twice"] = await _paid_twice(house)
        orders["doubted"] = await _doubted(house)
        for name in ("delivered", "card", "twice"):
            await house.until(orders[name], lambda page: page.final)
        await house.until(orders["refunded"], lambda page: page.pay_badge == "refunded")
        await house.until(orders["mistyped"], lambda page: page.supply_badge == "needs_you")
        await house.until(orders["rerouted"], lambda page: page.final)
        await house.until(orders["reversed"], lambda page: page.pay_badge == "refunded")
        await house.until(orders["late"], lambda page: _happened(page, "late_success"))
        await house.until(orders["late"], lambda page: page.pay_badge == "refunded")
        await house.until(orders["partly"], lambda page: page.pay_badge == "partly_refunded")
        await house.until(orders["silent"], lambda page: _happened(page, "supplier_processing"))
        await _nothing_to_come(house)
        return house.desk.settings.clock, orders


def context(pool: asyncpg.Pool, clock: Clock) -> Context:
    """What the audit needs of a context: database and clock. Nobody outside is reached."""
    return Context(
        pool=pool,
        batch=OrderBatch(pool),
        reader=BatchReader(pool),
        catalogue=CatalogueCache(pool),
        clock=clock,
        rng=Random(1),
        vault=Vault(b"k" * 32),
        channels={},
        suppliers={},
        start_refund=start_refund,
        base_url="http://127.0.0.1",
        worker_name="test",
    )


def run_command(dsn: str, clock: str, *options: str) -> tuple[int, dict[str, Any]]:
    """`mingzhang audit --json`: exit code and report."""
    environ = {"DATABASE_URL": dsn, "MINGZHANG_CLOCK": clock, "MINGZHANG_SECRET_KEY": "6b" * 32}
    result = CliRunner().invoke(app, ["audit", "--json", *options], env=environ)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    report: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, report
