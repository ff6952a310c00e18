"""SIGKILL at every named point between the steps of an order, and of the database under running orders.

Real processes: the product dies inside the step, a fresh one finds the rows and goes on. Occurrences in one
order: calls 1 = payment opened, 2 = sent to the supplier, 3 = refund; facts 1 = paid, 2 = supplier's last word,
3 = refund.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import aiohttp
import pytest
from crash_house import CrashHouse, open_crash_house

from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.kit.migrations import migrate

pytestmark = pytest.mark.crash

REFUSED = ("fulu", "account_banned")
LONG = pytest.mark.long  # each named point is in the short run once, its other occurrences are not
NORMAL_POINTS = (
    pytest.param("intent_to_call:1", marks=LONG),
    pytest.param("call_to_outcome:1", marks=LONG),
    pytest.param("call_to_outcome:2", marks=LONG),
    "commit_to_reply:1",
    "fact_to_apply:1",
    pytest.param("fact_to_apply:2", marks=LONG),
)
REFUSED_POINTS = (
    pytest.param("intent_to_call:3", marks=LONG),
    pytest.param("call_to_outcome:2", marks=LONG),
    "call_to_outcome:3",
    pytest.param("commit_to_reply:1", marks=LONG),
    pytest.param("fact_to_apply:2", marks=LONG),
    pytest.param("fact_to_apply:3", marks=LONG),
)


async def sound(house: CrashHouse) -> None:
    """Every fen is where both sides say, every invariant holds, one top-up at most.

    What is reserved for an instruction in doubt still lies in the supplier's balance: in its place, not lost.
    """
    assert await house.lost_fen() == 0
    report = await house.audit()
    assert report.ok, report.findings
    for order in (await house.world.books())["fulu"]["orders"]:
        assert order["topups_executed"] <= 1, order


async def crash_and_resume(house: CrashHouse, point: str, *faults: tuple[str, str]) -> str:
    """One order through a process that dies at `point`, and a fresh one after it. Returns the order."""
    await house.product.start(point)
    order_id = await house.place()
    for party, name in faults:
        await house.world.fault(order_id, party, name)
    try:
        payment_no = await house.open(order_id)
    except aiohttp.ClientError:
        # It died while opening: the page comes back, and the buyer tries again.
        await house.product.wait_killed()
        await house.product.start()
        payment_no = await house.open(order_id)
        await house.buyer_pays(payment_no)
        return order_id
    await house.buyer_pays(payment_no)
    await house.product.wait_killed()
    await house.product.start()
    return order_id


async def times_unknown(house: CrashHouse, order_id: str) -> int:
    """How often the supplier was asked about an attempt of which nothing is known."""
    unknown = "SELECT asked FROM supply_attempt WHERE order_id = $1 AND state = 'unknown'"
    return await house.desk.pool.fetchval(unknown, order_id) or 0


async def arrived_or_unknown(house: CrashHouse, order_id: str, wait_s: float = 30.0) -> bool:
    """Wait for the goods, or until the supplier was asked three times and still knows nothing. True: arrived."""
    give_up = time.monotonic() + wait_s
    while True:
        page = await house.page(order_id)
        if page.supply_badge == "arrived":
            return True
        if await times_unknown(house, order_id) >= 3:
            return False
        assert time.monotonic() < give_up, house.product.log()
        await house.desk.wait_change(order_id, page.seq, 0.2)


@pytest.mark.parametrize("point", NORMAL_POINTS)
async def test_an_order_survives_a_crash(database_url: str, tmp_path: Path, point: str) -> None:
    async with open_crash_house(database_url, tmp_path) as house:
        order_id = await crash_and_resume(house, point)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        (order,) = (await house.world.books())["fulu"]["orders"]
        assert order["topups_executed"] == 1
        await sound(house)


@pytest.mark.parametrize("point", REFUSED_POINTS)
async def test_a_refund_survives_a_crash(database_url: str, tmp_path: Path, point: str) -> None:
    """Refused by the supplier: the buyer gets the whole price back, once."""
    async with open_crash_house(database_url, tmp_path) as house:
        order_id = await crash_and_resume(house, point, REFUSED)
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert [(part.place, part.amount_fen) for part in page.money] == [("refund.arrived", 10000)]
        await sound(house)


@pytest.mark.parametrize("faults", [(), pytest.param((REFUSED,), marks=LONG)], ids=["normal", "refused"])
async def test_a_crash_before_sending_stays_unknown(
    database_url: str, tmp_path: Path, faults: tuple[tuple[str, str], ...]
) -> None:
    """Whether it went out is unknowable: it is asked about again and again, and never sent."""
    async with open_crash_house(database_url, tmp_path) as house:
        order_id = await crash_and_resume(house, "intent_to_call:2", *faults)
        assert not await arrived_or_unknown(house, order_id)
        assert (await house.page(order_id)).supply_badge == "confirming"
        assert (await house.world.books())["fulu"]["orders"] == []
        await sound(house)


async def test_the_database_dies_under_running_orders(tmp_path: Path) -> None:
    """SIGKILL of PostgreSQL, and a buyer who pays meanwhile: the product stays up, reconnects, loses nothing."""
    folder = Path(tempfile.mkdtemp(prefix="mingzhang-crash-"))
    server = EmbeddedPostgres(folder, {"shared_buffers": "32MB", "max_connections": "60"})
    try:
        dsn = await asyncio.to_thread(server.start)
        await migrate(dsn)
        async with open_crash_house(dsn, tmp_path) as house:
            await house.product.start()
            refused = await house.place(account="13800139999")
            await house.world.fault(refused, *REFUSED)
            payment_no = await house.open(refused)
            orders = [await house.buy(account=f"1380013{n:04d}") for n in range(4)]
            await asyncio.to_thread(server.kill)
            await house.buyer_pays(payment_no)
            await asyncio.sleep(0.5)
            assert house.product.running
            assert await asyncio.to_thread(server.start) == dsn
            page = await house.until(refused, lambda page: page.pay_badge == "refunded")
            assert [(part.place, part.amount_fen) for part in page.money] == [("refund.arrived", 10000)]
            # When it died between an intent's commit and its answer, that order was never sent and says so.
            for order_id in orders:
                await arrived_or_unknown(house, order_id)
            assert house.product.running
            await sound(house)
    finally:
        await asyncio.to_thread(server.stop)
        shutil.rmtree(folder, ignore_errors=True)
