"""DT One's wire: HTTP Basic, JSON with exact decimals, PINs taken out of what is kept, the callback's token.

Amounts are decimals in the account's own currency: never floats, and never taken for yuan. A cost is rounded
up to a fen and what may be spent is rounded down. Times carry nine decimals of a second. Source: wire.md; the
vendor's OpenAPI description (version 1.2 and later).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import msgspec

from mingzhang.fulfilment.suppliers.base import Card
from mingzhang.kit.money import FEN_MAX, Fen

JSON_TYPE: Final = "application/json; charset=utf-8"
EXTERNAL_ID_MAX: Final = 40
PROOF_FIELD: Final = "proof"

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_TEXT_MAX: Final = 200
_REMOVED: Final = b'"(removed)"'


class Price(msgspec.Struct, frozen=True):
    """What the account is charged: amount and fee together, in ``unit`` (ISO 4217)."""

    total: Decimal
    unit: str


class TransactionRead(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction as told. ``price`` None: no amount that can be read. ``card``: the PIN, when there is one."""

    id: int
    external_id: str
    class_id: int
    class_name: str
    status: str
    product_id: int | None
    price: Price | None
    reference: str
    card: Card | None
    created_at: datetime | None


def basic_auth(key: str, secret: str) -> str:
    """The value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def e164(account: str, country_prefix: str) -> str | None:
    """A phone number with its country, None when it can't be one. A bare number gets ``country_prefix``."""
    digits = re.sub(r"[\s().-]", "", account)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif not digits.startswith("+"):
        digits = country_prefix + digits
    return digits if _E164.fullmatch(digits) else None


def read_json(text: bytes) -> Any:
    """JSON with its numbers exact (int or Decimal); None when it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # also: not UTF-8, or a number beyond reason
        return None


def read_error(body: bytes) -> tuple[str, str] | None:
    """The first code and message of an error answer; None when it is not one."""
    found = read_json(body)
    errors = found.get("errors") if isinstance(found, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict) or not isinstance(first.get("code"), int | str):
        return None
    return str(first["code"])[:_TEXT_MAX], _text(first.get("message"))


def read_transaction(value: object) -> TransactionRead | None:
    """A transaction object; None when identity or status can't be read."""
    if not isinstance(value, dict):
        return None
    status, number = value.get("status"), value.get("id")
    class_ = status.get("class") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(class_, dict) or type(number) is not int:
        return None
    external_id, class_id = value.get("external_id"), class_.get("id")
    if not isinstance(external_id, str) or type(class_id) is not int:
        return None
    product = value.get("product")
    product_id = product.get("id") if isinstance(product, dict) else None
    return TransactionRead(
        id=number,
        external_id=external_id,
        class_id=class_id,
        class_name=_text(class_.get("message")),
        status=_text(status.get("message")),
        product_id=product_id if type(product_id) is int else None,
        price=read_price(value.get("prices")),
        reference=_text(value.get("operator_reference")),
        card=_card(value.get("pin")),
        created_at=read_time(value.get("creation_date")),
    )


def read_price(prices: object) -> Price | None:
    """The wholesale price: amount and fee. None without a readable amount or unit."""
    wholesale = prices.get("wholesale") if isinstance(prices, dict) else None
    if not isinstance(wholesale, dict) or not isinstance(wholesale.get("unit"), str):
        return None
    amount, fee = _number(wholesale.get("amount")), _number(wholesale.get("fee", 0))
    return None if amount is None or fee is None else Price(amount + fee, wholesale["unit"])


def fen_charged(price: Price | None, currency: str, fen_per_unit: Decimal) -> Fen | None:
    """A price in fen, rounded up; None when there is none or it is in another currency than the account's."""
    if price is None or price.unit != currency:
        return None
    return _fen(price.total, fen_per_unit, ROUND_CEILING)


def read_balance(rows: object, currency: str, fen_per_unit: Decimal) -> Fen | None:
    """What may be spent (``available``, not ``holding``) in the account's currency, rounded down to a fen."""
    if not isinstance(rows, list):
        return None
    held = [
        _number(row.get("available"))
        for row in rows
        if isinstance(row, dict) and row.get("unit_type") == "CURRENCY" and row.get("unit") == currency
    ]
    if not held or any(amount is None for amount in held):
        return None
    free = sum((amount for amount in held if amount is not None), Decimal(0))
    return _fen(max(free, Decimal(0)), fen_per_unit, ROUND_FLOOR)


def read_time(value: object) -> datetime | None:
    """An ISO 8601 time with its offset, in UTC; None when it is not one."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None


def without_pins(body: bytes) -> bytes:
    """The body as it may be kept: every PIN and its serial replaced, everything else as it came."""
    if b'"pin"' not in body:
        return body
    found = read_json(body)
    if found is None:
        return body[: body.index(b'"pin"')]
    secrets = {secret for pin in _pins(found) for secret in _leaves(pin)}
    for secret in secrets:
        for literal in (json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
            body = body.replace(literal.encode(), _REMOVED)
    rest = set(_leaves(read_json(body)))
    return b'"(removed)"' if secrets & rest else body  # written in some other way: better nothing than a PIN


def token(attempt_no: str, secret: str) -> str:
    """Binds a callback address to its attempt: nobody who was not given the address can name an attempt."""
    return hmac.new(secret.encode(), f"callback:{attempt_no}".encode(), hashlib.sha256).hexdigest()[:32]


def callback_address(url: str, attempt_no: str, secret: str) -> str:
    """Where DT One shall call about this attempt."""
    query = urlencode({"attempt": attempt_no, PROOF_FIELD: token(attempt_no, secret)})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def attempt_of_query(query: str, secret: str) -> str:
    """The attempt that a callback's own query names with a fitting token, else empty."""
    try:
        fields = parse_qs(query, max_num_fields=20)
    except ValueError:
        return ""
    attempt_no, given = fields.get("attempt", [""])[-1], fields.get(PROOF_FIELD, [""])[-1]
    fits = 0 < len(attempt_no) <= EXTERNAL_ID_MAX and hmac.compare_digest(
        token(attempt_no, secret).encode(), given.encode()
    )
    return attempt_no if fits else ""


def _card(pin: object) -> Card | None:
    if not isinstance(pin, dict) or pin.get("code") in (None, ""):
        return None
    serial, code = pin.get("serial"), pin.get("code")
    return Card("" if serial is None else str(serial), str(code))


def _pins(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "pin":
                yield inner
            else:
                yield from _pins(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pins(inner)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield str(value)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    exact = Decimal(value)
    return exact if abs(exact) <= FEN_MAX else None  # also: not a number


def _fen(amount: Decimal, fen_per_unit: Decimal, rounding: str) -> Fen | None:
    try:
        exact = amount * fen_per_unit
        if not 0 <= exact <= FEN_MAX:
            return None
        return int(exact.to_integral_value(rounding=rounding))
    except ArithmeticError:
        return None


def _text(value: object) -> str:
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
