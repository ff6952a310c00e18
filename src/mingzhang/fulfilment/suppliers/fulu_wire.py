"""福禄's wire: the sorted-characters MD5 signature, requests, replies, callbacks and encrypted cards.

The signature sorts the characters of the compact, unescaped JSON, appends the secret and takes the MD5. It
collides on anagrams (``46.30``/``A12`` = ``43.60``/``A21``), so it proves who spoke and not what was said.
Sources: wire.md; the vendor's sample data, which the tests hold this against.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mingzhang.fulfilment.suppliers.base import Card
from mingzhang.kit.money import FEN_MAX, Fen, format_yuan

JSON_TYPE: Final = "application/json; charset=utf-8"

_RAW_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CARDS_MAX: Final = 1000


class ReplyRead(msgspec.Struct, frozen=True, kw_only=True):
    """A reply's envelope. `result` is still the signed JSON text; `genuine`: the signature fits it."""

    code: str
    message: str
    result: str
    signed: bool
    genuine: bool


def sign(text: str, secret: str) -> str:
    """Lower-case hex MD5 over the sorted characters of `text`, then the secret."""
    return hashlib.md5(("".join(sorted(text)) + secret).encode(), usedforsecurity=False).hexdigest()


def signed_body(fields: Mapping[str, str], secret: str) -> bytes:
    """The request's JSON with its signature."""
    text = msgspec.json.encode(fields).decode()
    return msgspec.json.encode({**fields, "sign": sign(text, secret)})


def biz_content(fields: Mapping[str, str | int | Decimal]) -> str:
    """Business fields as the JSON text that goes into ``biz_content``; decimals are written as they stand."""
    raw = {
        name: msgspec.Raw(str(value).encode()) if isinstance(value, Decimal) else value
        for name, value in fields.items()
    }
    return msgspec.json.encode(raw).decode()


def read_reply(body: bytes, secret: str) -> ReplyRead | None:
    """Read a reply's envelope; None when it is not the JSON object that 福禄 writes."""
    fields = read_object(body)
    if fields is None or not isinstance(fields.get("code"), int | str):
        return None
    result, signature, message = fields.get("result") or "", fields.get("sign") or "", fields.get("message")
    if not isinstance(result, str) or not isinstance(signature, str):
        return None
    return ReplyRead(
        code=str(fields["code"]),
        message=message if isinstance(message, str) else "",
        result=result,
        signed=signature != "",
        genuine=_same(sign(result, secret), signature),
    )


def read_object(text: bytes | str) -> dict[str, Any] | None:
    """A JSON object with its numbers exact (int or Decimal); None for anything else."""
    value = read_json(text)
    return value if isinstance(value, dict) else None


def read_json(text: bytes | str) -> Any:
    """JSON with its numbers exact (int or Decimal); None when it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # also: not UTF-8, or a number beyond reason
        return None


def callback_fits(body: bytes, secret: str) -> bool:
    """Whether a callback's signature fits: the same rule over the object without ``sign``."""
    try:
        raw = _RAW_OBJECT.decode(body)
        signature = msgspec.json.decode(raw.pop("sign"), type=str)
        # Texts are unescaped, everything else is signed as it was written (27.9000 stays 27.9000).
        bare = {
            name: msgspec.Raw(msgspec.json.encode(msgspec.json.decode(value)))
            if bytes(value).startswith(b'"')
            else value
            for name, value in raw.items()
        }
        return _same(sign(msgspec.json.encode(bare).decode(), secret), signature)
    except (KeyError, ValueError, RecursionError):
        return False


def read_cards(value: object, secret: str) -> tuple[Card, ...] | None:
    """The distinct cards of a reply, in their order; None when one of them can't be decrypted.

    ``card_number`` and ``card_pwd`` are AES-256-ECB, PKCS#7, base64, under the 32 characters of the secret.
    """
    rows = value if isinstance(value, list) else []
    cards: dict[tuple[str, str], Card] = {}
    for row in rows[:_CARDS_MAX]:
        if not isinstance(row, dict):
            return None
        number, password = _decrypt(row.get("card_number"), secret), _decrypt(row.get("card_pwd"), secret)
        if number is None or password is None:
            return None
        if number or password:
            cards[number, password] = Card(number, password)
    return tuple(cards.values())


def yuan_number(fen: Fen) -> Decimal:
    """Fen as the shortest decimal yuan number (50, 27.9, 0.05)."""
    text = format_yuan(fen)
    return Decimal(text.rstrip("0").rstrip("."))


def fen_charged(price: object, units: object = 1) -> Fen | None:
    """What `units` at a price in yuan cost us, rounded up to a fen; None when one of them is no number."""
    return _fen(price, ROUND_CEILING, units if isinstance(units, int) and units > 0 else 1)


def fen_free(value: object) -> Fen | None:
    """A yuan amount that we may spend, rounded down to a fen, never below 0; None when it is no amount."""
    return _fen(value, ROUND_FLOOR)


def _fen(value: object, rounding: str, units: int = 1) -> Fen | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        exact = Decimal(value) * 100 * units
        if not abs(exact) <= FEN_MAX:  # also not a number; before a huge exponent is written out
            return None
        return max(int(exact.to_integral_value(rounding=rounding)), 0)
    except ArithmeticError:  # no number, or out of all bounds
        return None


def _decrypt(value: object, secret: str) -> str | None:
    """The plain text; empty for a field that is missing; None when it does not decrypt."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return None
    try:
        sealed = base64.b64decode(value, validate=True)
        # The vendor's choice; each block stands alone, and the answer's signature is all that protects them.
        opener = Cipher(algorithms.AES(secret.encode()), modes.ECB()).decryptor()  # noqa: S305
        strip = padding.PKCS7(128).unpadder()
        padded = opener.update(sealed) + opener.finalize()
        return (strip.update(padded) + strip.finalize()).decode()
    except ValueError:
        return None


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
