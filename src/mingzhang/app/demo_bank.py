"""The demo's bank: an account in custody at the simulated bank, and channels that pay out into it while the demo runs.

What was paid in the last hours of demo time is left at the channel, so that what is tried out there stays where it is shown.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from mingzhang.app.days.night import Night
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.errors import Problem

CAPITAL_FEN: Final = 50_000_000
SETTLE_REAL_S: Final = 60.0
OLDER_S: Final = 6 * 3600.0
FAILURES: Final = (aiohttp.ClientError, TimeoutError, Problem, *DATABASE_AWAY)


async def keep_bank(settings: Settings, stop: asyncio.Event) -> None:
    """Open the account and have channels settle now and then, until told to stop; a process that is away is waited for."""
    desk = await open_desk(settings)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            await _settle_now_and_then(desk, http, settings, stop)
    finally:
        await desk.aclose()


async def _settle_now_and_then(
    desk: Desk, http: aiohttp.ClientSession, settings: Settings, stop: asyncio.Event
) -> None:
    night = Night(http, settings.control_url, desk.ctx, seed=0)
    await night.open_account(settings.adapters["bank_account"], "demo")
    while not stop.is_set():
        try:
            await night.settle(desk.ctx.channels, OLDER_S)
            await night.write_statement()
        except FAILURES:
            pass  # killed on purpose, perhaps: the next round tells
        try:
            await asyncio.wait_for(stop.wait(), SETTLE_REAL_S)
        except TimeoutError:
            continue
