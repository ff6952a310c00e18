"""Which keys WeChat's answers and notifies are held against, and when to fetch more of them.

Two keys at once are the ordinary case while one is being changed: public key and certificate, old and new
certificate. Certificates are fetched at most once in `REFETCH_AFTER`, however many unknown serials come in, so
that forged notifies make no storm of calls; an unknown serial is refused and read again on its next delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.evidence.messages import Standing
from mingzhang.kit.errors import Problem
from mingzhang.payments.channels.wechat_wire import (
    PROBE,
    SCHEME,
    PlatformKey,
    Seal,
    answer_text,
    open_resource,
    platform_key,
    read_json,
)

REFETCH_AFTER: Final = timedelta(seconds=60)
"""The least time between two fetches; WeChat repeats a notify after 15, 15, 30 and 180 s, so none is missed."""
REFRESH_AFTER: Final = timedelta(hours=12)
"""How often certificates are fetched without a reason: WeChat publishes a new one days before it uses it."""
_EMPTY_REFETCH_AFTER: Final = timedelta(seconds=5)
_CERTIFICATES_MAX: Final = 16


class Doubt(StrEnum):
    """Why a seal is not believed."""

    UNSIGNED = "unsigned"
    PROBE = "signature_probe"
    UNKNOWN_SERIAL = "unknown_serial"
    EXPIRED_KEY = "expired_key"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"


# Not proved, yet not proved false either: worth a question to the channel, nothing more.
_HINTS: Final = frozenset({Doubt.UNKNOWN_SERIAL, Doubt.EXPIRED_KEY, Doubt.STALE})


def standing_of(doubt: Doubt | None) -> Standing:
    """How far a message with this doubt may be believed."""
    if doubt is None:
        return Standing.VERIFIED
    return Standing.HINT if doubt in _HINTS else Standing.FORGED


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a platform key: its id and, for a certificate, its term."""

    serial: str
    not_before: datetime | None
    not_after: datetime | None


class PlatformKeys:
    """The keys in force. `given` come from the settings; with `downloads`, certificates join them."""

    def __init__(self, given: Iterable[PlatformKey], *, downloads: bool, fresh: timedelta) -> None:
        self._given = {key.serial: key for key in given}
        self._fetched: dict[str, PlatformKey] = {}
        self._downloads = downloads
        self._fresh = fresh
        self._wanted = downloads
        self._tried_at: datetime | None = None
        self._fetched_at: datetime | None = None

    def check(self, seal: Seal | None, body: bytes, now: datetime) -> Doubt | None:
        """None when the seal is WeChat's own and fresh; else the first reason to doubt it.

        An unknown serial is noted, so that certificates are fetched when it is time to.
        """
        if seal is None or seal.sent_at is None:
            return Doubt.UNSIGNED
        if seal.signature.startswith(PROBE):
            return Doubt.PROBE
        key = self._find(seal.serial)
        if key is None:
            self._wanted = self._wanted or (self._downloads and seal.nameable)
            return Doubt.UNKNOWN_SERIAL
        text = answer_text(seal.timestamp, seal.nonce, body)
        if seal.scheme != SCHEME or not key.fits(text, seal.signature):
            return Doubt.BAD_SIGNATURE
        if not key.holds(now):
            return Doubt.EXPIRED_KEY
        # An old message is genuine and proves nothing now; one from the future is as little to be trusted.
        return Doubt.STALE if abs(now - seal.sent_at) > self._fresh else None

    @property
    def empty(self) -> bool:
        """No key at all: no answer could be believed."""
        return not self._given and not self._fetched

    def due(self, now: datetime) -> bool:
        """Whether certificates are to be fetched now."""
        if not self._downloads:
            return False
        pause = _EMPTY_REFETCH_AFTER if self.empty else REFETCH_AFTER
        if self._tried_at is not None and timedelta(0) <= now - self._tried_at < pause:
            return False
        return self._wanted or self._fetched_at is None or now - self._fetched_at >= REFRESH_AFTER

    def trying(self, now: datetime) -> None:
        """A fetch begins; the next one has to wait, whatever comes of this one."""
        self._tried_at = now
        self._wanted = False

    def take(self, body: bytes, seal: Seal | None, secrets: Sequence[bytes], now: datetime) -> bool:
        """Take over the certificates of an answer of ``/v3/certificates``; false when it is not believed.

        They are encrypted under our own APIv3 key, and the answer has to be signed with one of them or with a
        key that is trusted already: neither alone would do.
        """
        found = _read_certificates(body, secrets)
        if not found:
            return False
        trial = PlatformKeys([*self._all(), *found.values()], downloads=False, fresh=self._fresh)
        if trial.check(seal, body, now) is not None:
            return False
        self._fetched, self._fetched_at = found, now
        return True

    def facts(self) -> tuple[KeyFacts, ...]:
        """The keys in force, for watching their expiry."""
        return tuple(
            KeyFacts(serial=key.serial, not_before=key.not_before, not_after=key.not_after)
            for key in self._all()
        )

    def _all(self) -> list[PlatformKey]:
        return list({**self._fetched, **self._given}.values())

    def _find(self, serial: str) -> PlatformKey | None:
        held = {**self._fetched, **self._given}
        return held.get(serial) or held.get(serial.upper().zfill(40))


def _read_certificates(body: bytes, secrets: Sequence[bytes]) -> dict[str, PlatformKey]:
    listed = (read_json(body) or {}).get("data")
    if not isinstance(listed, list):
        return {}
    found: dict[str, PlatformKey] = {}
    for entry in listed[:_CERTIFICATES_MAX]:
        sealed = entry.get("encrypt_certificate") if isinstance(entry, dict) else None
        plain = open_resource(sealed, secrets)
        if plain is None:
            continue
        try:
            key = platform_key(plain.decode(), str(entry.get("serial_no") or ""))
        except (Problem, UnicodeDecodeError):
            continue
        found[key.serial] = key
    return found
