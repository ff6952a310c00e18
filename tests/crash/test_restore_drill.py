"""The restore drill: the database is lost with its disk, and every order becomes true again (issue of lost data, R13)."""

from __future__ import annotations

import asyncio
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from house import House, open_house
from mingzhang.app.backup import Following, dump, restore_base, restore_dump
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Problem
from mingzhang.kit.migrations import migrate

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]
BEFORE, AFTER = 5, 100
TRIES = 5


async def _order(house: House, faults: random.Random) -> str:
    """One that its buyer paid; who comes too late to pay, because the machine is slow, places anew."""
    fault = faults.choice(["", "", "", "account_banned"])
    for _ in range(TRIES):
        order_id = await house.place()
        if fault:
            await house.world.fault(order_id, "fulu", fault)
        payment_no = await house.open(order_id)
        paid = await house.world.tell("POST", "/buyers/pay", {"out_trade_no": payment_no})
        if paid["result"] == "paid":
            return order_id
    raise AssertionError(f"{order_id} could not be paid in time: {paid}")


async def _ended(house: House, order_id: str) -> None:
    await house.until(
        order_id, lambda page: page.supply_badge == "arrived" or page.pay_badge == "refunded", wait_s=100
    )


def as_superuser(url: str) -> str:
    """The embedded server's `postgres` has the same password, and may replicate."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"postgres:{parts.password}@{parts.hostname}:{parts.port}"))


async def test_a_lost_disk_is_restored_to_the_last_piece_received_and_asking_heals_the_rest(
    tmp_path: Path,
) -> None:
    """Backup, a hundred more orders, the disk gone in the middle of them: no fen is lost by the simulators' books."""
    server = EmbeddedPostgres(tmp_path / "server", {"fsync": "off", "shared_buffers": "32MB"})
    url = await asyncio.to_thread(server.start)
    following = Following(as_superuser(url), tmp_path / "backup")
    faults = random.Random(3)
    try:
        await migrate(url)
        (tmp_path / "house").mkdir()
        async with open_house(url, tmp_path / "house") as house:
            before = await asyncio.gather(*(_order(house, faults) for _ in range(BEFORE)))
            await asyncio.to_thread(following.start, lambda text: None)
            orders = [*before]
            for _ in range(AFTER // 20):
                orders += await asyncio.gather(*(_order(house, faults) for _ in range(20)))
            assert len(set(orders)) == BEFORE + AFTER

            # The disk is gone, in the middle of the last orders. Only the backup and the keys are left.
            assert following.running
            server.kill()
            await house.stop_web()
            await house.stop_worker()
            following.stop()
            shutil.rmtree(server.cluster)
            assert restore_base(following.folder, server.cluster) >= 1
            with pytest.raises(Problem, match="restore_not_empty"):
                restore_base(following.folder, server.cluster)
            assert await asyncio.to_thread(server.start) == url
            await house.come_back()

            for order_id in orders:
                await _ended(house, order_id)
            await house.until_applied()
            report = await house.audit()
            assert report.ok, report.findings
            assert await house.lost_fen() == 0
            assert await house.double_topups() == 0

            # And as a dump, into an empty database: the same books.
            made = await asyncio.to_thread(dump, url, tmp_path / "dumps", datetime.now(UTC))
            assert made.size_bytes == made.path.stat().st_size > 0
            with pytest.raises(Problem, match="restore_not_empty"):
                await asyncio.to_thread(restore_dump, made.path, url)
            await _restored_elsewhere(house, made.path, url)
    finally:
        following.stop()
        await asyncio.to_thread(server.stop)


async def _restored_elsewhere(house: House, file: Path, url: str) -> None:
    parts = urlsplit(url)
    other = urlunsplit(parts._replace(path="/restored"))
    admin = await asyncpg.connect(url)
    await admin.execute("CREATE DATABASE restored")
    await admin.close()
    await asyncio.to_thread(restore_dump, file, other)
    pool = await open_pool(other, max_size=2)
    try:
        count = "SELECT count(*), sum(amount_fen * (1 + seq)) FROM leg"
        assert await pool.fetchrow(count) == await house.desk.pool.fetchrow(count)
        assert await migrate(other) == []
    finally:
        await pool.close()
