"""What one installation is told from outside: the environment, read once at start, and nothing else.

Secrets come from files named by the environment (`…_FILE`), or directly where there is no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

import msgspec

from mingzhang.kit.adapter import PREFIX
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.limit_rules import read_rules
from mingzhang.recourse.law import read_law

SECRET_BYTES_MIN: Final = 32
LOG_KEY_BYTES: Final = 32
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})


SAMPLE_NAME: Final = "明账演示店"
SAMPLE_NAME_EN: Final = "Demo Shop"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One installation. ``base_url``: our public address, no slash at the end, for notify and callback
    addresses. ``secret_key``: at least 32 bytes, root of every encryption and signature of our own.
    ``adapters``: what channels and suppliers read for themselves (`kit.adapter`), names in lower case. Times are
    real seconds.
    """

    database_url: str
    secret_key: bytes
    card_keys: tuple[bytes, ...] = ()  # of card codes: the first seals, all open; none: the secret's own
    base_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    worker_port: int = 0  # where a worker tells of itself; 0: nowhere
    log_key: bytes = b""  # 32 bytes of seed, signs the public record; empty: one made from the secret
    log_origin: str = ""  # the record's name for ever; empty: host of the public address, and /log
    witnesses_file: str = ""  # third parties that sign the record's states: "URL KEY" a line
    anchor_every_s: float = (
        86_400.0  # the shop's seconds between two timestamps of the record, from midnight in Beijing
    )
    clock: str = "system"
    buckets: int = 1
    shop_name: str = SAMPLE_NAME
    support: str = ""
    large_amount_fen: int = 50_000  # from here on the official channel is named before paying (R46); 0: never
    demo: bool = False
    adapters: Mapping[str, str] = {}  # every other MINGZHANG_ setting: channels and suppliers read theirs
    notices_path: str = ""  # a TOML file: couriers and routes; empty: nobody is told anything
    control_url: str = ""  # the simulators' control address, demo only
    worker_pid_file: str = ""  # where the supervisor writes its worker's process id, demo only
    call_timeout_s: float = 8.0
    list_every_s: float = 86_400.0  # the shop's seconds between passes over a channel's own list of trades
    balance_every_s: float = 300.0  # the shop's seconds between questions for our balance at a supplier
    prefund_alarm_h: float = 24.0  # hours of runway below which somebody is told
    prefund_stop_h: float = 1.0  # … and below which the supplier's goods are no longer sold
    metrics_from: str = ""  # networks beside this machine that may read /metrics, as 10.0.0.0/8,192.168.1.5
    pool_size: int = 10
    backup_mark: str = ""  # a file that the backup touches when it is done; its age is looked at
    webhook_private: bool = False  # whether webhooks may go to this machine and its network (development)
    dead_man_h: float = 72.0  # hours without a person at work after which /status raises the alarm
    law_path: str = (
        ""  # a TOML file laid over recourse/law.toml: promises, articles, figures of the help page
    )
    disputes: str = (
        ""  # changes to the terms of disputes: first=8,final=48,at_solution=refund (docs/disputes.md)
    )
    limits: str = "on"  # own limits (R22): on, off, or rule=most pairs (docs/states.md)

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, clock={self.clock!r}, demo={self.demo}, secrets hidden)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("base_url", self.base_url), ("clock", self.clock), ("demo", self.demo)]

    @property
    def secure_cookies(self) -> bool:
        """Whether buyers reach us over https, so that cookies may insist on it."""
        return self.base_url.startswith("https://")

    @property
    def metrics_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Who may read the counters, beside this machine."""
        return _networks(self.metrics_from)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read ``MINGZHANG_*`` (and ``DATABASE_URL``). Raises Problem ``settings_invalid``, naming which."""
        given = {key[len(PREFIX) :].lower(): text for key, text in environ.items() if key.startswith(PREFIX)}
        database_url = given.get("database_url") or environ.get("DATABASE_URL", "")
        if not database_url:
            raise _invalid("database_url", "is required (MINGZHANG_DATABASE_URL or DATABASE_URL)")
        values: dict[str, Any] = {
            "database_url": database_url,
            "secret_key": _secret(given),
            "card_keys": _card_keys(given),
            "log_key": _log_key(given),
        }
        fields = msgspec.structs.fields(cls)
        own = {field.name for field in fields} | {"secret_key_file", "card_keys_file", "log_key_file"}
        values["adapters"] = {name: text for name, text in given.items() if name not in own}
        for field in fields:
            text = given.get(field.name)
            if text is not None and field.name not in values:
                values[field.name] = _parse(field.name, field.type, text)
        settings = cls(**values)
        _check(settings)
        return settings


def _invalid(name: str, why: str) -> Problem:
    return Problem("settings_invalid", Kind.INVALID, f"{PREFIX}{name.upper()} {why}", {"setting": name})


def _secret(given: Mapping[str, str]) -> bytes:
    """Hex in MINGZHANG_SECRET_KEY, or in the file MINGZHANG_SECRET_KEY_FILE names."""
    text = given.get("secret_key", "")
    try:
        if not text and given.get("secret_key_file"):
            text = Path(given["secret_key_file"]).read_text(encoding="ascii")
        secret = bytes.fromhex(text.strip())
    except (OSError, ValueError) as error:
        raise _invalid("secret_key", "is not hex, or its file cannot be read") from error
    if len(secret) < SECRET_BYTES_MIN:
        raise _invalid("secret_key", f"must be at least {SECRET_BYTES_MIN} bytes, in hex")
    return secret


def _log_key(given: Mapping[str, str]) -> bytes:
    """Hex in MINGZHANG_LOG_KEY, or in the file MINGZHANG_LOG_KEY_FILE names; nothing: b""."""
    text = given.get("log_key", "")
    try:
        if not text and given.get("log_key_file"):
            text = Path(given["log_key_file"]).read_text(encoding="ascii")
        seed = bytes.fromhex(text.strip())
    except (OSError, ValueError) as error:
        raise _invalid("log_key", "is not hex, or its file cannot be read") from error
    if seed and len(seed) != LOG_KEY_BYTES:
        raise _invalid("log_key", f"must be {LOG_KEY_BYTES} bytes, in hex")
    return seed


def _card_keys(given: Mapping[str, str]) -> tuple[bytes, ...]:
    """Keys in hex with commas or line ends between, in MINGZHANG_CARD_KEYS or the file that …_FILE names."""
    text = given.get("card_keys", "")
    try:
        if not text and given.get("card_keys_file"):
            text = Path(given["card_keys_file"]).read_text(encoding="ascii")
        keys = tuple(
            bytes.fromhex(part.strip()) for part in text.replace("\n", ",").split(",") if part.strip()
        )
    except (OSError, ValueError) as error:
        raise _invalid("card_keys", "are not hex, or their file cannot be read") from error
    if any(len(key) < SECRET_BYTES_MIN for key in keys):
        raise _invalid("card_keys", f"must be at least {SECRET_BYTES_MIN} bytes each, in hex")
    return keys


@cache
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise _invalid("metrics_from", "is not a list of networks with commas between") from error


def _parse(name: str, kind: object, text: str) -> object:
    try:
        if kind is bool:
            if text.lower() not in _YES | _NO:
                raise ValueError(text)
            return text.lower() in _YES
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except ValueError as error:
        raise _invalid(name, f"cannot be read: {text[:40]!r}") from error
    return text


def _check(settings: Settings) -> None:
    if not settings.base_url.startswith(("http://", "https://")) or settings.base_url.endswith("/"):
        raise _invalid("base_url", "must be http(s)://… without a slash at the end")
    for name in ("port", "worker_port"):
        if not 0 <= getattr(settings, name) <= 65_535:
            raise _invalid(name, "must be a port number")
    if settings.dead_man_h <= 0:
        raise _invalid("dead_man_h", "must be above 0")
    read_law(settings.law_path)
    if settings.large_amount_fen < 0:
        raise _invalid("large_amount_fen", "must be 0 (never) or more")
    if settings.buckets < 1:
        raise _invalid("buckets", "must be at least 1")
    if settings.anchor_every_s < 60:
        raise _invalid("anchor_every_s", "must be at least 60")
    if not 0 < settings.call_timeout_s <= 60:
        raise _invalid("call_timeout_s", "must be above 0 and at most 60 real seconds")
    if settings.balance_every_s < 10 or not 0 <= settings.prefund_stop_h <= settings.prefund_alarm_h:
        raise _invalid("prefund_stop_h", "must be between 0 and prefund_alarm_h; balance_every_s at least 10")
    _networks(settings.metrics_from)
    clock_from_spec(settings.clock)
    read_rules(settings.limits)
