"""`load-demo`: what it loads is true to the product, the same for the same seed, and goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from mingzhang.app import desk_staff, sample_shop, wiring
from mingzhang.app.cli import app
from mingzhang.app.cli_load import load_into, refuse_production
from mingzhang.app.demo_load import loader, plan
from mingzhang.app.demo_load.goods import goods_of
from mingzhang.app.demo_load.loader import Wanted
from mingzhang.app.demo_load.plan import Maker, Plan
from mingzhang.app.demo_load.times import Curve
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.errors import Problem
from mingzhang.kit.vault import Vault
from mingzhang.orders.states import TRANSITIONS
from mingzhang.web import pages
from mingzhang.web.views import ShopInfo

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "6b" * 32


def environ(dsn: str) -> dict[str, str]:
    return {"DATABASE_URL": dsn, "MINGZHANG_SECRET_KEY": SECRET}


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def command(dsn: str, *words: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, [*words], env=environ(dsn))
    return result.exit_code, result.stdout, result.exception


async def look_at_every_state(dsn: str) -> set[str]:
    """Open the page of one order of every state and turn, in both languages, and the lists that staff read."""
    desk: Desk = await open_desk(Settings.from_env(environ(dsn)))
    try:
        rows = await desk.pool.fetch(
            "SELECT DISTINCT ON (state, next_actor, reason) state, order_id FROM orders"
        )
        for row in rows:
            page = await desk.order_page(row["order_id"], "page")
            for language in ("zh", "en"):
                assert row["order_id"] in pages.order_page(page, ShopInfo(name="店"), language)
        kinds = {item.kind for item in await desk.work_list()}
        assert {"order", "suspense", "claim", "refund"} <= kinds, kinds
        assert await desk_staff.list_claims(desk.ctx)
        assert await desk_staff.list_suspense(desk.ctx)
        assert await desk.behind(await desk.pool.fetchval("SELECT value FROM number LIMIT 1"))
        return {row["state"] for row in rows}
    finally:
        await desk.aclose()


def test_a_loaded_history_is_audited_and_shown_like_a_real_one(database_url: str) -> None:
    assert command(database_url, "load-demo", "--orders", "300", "--seed", "4")[0] == 0
    code, told, _ = command(database_url, "audit", "--full", "--json")
    report = json.loads(told)
    assert (code, report["findings"], report["orders"]) == (0, [], 300)
    assert run_apart(look_at_every_state(database_url)) == set(TRANSITIONS)
    refused = command(database_url, "load-demo", "--orders", "10", "--seed", "2")[2]
    assert isinstance(refused, Problem)
    assert refused.code == "demo_refused"
    again = command(database_url, "load-demo", "--orders", "300", "--seed", "4")[2]
    assert isinstance(again, Problem)
    assert again.code == "demo_loaded_already"
    beside = ("load-demo", "--orders", "10", "--seed", "2", "--into-existing")
    assert command(database_url, *beside)[0] == 0
    assert command(database_url, "audit", "--full", "--json")[0] == 0


def test_an_interrupted_load_leaves_whole_pieces_and_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PIECE", 10)
    monkeypatch.setattr(loader, "INLINE_MAX", 100)
    settings = Settings.from_env(environ(database_url))
    wanted = Wanted(orders=55, days=3, seed=1, now=datetime.now(UTC), buckets=2)
    told: list[int] = []

    def say(more: int) -> None:
        told.append(more)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(load_into(settings, wanted, say))
    assert told == [0, 10, 10]
    assert json.loads(command(database_url, "audit", "--full", "--json")[1])["found"] == 0
    asyncio.run(load_into(settings, wanted, told.append))
    assert told[3:] == [20, 10, 10, 10, 5]
    report = json.loads(command(database_url, "audit", "--full", "--json")[1])
    assert (report["findings"], report["orders"]) == ([], 55)


def test_a_shop_that_buyers_reach_is_refused() -> None:
    settings = Settings.from_env({**environ("postgresql://x"), "MINGZHANG_BASE_URL": "https://shop.example"})
    with pytest.raises(Problem, match="demo_refused"):
        refuse_production(settings)


def test_the_same_seed_gives_the_same_history() -> None:
    goods = goods_of(
        [*wiring.sample_products(), *sample_shop.further_products()], sample_shop.further_routes()
    )

    def lines(seed: int) -> dict[str, list[str]]:
        wanted = Plan(seed=seed, orders=400, days=9, ends_at=NOW, buckets=1, goods=goods, rules=1)
        made = Maker(wanted, Vault(b"k" * 32)).make(0).lines
        sealed = {
            "orders",
            "delivered_card",
            "account_correction",
        }  # their nonces are random, as they must be
        return {table: rows for table, rows in made.items() if table not in sealed}

    assert lines(1) == lines(1)
    assert lines(1) != lines(2)
    assert all(len(row.split("\t")) > 1 for rows in lines(1).values() for row in rows)


def test_orders_come_by_day_and_in_the_evening() -> None:
    curve, rng = Curve(NOW, 28), Random(1)
    hours = [(curve.at(rng.random()).hour + 8) % 24 for _ in range(4000)]
    assert curve.at(0.0) < curve.at(0.5) < curve.at(1.0) <= NOW
    assert sum(19 <= hour <= 21 for hour in hours) > 6 * sum(2 <= hour <= 4 for hour in hours)
