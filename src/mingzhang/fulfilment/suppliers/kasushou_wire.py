"""卡速售 2.0's wire: sorted JSON signed with SHA-1, unsigned replies, callbacks that leave the cards unsigned.

A request is signed over time + JSON (top level sorted, nothing escaped) + key; a callback likewise, but with
slashes escaped and without ``card_list`` and ``express_list``: whoever carries it may put other cards in.
Replies bear no signature at all, and both tell cards in the clear, so cards are taken out of whatever is kept.
Sources: wire.md; the vendor's documentation, whose signed sample the tests hold this against.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from mingzhang.fulfilment.suppliers.base import Card
from mingzhang.fulfilment.suppliers.fulu_wire import read_json, read_object

JSON_TYPE: Final = "application/json; charset=utf-8"
HIDDEN: Final = "***"

_UNSIGNED: Final = frozenset({"sign", "card_list", "express_list"})
_CARD_FIELDS: Final = ("card_no", "card_password")
_FIELDS_MAX: Final = 500
_CARDS_MAX: Final = 1000
_REPEATED_CHARS_MIN: Final = 4

Scalar = str | int | None


class ReplyRead(msgspec.Struct, frozen=True, kw_only=True):
    """A reply's envelope: 200 done, 400 refused or failed (``msg`` says why), 500 unknown."""

    code: str
    msg: str
    data: Any


def php_json(value: object, *, slashes: bool = True) -> str:
    """JSON as PHP writes it with JSON_UNESCAPED_UNICODE; `slashes`: also with JSON_UNESCAPED_SLASHES."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text if slashes else text.replace("/", "\\/")


def request_text(fields: Mapping[str, object]) -> str:
    """A request's body as it is sent and signed: top level sorted, ``{}`` when empty."""
    return php_json(dict(sorted(fields.items())))


def sign(time_ms: str, text: str, key: str) -> str:
    """Lower-case hex SHA-1 over the 13-digit time, the JSON text and the key."""
    return hashlib.sha1((time_ms + text + key).encode(), usedforsecurity=False).hexdigest()


def time_of(at: datetime) -> str:
    """Milliseconds since 1970, 13 digits."""
    return str(int(at.timestamp() * 1000))


def read_time(text: object) -> datetime | None:
    """The reverse of `time_of`; None for anything else."""
    digits = str(text)
    if not (digits.isascii() and digits.isdigit() and len(digits) == 13):
        return None
    return datetime.fromtimestamp(int(digits) / 1000, UTC)


def read_reply(body: bytes) -> ReplyRead | None:
    """Read a reply's envelope; None when it is not the JSON object that 卡速售 writes."""
    fields = read_object(body)
    if fields is None:
        return None
    code, msg = fields.get("code"), fields.get("msg")
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    return ReplyRead(code=str(code), msg=msg if isinstance(msg, str) else "", data=fields.get("data"))


def read_callback(body: bytes) -> dict[str, Scalar] | None:
    """A callback's signed fields with its ``sign``, from a form or a JSON object; None when it is neither.

    Cards and parcels are left out: the signature does not bind them, so nobody is ever to read them.
    """
    try:
        fields = read_object(body) if body.lstrip().startswith(b"{") else _form(body)
    except ValueError:
        return None
    kept: dict[str, Scalar] = {}
    for name, value in (fields or {}).items():
        if _base(name) in _UNSIGNED - {"sign"}:
            continue
        if value is not None and not isinstance(value, str | int):
            return None
        kept[name] = value
    return kept or None


def callback_fits(fields: Mapping[str, Scalar], key: str) -> bool:
    """Whether a callback's signature fits the fields that it covers."""
    signature, time_ms = fields.get("sign"), fields.get("time")
    if not isinstance(signature, str) or not isinstance(time_ms, str | int):
        return False
    signed = {name: fields[name] for name in sorted(fields) if name not in _UNSIGNED}
    try:
        ours = sign(str(time_ms), php_json(signed, slashes=False), key)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return hmac.compare_digest(ours.encode(), signature.encode(errors="replace"))


def read_cards(value: object) -> tuple[Card, ...] | None:
    """The distinct cards of a reply, in their order; None when they are not in the vendor's form."""
    rows = value if isinstance(value, list) else []
    cards: dict[tuple[str, str], Card] = {}
    for row in rows[:_CARDS_MAX]:
        if not isinstance(row, dict):
            return None
        number, password = (row.get(name) or "" for name in _CARD_FIELDS)
        if not isinstance(number, str) or not isinstance(password, str):
            return None
        if number or password:
            cards[number, password] = Card(number, password)
    return tuple(cards.values())


def without_cards(body: bytes, *, genuine: bool = True) -> bytes:
    """The message as it may be kept: byte for byte, unless it tells cards; these become ``***``.

    A body that speaks of cards and can't be read is not kept at all, only its length. `genuine`: also take
    the cards out of the words that repeat them (of a forgery they are no cards).
    """
    if b"card" not in body.lower():
        return body
    try:
        is_json = body.lstrip().startswith((b"{", b"["))
        value = json.loads(body) if is_json else _form(body)
        hidden = _hidden(value, frozenset(_told(value)) if genuine else frozenset())
        if hidden == value:
            return body
        return php_json(hidden).encode() if is_json else urlencode(hidden).encode()
    except (ValueError, RecursionError):
        return f"{len(body)} bytes that may tell cards were not kept".encode()


def _form(body: bytes) -> dict[str, str]:
    """A form's fields. Raises ValueError, also when one of them is named twice."""
    pairs = parse_qsl(
        body.decode(),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=_FIELDS_MAX,
    )
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is named twice")
    return fields


def _base(name: str) -> str:
    """``card_list`` of ``card_list[0][card_no]``, the way PHP writes lists into forms."""
    return name.partition("[")[0]


def _is_secret(name: str) -> bool:
    return _base(name) == "card_list" or name in _CARD_FIELDS


def _told(value: Any, *, inside: bool = False) -> Iterator[str]:
    """Every text that stands in a card's place, at any depth; a list may also come as JSON text."""
    if isinstance(value, str) and inside:
        listed = read_json(value) if value.startswith("[") else None
        if isinstance(listed, list):
            yield from _told(listed, inside=True)
        else:
            yield value
    elif isinstance(value, list):
        for each in value:
            yield from _told(each, inside=inside)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _told(each, inside=inside or _is_secret(name))


def _hidden(value: Any, secrets: Set[str], *, inside: bool = False) -> Any:
    """The same with the cards hidden in their own fields, and where the hints repeat them."""
    if isinstance(value, list):
        return [_hidden(each, secrets, inside=inside) for each in value]
    if isinstance(value, dict):
        told = {
            name: _hidden(each, secrets, inside=inside or _is_secret(name)) for name, each in value.items()
        }
        if isinstance(words := told.get("recharge_hints"), str):
            told["recharge_hints"] = hide_in(words, secrets)
        return told
    return HIDDEN if inside and value not in ("", None) else value


def hide_in(words: str, secrets: Iterable[str]) -> str:
    """The words without any of these texts; very short ones stay, they'd blot out ordinary words."""
    for secret in islice((each for each in secrets if len(each) >= _REPEATED_CHARS_MIN), _CARDS_MAX):
        words = words.replace(secret, HIDDEN)
    return words
