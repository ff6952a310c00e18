"""The command as a person runs it: a process of its own, at a terminal of its own."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

COMMAND = (sys.executable, "-c", "from mingzhang.app.cli import main; main()")
WAIT_S = 60.0


def environment(**values: str) -> dict[str, str]:
    """A newcomer's environment: nothing of ours but what is given."""
    bare = {key: text for key, text in os.environ.items() if not key.startswith("MINGZHANG_")}
    bare.pop("DATABASE_URL", None)
    return {**bare, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200", **values}


async def run(*arguments: str, folder: Path, **values: str) -> tuple[int, str, str]:
    """Run it in `folder`; exit code, output, errors."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=folder,
        env=environment(**values),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
    return process.returncode or 0, out.decode(), err.decode()


class Terminal:
    """One run at a pseudo-terminal, where passwords are asked for and not shown."""

    def __init__(self, *arguments: str, folder: Path, **values: str) -> None:
        self._side, other = pty.openpty()
        self.text = ""
        # A session of its own: /dev/tty must not be the terminal that the tests run at.
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(**values),
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        os.set_blocking(self._side, False)

    def answer(self, prompt: str, text: str) -> None:
        """Wait for the prompt, then type."""
        self._read_until(prompt)
        os.write(self._side, text.encode() + b"\n")

    def _read_until(self, wanted: str | None) -> None:
        give_up, begun = time.monotonic() + WAIT_S, len(self.text)
        while wanted is None or wanted not in self.text[begun:]:
            try:
                data = os.read(self._side, 4096)
            except BlockingIOError:
                data = None
            except OSError:  # the other side is closed: it has ended
                data = b""
            if data == b"":
                assert wanted is None, self.text
                return
            self.text += (data or b"").decode(errors="replace")
            assert time.monotonic() < give_up, self.text
            if data is None:
                time.sleep(0.02)

    def end(self) -> tuple[int, str]:
        """Its exit code, and everything that stood on the screen."""
        self._read_until(None)
        code = self._process.wait(WAIT_S)
        os.close(self._side)
        return code, self.text
