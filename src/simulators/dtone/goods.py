"""What DT One sells here. Prices are US cents per transaction; one transaction is always one unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CURRENCY = "USD"
FEN_PER_CENT = 7
"""The rate of this world: one US dollar is seven yuan, so that the books can be kept in fen exactly."""

RECHARGE, PIN = "FIXED_VALUE_RECHARGE", "FIXED_VALUE_PIN_PURCHASE"
MOBILE_NUMBER, ACCOUNT_NUMBER = "mobile_number", "account_number"


@dataclass(frozen=True)
class Product:
    """One product. ``needs``: the credit party field that it asks for, empty for gift cards."""

    product_id: int
    name: str
    kind: str
    needs: str
    operator: str
    unit: str
    amount: int
    price_cents: int
    fee_cents: int = 0


_ALL = (
    Product(61010, "China Mobile CNY 10", RECHARGE, MOBILE_NUMBER, "China Mobile", "CNY", 10, 142),
    Product(61030, "China Mobile CNY 30", RECHARGE, MOBILE_NUMBER, "China Mobile", "CNY", 30, 424),
    Product(61050, "China Mobile CNY 50", RECHARGE, MOBILE_NUMBER, "China Mobile", "CNY", 50, 705, 2),
    Product(61100, "China Mobile CNY 100", RECHARGE, MOBILE_NUMBER, "China Mobile", "CNY", 100, 1409, 3),
    Product(62010, "Game Points 1000", RECHARGE, ACCOUNT_NUMBER, "Game World", "USD", 10, 958),
    Product(63010, "Gift Card USD 10", PIN, "", "Gift Store", "USD", 10, 965, 5),
    Product(63050, "Gift Card USD 50", PIN, "", "Gift Store", "USD", 50, 4829, 5),
)
PRODUCTS = {product.product_id: product for product in _ALL}

SERVICES = {MOBILE_NUMBER: (1, "Mobile"), ACCOUNT_NUMBER: (5, "Gaming"), "": (4, "Gift Cards")}


def operator(product: Product) -> dict[str, Any]:
    """The operator as DT One writes it."""
    country = {"iso_code": "CHN" if product.unit == "CNY" else "USA", "name": product.unit, "regions": None}
    return {"id": product.product_id // 1000, "name": product.operator, "country": country, "regions": None}


def described(product: Product) -> dict[str, Any]:
    """One row of ``GET /products``: the part of it that a buyer of products reads."""
    service_id, service = SERVICES[product.needs]
    return {
        "id": product.product_id,
        "name": product.name,
        "description": product.name,
        "type": product.kind,
        "service": {"id": service_id, "name": service},
        "operator": operator(product),
        "regions": None,
        "required_credit_party_identifier_fields": [[product.needs]] if product.needs else [],
        "source": None,
        "destination": {"unit_type": "CURRENCY", "unit": product.unit, "amount": product.amount},
        "prices": prices(product.price_cents, product.fee_cents),
    }


def prices(amount_cents: int, fee_cents: int, unit: str = CURRENCY) -> dict[str, Any]:
    """Wholesale is what the account pays: ``amount`` and ``fee`` both."""
    wholesale = {
        "unit_type": "CURRENCY",
        "unit": unit,
        "amount": number(amount_cents),
        "fee": number(fee_cents),
    }
    return {"wholesale": wholesale, "retail": None}


def number(cents: int) -> float | int:
    """Cents as the JSON number that DT One writes."""
    return cents // 100 if cents % 100 == 0 else cents / 100
