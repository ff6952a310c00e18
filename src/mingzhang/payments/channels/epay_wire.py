"""The wire of 彩虹易支付 (epay aggregators): the MD5 signature, its clones' ways to encode, and readable JSON.

Signed is ``k=v&k=v`` over sorted keys, without ``sign``, ``sign_type`` and blank values, then the key, then
MD5 in lower-case hex. Values are not URL-encoded; some clones do it, so it is a setting (wire.md).

The signature is weak on purpose of its makers: whoever knows the key, both sides, can make it, and because
nothing is encoded ``name=a&out_trade_no=B`` may be one value or two. It never proves anything: a notify that
bears it is a hint (`epay_notify`), and no answer of the aggregator's bears one at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, quote_plus

from mingzhang.kit.errors import Kind, Problem

FORM_TYPE: Final = "application/x-www-form-urlencoded"
KEY_LENGTH_MIN: Final = 16
"""Shorter keys are refused: they are guessed, and could not be struck out of evidence without harming it."""

_UNSIGNED: Final = frozenset({"sign", "sign_type"})


class Encoding(StrEnum):
    """How values stand in the signed text: ``plain``, PHP's ``urlencode`` (+) or ``rawurlencode`` (%20)."""

    PLAIN = "plain"
    URLENCODE = "urlencode"
    RAWURLENCODE = "rawurlencode"


_ENCODERS: Final[dict[Encoding, Callable[[str], str]]] = {
    Encoding.PLAIN: str,
    Encoding.URLENCODE: lambda value: quote_plus(value, safe="").replace("~", "%7E"),
    Encoding.RAWURLENCODE: lambda value: quote(value, safe=""),
}


class Signing:
    """Signs requests with the merchant's key (商户密钥); fits a notify to it, or to the one before it."""

    def __init__(self, key: str, previous_key: str = "", encoding: Encoding = Encoding.PLAIN) -> None:
        if len(key) < KEY_LENGTH_MIN or 0 < len(previous_key) < KEY_LENGTH_MIN:
            raise Problem(
                "epay_key_invalid", Kind.INVALID, f"a key has fewer than {KEY_LENGTH_MIN} characters"
            )
        self._keys = [key, *([previous_key] if previous_key else [])]
        self._encoding = encoding

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The fields that are not blank, with ``sign`` and ``sign_type``."""
        present = {name: value for name, value in fields.items() if value}
        text = signed_text(present, self._encoding)
        return {**present, "sign": _md5(text + self._keys[0]), "sign_type": "MD5"}

    def fits(self, fields: Mapping[str, str]) -> bool:
        """Whether ``sign`` was made over the other fields with one of the keys; some clones write it large."""
        sign = fields.get("sign", "").lower()
        text = signed_text(fields, self._encoding)
        return any(hmac.compare_digest(_md5(text + key).encode(), sign.encode()) for key in self._keys)

    def struck_out(self, raw: bytes) -> bytes:
        """The bytes without any of the keys: some answers repeat them, and no evidence may hold one."""
        for key in self._keys:
            raw = raw.replace(key.encode(), b"***")
        return raw


def signed_text(fields: Mapping[str, str], encoding: Encoding = Encoding.PLAIN) -> str:
    """What the signature covers, without the key."""
    encode = _ENCODERS[encoding]
    kept = sorted(name for name, value in fields.items() if value and name not in _UNSIGNED)
    return "&".join(f"{name}={encode(fields[name])}" for name in kept)


def read_json(body: bytes) -> dict[str, Any] | None:
    """The object in an answer, every number as the text it was written in; None for anything else.

    Versions differ in writing ``"1"`` or ``1`` and ``"1.00"`` or ``1.0``; as text they read the same, and
    money never becomes a float.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def cut_bytes(text: str, bytes_max: int) -> str:
    """The longest beginning of at most `bytes_max` UTF-8 bytes that splits no character."""
    return text.encode()[:bytes_max].decode(errors="ignore")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
