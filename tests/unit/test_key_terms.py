"""Keys that end: looked at once a day, told 30, 14, 7 and 1 days before, shown to staff, never stored themselves."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from test_alipay_cert import FILES, NOW, PRIVATE

from mingzhang.app import desk_staff, wiring
from mingzhang.app.adapters import Adapters
from mingzhang.app.keys import watch_terms
from mingzhang.app.settings import Settings
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import Outbound
from mingzhang.notices import store
from mingzhang.notices.model import Audience, Route
from mingzhang.payments.key_store import Ending, list_ending, set_terms, warning_due
from notice_sinks import open_post

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("left", "days"), [(31, None), (30, 30), (15, 30), (14, 14), (7, 7), (2, 7), (1, 1), (0, 0), (-5, 0)]
)
def test_each_warning_begins_at_its_day(left: int, days: int | None) -> None:
    assert warning_due(NOW + left * DAY, NOW) == days


async def test_the_shop_is_told_in_time_and_once(pool: asyncpg.Pool) -> None:
    clock, http = ManualClock(NOW), Outbound()
    told = {
        "stock_off": "1",
        "manual_off": "1",
        "alipay_gateway": "http://127.0.0.1:9",
        "alipay_private_key": PRIVATE,
        "alipay_app_cert": FILES.app_cert,
        "alipay_cert": FILES.alipay_cert,
        "alipay_root_cert": FILES.alipay_root_cert,
    }
    settings = Settings(database_url="unused", secret_key=b"k" * 32)
    ctx = wiring.build_context(settings, pool, http)
    channels = Adapters(msgspec.structs.replace(settings, adapters=told), http, clock).channels
    ctx = dataclasses.replace(ctx, clock=clock, channels=channels)
    ends_at = {term.key: term.ends_at for term in channels["alipay"].key_terms()}["app"]  # type: ignore[attr-defined]
    route = Route(route_id="shop", audience=Audience.SHOP, channel="email", address="shop@example.com")
    async with pool.acquire() as conn, conn.transaction():
        await store.set_routes(conn, open_post(pool).vault, [route], NOW)
    looked = 0
    while clock.now() < ends_at + 2 * DAY:
        looked += await watch_terms(ctx)
        assert await watch_terms(ctx) == 0  # one look a day, whoever asks
        if clock.now() < ends_at - 31 * DAY:
            assert [item for item in await desk_staff.read_work(ctx) if item.kind == "key"] == []
        clock.advance(86_400)
    assert looked > 100
    rows = await pool.fetch(
        "SELECT key, facts FROM notice WHERE subject = 'alipay:app' ORDER BY queued_at, key"
    )
    assert [row["key"].rpartition(":")[2] for row in rows] == ["30", "14", "7", "1", "0"]
    shown = {item.subject: item for item in await desk_staff.read_work(ctx) if item.kind == "key"}
    assert (shown["alipay:app"].state, shown["alipay:app"].deadline_at) == ("ended", ends_at)
    stored = await pool.fetchval("SELECT string_agg(t::text, '') FROM key_term t")
    assert "BEGIN" not in stored
    await ctx.batch.close()
    await ctx.reader.close()
    for adapter in (*ctx.channels.values(), *ctx.suppliers.values()):
        await adapter.aclose()
    await http.aclose()


async def test_what_cannot_be_read_today_is_not_forgotten(pool: asyncpg.Pool) -> None:
    known = [Ending(party=party, key="app", ends_at=NOW) for party in ("alipay", "wechat")]
    async with pool.acquire() as conn:
        await set_terms(conn, known, NOW)
        await set_terms(conn, (), NOW + DAY, ["wechat"])
        assert await list_ending(conn, NOW + DAY) == known[1:]
