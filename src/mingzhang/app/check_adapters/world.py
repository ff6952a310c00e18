"""Our simulators as a process of their own, and any party that answers their control API."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

from mingzhang.kit.errors import Kind, Problem

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
CONTROL_SECONDS: Final = 20.0


class ControlledWorld:
    """A party, or several, with a control API like our simulators'. `ready`: what it told of itself, if anything."""

    def __init__(self, control: str, ready: dict[str, Any] | None = None) -> None:
        self.ready = {"control": control, **(ready or {})}

    def control(self, method: str, path: str, body: object = None) -> Any:
        """One call of the control API; anything but 2xx raises RuntimeError."""
        parts = urlsplit(self.ready["control"])
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CONTROL_SECONDS)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{method} {path} answered {response.status}: {text[:500]}")
        return json.loads(text) if text else None

    async def tell(self, method: str, path: str, body: object = None) -> Any:
        """`control` for those whose own loop has to go on meanwhile (notifies come in)."""
        return await asyncio.to_thread(self.control, method, path, body)

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        """Put one fault on every number that begins with `order`."""
        fault = {"party": party, "name": name, "params": params}
        await self.tell("POST", "/faults", {"order": order, "faults": [fault]})

    async def down(self, party: str, down: bool) -> None:
        """Cut a party off, or let it back."""
        await self.tell("PUT", f"/party/{party}/down", {"down": down})

    async def books(self) -> Any:
        """What every party holds by its own account."""
        return await self.tell("GET", "/books")


class Process(Protocol):
    """What is needed of a `Popen`."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float = ...) -> int: ...
    def kill(self) -> None: ...


class SimulatorProcess(ControlledWorld):
    """One run of ``python -m simulators serve``. `ready`: its ready-file, with addresses, keys, ids."""

    def __init__(self, *flags: str) -> None:
        super().__init__("")
        self.ready = {}
        self._flags = flags
        self._folder = tempfile.TemporaryDirectory(prefix="mingzhang-simulators-")
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def spawn(self, arguments: list[str], log: Path) -> Process:
        """A process of the simulators' command line, its words going to `log`."""
        command = [sys.executable, "-m", "simulators", *arguments]
        with log.open("ab") as output:
            return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603

    def start(self) -> Self:
        """Start on free ports and wait until everything answers."""
        folder = Path(self._folder.name)
        ready, log = folder / "ready.json", folder / "log.txt"
        ready.unlink(missing_ok=True)
        self._process = self.spawn(["serve", "--ready-file", str(ready), *self._flags], log)
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                said = log.read_text(errors="replace")
                raise Problem("simulators_not_started", Kind.UNAVAILABLE, said)
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text("utf-8"))
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End this process and no other; it is killed when it does not end by itself."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.kill(process.pid, how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
