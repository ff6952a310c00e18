"""An installation whose product runs in a real process of its own, so that it can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from house import House, free_port, make_keys
from mingzhang.app.desk import open_desk
from mingzhang.app.settings import Settings
from simulator_process import SimulatorProcess

START_S = 60.0  # an installation starts in three seconds of CPU; a loaded machine takes many times that
SERVE = (sys.executable, "-c", "from mingzhang.app.cli import main; main()", "serve", "--role", "all")
# The lease is three times as long (real seconds): what a dead process held is taken over after that.
CALL_TIMEOUT_S = 1.2


class Product:
    """The web and worker process. `start` it, with a crash point or without; `wait_killed` for its end."""

    def __init__(self, environ: dict[str, str], url: str, log: Path) -> None:
        self._environ = environ
        self._url = url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, crash_point: str = "") -> None:
        """Start and wait until it answers."""
        self._process = self._spawn({**os.environ, **self._environ, "MINGZHANG_CRASH_POINT": crash_point})
        give_up = time.monotonic() + START_S
        async with aiohttp.ClientSession() as session:
            while not await self._answers(session):
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < give_up, self.log()
                await asyncio.sleep(0.05)

    def _spawn(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(SERVE, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self._url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def wait_killed(self, wait_s: float = 20.0) -> None:
        """It must end by the signal that nobody can catch."""
        assert self._process is not None
        try:
            code = await asyncio.to_thread(self._process.wait, wait_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the crash point was not reached:\n{self.log()}") from None
        assert code == -signal.SIGKILL, self.log()

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, if it still lives."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-3000:]


class CrashHouse(House):
    """`House` with the product in a process of its own; the desk here only reads."""

    product: Product


@asynccontextmanager
async def open_crash_house(database_url: str, folder: Path, speed: float = 60.0) -> AsyncIterator[CrashHouse]:
    """World and database with a sample shop; the product is not started yet."""
    now = time.time()
    clock = f"scaled:{now}:{now}:{speed}"
    private, public = make_keys(folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    flags = ("--clock", clock, "--merchant-public-key", str(public), "--seed", "7")
    with SimulatorProcess(*flags, "--fulu-notify-url", f"{url}/hooks/suppliers/fulu") as world:
        channel_key = folder / "alipay.pub.pem"
        channel_key.write_text(world.ready["alipay"]["public_key_pem"])
        values = {
            "database_url": database_url,
            "secret_key": (b"k" * 32).hex(),
            "base_url": url,
            "port": str(port),
            "clock": clock,
            "alipay_gateway": world.ready["alipay"]["gateway"],
            "alipay_app_id": world.ready["alipay"]["app_id"],
            "alipay_seller_id": world.ready["alipay"]["seller_id"],
            "alipay_private_key_path": str(private),
            "alipay_public_key_path": str(channel_key),
            "fulu_url": world.ready["fulu"]["url"],
            "fulu_app_key": world.ready["fulu"]["app_key"],
            "fulu_app_secret": world.ready["fulu"]["app_secret"],
            "call_timeout_s": str(CALL_TIMEOUT_S),
            "limits": "off",
        }
        environ = {f"MINGZHANG_{name.upper()}": text for name, text in values.items()}
        desk = await open_desk(Settings.from_env(environ))
        house = CrashHouse(desk, world, url)
        house.product = Product(environ, url, folder / "product.log")
        try:
            await desk.set_up_sample_shop()
            await desk.book_opening_balances()
            async with aiohttp.ClientSession() as session:
                house.http = session
                yield house
        finally:
            await asyncio.to_thread(house.product.stop)
            await desk.aclose()
