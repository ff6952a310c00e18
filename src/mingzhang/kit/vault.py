"""Personal data and card codes at rest: AES-256-GCM and keyed hashes, with keys from outside the database."""

import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Vault:
    """Seals, opens and fingerprints short texts. Every purpose has its own key, derived from one secret (≥ 32 bytes)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret key must have at least 32 bytes")
        self._secret = secret
        self._aead = AESGCM(self._key("seal"))
        self._finder = self._key("find")
        self._tokens = self._key("token")

    def _key(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, f"mingzhang:{purpose}".encode(), "sha256")

    def seal(self, text: str) -> bytes:
        """Encrypt; the 12-byte nonce stands in front."""
        nonce = os.urandom(12)
        return nonce + self._aead.encrypt(nonce, text.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Decrypt what `seal` made; raises `cryptography.exceptions.InvalidTag` when it was changed."""
        return self._aead.decrypt(sealed[:12], sealed[12:], None).decode()

    def fingerprint(self, text: str) -> bytes:
        """A keyed hash to search by, so that a stolen table can't be tried against a list of phone numbers."""
        return hmac.digest(self._finder, text.encode(), "sha256")

    def token(self, order_id: str) -> str:
        """The order link's token: derived, so that a repeated request for the same order gets the same link."""
        return hmac.digest(self._tokens, order_id.encode(), "sha256").hex()[:40]
