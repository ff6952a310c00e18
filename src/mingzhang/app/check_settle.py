"""A checked run's last act: every channel settles, the bank tells of it, and every payout closes to zero (R8)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from mingzhang.app.settings import Settings
from mingzhang.custody.store import open_account
from mingzhang.kit.clock import Clock, clock_from_spec
from mingzhang.kit.database import open_pool, transaction
from mingzhang.kit.errors import Problem
from mingzhang.settlement.flow import list_batch
from mingzhang.settlement.model import SettlementList
from mingzhang.settlement.store import SQL

BANK: Final = "bank"
WAIT_S: Final = 60.0
LOOK_S: Final = 0.5


async def settle_all(settings: Settings, http: aiohttp.ClientSession, channels: Iterable[str]) -> list[str]:
    """Settle what the simulated channels hold; what did not close, in words. The worker must be running."""
    pool = await open_pool(settings.database_url, 1, 2)
    clock, rng = clock_from_spec(settings.clock), random.Random()
    try:
        async with transaction(pool) as conn:
            account = settings.adapters["bank_account"]
            await open_account(
                conn, clock.now(), account=account, bank=BANK, kind="custody", who="check", adapter=BANK
            )
        findings = []
        for channel in sorted(channels):
            told = await _tell(http, f"{settings.control_url}/settlements", {"channel": channel})
            findings += await _list(pool, rng, clock, msgspec.convert(told, SettlementList, strict=False))
        await _tell(http, f"{settings.control_url}/bank/statement", {})
        return findings + await _until_closed(pool)
    finally:
        await pool.close()


async def _tell(http: aiohttp.ClientSession, url: str, body: dict[str, str]) -> Any:
    async with http.post(url, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


async def _list(pool: asyncpg.Pool, rng: random.Random, clock: Clock, listed: SettlementList) -> list[str]:
    if not listed.lines:
        return []
    try:
        async with transaction(pool) as conn:
            await list_batch(conn, rng, clock.now(), listed, BANK)
    except Problem as problem:
        return [f"settlement of {listed.channel}: {problem}"]
    return []


async def _until_closed(pool: asyncpg.Pool) -> list[str]:
    give_up = time.monotonic() + WAIT_S
    while True:
        async with pool.acquire() as conn:
            rows = await conn.fetch(SQL.list_batches, 20)
            waits = await conn.fetch(SQL.list_differences, 20)
        left = [row for row in rows if row["state"] != "closed"]
        if not left or time.monotonic() > give_up:
            break
        await asyncio.sleep(LOOK_S)
    told = [f"payout {row['channel']} {row['batch_id']} is still {row['state']}" for row in left]
    return told + [
        f"{row['subject']} in {row['batch_id']}: {row['state']} {row['code']}" for row in waits if left
    ]
