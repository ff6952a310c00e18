"""The simulated outside parties as a real process of their own, with a client for their control API.

Tests that need Alipay or 福禄 start one of these; everything then goes over HTTP on loopback.
"""

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
from typing import Any
from urllib.parse import urlsplit

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
CONTROL_SECONDS = 20.0

Fault = dict[str, Any]


class SimulatorProcess:
    """One run of ``python -m simulators serve``. `ready`: its ready-file, with addresses, keys, ids."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags
        self._folder = tempfile.TemporaryDirectory(prefix="mingzhang-simulators-")
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> SimulatorProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> SimulatorProcess:
        """Start on free ports and wait until everything answers."""
        folder = Path(self._folder.name)
        ready, log = folder / "ready.json", folder / "log.txt"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulators", "serve", "--ready-file", str(ready), *self._flags]
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the simulators did not start:\n{log.read_text(errors='replace')}")
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

    def control(self, method: str, path: str, body: object = None) -> Any:
        """One call of the control API; anything but 2xx is an error of the test."""
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
        """`control` for tests whose own loop has to go on meanwhile (notifies come in)."""
        return await asyncio.to_thread(self.control, method, path, body)

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        """Put one fault on every number that begins with `order`."""
        fault: Fault = {"party": party, "name": name, "params": params}
        await self.tell("POST", "/faults", {"order": order, "faults": [fault]})

    async def down(self, party: str, down: bool) -> None:
        """Cut a party off, or let it back."""
        await self.tell("PUT", f"/party/{party}/down", {"down": down})

    async def books(self) -> Any:
        """What every party holds by its own account."""
        return await self.tell("GET", "/books")
