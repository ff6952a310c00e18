"""WeChat Pay's wire (微信支付 APIv3): request signatures, the seal on answers and notifies, encrypted resources.

WECHATPAY2-SHA256-RSA2048 is SHA256withRSA (PKCS#1 v1.5). A request signs ``METHOD\\npath?query\\ntimestamp\\n
nonce\\nbody\\n`` with the merchant's key; answers and notifies are signed over ``timestamp\\nnonce\\nbody\\n`` with
WeChat's, whose id is in the header ``Wechatpay-Serial``: ``PUB_KEY_ID_…`` or a certificate's serial number.
What a notify says is encrypted with the APIv3 key (AES-256-GCM). Source: wire.md, WeChat Pay v3.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mingzhang.kit.errors import Kind, Problem

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
JSON_TYPE: Final = "application/json"
SEALED_TYPE: Final = "message/http"
"""Media type of evidence: the headers of the seal, a blank line, the body as it came."""

PROBE: Final = "WECHATPAY/SIGNTEST/"
"""A signature that begins so is WeChat's own test whether we verify at all: it has to be refused."""

_ALGORITHM: Final = "AEAD_AES_256_GCM"
_SEAL: Final = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")
_HEADER_MAX: Final = 1024
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_SERIAL: Final = re.compile(r"[0-9A-Za-z_]{1,128}")
_PADDING: Final = padding.PKCS1v15()
_HASH: Final = hashes.SHA256()
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - WeChat's own choice


class Signer:
    """Signs with the merchant's API key (商户 API 私钥); `serial` is that of the merchant's certificate."""

    def __init__(self, mchid: str, serial: str, private_key: str) -> None:
        self._mchid = mchid
        self._serial = serial
        self._key = _private_key(private_key)

    def authorization(self, text: bytes, timestamp: int, nonce: str) -> str:
        """The ``Authorization`` header for a `request_text`. About 0.2 ms of CPU: call it in a thread."""
        return (
            f'{SCHEME} mchid="{self._mchid}",nonce_str="{nonce}",timestamp="{timestamp}",'
            f'serial_no="{self._serial}",signature="{self.sign(text)}"'
        )

    def sign(self, text: bytes) -> str:
        """SHA256withRSA, base64."""
        return base64.b64encode(self._key.sign(text, _PADDING, _HASH)).decode()

    def open_field(self, text: str) -> str:
        """A field that WeChat encrypted for us (敏感信息: a phone number), or empty when it does not open.

        RSAES-OAEP with SHA-1, as WeChat prescribes; the merchant's own key opens it.
        """
        try:
            return self._key.decrypt(base64.b64decode(text, validate=True), _OAEP).decode()
        except (binascii.Error, ValueError):
            return ""


class PlatformKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key that WeChat signs with: a public key (微信支付公钥) or a platform certificate's (平台证书).

    `not_before`, `not_after`: a certificate's term; a public key has none.
    """

    serial: str
    key: RSAPublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether the key may be used at that time."""
        return (self.not_before is None or self.not_before <= at) and (
            self.not_after is None or at <= self.not_after
        )

    def fits(self, content: bytes, signature: str) -> bool:
        """Whether this key made the base64 signature over `content`."""
        try:
            self.key.verify(base64.b64decode(signature, validate=True), content, _PADDING, _HASH)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The signature that travels in the headers of an answer or a notify; every field as it came."""

    timestamp: str
    nonce: str
    serial: str
    signature: str
    scheme: str = SCHEME

    @property
    def sent_at(self) -> datetime | None:
        """The sender's clock, or None for anything but a plain number of seconds since 1970."""
        if not _SECONDS.fullmatch(self.timestamp):
            return None
        return datetime.fromtimestamp(int(self.timestamp), UTC)

    @property
    def nameable(self) -> bool:
        """Whether the serial has the form of one; only such a one may be a reason to fetch certificates."""
        return _SERIAL.fullmatch(self.serial) is not None


def read_seal(headers: Mapping[str, str]) -> Seal | None:
    """The seal from headers with lower-case names; None when a part is missing or overlong."""
    parts = [headers.get(name, "") for name in _SEAL]
    if not all(0 < len(part) <= _HEADER_MAX for part in parts):
        return None
    timestamp, nonce, serial, signature = parts
    # Older answers carry no type; it is then this one.
    scheme = headers.get("wechatpay-signature-type", SCHEME)
    return Seal(timestamp=timestamp, nonce=nonce, serial=serial, signature=signature, scheme=scheme)


def with_seal(headers: Mapping[str, str], body: bytes, bytes_max: int) -> bytes:
    """An answer or notify as evidence: without its headers nobody could verify it again."""
    lines = [f"{name}: {headers[name][:_HEADER_MAX]}\r\n" for name in _SEAL if headers.get(name)]
    head = "".join(lines).encode("utf-8", "replace") + b"\r\n"
    return (head + body)[:bytes_max]


def request_text(method: str, target: str, timestamp: int, nonce: str, body: str) -> bytes:
    """What a request signs; `target` is the path with its query."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n".encode()


def answer_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What an answer or a notify signs; an empty body leaves an empty line."""
    return f"{timestamp}\n{nonce}\n".encode("utf-8", "replace") + body + b"\n"


def invoke_text(app_id: str, timestamp: int, nonce: str, package: str) -> bytes:
    """What the page's script hands to WeChat for JSAPI payment (paySign)."""
    return f"{app_id}\n{timestamp}\n{nonce}\n{package}\n".encode()


def platform_key(pem: str, serial: str = "") -> PlatformKey:
    """A platform key from PEM: a public key, which needs its id, or a certificate, which brings its serial."""
    if "-----BEGIN CERTIFICATE-----" not in pem:
        return PlatformKey(serial=_named(serial), key=_public_key(pem))
    try:
        certificate = x509.load_pem_x509_certificate(pem.strip().encode())
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable("platform certificate") from None
    own = f"{certificate.serial_number:X}".zfill(40)
    if not isinstance(key, RSAPublicKey) or (serial and serial.upper().zfill(40) != own):
        raise _unreadable("platform certificate")
    return PlatformKey(
        serial=own,
        key=key,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def secret_key(text: str) -> bytes:
    """The APIv3 key (APIv3 密钥): 32 ASCII characters."""
    if len(text) != 32 or not text.isascii():
        raise Problem("wechat_key_invalid", Kind.INVALID, "an APIv3 key has 32 characters")
    return text.encode()


def open_resource(resource: object, keys: Sequence[bytes]) -> bytes | None:
    """The plain text of an encrypted resource under one of the APIv3 keys; None when none of them fits."""
    if not isinstance(resource, dict) or resource.get("algorithm") != _ALGORITHM:
        return None
    nonce, data = resource.get("nonce"), resource.get("ciphertext")
    bound = resource.get("associated_data") or ""
    if not isinstance(nonce, str) or not isinstance(data, str) or not isinstance(bound, str):
        return None
    try:
        sealed = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    for key in keys:
        try:
            return AESGCM(key).decrypt(nonce.encode(), sealed, bound.encode())
        except (InvalidTag, ValueError):  # another key's, or a nonce of no usable length
            continue
    return None


def read_json(body: bytes | None) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        value = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(fields: Mapping[str, object]) -> str:
    """JSON as it is sent: compact, UTF-8."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _named(serial: str) -> str:
    if not _SERIAL.fullmatch(serial):
        raise Problem(
            "wechat_key_invalid", Kind.INVALID, "a public key of WeChat needs its id (PUB_KEY_ID_…)"
        )
    return serial


def _public_key(text: str) -> RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable("platform public key") from None
    if not isinstance(key, RSAPublicKey):
        raise _unreadable("platform public key")
    return key


@functools.lru_cache(maxsize=16)  # a private key is checked for a twentieth of a second
def _private_key(text: str) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(text.strip().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable("merchant private key") from None
    if not isinstance(key, RSAPrivateKey):
        raise _unreadable("merchant private key")
    return key


def _unreadable(which: str) -> Problem:
    """No part of the key goes into the error."""
    return Problem("wechat_key_invalid", Kind.INVALID, f"the {which} cannot be read")
