"""`bench http`: the inbound side over real HTTP (place, open payment, signed notifies, status), beside its floor.

With one channel, or with all of them mixed (docs/benchmarks).
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from mingzhang.app.audit import run_audit
from mingzhang.app.bench.core import COUNTED, open_bench
from mingzhang.app.bench.floor import Floor, make_schema
from mingzhang.app.bench.inbound_gateway import Gateway
from mingzhang.app.bench.inbound_parties import Bought, Epay, Keys, Party, Wechat
from mingzhang.app.bench.machine import cpu_of_family, percentile_ms, read_usage
from mingzhang.app.bench.plain_http import Line
from mingzhang.app.bench.rounds import ROUNDS, processes
from mingzhang.app.bench.whole import run_whole
from mingzhang.app.desk import Desk
from mingzhang.kit import sql
from mingzhang.kit.errors import Kind, Problem

CONNECTIONS: Final = 64
ORDERS_A_SECOND: Final = 300  # of the length asked for
WHOLE_ORDERS: Final = 200
REPEATED, FORGED = 0.10, 0.01
START_REAL_S: Final = 30.0
PAID_POLL_REAL_S: Final = 0.05
NOBODY: Final = "http://127.0.0.1:9"
"""Where nothing is asked: addresses are signed here."""
STEPS: Final = ("place", "open", "notify", "status")
SQL: Final = sql.load("mingzhang.app.bench", "inbound")
_JSON: Final = "Content-Type: application/json\r\n"


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

    def __init__(self, servers: Sequence[Server], parties: Sequence[Party]) -> None:
        self.lines = [Line("127.0.0.1", servers[n % len(servers)].port) for n in range(CONNECTIONS)]
        self.parties = parties
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
            party = number % len(self.parties)
            opened = msgspec.json.decode(
                await self.timed("open", line, "POST", path, self.parties[party].open_json, bearer)
            )
            bought.append(Bought(placed["order_id"], placed["token"], opened["payment_no"], party))

        return await self.each(one, range(count)), bought

    async def pay(self, bought: Sequence[Bought]) -> float:
        """Every notify, some twice, some forged, and a look at the status after each."""

        async def one(line: Line, what: Bought) -> None:
            chance = self._rng.random()
            if chance < FORGED:
                lie = msgspec.structs.replace(what)
                lie.notify = self.parties[what.party].notify(lie, forged=True)
                await self._tell(line, lie, believed=False)
            await self._tell(line, what, believed=True)
            if chance > 1 - REPEATED:
                await self._tell(line, what, believed=True)
            bearer = f"Authorization: Bearer {what.token}\r\n"
            await self.timed("status", line, "GET", f"/api/v1/orders/{what.order_id}/status", b"", bearer)

        return await self.each(one, bought)

    async def _tell(self, line: Line, what: Bought, *, believed: bool) -> None:
        method, path, body = self.parties[what.party].request(what.notify)
        begun = time.perf_counter()
        said = await line.ask(method, path, body, what.seal)
        self.took["notify"].append(time.perf_counter() - begun)
        heard = said.status == 200 and b"success" in said.body.lower()
        if heard is not believed:
            raise Problem(
                "bench_failed", Kind.INTERNAL, f"a notify was answered {said.status} {said.body[:80]!r}"
            )

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()


def _environ(dsn: str, secret: bytes, parties: Sequence[Party], gateway: str = NOBODY) -> dict[str, str]:
    environ = {
        "MINGZHANG_DATABASE_URL": dsn,
        "MINGZHANG_SECRET_KEY": secret.hex(),
        "MINGZHANG_LIMITS": COUNTED,
    }
    for party in parties:
        environ |= party.environ(gateway)
    return environ


class Asker:
    """The worker's part of the inbound side, a process of its own; none where no channel needs it."""

    def __init__(self, environ: dict[str, str] | None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if environ is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mingzhang.app.bench.inbound_asker"], env={**os.environ, **environ}
            )

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return cpu_of_family(self._process.pid) if self._process else 0.0

    async def done(self, desk: Desk) -> None:
        """Wait until every order is paid in the books."""
        while self._process is not None and await desk.pool.fetchval(SQL.still_asked):
            if self._process.poll() is not None:
                raise Problem("bench_failed", Kind.INTERNAL, "the asker ended")
            await asyncio.sleep(PAID_POLL_REAL_S)

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


async def run_inbound(
    folder: Path, seconds: int, say: Callable[[str, float], None], *, every_channel: bool = False
) -> dict[str, Any]:
    """The whole benchmark; orders a second over placing, opening, notifies and status together."""
    async with open_bench(folder) as (desk, server):
        wechat = Wechat(folder)
        gateway = Gateway(wechat)
        parties: list[Party] = [Keys(folder)]
        if every_channel:
            parties += [wechat, Epay()]
        dsn, count = desk.settings.database_url, processes()
        floor = Floor(dsn, "inbound_floor_all.sql" if every_channel else "inbound_floor.sql")
        if floor.possible:
            await make_schema(dsn)
            await floor.run(seconds=1)
        environ = _environ(dsn, desk.settings.secret_key, parties, await gateway.start())
        asker = Asker(environ if every_channel else None)
        done: list[dict[str, float]] = []
        took: dict[str, list[float]] = defaultdict(list)
        try:
            with _servers(environ, count, folder) as servers:
                for each in servers:
                    await each.ready()
                for round_ in range(ROUNDS + 1):
                    say(f"round {round_} of {ROUNDS}" if round_ else "warming up", round_ / (ROUNDS + 1))
                    load = Load(servers, parties)
                    orders = ORDERS_A_SECOND * (seconds if round_ else 1)
                    row = await _round(load, servers, (desk, server.pid, asker), (f"r{round_}", orders))
                    load.close()
                    if round_:
                        row["floor"] = await floor.run(seconds=seconds) if floor.possible else 0.0
                        done.append(row)
                        for step, laps in load.took.items():
                            took[step] += laps
        finally:
            asker.close()
            gateway.close()
        say("audit", 1.0)
        report = await run_audit(desk.ctx, full=True)
    result = _result(done, took, count, report.ok) | {"channels": [party.name for party in parties]}
    if every_channel:
        return result
    say("the whole path", 1.0)
    return result | {"whole_path": await run_whole(folder / "whole", WHOLE_ORDERS)}


async def _round(
    load: Load, servers: Sequence[Server], behind: tuple[Desk, int | None, Asker], what: tuple[str, int]
) -> dict[str, float]:
    def web() -> float:
        return sum(cpu_of_family(server.process.pid) for server in servers)

    (name, orders), (desk, database_pid, asker) = what, behind
    before, at_first, asker_first = read_usage(database_pid), web(), asker.cpu_s()
    placing, bought = await load.buy(name, orders)
    paused, pause_cpu = time.monotonic(), time.process_time()
    for each in bought:
        each.notify = load.parties[each.party].notify(each)
    pause, pause_cpu = time.monotonic() - paused, time.process_time() - pause_cpu
    begun = time.perf_counter()
    await load.pay(bought)
    await asker.done(desk)
    paying, asker_s = time.perf_counter() - begun, asker.cpu_s() - asker_first
    usage, web_s = read_usage(database_pid).since(before), web() - at_first
    others = usage.machine - usage.own - usage.server - web_s - asker_s
    return {
        "per_s": orders / (placing + paying),
        "web_us": web_s / orders * 1e6,
        "database_us": usage.server / orders * 1e6,
        "asker_us": asker_s / orders * 1e6,
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
            "asker": round(middle("asker_us")),
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
