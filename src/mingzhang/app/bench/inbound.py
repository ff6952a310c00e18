"""`bench http`: the inbound side over real HTTP (place, open payment, signed notifies, status), beside its floor."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.core import open_bench
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.machine import cpu_of_family, percentile_ms, read_usage
from mingzhang.app.bench.plain_http import Line
from mingzhang.app.bench.rounds import ROUNDS, processes
from mingzhang.app.bench.whole import run_whole
from mingzhang.kit.errors import Kind, Problem

CONNECTIONS: Final = 64
ORDERS_A_SECOND: Final = 300  # of the length asked for
WHOLE_ORDERS: Final = 200
REPEATED, FORGED = 0.10, 0.01
APP_ID: Final = "2021000000000001"
SELLER_ID: Final = "2088000000000001"
START_REAL_S: Final = 30.0
STEPS: Final = ("place", "open", "notify", "status")
_PADDING: Final = padding.PKCS1v15()
_BEIJING: Final = timedelta(hours=8)
_FORM: Final = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
_JSON: Final = "Content-Type: application/json\r\n"


class Bought(msgspec.Struct):
    """An order of the run: what opens it, and the notify that will pay it."""

    order_id: str
    token: str
    payment_no: str
    notify: bytes = b""


class Keys:
    """The merchant's key and the channel's, as files; only this benchmark holds the channel's private half."""

    def __init__(self, folder: Path) -> None:
        self.merchant, self.channel = folder / "merchant.pem", folder / "channel.pub.pem"
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.merchant.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        self.channel.write_bytes(
            self.private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def notify(self, bought: Bought, *, forged: bool = False) -> bytes:
        """A signed trade_status_sync notify for the payment; a forged one says more than was signed."""
        now = (datetime.now(UTC) + _BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        fields = {
            "app_id": APP_ID,
            "buyer_id": "2088102169481075",
            "buyer_logon_id": "138****1234",
            "buyer_pay_amount": "100.00",
            "charset": "utf-8",
            "fund_bill_list": '[{"amount":"100.00","fundChannel":"ALIPAYACCOUNT"}]',
            "gmt_create": now,
            "gmt_payment": now,
            "invoice_amount": "100.00",
            "notify_id": secrets.token_hex(17),
            "notify_time": now,
            "notify_type": "trade_status_sync",
            "out_trade_no": bought.payment_no,
            "receipt_amount": "100.00",
            "seller_id": SELLER_ID,
            "subject": "话费直充 100元",
            "total_amount": "100.00",
            "trade_no": f"20261122{bought.order_id}",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
        }
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        sign = self.private.sign(text.encode(), _PADDING, hashes.SHA256())
        if forged:
            fields["total_amount"] = "1.00"
        return urlencode({**fields, "sign_type": "RSA2", "sign": base64.b64encode(sign).decode()}).encode()


class Server:
    """One web process of the product, as production runs it."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from mingzhang.app.cli import main; main()",
                    "serve",
                    "--role",
                    "web",
                ],
                env={**os.environ, **environ, "MINGZHANG_PORT": str(self.port)},
                stdout=out,
                stderr=out,
            )

    async def ready(self) -> None:
        """Wait until it serves. Raises Problem `bench_failed`."""
        give_up = time.monotonic() + START_REAL_S
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                if (await Line("127.0.0.1", self.port).ask("GET", "/readyz")).status == 200:
                    return
            except (OSError, Problem):
                await asyncio.sleep(0.1)
        raise Problem("bench_failed", Kind.UNAVAILABLE, "a web process does not come up")


@contextmanager
def _servers(environ: dict[str, str], count: int, folder: Path) -> Iterator[list[Server]]:
    servers = [Server(environ, folder / f"web-{n}.log") for n in range(count)]
    try:
        yield servers
    finally:
        for server in servers:
            server.process.terminate()
        for server in servers:
            try:
                server.process.wait(10)
            except subprocess.TimeoutExpired:
                server.process.kill()


class Load:
    """Sixty-four buyers' and the channel's connections, each asking one thing after the other."""

    def __init__(self, servers: Sequence[Server], keys: Keys) -> None:
        self.lines = [Line("127.0.0.1", servers[n % len(servers)].port) for n in range(CONNECTIONS)]
        self.keys = keys
        self.took: dict[str, list[float]] = defaultdict(list)
        self._rng = random.Random(7)

    async def timed(self, step: str, line: Line, *request: Any) -> bytes:
        """One request; anything but success is the end of the run."""
        begun = time.perf_counter()
        said = await line.ask(*request)
        self.took[step].append(time.perf_counter() - begun)
        if said.status not in {200, 201}:
            raise Problem("bench_failed", Kind.INTERNAL, f"{request[1]}: {said.status} {said.body[:200]!r}")
        return said.body

    async def each(self, work: Callable[[Line, Any], Awaitable[None]], jobs: Sequence[Any]) -> float:
        """Do the jobs over all connections; returns the seconds it took."""
        waiting = iter(jobs)
        begun = time.perf_counter()

        async def drain(line: Line) -> None:
            for job in waiting:
                await work(line, job)

        async with asyncio.TaskGroup() as group:
            for line in self.lines:
                group.create_task(drain(line))
        return time.perf_counter() - begun

    async def buy(self, name: str, count: int) -> tuple[float, list[Bought]]:
        """Place and open so many orders."""
        bought: list[Bought] = []

        async def one(line: Line, number: int) -> None:
            body = msgspec.json.encode(
                {
                    "product_id": "phone-100",
                    "quantity": 1,
                    "account": f"138{number % 10**8:08d}",
                    "contact": f"b{number}@example.com",
                }
            )
            key = f"{_JSON}Idempotency-Key: {name}-{number:08d}\r\n"
            placed = msgspec.json.decode(await self.timed("place", line, "POST", "/api/v1/orders", body, key))
            path = f"/api/v1/orders/{placed['order_id']}/payments"
            bearer = f"{_JSON}Authorization: Bearer {placed['token']}\r\n"
            opened = msgspec.json.decode(
                await self.timed("open", line, "POST", path, b'{"method":"page"}', bearer)
            )
            bought.append(Bought(placed["order_id"], placed["token"], opened["payment_no"]))

        return await self.each(one, range(count)), bought

    async def pay(self, bought: Sequence[Bought]) -> float:
        """Every notify, some twice, some forged, and a look at the status after each."""

        async def one(line: Line, what: Bought) -> None:
            chance = self._rng.random()
            if chance < FORGED:
                lie = self.keys.notify(what, forged=True)
                await self._tell(line, lie, b"fail")
            await self._tell(line, what.notify, b"success")
            if chance > 1 - REPEATED:
                await self._tell(line, what.notify, b"success")
            bearer = f"Authorization: Bearer {what.token}\r\n"
            await self.timed("status", line, "GET", f"/api/v1/orders/{what.order_id}/status", b"", bearer)

        return await self.each(one, bought)

    async def _tell(self, line: Line, notify: bytes, wanted: bytes) -> None:
        said = await self.timed("notify", line, "POST", "/hooks/channels/alipay", notify, _FORM)
        if not said.startswith(wanted):
            raise Problem("bench_failed", Kind.INTERNAL, f"a notify was answered {said[:80]!r}")

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()


def _environ(dsn: str, secret: bytes, keys: Keys) -> dict[str, str]:
    return {
        "MINGZHANG_DATABASE_URL": dsn,
        "MINGZHANG_SECRET_KEY": secret.hex(),
        "MINGZHANG_ALIPAY_GATEWAY": "http://127.0.0.1:9/gateway.do",  # nothing is asked: addresses are signed
        "MINGZHANG_ALIPAY_APP_ID": APP_ID,
        "MINGZHANG_ALIPAY_SELLER_ID": SELLER_ID,
        "MINGZHANG_ALIPAY_PRIVATE_KEY_PATH": str(keys.merchant),
        "MINGZHANG_ALIPAY_PUBLIC_KEY_PATH": str(keys.channel),
    }


async def run_inbound(folder: Path, seconds: int, say: Callable[[str, float], None]) -> dict[str, Any]:
    """The whole benchmark; orders a second over placing, opening, notifies and status together."""
    async with open_bench(folder) as (desk, server):
        keys, count = Keys(folder), processes()
        floor = Floor(desk.settings.database_url, "inbound_floor.sql")
        if floor.possible:
            await make_schema(desk.settings.database_url)
            await floor.run(seconds=1)
        environ = _environ(desk.settings.database_url, desk.settings.secret_key, keys)
        done: list[dict[str, float]] = []
        took: dict[str, list[float]] = defaultdict(list)
        with _servers(environ, count, folder) as servers:
            for each in servers:
                await each.ready()
            for round_ in range(ROUNDS + 1):
                say(f"round {round_} of {ROUNDS}" if round_ else "warming up", round_ / (ROUNDS + 1))
                load = Load(servers, keys)
                orders = ORDERS_A_SECOND * (seconds if round_ else 1)
                row = await _round(load, servers, server.pid, (f"r{round_}", orders))
                load.close()
                if round_:
                    row["floor"] = await floor.run(seconds=seconds) if floor.possible else 0.0
                    done.append(row)
                    for step, laps in load.took.items():
                        took[step] += laps
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
    say("the whole path", 1.0)
    whole = await run_whole(folder / "whole", WHOLE_ORDERS)
    return _result(done, took, count, report.ok) | {"whole_path": whole}


async def _round(
    load: Load, servers: Sequence[Server], database_pid: int | None, what: tuple[str, int]
) -> dict[str, float]:
    def web() -> float:
        return sum(cpu_of_family(server.process.pid) for server in servers)

    name, orders = what
    before, at_first = read_usage(database_pid), web()
    placing, bought = await load.buy(name, orders)
    paused, pause_cpu = time.monotonic(), time.process_time()
    for each in bought:
        each.notify = load.keys.notify(each)
    pause, pause_cpu = time.monotonic() - paused, time.process_time() - pause_cpu
    paying = await load.pay(bought)
    usage, web_s = read_usage(database_pid).since(before), web() - at_first
    others = usage.machine - usage.own - usage.server - web_s
    return {
        "per_s": orders / (placing + paying),
        "web_us": web_s / orders * 1e6,
        "database_us": usage.server / orders * 1e6,
        "load_us": (usage.own - pause_cpu) / orders * 1e6,
        "other_load": max(0.0, others) / (placing + paying + pause),
    }


def _result(
    done: list[dict[str, float]], took: dict[str, list[float]], count: int, ok: bool
) -> dict[str, Any]:
    def middle(name: str) -> float:
        return statistics.median(row[name] for row in done)

    ratios = [row["per_s"] / row["floor"] for row in done if row["floor"]]
    return {
        "bench": "http",
        "ratio": round(statistics.median(ratios), 2) if ratios else None,
        "orders_per_s": round(middle("per_s")),
        "floor_orders_per_s": round(middle("floor")) if ratios else None,
        "cpu_us_per_order": {
            "web": round(middle("web_us")),
            "postgres": round(middle("database_us")),
            "load": round(middle("load_us")),
        },
        "steps": {
            step: {"p50": percentile_ms(took[step], 0.5), "p99": percentile_ms(took[step], 0.99)}
            for step in STEPS
        },
        "audit": "ok" if ok else "failed",
        "cores": os.cpu_count(),
        "processes": count,
        "connections": CONNECTIONS,
        "other_load": round(middle("other_load"), 2),
        "note": "" if ratios else "no pgbench on this machine: ratio unknown",
        "runs": [{name: round(value, 2) for name, value in row.items()} for row in done],
    }
