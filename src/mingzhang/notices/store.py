"""Notices and their routes: the only SQL that writes them."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.notices.couriers.base import mask_address
from mingzhang.notices.model import Notice, Route

SQL = load("mingzhang.notices", "store")


async def set_routes(conn: asyncpg.Connection, vault: Vault, routes: Sequence[Route], now: datetime) -> None:
    """Open exactly these destinations. Call at start, in one transaction; unchanged ones are left alone."""
    for route in routes:
        await conn.execute(
            SQL.set_route,
            route.route_id,
            route.audience.value,
            route.channel,
            vault.seal(route.address),
            mask_address(route.address),
            vault.fingerprint(route.address),
            route.language,
            now,
            list(route.topics),
        )
    await conn.execute(SQL.close_routes, [route.route_id for route in routes], now)


async def list_notices(conn: asyncpg.Connection, subject: str) -> list[Notice]:
    """Every notice about an order or suspense item, oldest first, with its delivery state."""
    rows = await conn.fetch(SQL.list_of_subject, bucket_of(subject), subject)
    return [Notice(**dict(row)) for row in rows]


async def list_failed(conn: asyncpg.Connection, limit: int = 100) -> list[Notice]:
    """Notices that were given up, newest first."""
    return [Notice(**dict(row)) for row in await conn.fetch(SQL.list_failed, limit)]
