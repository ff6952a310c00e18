"""Keeps the planner's statistics in step with growth, where the server's own once-a-minute look comes too late.

Tables that fill from nothing within seconds keep plans made for empty ones, and every step then costs more with
every order (throughput ÷ 18 in a cold start followed by a bulk load). ANALYZE after each doubling ends that: it
also makes every session plan anew. A small sample will do: only sizes have changed so fast, and a look at 30,000
rows of every table that doubled took a third of the server's time in a cold start. The server's own look comes later.
"""

import asyncio

import asyncpg
import structlog

from mingzhang.kit.database import DATABASE_AWAY
from mingzhang.kit.sql import load

LOOK_REAL_S = 2.0
PAGES_MIN = 16  # below this any plan will do

SQL = load("mingzhang.kit", "statistics")
log = structlog.get_logger()


async def refresh(pool: asyncpg.Pool) -> list[str]:
    """Analyze the tables that have doubled since they were last looked at; returns their names."""
    async with pool.acquire() as conn:
        names = [row["relname"] for row in await conn.fetch(SQL.list_grown, PAGES_MIN)]
        for name in names:
            async with conn.transaction():
                await conn.execute(SQL.set_sample)
                # A name from the catalogue: it can't be a parameter.
                await conn.execute(SQL.analyze_table.format(table=name))
    return names


async def keep_fresh(pool: asyncpg.Pool, stop: asyncio.Event) -> None:
    """Look every two real seconds until `stop`; a database that is away is looked at again."""
    while not stop.is_set():
        try:
            await refresh(pool)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            log.debug("statistics_not_refreshed", error=type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), LOOK_REAL_S)
        except TimeoutError:
            continue
