"""A whole installation for a test: real database, real HTTP server, a worker, and the simulated outside world.

Everything goes over loopback HTTP; time runs fast and alike on both sides.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from litestar import Litestar

from auditor.__main__ import read_rows
from auditor.books import Report
from auditor.books import audit as outside_audit
from mingzhang.app.audit import AuditReport, run_audit
from mingzhang.app.demo import free_port
from mingzhang.app.desk import Desk, open_desk
from mingzhang.app.http import build_app, furnish
from mingzhang.app.http_server import web_config
from mingzhang.app.settings import Settings
from mingzhang.app.worker import run_worker
from mingzhang.app.worker_post import run_post
from mingzhang.orders.place import PlaceRequest
from mingzhang.web.model import OrderPage
from simulator_process import SimulatorProcess

WAIT_S = 40.0


@functools.cache
def _merchant_key() -> rsa.RSAPrivateKey:
    """One for the session: making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_keys(folder: Path) -> tuple[Path, Path]:
    """The merchant's key pair: private and public PEM files."""
    key = _merchant_key()
    private, public = folder / "merchant.pem", folder / "merchant.pub.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


_apps: dict[tuple[bool, bool], list[Litestar]] = {}
"""Applications that serve no house just now: building one takes a third of a second, most of it the framework's."""


class House:
    """One installation under test."""

    def __init__(self, desk: Desk, world: SimulatorProcess, url: str) -> None:
        self.desk = desk
        self.world = world
        self.url = url
        self.http: aiohttp.ClientSession
        self._server: uvicorn.Server
        self._serving: asyncio.Task[None]
        self._app: tuple[tuple[bool, bool], Litestar] | None = None
        self._stop = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._post: asyncio.Task[None] | None = None
        self._n = 0

    def start_worker(self) -> None:
        """Let the rows be visited."""
        self._stop = asyncio.Event()
        desk = self.desk
        self._worker = asyncio.create_task(run_worker(desk.ctx, self._stop))
        self._post = asyncio.create_task(run_post(desk.ctx, desk.post, desk.routes, self._stop))

    async def start_web(self) -> None:
        """Answer on the installation's port."""
        settings = self.desk.settings
        kind = (settings.demo, settings.secure_cookies)
        idle = _apps.setdefault(kind, [])
        app = idle.pop() if idle else build_app(demo=settings.demo, secure=settings.secure_cookies)
        self._app = kind, app
        config = web_config(self.desk, "127.0.0.1", settings.port, furnish(app, self.desk))
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110 - the server offers no event for it
            await asyncio.sleep(0.01)

    async def stop_web(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        await self._serving
        if self._app is not None:
            kind, app = self._app
            _apps[kind].append(app)
            self._app = None

    async def come_back(self) -> None:
        """After web and worker were stopped: a new process's memory, the same settings and outside world."""
        await self.desk.aclose()
        self.desk = await open_desk(self.desk.settings)
        await self.start_web()
        self.start_worker()

    async def stop_worker(self) -> None:
        """Stop it after the visits under way."""
        self._stop.set()
        for task in (self._worker, self._post):
            if task is not None:
                await task

    async def place(self, product: str = "phone-100", account: str = "13800138000", quantity: int = 1) -> str:
        """Place an order over the API; returns its number."""
        self._n += 1
        body = {
            "product_id": product,
            "quantity": quantity,
            "account": account,
            "contact": "buyer@example.com",
        }
        headers = {"Idempotency-Key": f"house-key-{self._n:06d}", "X-Client": "house"}
        async with self.http.post(f"{self.url}/api/v1/orders", json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["order_id"])

    async def open(self, order_id: str, channel: str = "alipay", method: str = "qr") -> str:
        """Open a payment; returns our payment number."""
        token = self.desk.ctx.vault.token(order_id)
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.post(
            f"{self.url}/api/v1/orders/{order_id}/payments",
            json={"channel": channel, "method": method},
            headers=headers,
        ) as answer:
            assert answer.status in {200, 201}, await answer.text()
            return str((await answer.json())["payment_no"])

    async def buyer_pays(self, payment_no: str, **more: object) -> None:
        """The simulated buyer scans and pays."""
        await self.world.tell("POST", "/buyers/pay", {"out_trade_no": payment_no, **more})

    async def buy(
        self,
        *faults: tuple[str, str],
        product: str = "phone-100",
        account: str = "13800138000",
        quantity: int = 1,
        channel: str = "alipay",
    ) -> str:
        """Place, set faults, open, pay."""
        order_id = await self.place(product, account, quantity)
        for party, name in faults:
            await self.world.fault(order_id, party, name)
        await self.buyer_pays(await self.open(order_id, channel))
        return order_id

    async def page(self, order_id: str) -> OrderPage:
        """The order as its buyer sees it."""
        return await self.desk.order_page(order_id, "test")

    async def until(
        self, order_id: str, seen: Callable[[OrderPage], bool], wait_s: float = WAIT_S
    ) -> OrderPage:
        """Wait until the page shows something; fails with what it shows instead."""
        give_up = time.monotonic() + wait_s
        while True:
            page = await self.page(order_id)
            if seen(page):
                return page
            if time.monotonic() > give_up:
                events = [item.kind for item in page.timeline]
                raise AssertionError(
                    f"{order_id}: {page.sentence} {page.pay_badge} {page.supply_badge} {events}"
                )
            await self.desk.wait_change(order_id, page.seq, 0.5)

    async def step(self, seconds: float) -> None:
        """Set the time forward here and outside (a house that was opened with `steps`)."""
        await self.world.tell("POST", "/time/step", {"s": seconds})

    async def audit(self) -> AuditReport:
        """Every invariant over all rows."""
        return await run_audit(self.desk.ctx, full=True)

    async def lost_fen(self) -> int:
        """Σ |the outside parties' books − ledger| by place: what nobody can account for."""
        return (await self.outside()).lost_fen

    async def double_topups(self) -> int:
        """Top-ups beyond the first for one order, by the suppliers' own books."""
        return (await self.outside()).double_topups

    async def until_applied(self, wait_s: float = WAIT_S) -> None:
        """Wait until no fact waits to be applied."""
        waits = """SELECT count(*) FROM inbox i WHERE NOT EXISTS (SELECT FROM applied a
          WHERE a.bucket = i.bucket AND a.key = i.kind || ':' || i.party || ':' || i.external_id)"""
        give_up = time.monotonic() + wait_s
        while await self.desk.pool.fetchval(waits):
            assert time.monotonic() < give_up, "facts still wait"
            await asyncio.sleep(0.05)

    async def outside(self) -> Report:
        """The outside auditor's report."""
        return outside_audit(await self.world.books(), await read_rows(self.desk.settings.database_url))


def channel_settings(ready: dict[str, Any], private: Path, folder: Path) -> dict[str, str]:
    """What an installation must know of the simulated channels."""
    alipay, wechat, epay = ready["alipay"], ready["wechat"], ready["epay"]
    alipay_key = folder / "alipay.pub.pem"
    alipay_key.write_text(alipay["public_key_pem"])
    wechat_keys = []
    for n, key in enumerate(wechat["public_keys"]):
        path = folder / f"wechat-{n}.pub.pem"
        path.write_text(key["pem"])
        wechat_keys.append(f"{key['serial']}={path}")
    return {
        "alipay_gateway": alipay["gateway"],
        "alipay_app_id": alipay["app_id"],
        "alipay_seller_id": alipay["seller_id"],
        "alipay_private_key_path": str(private),
        "alipay_public_key_path": str(alipay_key),
        "wechat_gateway": wechat["gateway"],
        "wechat_mchid": wechat["mchid"],
        "wechat_app_id": wechat["app_id"],
        "wechat_merchant_serial": wechat["merchant_serial"],
        "wechat_private_key_path": str(private),
        "wechat_api_v3_keys": wechat["api_v3_key"],
        "wechat_public_keys": ",".join(wechat_keys),
        "epay_url": epay["base_url"],
        "epay_pid": epay["pid"],
        "epay_key": epay["key"],
    }


@asynccontextmanager
async def open_house(
    database_url: str,
    folder: Path,
    speed: float = 60.0,
    adapters: Mapping[str, str] = MappingProxyType({}),
    bank_fen: int = 0,
    begins: float | None = None,
    steps: Path | None = None,
    **more: Any,
) -> AsyncIterator[House]:
    """Start world, server and worker; stop them in the right order. `adapters`: further settings of theirs.

    `bank_fen`: what lies at the simulated bank at the start. `begins`: the shop's time at the start, seconds since
    1970; now, where none is given. `steps`: a file to be made, by which `House.step` sets the time forward.
    """
    now = time.time()
    clock = f"scaled:{now}:{begins or now}:{speed}"
    if steps is not None:
        steps.write_bytes(bytes(8))
        clock = f"stepped:{now}:{begins or now}:{speed}:{steps}"
    private, public = make_keys(folder)
    port = free_port()
    arguments = ("--clock", clock, "--merchant-public-key", str(public), "--seed", "7")
    with SimulatorProcess(*arguments, "--bank-balance-fen", str(bank_fen)) as world:
        settings = Settings(
            database_url=database_url,
            secret_key=b"k" * 32,
            base_url=f"http://127.0.0.1:{port}",
            port=port,
            clock=clock,
            adapters=channel_settings(world.ready, private, folder)
            | {
                f"{party}_{name}": text
                for party in ("fulu", "kasushou", "dtone", "bank", "tsa")
                for name, text in world.ready[party].items()
            }
            | dict(adapters),
            control_url=world.ready["control"],
            call_timeout_s=3.0,
            **{"limits": "off", **more},
        )
        desk = await open_desk(settings)
        await desk.set_up_sample_shop()
        await desk.book_opening_balances()
        house = House(desk, world, settings.base_url)
        await house.start_web()
        # Shorter than the server keeps idle connections, so that none is closed as it is used again.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=2)) as session:
            house.http = session
            house.start_worker()
            try:
                yield house
            finally:
                await house.stop_worker()
                await house.stop_web()
                await house.desk.aclose()


__all__ = ["House", "PlaceRequest", "free_port", "open_house"]
