"""One supervisor for the demo: database, migrations, sample shop, simulators, web, worker, one clock for all.

It restarts what dies and stops cleanly on Ctrl-C. Everything listens on loopback only.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from rich.console import Console

from mingzhang.app.demo_bank import CAPITAL_FEN, keep_bank
from mingzhang.app.desk import open_desk
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.app.here import ENV_FILE
from mingzhang.app.settings import Settings
from mingzhang.kit.clock import ScaledClock
from mingzhang.kit.database import connect
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import migrate

SPEED: Final = 60.0
PORTS: Final = range(15_000, 32_000)
PORTS_TRIED_MAX: Final = 100
WORKER_PID: Final = "worker.pid"
DATABASE: Final = "postgresql"
STARTUP_S: Final = 30.0
STOP_S: Final = 8.0
WATCH_S: Final = 0.2
# What the first orders do, over and over: most arrive, some go wrong.
SEEDS: Final = (
    "normal",
    "normal",
    "callback_lost",
    "normal",
    "refused",
    "normal",
    "six_callbacks",
    "normal",
    "silent",
    "normal",
)
out = Console()


class Child:
    """A process that is started again when it dies, with a pause that grows while it keeps dying."""

    def __init__(self, name: str, command: list[str], environ: dict[str, str], folder: Path) -> None:
        self.name = name
        self._command = command
        self._environ = environ
        self._log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths: list[float] = []
        self.restarts = 0
        self.own_ends: list[str] = []  # exit code and last words of every end that was no SIGKILL

    def start(self) -> None:
        """Start it; its output goes to its log."""
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the supervisor alone, which then stops all in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid), encoding="ascii")

    @property
    def pid(self) -> int | None:
        """Its process id, None before the start."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self) -> None:
        """Start it again, at most five times in ten seconds."""
        if self.running:
            return
        now = time.monotonic()
        self._deaths = [moment for moment in self._deaths if moment > now - 10]
        if len(self._deaths) < 5:
            self._deaths.append(now)
            self.restarts += 1
            if self._process is not None and self._process.returncode != -signal.SIGKILL:
                self.own_ends.append(f"{self._process.returncode}: {self.last_words()}")
            self.start()

    def kill(self) -> None:
        """SIGKILL, for crash tests: nothing of it runs on, and `restart_if_dead` finds it dead."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not listen."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:] if self._log.exists() else ""


_RESERVED: Final[list[socket.socket]] = []


def free_port() -> int:
    """A port nobody listens on now, below those that the system hands to whoever asks for any.

    The one who gets it binds it a moment later: from the system's own range another may have it by then. As long as this
    process lives no other one is given it here.
    """
    for _ in range(PORTS_TRIED_MAX):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _reserve(port)
            return port
    raise Problem("no_free_port", Kind.UNAVAILABLE, f"none of {PORTS_TRIED_MAX} ports tried is free")


def _reserve(port: int) -> None:
    """A name that one process can have at a time and that ends with it. Raises OSError where another has it."""
    if sys.platform != "linux":
        return
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0mingzhang-port-{port}")
    except OSError:
        name.close()
        raise
    _RESERVED.append(name)


def keep_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def ensure_keys(folder: Path) -> None:
    """The merchant's RSA key pair and our own secret, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "secret.hex").exists():
        keep_private(folder / "secret.hex", secrets.token_hex(32).encode())
    if (folder / "merchant.pem").exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "merchant_public.pem").write_bytes(public)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keep_private(folder / "merchant.pem", private)


def new_clock() -> str:
    """One scaled time for all processes of this run, from now on."""
    now = time.time()
    return ScaledClock(now, now, SPEED).spec()


async def begin_anew(dsn: str) -> None:
    """Empty the database: the simulated parties keep their books in memory, so ours must begin with theirs."""
    connection = await connect(dsn)
    try:
        await connection.execute("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()


class Demo:
    """The processes of one demo. `start` brings all up, `watch` keeps them up, `stop` ends them."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        settings: Mapping[str, str] | None = None,
        simulators: Sequence[str] = (),
        console: Console | None = None,
        clock: str = "",
    ) -> None:
        """``settings``: more MINGZHANG_* values by lower-case name; ``simulators``: more of their options; ``clock``:
        the time of all processes, else ×60 from now on."""
        self.folder = folder.absolute()
        self._more = dict(settings or {})
        self._simulators = tuple(simulators)
        self._console = console or out
        self._clock = clock
        self.port = port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.environ: dict[str, str] = {}
        self._database = EmbeddedPostgres(self.folder / "postgres")
        self._database_restarts = 0
        self._database_starts = False
        self._children: list[Child] = []

    async def start(self) -> None:
        """Numbered steps, each said when it begins."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._say(1, "数据库 · database")
        dsn = await asyncio.to_thread(self._database.start)
        self._say(2, "表结构 · migrations")
        await begin_anew(dsn)
        await migrate(dsn)
        self._say(3, "密钥 · keys")
        keys = self.folder / "keys"
        await asyncio.to_thread(ensure_keys, keys)
        clock = self._clock or new_clock()
        self._say(4, "模拟支付渠道与供应商 · simulated channels and suppliers")
        ready = await self._start_simulators(keys, clock)
        self.environ = self._settings_for(dsn, keys, clock, ready)
        keep_private(self.folder / ENV_FILE, json.dumps(self.environ).encode())
        self._say(5, "示例店铺 · sample shop")
        await _set_up_shop(Settings.from_env(self.environ))
        self._say(6, "网页与后台 · web and worker")
        environ = {**os.environ, **self.environ}
        for role in ("web", "worker"):
            command = [
                sys.executable,
                "-c",
                "from mingzhang.app.cli import main; main()",
                "serve",
                "--role",
                role,
            ]
            self._add(Child(role, command, environ, self.folder))
        await self._until_ready()

    def _say(self, number: int, text: str) -> None:
        self._console.print(f"[{number}/6] {text}", markup=False, highlight=False)

    def _add(self, child: Child) -> Child:
        child.start()
        self._children.append(child)
        return child

    async def _start_simulators(self, keys: Path, clock: str) -> dict[str, Any]:
        ready = self.folder / "simulators.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulators", "serve", "--ready-file", str(ready), "--clock", clock]
        command += ["--keys-dir", str(keys), "--merchant-public-key", str(keys / "merchant_public.pem")]
        command += ["--fulu-notify-url", f"{self.base_url}/hooks/suppliers/fulu", "--no-account-suffixes"]
        for name in (
            "alipay",
            "wechat",
            "epay",
            "fulu",
            "kasushou",
            "dtone",
            "bank",
            "tsa",
            "control",
        ):  # the same ports when it is started again
            command += [f"--{name}-port", str(free_port())]
        command += self._simulators
        # Two virtual minutes, two real seconds: short enough to wait for and long enough to see.
        child = self._add(
            Child("simulators", [*command, "--fulu-delay-s", "120"], dict(os.environ), self.folder)
        )
        give_up = time.monotonic() + STARTUP_S
        while not ready.exists():
            if not child.running or time.monotonic() > give_up:
                raise RuntimeError(f"the simulators did not start:\n{child.last_words()}")
            await asyncio.sleep(0.05)
        told: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
        (keys / "alipay_public.pem").write_text(told["alipay"]["public_key_pem"], encoding="ascii")
        for n, key in enumerate(told["wechat"]["public_keys"]):
            (keys / f"wechat_public_{n}.pem").write_text(key["pem"], encoding="ascii")
        return told

    def _settings_for(self, dsn: str, keys: Path, clock: str, ready: dict[str, Any]) -> dict[str, str]:
        alipay, fulu = ready["alipay"], ready["fulu"]
        kasushou, dtone = ready["kasushou"], ready["dtone"]
        values = {
            "database_url": dsn,
            "secret_key_file": str(keys / "secret.hex"),
            "base_url": self.base_url,
            "port": str(self.port),
            "worker_port": str(free_port()),
            "clock": clock,
            "demo": "1",
            "alipay_gateway": alipay["gateway"],
            "alipay_app_id": alipay["app_id"],
            "alipay_seller_id": alipay["seller_id"],
            "alipay_private_key_path": str(keys / "merchant.pem"),
            "alipay_public_key_path": str(keys / "alipay_public.pem"),
            **_other_channels(keys, ready),
            "fulu_url": fulu["url"],
            "fulu_app_key": fulu["app_key"],
            "fulu_app_secret": fulu["app_secret"],
            **{f"kasushou_{name}": kasushou[name] for name in ("url", "user_id", "api_key")},
            **{f"dtone_{name}": text for name, text in dtone.items()},
            **{f"bank_{name}": text for name, text in ready["bank"].items()},
            **{f"tsa_{name}": text for name, text in ready["tsa"].items()},
            "anchor_every_s": "3600",  # a minute of this run
            "control_url": ready["control"],
            "worker_pid_file": str(self.folder / WORKER_PID),
            "call_timeout_s": "3",
            "limits": "off",  # one machine plays all buyers here
            **self._more,
        }
        return {f"MINGZHANG_{name.upper()}": text for name, text in values.items()}

    async def _until_ready(self) -> None:
        web = next(child for child in self._children if child.name == "web")
        give_up = time.monotonic() + STARTUP_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < give_up and web.running:
                try:
                    async with session.get(f"{self.base_url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.1)
        raise RuntimeError(f"the web process did not start:\n{web.last_words()}")

    async def watch(self, stop: asyncio.Event) -> None:
        """Until `stop`: start again whatever died, the database too."""
        while not stop.is_set():
            for child in self._children:
                child.restart_if_dead()
            if not self._database.running:
                await self._restart_database()
            try:
                await asyncio.wait_for(stop.wait(), WATCH_S)
            except TimeoutError:
                continue

    async def _restart_database(self) -> None:
        """Start it again; when it dies on the way up, the next round tries anew."""
        self._database_restarts += 1
        self._database_starts = True
        try:
            await asyncio.to_thread(self._database.start)
        except Problem as problem:
            self._console.print(str(problem), markup=False, highlight=False)
        finally:
            self._database_starts = False

    def runs(self, name: str) -> bool:
        """Whether the process of that name lives: a child's name, or "postgresql" (up, not just coming up)."""
        if name == DATABASE:
            return self._database.running and not self._database_starts
        return any(child.name == name and child.running for child in self._children)

    def kill(self, name: str) -> None:
        """kill -9 the process of that name, which `watch` then starts again. For crash tests."""
        if name == DATABASE:
            self._database.kill()
        for child in self._children:
            if child.name == name:
                child.kill()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, the database server's own among them."""
        found = {DATABASE: self._database.pid, **{child.name: child.pid for child in self._children}}
        return {name: pid for name, pid in found.items() if pid is not None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often `watch` has started each process again, by name."""
        return {DATABASE: self._database_restarts, **{child.name: child.restarts for child in self._children}}

    @property
    def own_ends(self) -> list[str]:
        """Every end that nobody brought about: which process, its exit code and its last words."""
        return [f"{child.name} ended with {end}" for child in self._children for end in child.own_ends]

    async def stop_product(self) -> None:
        """End web and worker only: the database and the outside parties' books can still be read."""
        await asyncio.gather(*(child.stop() for child in self._children if child.name != "simulators"))

    async def stop(self) -> None:
        """End what was started, the database last."""
        await asyncio.gather(*(child.stop() for child in self._children))
        await asyncio.to_thread(self._database.stop)


def _other_channels(keys: Path, ready: dict[str, Any]) -> dict[str, str]:
    """What the shop must know of the simulated 微信支付 and 易支付."""
    wechat, epay = ready["wechat"], ready["epay"]
    serials = [key["serial"] for key in wechat["public_keys"]]
    return {
        "wechat_gateway": wechat["gateway"],
        "wechat_mchid": wechat["mchid"],
        "wechat_app_id": wechat["app_id"],
        "wechat_merchant_serial": wechat["merchant_serial"],
        "wechat_private_key_path": str(keys / "merchant.pem"),
        "wechat_api_v3_keys": wechat["api_v3_key"],
        "wechat_public_keys": ",".join(
            f"{serial}={keys / f'wechat_public_{n}.pem'}" for n, serial in enumerate(serials)
        ),
        "epay_url": epay["base_url"],
        "epay_pid": epay["pid"],
        "epay_key": epay["key"],
    }


async def _set_up_shop(settings: Settings) -> None:
    desk = await open_desk(settings)
    try:
        await desk.set_up_sample_shop()
        await desk.book_opening_balances()
    finally:
        await desk.aclose()


async def _seed(base_url: str, count: int) -> None:
    """The first orders, through the same address a person's click uses."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        for number in range(count):
            try:
                async with session.post(f"{base_url}/demo/run/{SEEDS[number % len(SEEDS)]}") as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(1)  # a process is being started again; the others still come


async def run_demo(folder: Path, port: int, orders: int) -> int:
    """Run until Ctrl-C or SIGTERM. Returns the exit code."""
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    demo = Demo(folder, port, simulators=("--bank-balance-fen", str(CAPITAL_FEN)))
    try:
        await demo.start()
        seeding = asyncio.create_task(_seed(demo.base_url, orders))
        banking = asyncio.create_task(keep_bank(Settings.from_env(demo.environ), stop))
        out.print(f"{demo.base_url}/demo", markup=False, highlight=False, soft_wrap=True)
        await demo.watch(stop)
        seeding.cancel()
        await asyncio.gather(seeding, banking, return_exceptions=True)
    finally:
        await demo.stop()
    return 0
