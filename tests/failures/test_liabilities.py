"""What is owed at a day's end: published, proved to each buyer, made anew by the audit, which names what changed."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import asyncpg

from house import House, open_house
from mingzhang.app.coverage_watch import publish_liabilities
from mingzhang.app.transparency import signer_of
from mingzhang.settlement.coverage import close_next_day
from mingzhang.transparency.liabilities import check_day
from mingzhang.transparency.owed import measure_all
from mingzhang.transparency.sequencer import Sequencer
from mingzhang.transparency.verify_offline import check, check_liability


async def close(house: House, days: int) -> None:
    """A day ends, its coverage is closed, its tree made and told to the record."""
    async with house.desk.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
        assert await close_next_day(conn, house.desk.clock.now() + timedelta(days=days)) is not None
    await publish_liabilities(house.desk.ctx)
    sequencer = Sequencer(house.desk.pool, signer_of(house.desk.settings), house.desk.ctx.now)
    while await sequencer.round() is not None:
        pass


async def test_what_is_owed_is_published_and_proved_to_each_buyer(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        pool = house.desk.pool
        open_orders = [await house.buy(("fulu", "silent")) for _ in range(3)]
        arrived = await house.buy()
        await house.until(arrived, lambda page: page.supply_badge == "arrived")
        for order_id in open_orders:
            await house.until(order_id, lambda page: page.pay_badge == "paid" and page.supply_badge != "")
        await house.stop_worker()
        await close(house, 2)
        await close(house, 3)

        async with house.http.get(f"{house.url}/api/v1/trust") as answer:
            told = (await answer.json())["owed"]
        assert [(one["total_fen"], one["leaves"]) for one in told] == [(30_000, 3)] * 2
        assert told[0]["root"] != told[1]["root"], "other salts each day"
        for one in told:
            async with house.http.get(house.url + one["statement_url"]) as answer:
                statement = await answer.read()
            async with house.http.get(f"{house.url}{one['statement_url']}/receipt") as answer:
                said, *_ = check(await answer.read())
            assert said["evidence"] == hashlib.sha256(statement).hexdigest()
        for order_id in (*open_orders, arrived):
            headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
            url = f"{house.url}/api/v1/orders/{order_id}/owed"
            async with house.http.get(url, headers=headers) as answer:
                days = await answer.json()
            assert len(days) == (0 if order_id == arrived else 2)
            for one in days:
                async with house.http.get(house.url + one["url"], headers=headers) as answer:
                    body, _ = check_liability(
                        await answer.read(), signer_of(house.desk.settings).verifier.text()
                    )
                assert (body["subject"], body["amount_fen"]) == (order_id, 10_000)
            async with house.http.get(f"{url}/2001-01-01", headers=headers) as answer:
                assert answer.status == 404
        async with pool.acquire() as conn:
            assert (await house.http.get(f"{house.url}/trust?lang=en")).status == 200
            newest = await conn.fetchrow("SELECT day, ends_at FROM liability_day ORDER BY day DESC LIMIT 1")
            assert {one.subject for one in await measure_all(conn, newest["ends_at"])} == set(open_orders)
            assert await check_day(conn, newest["day"]) == []
            await tamper(conn, open_orders[0])
            found = await check_day(conn, newest["day"])
        assert f"{open_orders[0]}: 10000 fen owed, 1 in the tree" in found
        assert "root or total is not the tree's" in found


async def tamper(conn: asyncpg.Connection, order_id: str) -> None:
    """Behind the database's guards, one claim is made small."""
    async with conn.transaction():
        await conn.execute("ALTER TABLE liability_leaf DISABLE TRIGGER liability_leaf_append_only")
        await conn.execute("UPDATE liability_leaf SET amount_fen = 1 WHERE subject = $1", order_id)
        await conn.execute("ALTER TABLE liability_leaf ENABLE TRIGGER liability_leaf_append_only")
