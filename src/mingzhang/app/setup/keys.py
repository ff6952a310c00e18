"""Which settings of a party were found, and where: in a file, in the environment, or not at all. Never a secret itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from mingzhang.kit.adapter import FILE_BYTES_MAX, PREFIX
from mingzhang.kit.vault import Vault
from mingzhang.web.model_setup import KeySeen

# What each of our own adapters cannot do without; with "|" between those of which one is enough.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "alipay": ("gateway", "app_id", "seller_id", "private_key", "public_key|cert"),
    "wechat": ("gateway", "mchid", "app_id", "merchant_serial|merchant_cert", "private_key", "api_v3_keys"),
    "epay": ("url", "pid", "key"),
    "fulu": ("url", "app_key", "app_secret"),
    "kasushou": ("url", "user_id", "api_key"),
    "dtone": ("url", "api_key", "api_secret", "fen_per_unit"),
}
OPEN: Final = frozenset(
    {"gateway", "url", "app_id", "seller_id", "mchid", "pid", "user_id", "merchant_serial", "fen_per_unit"}
)
"""Settings that are no secret: shown as they are."""
_ENDINGS: Final = ("_file", "_path")
SHOWN_MAX: Final = 80


def keys_of(name: str, values: Mapping[str, str], vault: Vault) -> tuple[KeySeen, ...]:
    """The settings of one adapter. ``values``: all of the installation, small letters, without prefix."""
    return tuple(_seen(name, wanted, values, vault) for wanted in NEEDED.get(name, ()))


def _seen(name: str, wanted: str, values: Mapping[str, str], vault: Vault) -> KeySeen:
    choices = wanted.split("|")
    for key in choices:
        full = f"{name.replace('-', '_')}_{key}"
        for ending in _ENDINGS:
            if path := values.get(full + ending):
                return _from_file(full + ending, key, path, vault)
        if text := values.get(full, "").strip():
            shown = text[:SHOWN_MAX] if key in OPEN else ""
            mark, ends = ("", None) if shown else fingerprint(text, vault)
            return KeySeen(
                setting=_named(full), where="environment", shown=shown, fingerprint=mark, ends_at=ends
            )
    return KeySeen(setting=_named(f"{name.replace('-', '_')}_{choices[0]}"), where="missing")


def _from_file(full: str, key: str, path: str, vault: Vault) -> KeySeen:
    try:
        if Path(path).stat().st_size > FILE_BYTES_MAX:
            raise ValueError(path)
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return KeySeen(setting=_named(full), where="unreadable", path=path)
    if not text:
        return KeySeen(setting=_named(full), where="unreadable", path=path)
    shown = text[:SHOWN_MAX] if key in OPEN else ""
    mark, ends = ("", None) if shown else fingerprint(text, vault)
    return KeySeen(setting=_named(full), where="file", path=path, shown=shown, fingerprint=mark, ends_at=ends)


def _named(setting: str) -> str:
    return f"{PREFIX}{setting}".upper()


def fingerprint(text: str, vault: Vault) -> tuple[str, datetime | None]:
    """What tells two keys apart without telling the key, and when a certificate ends.

    Of a key pair it is the SHA-256 of the public half, the same for both halves: `openssl pkey -pubout -outform DER |
    sha256sum` gives it too. Of a shared secret it is keyed, so that nobody can try secrets against it.
    """
    data = text.encode()
    try:
        if "BEGIN CERTIFICATE" in text:
            certificate = x509.load_pem_x509_certificate(data)
            return _digest(
                certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ), certificate.not_valid_after_utc
        if "PRIVATE KEY" in text:
            public = load_pem_private_key(data, None).public_key()
            return _digest(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)), None
        if "PUBLIC KEY" in text:
            der = load_pem_public_key(data).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return _digest(der), None
    except ValueError:
        pass  # not the PEM that it says it is: the adapter says so at the start
    return _grouped(vault.fingerprint(f"setup-key\n{text}").hex()[:12]), None


def _digest(der: bytes) -> str:
    return _grouped(hashlib.sha256(der).hexdigest()[:16])


def _grouped(text: str) -> str:
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))
