"""Keys and signatures of the two parties: RSA2 (Alipay), sorted-characters MD5 and card encryption (福禄)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PrivateKey = rsa.RSAPrivateKey
PublicKey = rsa.RSAPublicKey


def own_key(folder: Path | None, name: str) -> PrivateKey:
    """A fresh RSA-2048 key, or the one kept in ``folder`` as ``<name>.pem`` (made when missing, mode 600)."""
    if folder is None:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / f"{name}.pem"
    if path.exists():
        # Its arithmetic is not checked again (a tenth of a second): it was made here.
        key = serialization.load_pem_private_key(
            path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{path} holds no RSA key")
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    folder.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    return key


def public_pem(key: PrivateKey) -> str:
    """The public half as PEM (SubjectPublicKeyInfo)."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def read_public(text: str) -> PublicKey:
    """A public key from PEM or from the bare base64 that Alipay's console shows. Raises ValueError."""
    text = text.strip()
    if "-----" not in text:
        text = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"
    key = serialization.load_pem_public_key(text.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


def rsa2_sign(key: PrivateKey, message: bytes) -> str:
    """SHA256withRSA (PKCS#1 v1.5), base64."""
    return base64.b64encode(key.sign(message, rsa_padding.PKCS1v15(), hashes.SHA256())).decode()


def rsa2_verify(key: PublicKey, message: bytes, signature: str) -> bool:
    """Whether the base64 signature is this key's; any malformed signature is simply wrong."""
    try:
        key.verify(base64.b64decode(signature), message, rsa_padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def sorted_pairs(params: Mapping[str, str], without: frozenset[str]) -> bytes:
    """``k=v&…`` sorted by key, blank values and the named keys left out: what Alipay signs."""
    kept = sorted((key, value) for key, value in params.items() if value != "" and key not in without)
    return "&".join(f"{key}={value}" for key, value in kept).encode()


REQUEST_UNSIGNED = frozenset({"sign"})
NOTIFY_UNSIGNED = frozenset({"sign", "sign_type"})


def fulu_sign(text: str, secret: str) -> str:
    """Sort the characters of the text, append the secret, MD5 in lower-case hex."""
    return hashlib.md5(("".join(sorted(text)) + secret).encode(), usedforsecurity=False).hexdigest()


def fulu_sign_fields(fields: Mapping[str, Any], secret: str) -> str:
    """The signature of a JSON object without its ``sign``: compact JSON, nothing escaped."""
    bare = {key: value for key, value in fields.items() if key != "sign"}
    return fulu_sign(json.dumps(bare, ensure_ascii=False, separators=(",", ":")), secret)


def fulu_encrypt(text: str, secret: str) -> str:
    """A card number or password as 福禄 hands it out: AES-256-ECB, PKCS#7, key = the secret."""
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(secret.encode()), modes.ECB()).encryptor()  # noqa: S305
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def fulu_decrypt(text: str, secret: str) -> str:
    """The reverse of ``fulu_encrypt``, for tests."""
    decryptor = Cipher(algorithms.AES(secret.encode()), modes.ECB()).decryptor()  # noqa: S305
    padded = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
