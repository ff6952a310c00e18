"""Numbers that say where to look: bucket, time and a check character inside (scale rules 1, 7, 15).

Order number (订单号), 19 characters of [0-9A-Z]:

    M BBB TTTTTTTT RRRRRR C
    | |   |        |      check character, ISO 7064 MOD 37,36 over the 18 before it
    | |   |        random, 6 base36
    | |   milliseconds since 2020-01-01 UTC, 8 base36 (until 2109)
    | bucket, 3 base36 (0–46655)
    letter: M order, S suspense item (挂账)

Outside numbers are the order number + letter + attempt (P payment, T supplier attempt, R refund), at most
32 characters, which is WeChat's limit.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final

from mingzhang.kit.errors import Kind, Problem

BUCKET_MAX: Final = 36**3 - 1
NUMBER_LENGTH_MAX: Final = 32

_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: in ASCII order, without I, L, O, U
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_END: Final = 36**8
_RANDOM_END: Final = 36**6

# Two characters a look-up: encoding character by character costs three times as much.
_PAIR36: Final = tuple(a + b for a in _BASE36 for b in _BASE36)
_PAIR32: Final = tuple(a + b for a in _BASE32 for b in _BASE32)

# ISO 7064 MOD 37,36 as a table: from the running product and the next character to the next product.
_STEP: Final = tuple(
    {character: ((product + value) % 36 or 36) * 2 % 37 for value, character in enumerate(_BASE36)}
    for product in range(37)
)

_OWNER: Final = re.compile(r"[MS][0-9A-Z]{18}")
_ORDER: Final = re.compile(r"M[0-9A-Z]{18}")
_NUMBER: Final = re.compile(r"([MS][0-9A-Z]{18})[PTR][1-9][0-9]{0,11}")
_ID: Final = re.compile(rf"[{_BASE32}]{{20}}")


def _milliseconds(now: datetime) -> int:
    elapsed = (now - _EPOCH) // _MILLISECOND
    if not 0 <= elapsed < _TIME_END:
        raise ValueError(f"time outside 2020–2109: {now!r}")
    return elapsed


def _check_character(body: str) -> str:
    """ISO 7064 MOD 37,36: every single wrong character is caught, and nearly every swap of neighbours."""
    product = 36
    for character in body:
        product = _STEP[product][character]
    return _BASE36[(37 - product) % 36]


def _encode36(value: int, pairs: int) -> str:
    parts = []
    for _ in range(pairs):
        value, low = divmod(value, 1296)
        parts.append(_PAIR36[low])
    parts.reverse()
    return "".join(parts)


def _new_owner_id(letter: str, bucket: int, now: datetime, rng: Random) -> str:
    if not 0 <= bucket <= BUCKET_MAX:
        raise ValueError(f"bucket outside 0–{BUCKET_MAX}: {bucket!r}")
    body = (
        letter
        + _encode36(bucket, 2)[1:]
        + _encode36(_milliseconds(now), 4)
        + _encode36(rng.randrange(_RANDOM_END), 3)
    )
    return body + _check_character(body)


def new_order_id(bucket: int, now: datetime, rng: Random) -> str:
    """A new order number in `bucket`; `now` is aware UTC, `rng` a seeded Random or a SystemRandom."""
    return _new_owner_id("M", bucket, now, rng)


def first_order_id(bucket: int, at: datetime) -> str:
    """What every number of an order placed in `bucket` at or after `at` is not less than: a range's lower end."""
    return "M" + _encode36(bucket, 2)[1:] + _encode36(_milliseconds(at), 4)


def new_suspense_id(bucket: int, now: datetime, rng: Random) -> str:
    """A new number for a suspense item (挂账): money that came and belongs to no order yet."""
    return _new_owner_id("S", bucket, now, rng)


def _is_owner_id(text: str) -> bool:
    return _OWNER.fullmatch(text) is not None and _check_character(text[:-1]) == text[-1]


def is_order_id(text: str) -> bool:
    """Whether `text` is a well-formed order number, check character included."""
    return _ORDER.fullmatch(text) is not None and _check_character(text[:-1]) == text[-1]


def is_suspense_id(text: str) -> bool:
    """Whether `text` is a well-formed number of a suspense item."""
    return text[:1] == "S" and _is_owner_id(text)


@lru_cache(maxsize=65_536)
def bucket_of(order_id: str) -> int:
    """The bucket inside an order or suspense number; `unknown_order` when malformed.

    A well-formed number of a bucket that never existed is simply not found later, with the same answer.
    """
    if not _is_owner_id(order_id):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return int(order_id[1:4], 36)


def _number(order_id: str, letter: str, attempt: int) -> str:
    if attempt < 1:
        raise ValueError(f"attempts count from 1: {attempt!r}")
    number = f"{order_id}{letter}{attempt}"
    if len(number) > NUMBER_LENGTH_MAX:
        raise ValueError(f"longer than {NUMBER_LENGTH_MAX} characters: {number!r}")
    return number


def payment_number(order_id: str, attempt: int) -> str:
    """Our number for payment attempt n at a channel (商户订单号); attempts count from 1."""
    return _number(order_id, "P", attempt)


def attempt_number(order_id: str, attempt: int) -> str:
    """Our number for supplier attempt n, unique at the supplier for ever (R5); attempts count from 1."""
    return _number(order_id, "T", attempt)


def refund_number(order_id: str, attempt: int) -> str:
    """Our number for refund n of an order or suspense item (退款请求号); counted from 1."""
    return _number(order_id, "R", attempt)


def order_of_number(number: str) -> str:
    """The order (or suspense) number inside a payment, attempt or refund number.

    A bare order number gives itself; anything malformed raises `unknown_order`.
    """
    match = _NUMBER.fullmatch(number)
    owner = match.group(1) if match else number
    if not _is_owner_id(owner):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return owner


def new_id(now: datetime, rng: Random) -> str:
    """A time-ordered id for evidence, postings and the like: 20 base32 characters.

    45 bits of milliseconds, then 55 random bits; text order is time order, except within a millisecond.
    """
    pair = _PAIR32
    value = _milliseconds(now) << 55 | rng.getrandbits(55)
    return (
        pair[value >> 90]
        + pair[value >> 80 & 1023]
        + pair[value >> 70 & 1023]
        + pair[value >> 60 & 1023]
        + pair[value >> 50 & 1023]
        + pair[value >> 40 & 1023]
        + pair[value >> 30 & 1023]
        + pair[value >> 20 & 1023]
        + pair[value >> 10 & 1023]
        + pair[value & 1023]
    )


def is_id(text: str) -> bool:
    """Whether `text` has the shape of `new_id`."""
    return _ID.fullmatch(text) is not None
