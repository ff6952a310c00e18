"""The simulated outside parties as a real process of their own, with a client for their control API.

Tests that need Alipay or 福禄 start one of these; everything then goes over HTTP on loopback. They are forked from a
nursery, because a fresh interpreter costs a second of processor time each.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from mingzhang.app.check_adapters import world

READY_SECONDS = 30.0
STOP_SECONDS = 10.0


class Nursery:
    """The process that the simulators are forked from (see `simulator_nursery`): one for a whole test session."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mingzhang-nursery-")
        self.path = str(Path(self.folder.name) / "door")
        program = Path(__file__).with_name("simulator_nursery.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self.close)

    def close(self) -> None:
        """Let it end; what it started has its own end."""
        self._process.communicate(timeout=STOP_SECONDS)
        self.folder.cleanup()


@functools.cache
def nursery() -> Nursery:
    """This session's."""
    return Nursery()


class Child:
    """One simulators' process, forked by the nursery; to be handled like a `Popen`."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(nursery().path)
        self._line.sendall(json.dumps({"arguments": arguments, "log": str(log)}).encode() + b"\n")
        self._said = b""
        self.args = arguments
        self.returncode: int | None = None
        self.pid = int(self._read(READY_SECONDS) or b"0")

    def _read(self, wait_s: float) -> bytes | None:
        """The next line; None when there is none in that time."""
        self._line.settimeout(wait_s)
        try:
            while b"\n" not in self._said:
                piece = self._line.recv(100)
                if not piece:
                    raise RuntimeError("the nursery of the simulators has ended")
                self._said += piece
        except (TimeoutError, BlockingIOError):
            return None
        line, _, self._said = self._said.partition(b"\n")
        return line

    def poll(self) -> int | None:
        """Its exit code, or None while it lives."""
        if self.returncode is None and (line := self._read(0)) is not None:
            self.returncode = int(line)
            self._line.close()
        return self.returncode

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit code. Raises TimeoutExpired."""
        if self.returncode is None and (line := self._read(timeout)) is not None:
            self.returncode = int(line)
            self._line.close()
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def kill(self) -> None:
        """The signal that nobody can catch."""
        os.kill(self.pid, signal.SIGKILL)


class SimulatorProcess(world.SimulatorProcess):
    """One run of the simulators' ``serve``, forked, with keys that are made once a session."""

    def spawn(self, arguments: list[str], log: Path) -> Child:
        if "--keys-dir" not in arguments:
            arguments = [*arguments, "--keys-dir", nursery().folder.name]
        return Child(arguments, log)


__all__ = ["SimulatorProcess"]
