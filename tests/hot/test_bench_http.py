"""The HTTP benchmark compares like with like: its floors write the rows that the product writes for each channel."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from mingzhang.app.bench import inbound
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.inbound_asker import HINTS
from mingzhang.app.bench.inbound_gateway import Gateway
from mingzhang.app.bench.inbound_parties import Bought, Epay, Keys, Party, Wechat
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.settings import Settings
from mingzhang.app.worker import Worker
from mingzhang.evidence.messages import HttpMessage
from mingzhang.orders.place import PlaceRequest

COUNTED = {
    "placement": "",
    "orders": "",
    "event": "",
    "payment": "",
    "fact": "",
    "number": "",
    "applied": "",
    "trade_hint": "",
    "supply_attempt": "",
    "leg": "WHERE posting = 'paid'",
    # Without the shop's own (its card stock), and in the floor without what is told twice, by chance.
    "evidence": "WHERE party IN ('alipay', 'wechat', 'epay') AND evidence_id NOT LIKE 'D%'",
}


async def counts(pool: asyncpg.Pool, schema: str) -> dict[str, int]:
    return {
        table: await pool.fetchval(f"SELECT count(*) FROM {schema}.{table} {which}")
        for table, which in COUNTED.items()
    }


async def paid(desk: Desk, party: Party, n: int) -> None:
    """One order, from placing to its money in the books."""
    asked = PlaceRequest(product_id="phone-100", account="13800138000", contact="b@example.com")
    placed = await desk.place("bench", f"bench-http-{n}", asked)
    method = "qr" if party.name == "wechat" else "page"
    opened = await desk.open_payment(placed.order_id, party.name, method, "http://127.0.0.1/back")
    bought = Bought(placed.order_id, placed.token, opened.payment_no)
    bought.notify = party.notify(bought)
    verb, path, body = party.request(bought.notify)
    pairs = [line.split(": ", 1) for line in bought.seal.splitlines()]
    message = HttpMessage(
        method=verb,
        query=path.partition("?")[2],
        headers={name.lower(): value for name, value in pairs},
        body=body,
    )
    assert (await desk.receive_notify(party.name, message)).status == 200
    worker = Worker(desk.ctx, (HINTS,))
    while await worker.round():
        await worker.drain()


@pytest.mark.parametrize("script", ["inbound_floor.sql", "inbound_floor_all.sql"])
async def test_the_floor_writes_the_rows_that_the_product_writes(
    pool: asyncpg.Pool, database_url: str, tmp_path: Path, script: str
) -> None:
    floor = Floor(database_url, script)
    if not floor.possible:
        pytest.skip("no pgbench on this machine")
    wechat = Wechat(tmp_path)
    parties: list[Party] = [Keys(tmp_path)]
    if script == "inbound_floor_all.sql":
        parties += [wechat, Epay()]
    gateway = Gateway(wechat)
    environ = inbound._environ(database_url, b"b" * 32, parties, await gateway.start())
    desk = await open_desk(Settings.from_env(environ))
    try:
        await make_schema(database_url)
        await floor.run(orders=len(parties), clients=1, threads=1)
        await desk.set_up_sample_shop()
        for n, party in enumerate(parties):
            await paid(desk, party, n)
        assert await counts(pool, "public") == await counts(pool, "floor")
        states = "SELECT state, count(*) FROM {}.orders GROUP BY 1"
        assert dict(await pool.fetch(states.format("public"))) == {"paid": len(parties)}
        assert dict(await pool.fetch(states.format("floor"))) == {"paid": len(parties)}
        assert await pool.fetchval("SELECT count(*) FROM floor.inbox") == 0
    finally:
        gateway.close()
        await desk.aclose()
