"""The part of a worker that belongs to the inbound side: asking about hints, and applying what comes of it.

An epay notify proves nothing by itself, so an order paid there counts only once the aggregator was asked. A whole
worker would go on to send orders to suppliers, which `bench http` leaves to its `whole_path`.
"""

from __future__ import annotations

import asyncio
import os
import signal

from mingzhang.app import loop
from mingzhang.app.desk import open_desk
from mingzhang.app.settings import Settings
from mingzhang.app.worker import POLL_REAL_S, Worker
from mingzhang.orders import notify
from mingzhang.payments.store import SQL

HINTS = (SQL.claim_hints, "hint", notify.ask_trade)


async def ask() -> None:
    """Until the process is told to end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    desk = await open_desk(Settings.from_env(os.environ))
    worker = Worker(desk.ctx, (HINTS,))
    loop.settle_heap()
    try:
        while not stop.is_set():
            if not await worker.round():
                await asyncio.sleep(POLL_REAL_S)
        await worker.drain()
    finally:
        await desk.aclose()


if __name__ == "__main__":
    loop.run(ask())
