"""What a run costs the machine: CPU seconds of this process, of a server and its backends, and of everybody else."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Usage(NamedTuple):
    """CPU seconds since some start, and the real time. Elsewhere than on Linux only `own` and `at` are known."""

    own: float
    server: float
    machine: float
    at: float

    def since(self, before: Usage) -> Usage:
        """The difference."""
        return Usage(*(now - then for now, then in zip(self, before, strict=True)))

    @property
    def other_load(self) -> float:
        """Cores kept busy by everybody else."""
        return round(max(0.0, self.machine - self.own - self.server) / self.at, 2) if self.at else 0.0


def read_usage(server_pid: int | None) -> Usage:
    """As of now; `server_pid` is a process whose children count as the server, too."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(
        own.ru_utime + own.ru_stime,
        cpu_of_family(server_pid) if server_pid else 0.0,
        _busy(),
        time.monotonic(),
    )


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process, its children, and those of them that ended."""
    total = 0.0
    for folder in _PROC.glob("[0-9]*"):
        fields = _stat(folder)
        if fields and (int(folder.name) == pid or int(fields[1]) == pid):
            ended = fields[13:15] if int(folder.name) == pid else []
            total += sum(int(field) for field in [*fields[11:13], *ended]) / _TICKS
    return total


def _stat(folder: Path) -> list[str]:
    try:
        return (folder / "stat").read_text().rpartition(") ")[2].split()
    except (OSError, ValueError):
        return []


def _busy() -> float:
    try:
        fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, _steal = (int(field) for field in fields)
    return (user + nice + system + irq + softirq) / _TICKS


def percentile_ms(seconds: list[float], share: float) -> float:
    """A percentile in milliseconds, two decimals; 0 for no samples."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)
