"""Personal data and card codes at rest: AES-256-GCM and keyed hashes, with keys from outside the database."""

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mingzhang.kit.errors import Kind, Problem


class Vault:
    """Seals, opens and fingerprints short texts. Every purpose has its own key, derived from one secret (≥ 32 bytes).

    Card codes may have keys of their own, which can be changed: ``card_keys`` (≥ 32 bytes each), the first seals, all of
    them open, and so does the secret, under which codes were sealed before there were any.
    """

    def __init__(self, secret: bytes, card_keys: Sequence[bytes] = ()) -> None:
        if min(map(len, (secret, *card_keys))) < 32:
            raise ValueError("the secret key must have at least 32 bytes, and so must each card key")
        self._secret = secret
        self.card_key_no = int.from_bytes(_derive(card_keys[0], "card-key-no")[:7]) if card_keys else 0
        self._card_rings = [AESGCM(_derive(key, "card")) for key in card_keys]
        self._aead = AESGCM(self._key("seal"))
        self._finder = self._key("find")
        self._tokens = self._key("token")
        self._card_rings.append(self._aead)

    def _key(self, purpose: str) -> bytes:
        return _derive(self._secret, purpose)

    def seal(self, text: str) -> bytes:
        """Encrypt; the 12-byte nonce stands in front."""
        return _seal(self._aead, text)

    def seal_bytes(self, data: bytes) -> bytes:
        """Encrypt what is no text; 28 bytes longer."""
        return _seal_bytes(self._aead, data)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Decrypt what `seal_bytes` made; raises as `open` does."""
        if not sealed:
            raise Problem("erased", Kind.GONE)
        return self._aead.decrypt(sealed[:12], sealed[12:], None)

    def seal_card(self, text: str) -> bytes:
        """Encrypt a card code; `card_key_no` tells with which key (0: the secret's own)."""
        return _seal(self._card_rings[0], text)

    def open_card(self, sealed: bytes) -> str:
        """Decrypt a card code with whichever key fits; raises `cryptography.exceptions.InvalidTag` when none does."""
        for ring in self._card_rings[:-1]:
            try:
                return ring.decrypt(sealed[:12], sealed[12:], None).decode()
            except InvalidTag:
                continue
        return self.open(sealed)

    def open(self, sealed: bytes) -> str:
        """Decrypt what `seal` made; raises `cryptography.exceptions.InvalidTag` when it was changed, Problem `erased` when
        it was emptied (docs/privacy.md).
        """
        if not sealed:
            raise Problem("erased", Kind.GONE)
        return self._aead.decrypt(sealed[:12], sealed[12:], None).decode()

    def fingerprint(self, text: str) -> bytes:
        """A keyed hash to search by, so that a stolen table can't be tried against a list of phone numbers."""
        return hmac.digest(self._finder, text.encode(), "sha256")

    def token(self, order_id: str) -> str:
        """The order link's token: derived, so that a repeated request for the same order gets the same link."""
        return hmac.digest(self._tokens, order_id.encode(), "sha256").hex()[:40]


def _derive(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, f"mingzhang:{purpose}".encode(), "sha256")


def _seal(aead: AESGCM, text: str) -> bytes:
    return _seal_bytes(aead, text.encode())


def _seal_bytes(aead: AESGCM, data: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + aead.encrypt(nonce, data, None)
