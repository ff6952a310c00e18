"""What an adapter is made from: its own settings, and the tools it may use.

A factory (`payments.channels.base.ChannelFactory`, `fulfilment.suppliers.base.SupplierFactory`) takes one `Given`
and returns an adapter, or None when the settings do not turn it on. Settings of the adapter ``acme-pay`` are the
environment's ``MINGZHANG_ACME_PAY_…``; any of them may come out of a file instead (``…_FILE``, or ``…_PATH``).
Files are remembered, so that an adapter is made anew when one of them changes (rotation without downtime).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.kit.vault import Vault

PREFIX: Final = "MINGZHANG_"
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""An adapter's name: the party in ledger and evidence, the last part of its hook address, its settings' prefix."""

FILE_BYTES_MAX: Final = 256 * 1024
_FROM_FILE: Final = ("_file", "_path")
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})

Stamp = tuple[int, int, int]


class AdapterSettings:
    """The settings of one adapter, by their names in lower case without the prefix.

    `environ`: every setting of the installation, lower case, without ``MINGZHANG_``. What cannot be read raises
    Problem ``settings_invalid`` with the full name of the setting, and never with its content.
    """

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        prefix = f"{name.replace('-', '_')}_"
        self.name = name
        self._values = {
            key[len(prefix) :]: text for key, text in environ.items() if key.startswith(prefix) and text
        }
        self._stamps: dict[Path, Stamp | None] = {}

    def text(self, key: str, default: str = "") -> str:
        """A setting, or the content of the file named by ``<key>_file`` or ``<key>_path``, without outer blanks."""
        for ending in _FROM_FILE:
            if f"{key}{ending}" in self._values:
                return self.file(f"{key}{ending}", self._values[f"{key}{ending}"])
        return self._values.get(key, default).strip()

    def need(self, key: str) -> str:
        """A setting without which the adapter cannot work; raises when it is not given."""
        text = self.text(key)
        if not text:
            raise self.wrong(key, "is required")
        return text

    def texts(self, *keys: str) -> tuple[str, ...]:
        """Several settings, each with commas between its values, as one list without empty ones."""
        return tuple(part.strip() for key in keys for part in self.text(key).split(",") if part.strip())

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Yes or no."""
        text = self.text(key).lower()
        if text and text not in _YES | _NO:
            raise self.wrong(key, "must be yes or no")
        return text in _YES if text else default

    def number(self, key: str, default: float) -> float:
        """A number."""
        text = self.text(key)
        try:
            return float(text) if text else default
        except ValueError as error:
            raise self.wrong(key, "must be a number") from error

    def file(self, key: str, path: str) -> str:
        """A file's text; `key` is the setting that named it. It is watched from now on."""
        found = Path(path)
        self._stamps[found] = _stamp(found)
        try:
            if found.stat().st_size > FILE_BYTES_MAX:
                raise self.wrong(key, "names a file that is too large")
            return found.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise self.wrong(key, "names a file that cannot be read") from error

    def changed(self) -> bool:
        """Whether a file that was read is another one by now."""
        return any(_stamp(path) != stamp for path, stamp in self._stamps.items())

    def wrong(self, key: str, why: str) -> Problem:
        """The problem with one of these settings, with its full name."""
        full = f"{PREFIX}{self.name.replace('-', '_')}_{key}".upper()
        return Problem("settings_invalid", Kind.INVALID, f"{full} {why}", {"setting": full.lower()})


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """What only adapters of our own house get, whose "wire" is our own database (card stock, manual work)."""

    pool: asyncpg.Pool
    vault: Vault
    crash_point: Callable[[str], None]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """All that a factory is given. ``hook_url``: where this party's notifies or callbacks come in.

    ``timeout_s``: real seconds a call may take. ``base_url``: the shop's public address, no slash at the end.
    """

    settings: AdapterSettings
    http: Outbound
    clock: Clock
    base_url: str
    hook_url: str
    timeout_s: float
    inner: Inner | None = None

    @property
    def name(self) -> str:
        """The name under which the adapter was found, which has to be its own."""
        return self.settings.name

    def house(self) -> Inner:
        """For our own adapters; raises when a stranger's asks."""
        if self.inner is None:
            raise Problem(
                "adapter_refused", Kind.INVALID, f"{self.name}: the database is not given to adapters"
            )
        return self.inner


class KeyTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A key or certificate that ends: which one, as the party names it (no secret), and when, aware UTC."""

    key: str
    ends_at: datetime


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
