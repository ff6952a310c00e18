"""WeChat's side of the wire: its signing keys, its certificates, encrypted resources and the seal."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from simulators.keys import PrivateKey, rsa2_sign

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"
TERM = timedelta(days=5 * 365)


@dataclass(frozen=True)
class SigningKey:
    """One of WeChat's keys; ``certificate`` is PEM, or empty for a public key known by its id."""

    serial: str
    key: PrivateKey
    certificate: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None


def certificate_key(key: PrivateKey, serial: int, begins: datetime) -> SigningKey:
    """A key with a self-made platform certificate around it."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Simulated Tenpay.com sign"),
        ]
    )
    ends = begins + TERM
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return SigningKey(f"{serial:X}".zfill(40), key, pem, begins, ends)


def seal(key: SigningKey, body: bytes, timestamp: int, nonce: str, *, probe: bool = False) -> dict[str, str]:
    """The headers that sign an answer or a notify."""
    signature = rsa2_sign(key.key, f"{timestamp}\n{nonce}\n".encode() + body + b"\n")
    return {
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": key.serial,
        "Wechatpay-Signature": f"{PROBE}{signature[:64]}" if probe else signature,
        "Wechatpay-Signature-Type": SCHEME,
    }


def encrypt(plain: bytes, api_v3_key: str, nonce: str, bound: str) -> dict[str, str]:
    """An encrypted resource: AES-256-GCM, ``nonce`` of 12 characters, ``bound`` as associated data."""
    sealed = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, bound.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": bound,
        "nonce": nonce,
    }
