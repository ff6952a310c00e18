"""What each 福禄 method does. Adding an order is asynchronous; cards come only from the query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.faults import number_of
from simulators.fulu import goods, outcomes
from simulators.fulu.goods import CARD, DIRECT, MOBILE, PRODUCTS, Product
from simulators.fulu.model import FAILED, PROCESSING, SUCCESS, FuluParty, Order
from simulators.fulu.outcomes import AT_ACCEPTANCE, Refusal
from simulators.fulu.work import Worker
from simulators.keys import fulu_encrypt
from simulators.money import fen
from simulators.world import beijing

NUMBER_MAX, ACCOUNT_MAX, QUANTITY_MAX = 50, 50, 1000


@dataclass
class Outcome:
    """A refusal (``outcomes.OK`` = none) and the result that goes into the envelope as JSON text."""

    refusal: Refusal
    result: Any = None


def _yuan_number(amount_fen: int) -> float | int:
    """Yuan as a JSON number, the way 福禄 writes amounts."""
    return amount_fen // 100 if amount_fen % 100 == 0 else amount_fen / 100


class Methods:
    """The methods, without HTTP or signatures."""

    def __init__(self, party: FuluParty, worker: Worker) -> None:
        self.party = party
        self.worker = worker

    # -- orders

    def direct_add(self, biz: dict[str, Any]) -> Outcome:
        """直充 (or 话费): product_id, customer_order_no, charge_account, buy_num, customer_price."""
        product = _product(biz)
        if product is not None and product.order_type not in (DIRECT, MOBILE):
            return Outcome(outcomes.WRONG_TYPE)
        return self._add(biz, product, _whole(biz.get("buy_num")), str(biz.get("charge_account") or ""))

    def mobile_add(self, biz: dict[str, Any]) -> Outcome:
        """话费: charge_phone, charge_value (yuan), customer_order_no, customer_price."""
        found = goods.by_value(fen(biz.get("charge_value")) or 0)
        product, quantity = found if found is not None else (None, 1)
        return self._add(biz, product, quantity, str(biz.get("charge_phone") or ""))

    def card_add(self, biz: dict[str, Any]) -> Outcome:
        """卡密: product_id, buy_num, customer_order_no, customer_price; no account."""
        product = _product(biz)
        if product is not None and product.order_type != CARD:
            return Outcome(outcomes.WRONG_TYPE)
        return self._add(biz, product, _whole(biz.get("buy_num")), None)

    def _add(
        self, biz: dict[str, Any], product: Product | None, quantity: int, account: str | None
    ) -> Outcome:
        number = str(biz.get("customer_order_no") or "")
        refusal = self._refusal(number, product, quantity, account)
        if refusal is not None or product is None:
            return Outcome(refusal or outcomes.NO_PRODUCT)
        cost = self._unit_cost(number, product)
        safe = fen(biz["customer_price"]) if biz.get("customer_price") not in (None, "", 0) else None
        if safe is not None and cost > safe:
            return Outcome(outcomes.PRICE_RISEN)
        if cost * quantity > self.party.balance_fen:
            return Outcome(outcomes.BALANCE_SHORT)
        try:
            order = self.party.accept(number, product, quantity, account or "", cost * quantity)
        except OverflowError:
            return Outcome(outcomes.UNKNOWN)
        self.worker.start(order)
        return Outcome(outcomes.OK, {**self._told(order), "order_state": "untreated"})

    def _refusal(
        self, number: str, product: Product | None, quantity: int, account: str | None
    ) -> Refusal | None:
        party = self.party
        if not 0 < len(number) <= NUMBER_MAX:
            return outcomes.NO_NUMBER
        if number in party.orders:
            return outcomes.DUPLICATE
        if product is None:
            return outcomes.NO_PRODUCT
        if not 0 < quantity <= QUANTITY_MAX:
            return outcomes.NO_QUANTITY
        if account is not None and not 0 < len(account) <= ACCOUNT_MAX:
            return outcomes.NO_ACCOUNT
        for name, refusal in AT_ACCEPTANCE.items():
            if party.fault(number, name, account or "", take=True) is not None:
                return refusal
        return None

    def _unit_cost(self, number: str, product: Product) -> int:
        dearer = self.party.fault(number, "price_above_safe")
        percent = number_of(dearer, "percent", 20) if dearer is not None else 0
        return product.cost_fen + int(product.cost_fen * percent) // 100

    def order_info(self, biz: dict[str, Any]) -> Outcome:
        """fulu.order.info.get by customer_order_no: the authenticated word on an order."""
        number = str(biz.get("customer_order_no") or "")
        order = self.party.orders.get(number)
        if order is None:
            return Outcome(outcomes.NOT_FOUND)
        if self.party.fault(number, "query_not_found_then_found", order.account, take=True) is not None:
            return Outcome(outcomes.NOT_FOUND)
        if self.party.fault(number, "query_unknown", take=True) is not None:
            return Outcome(outcomes.UNKNOWN)
        return Outcome(outcomes.OK, {**self._told(order), "cards": self._cards(order)})

    def order_extend(self, biz: dict[str, Any]) -> Outcome:
        """fulu.order.extend.get: the real home of recharge_description (info.get carries it too)."""
        order = self.party.orders.get(str(biz.get("customer_order_no") or ""))
        if order is None:
            return Outcome(outcomes.NOT_FOUND)
        content = f'{{"express_number":"","recharge_description":"{order.description}","external_biz_id":""}}'
        return Outcome(
            outcomes.OK,
            {
                "order_id": order.order_id,
                "customer_order_no": order.customer_order_no,
                "order_extend_content": content,
            },
        )

    def _told(self, order: Order) -> dict[str, Any]:
        order.failure_told = order.failure_told or order.state == FAILED
        return {
            "order_id": order.order_id,
            "customer_order_no": order.customer_order_no,
            "product_id": order.product.product_id,
            "product_name": order.product.name,
            "charge_account": order.account,
            "buy_num": order.quantity,
            "order_price": _yuan_number(order.cost_fen // order.quantity),
            "order_type": order.product.order_type,
            "order_state": order.state,
            "create_time": beijing(order.created_at),
            "finish_time": beijing(order.finished_at),
            "area": "",
            "server": "",
            "type": "",
            "operator_serial_number": order.serial,
            "recharge_description": order.description if order.state != PROCESSING else "",
        }

    def _cards(self, order: Order) -> list[dict[str, Any]]:
        if order.state != SUCCESS or order.product.order_type != CARD:
            return []
        if self.party.fault(order.customer_order_no, "done_without_cards", take=True) is not None:
            return []
        secret = self.party.app_secret
        return [
            {
                "card_type": 0,
                "card_number": fulu_encrypt(number, secret),
                "card_pwd": fulu_encrypt(word, secret),
                "card_deadline": "2030-12-31 00:00:00",
            }
            for number, word in order.cards
        ]

    # -- goods and account

    def goods_list(self, _: dict[str, Any]) -> Outcome:
        """Every product, with our cost as purchase_price."""
        return Outcome(outcomes.OK, [_goods_row(product) for product in PRODUCTS.values()])

    def goods_info(self, biz: dict[str, Any]) -> Outcome:
        """One product by product_id."""
        product = _product(biz)
        return Outcome(outcomes.OK, _goods_row(product)) if product else Outcome(outcomes.NO_PRODUCT)

    def goods_template(self, biz: dict[str, Any]) -> Outcome:
        """What a 直充 product wants to know about the account."""
        template = goods.TEMPLATES.get(str(biz.get("template_id") or ""))
        if template is None:
            return Outcome(outcomes.NO_PRODUCT)
        return Outcome(outcomes.OK, {"AddressId": biz["template_id"], "ElementInfo": {"Inputs": [template]}})

    def stock_check(self, biz: dict[str, Any]) -> Outcome:
        """Whether buy_num of a product can be had."""
        product = _product(biz)
        if product is None:
            return Outcome(outcomes.NO_PRODUCT)
        return Outcome(
            outcomes.OK,
            {"product_id": product.product_id, "product_name": product.name, "stock_status": "充足"},
        )

    def maintain_check(self, biz: dict[str, Any]) -> Outcome:
        """Whether the carrier of charge_phone is under maintenance: only for numbers ending in 9006."""
        phone = str(biz.get("charge_phone") or "")
        return Outcome(outcomes.OK, {"is_maintain": int(self.party.suffixes and phone.endswith("9006"))})

    def user_info(self, _: dict[str, Any]) -> Outcome:
        """The merchant's balance in yuan."""
        return Outcome(
            outcomes.OK, {"name": "模拟商户", "balance": _yuan_number(self.party.balance_fen), "is_open": 1}
        )


def _product(biz: dict[str, Any]) -> Product | None:
    return PRODUCTS.get(_whole(biz.get("product_id")))


def _whole(value: object) -> int:
    """A whole number written as number or text; 0 for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _goods_row(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "product_name": product.name,
        "face_value": _yuan_number(product.face_fen),
        "purchase_price": _yuan_number(product.cost_fen),
        "product_type": goods.TYPE_NAMES[product.order_type],
        "template_id": product.template_id,
        "stock_status": "充足",
        "sales_status": "上架",
    }
