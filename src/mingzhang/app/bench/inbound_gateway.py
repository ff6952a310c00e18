"""What WeChat and an epay aggregator answer in `bench http`: a gateway that costs next to nothing.

It stands in for the other side of the network, so its own CPU (with the load's) is told apart from the product's.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from urllib.parse import parse_qs, urlsplit

from mingzhang.app.bench.inbound_parties import EPAY_PID, Wechat, trade_of

SEAL_S: Final = 60.0  # an answer's signature is good for five minutes
_CODE: Final = b'{"code_url":"weixin://wxpay/bizpayurl?pr=mingzhang"}'
_NUMBER_END: Final = len("E20261122")


class Gateway:
    """Serves WeChat's native orders (one signed answer for all) and epay's questions (whatever is asked is paid)."""

    def __init__(self, wechat: Wechat) -> None:
        self._wechat = wechat
        self._sealed_at = float("-inf")
        self._sealed = b""
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.close()

    def answer(self, target: str) -> bytes:
        """The whole answer to a request for this path and query."""
        if target.startswith("/v3/"):
            if time.monotonic() - self._sealed_at > SEAL_S:
                self._sealed, self._sealed_at = _answer(_CODE, self._wechat.seal(_CODE)), time.monotonic()
            return self._sealed
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        return _answer(json.dumps(_told(asked)).encode())


def _told(asked: dict[str, str]) -> dict[str, object]:
    if asked.get("act") != "order":
        return {"code": 1, "msg": "ok", "data": []}
    number = asked.get("out_trade_no") or asked.get("trade_no", "")[_NUMBER_END:]
    now = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "code": 1,
        "msg": "ok",
        "trade_no": trade_of(number),
        "out_trade_no": number,
        "type": "alipay",
        "pid": EPAY_PID,
        "addtime": now,
        "endtime": now,
        "name": "话费直充 100元",
        "money": "100.00",
        "status": 1,
    }


def _answer(body: bytes, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Line(asyncio.Protocol):
    """One connection of the product's: a request at a time, its length told."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length: ")
        length = int(lower[at + 16 :].partition(b"\r\n")[0]) if at >= 0 else 0
        if end and len(body) >= length and self._transport is not None:
            self._came = b""
            self._transport.write(self._gateway.answer(head.split(b" ", 2)[1].decode("latin-1")))
