"""Health and counters: of the web process, and of a worker on its own port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import uvicorn
from terminal import COMMAND, environment

from house import free_port, open_house
from mingzhang.app.desk import open_desk
from mingzhang.app.http import create_app
from mingzhang.app.http_worker import STUCK_AFTER_S, create_worker_app
from mingzhang.app.settings import Settings
from mingzhang.app.worker import Pulse

SECRET = b"s" * 32
START_S = 40.0


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


@asynccontextmanager
async def served(http_app: object) -> AsyncIterator[str]:
    """An application on a free port."""
    port = free_port()
    config = uvicorn.Config(http_app, host="127.0.0.1", port=port, log_config=None, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def test_no_traffic_before_the_migrations_are_those_of_this_code(empty_database_url: str) -> None:
    desk = await open_desk(Settings(database_url=empty_database_url, secret_key=SECRET))
    try:
        async with served(create_app(desk)) as url:
            assert await get(f"{url}/healthz") == (200, "ok")
            assert await get(f"{url}/readyz") == (503, "not ready: migrations")
    finally:
        await desk.aclose()


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO schema_migration (number, name, sha256) VALUES (9999, 'later', 'x')",
        "UPDATE schema_migration SET sha256 = 'x' WHERE number = 1",
        "DELETE FROM schema_migration",
    ],
    ids=["ahead of this code", "another file", "behind"],
)
async def test_a_database_of_another_version_is_not_ready(
    database_url: str, pool: asyncpg.Pool, change: str
) -> None:
    desk = await open_desk(Settings(database_url=database_url, secret_key=SECRET))
    try:
        async with served(create_app(desk)) as url:
            assert await get(f"{url}/readyz") == (200, "ready")
            await pool.execute(change)
            assert await get(f"{url}/readyz") == (503, "not ready: migrations")
    finally:
        await desk.aclose()


async def test_counters_tell_of_requests_and_visits_and_name_no_order(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        status, text = await get(f"{house.url}/metrics")
        assert status == 200
        for name in (
            "mingzhang_http_requests_total",
            "mingzhang_worker_looks_total",
            "mingzhang_worker_visits_total",
        ):
            assert name in text
        assert order_id not in text
        assert "13800138000" not in text


async def test_a_worker_is_alive_while_it_looks_and_ready_while_the_database_answers() -> None:
    pulse = Pulse()
    async with served(create_worker_app(pulse)) as url:
        assert await get(f"{url}/readyz") == (503, "not ready: database")
        pulse.beat(database=True)
        assert await get(f"{url}/healthz") == (200, "ok")
        assert await get(f"{url}/readyz") == (200, "ready")
        pulse.beat(database=False)
        assert await get(f"{url}/healthz") == (200, "ok")
        assert await get(f"{url}/readyz") == (503, "not ready: database")
        pulse.beat(database=True, at=time.monotonic() - STUCK_AFTER_S)
        assert await get(f"{url}/healthz") == (503, "stuck")


async def test_a_worker_process_tells_of_itself_and_shows_no_order(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "serve",
        "--role",
        "worker",
        cwd=tmp_path,
        env=environment(
            DATABASE_URL=database_url, MINGZHANG_SECRET_KEY=SECRET.hex(), MINGZHANG_WORKER_PORT=str(port)
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    url, give_up = f"http://127.0.0.1:{port}", time.monotonic() + START_S
    try:
        while True:
            try:
                if await get(f"{url}/readyz") == (200, "ready"):
                    break
            except aiohttp.ClientError:
                pass
            assert time.monotonic() < give_up
            await asyncio.sleep(0.1)
        assert await get(f"{url}/healthz") == (200, "ok")
        assert 'mingzhang_worker_looks_total{outcome="done"}' in (await get(f"{url}/metrics"))[1]
        for path in ("/", "/orders/M0000000000000000000", "/api/v1/orders", "/staff"):
            assert (await get(url + path))[0] == 404
    finally:
        process.terminate()
        _, errors = await asyncio.wait_for(process.communicate(), START_S)
    assert process.returncode == 0, errors.decode()
