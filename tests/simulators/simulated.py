"""The simulators in this test's own loop, a shop that listens for their notifies, and independent clients.

The Alipay client is python-alipay-sdk, which shares no code with the simulators. The 福禄 client below signs by
its own few lines.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from alipay import AliPay
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.server import Options, Simulators
from simulators.world import Clock

WAIT_S = 10.0
MERCHANT = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = MERCHANT.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    MERCHANT.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def fast(speed: float = 1000.0) -> Clock:
    """Virtual time that runs `speed` times as fast as real time, starting now."""
    now = time.time()
    return Clock(now, now, speed)


@dataclass
class Shop:
    """The merchant's listener. `answers` are given in turn, the last for ever."""

    url: str = ""
    answers: list[str] = field(default_factory=lambda: ["success"])
    notifies: list[dict[str, str]] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)

    async def alipay(self, request: web.Request) -> web.Response:
        self.notifies.append(dict(parse_qsl((await request.read()).decode())))
        return web.Response(text=self._answer())

    async def fulu(self, request: web.Request) -> web.Response:
        self.callbacks.append(json.loads(await request.read()))
        return web.Response(text=self._answer())

    def _answer(self) -> str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class Outside:
    """Everything a test needs to talk to the simulated world."""

    world: Simulators
    shop: Shop
    http: aiohttp.ClientSession
    ready: dict[str, Any]
    sdk: AliPay

    async def alipay(self, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """One call of the SDK, e.g. ``alipay("trade_query", out_trade_no=…)``."""
        return await asyncio.to_thread(getattr(self.sdk, f"api_alipay_{name}"), *args, **kwargs)

    async def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        async with self.http.request(method, self.ready["control"] + path, json=body) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return json.loads(text)

    async def fault(self, order: str, party: str, name: str, **params: Any) -> None:
        await self.control(
            "POST", "/faults", {"order": order, "faults": [{"party": party, "name": name, "params": params}]}
        )

    async def open(self, number: str, yuan: str = "100.00", subject: str = "话费") -> str:
        """Precreate; the QR code."""
        answer = await self.alipay("trade_precreate", subject, number, yuan)
        assert answer["code"] == "10000", answer
        return str(answer["qr_code"])

    async def pay(self, number: str, **body: Any) -> Any:
        return await self.control("POST", "/buyers/pay", {"out_trade_no": number, **body})

    async def trade(self, number: str) -> dict[str, Any]:
        """The trade in Alipay's own books."""
        rows = (await self.control("GET", f"/books?order={number}&party=alipay"))["alipay"]["trades"]
        return dict(rows[0])

    def genuine(self, notify: dict[str, str]) -> bool:
        """Whether the SDK believes the notify's signature."""
        bare = dict(notify)
        return bool(self.sdk.verify(bare, bare.pop("sign")))

    def signed(self, method: str, biz: dict[str, Any], **common: str) -> dict[str, str]:
        """A 福禄 request, signed by hand."""
        fields = {
            "app_key": self.ready["fulu"]["app_key"],
            "method": method,
            "timestamp": (self.world.world.now() + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "2.0",
            "format": "json",
            "charset": "utf-8",
            "sign_type": "md5",
            "app_auth_token": "",
            "biz_content": json.dumps(biz),
            **common,
        }
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return {**fields, "sign": self.md5(text)}

    def md5(self, text: str) -> str:
        return hashlib.md5(("".join(sorted(text)) + self.ready["fulu"]["app_secret"]).encode()).hexdigest()

    async def fulu(self, method: str, **biz: Any) -> tuple[int, Any]:
        """Code and result of one call; a result's signature is checked."""
        async with self.http.post(self.ready["fulu"]["url"], json=self.signed(method, biz)) as answer:
            assert answer.status == 200
            reply = json.loads(await answer.text())
        if reply["code"] == 0:
            assert reply["sign"] == self.md5(reply["result"])
            return 0, json.loads(reply["result"])
        return int(reply["code"]), reply["message"]

    async def top_up(self, number: str, account: str = "13800138000", **biz: Any) -> tuple[int, Any]:
        return await self.fulu(
            "fulu.order.mobile.add",
            **{"charge_phone": account, "charge_value": 100, "customer_order_no": number, **biz},
        )

    async def order(self, number: str) -> dict[str, Any]:
        """The supplier order in 福禄's own books."""
        rows = (await self.control("GET", f"/books?order={number}&party=fulu"))["fulu"]["orders"]
        return dict(rows[0])

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for something that the other side does by itself."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline, "it did not happen"
            await asyncio.sleep(0.01)

    async def until_state(self, number: str, state: str) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while True:
            code, result = await self.fulu("fulu.order.info.get", customer_order_no=number)
            if code == 0 and result["order_state"] == state:
                return dict(result)
            assert time.monotonic() < deadline, (code, result)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def outside_world(options: Options) -> AsyncIterator[Outside]:
    """Start shop and simulators on free ports; stop both."""
    shop = Shop()
    app = web.Application()
    app.add_routes([web.post("/alipay", shop.alipay), web.post("/fulu", shop.fulu)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    options.merchant_public_key = PUBLIC_PEM
    options.fulu_notify_url = f"{shop.url}/fulu"
    world = Simulators(options)
    await world.start()
    ready = world.ready()
    sdk = AliPay(
        appid=ready["alipay"]["app_id"],
        app_notify_url=f"{shop.url}/alipay",
        app_private_key_string=PRIVATE_PEM,
        alipay_public_key_string=ready["alipay"]["public_key_pem"],
    )
    sdk._gateway = ready["alipay"]["gateway"]
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            yield Outside(world, shop, http, ready, sdk)
    finally:
        await world.stop()
        await runner.cleanup()
