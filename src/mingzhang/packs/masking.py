"""Personal data found in messages of others however it was written, and replaced by its mask.

Each character may stand as it is, as JSON escapes it (``\\u4e70``, ``\\/``), as XML does (``&amp;``, ``&#64;``), or
percent-encoded, once or twice, in letters of either case, and the ways may be mixed. In base64 a text has three shapes, by
where it begins in a group of three bytes; the alphabets of RFC 4648 sections 4 and 5 are both looked for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import Final

SECRET_MIN: Final = 4  # a shorter text would be found in any number
CORE_MIN: Final = 5  # characters of base64 that are the text's alone: fewer would be found in any picture
_GROUP: Final = 3  # bytes
_DIGIT: Final = rb"(?:[0-9A-Za-z+/_-]|%(?:2[BbFf])|\\/)"


def masked(body: bytes, secrets: Iterable[tuple[str, str]]) -> bytes:
    """The body with each secret text replaced by its mask. ``secrets``: text and mask."""
    for text, mask in secrets:
        if len(text) >= SECRET_MIN:
            put = mask.encode().replace(b"\\", rb"\\")  # as a template of `re` writes itself
            for pattern in (_spelled(text), *_in_base64(text)):
                body = re.sub(pattern, put, body)
    return body


def _spelled(text: str) -> bytes:
    return b"".join(_one_of(_spellings(char)) for char in text)


def _spellings(char: str) -> Iterable[bytes]:
    """How forms, JSON and XML write a character, before any percent-encoding."""
    found = {char, _json(char), _json(char).upper().replace("\\U", "\\u"), escape(char)}
    found |= {f"&#{ord(char)};", f"&#x{ord(char):x};", f"&#x{ord(char):X};"}
    if char in '/"\\':
        found.add(f"\\{char}")
    if char == " ":
        found.add("+")
    return sorted(one.encode() for one in found)


def _json(char: str) -> str:
    """As a JSON writer puts it that escapes everything."""
    raw = char.encode("utf-16-be")
    return "".join(f"\\u{raw[at : at + 2].hex()}" for at in range(0, len(raw), 2))


def _one_of(spellings: Iterable[bytes]) -> bytes:
    return b"(?:" + b"|".join(b"".join(map(_byte, spelling)) for spelling in spellings) + b")"


def _byte(value: int) -> bytes:
    """A byte as it is, or percent-encoded, or that percent-encoded again."""
    high, low = (b"[%c%c]" % (d.lower(), d.upper()) if d.isalpha() else b"%c" % d for d in _nibbles(value))
    return b"(?:" + re.escape(bytes([value])) + b"|%(?:25)?" + high + low + b")"


def _nibbles(value: int) -> Iterable[bytes]:
    digits = b"%02x" % value
    return digits[:1], digits[1:]


def _in_base64(text: str) -> Iterable[bytes]:
    """For each place in a group the digits that are the text's alone, with those beside it that are partly its."""
    raw = text.encode()
    for before in range(_GROUP):
        digits = base64.b64encode(bytes(before) + raw)
        core = digits[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(core) >= CORE_MIN:
            yield _DIGIT + b"?" + b"".join(map(_digit, core)) + _DIGIT + b"?"


def _digit(digit: int) -> bytes:
    if digit == ord("+"):
        return rb"(?:[+-]|%2[Bb])"
    if digit == ord("/"):
        return rb"(?:[/_]|\\/|%2[Ff])"
    return bytes([digit])
