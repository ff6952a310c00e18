"""How far a run's time was set forward: eight bytes in a file that all its processes map."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path

_FORM = struct.Struct("<q")


@dataclass
class Ahead:
    """Microseconds ahead, in the file at ``path``; written here alone, read by everybody. OSError, ValueError."""

    path: str
    _map: mmap.mmap = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with Path(self.path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORM.size)

    @property
    def seconds(self) -> float:
        ahead: int = _FORM.unpack_from(self._map)[0]
        return ahead / 1e6

    def add(self, seconds: float) -> None:
        """Set the time forward."""
        _FORM.pack_into(self._map, 0, _FORM.unpack_from(self._map)[0] + round(seconds * 1e6))
