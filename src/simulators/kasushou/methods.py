"""What each 卡速售 call does. Buying is asynchronous; cards come from the query (and, unsigned, a callback)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.faults import number_of
from simulators.kasushou import outcomes
from simulators.kasushou.goods import CARD, PRODUCTS, Product
from simulators.kasushou.model import FAILED, STATUS_UNPAID, SUCCESS, KasushouParty, Order
from simulators.kasushou.outcomes import AT_ACCEPTANCE, Refusal
from simulators.kasushou.work import Worker
from simulators.money import fen, yuan

NUMBER_MAX, ACCOUNT_MAX, QUANTITY_MAX, ASKED_MAX, PAGE_MAX = 64, 100, 1000, 50, 100
SECONDS_A_DAY, USUAL_DAYS = 86400, 30


@dataclass
class Outcome:
    """A refusal (``outcomes.OK`` = none) and the envelope's ``data``."""

    refusal: Refusal
    data: Any = None


class Methods:
    """The calls, without HTTP or signatures."""

    def __init__(self, party: KasushouParty, worker: Worker) -> None:
        self.party = party
        self.worker = worker

    def buy(self, body: dict[str, Any]) -> Outcome:
        """order/buy: id, external_orderno, quantity, safe_price (of one unit), attach, url."""
        number, product = str(body.get("external_orderno") or ""), _product(body)
        quantity, account = _whole(body.get("quantity")), account_in(body)
        refusal = self._refusal(number, product, quantity, account)
        if refusal is not None or product is None:
            return Outcome(refusal or outcomes.NO_PRODUCT)
        cost = self._unit_cost(number, product)
        safe = fen(body["safe_price"]) if body.get("safe_price") not in (None, "") else None
        if safe is not None and cost > safe:
            return Outcome(outcomes.PRICE_RISEN)
        if cost * quantity > self.party.balance_fen:
            return Outcome(outcomes.BALANCE_SHORT)
        url = str(body.get("url") or "")
        try:
            order = self.party.accept(number, product, quantity, account, cost * quantity, url)
        except OverflowError:
            return Outcome(outcomes.UNKNOWN)
        self.worker.start(order)
        done = {"ordersn": order.ordersn, "external_orderno": number, "total_price": yuan(order.cost_fen)}
        return Outcome(Refusal(200, "下单成功"), done)

    def _refusal(self, number: str, product: Product | None, quantity: int, account: str) -> Refusal | None:
        party = self.party
        if len(number) > NUMBER_MAX:
            return outcomes.MISSING
        if number in party.by_number:
            return outcomes.DUPLICATE
        if product is None:
            return outcomes.NO_PRODUCT
        if not 0 < quantity <= QUANTITY_MAX:
            return outcomes.NO_QUANTITY
        if product.goods_type != CARD and not 0 < len(account) <= ACCOUNT_MAX:
            return outcomes.NO_ACCOUNT
        for name, refusal in AT_ACCEPTANCE.items():
            if party.fault(number, name, account, take=True) is not None:
                return refusal
        return None

    def _unit_cost(self, number: str, product: Product) -> int:
        dearer = self.party.fault(number, "price_above_safe")
        percent = number_of(dearer, "percent", 20) if dearer is not None else 0
        return product.cost_fen + int(product.cost_fen * percent) // 100

    def info(self, body: dict[str, Any]) -> Outcome:
        """order/info: one or more numbers parted by commas, 30 days back unless ``day`` says otherwise."""
        numbers = [each for each in str(body.get("external_orderno") or "").split(",") if each]
        serials = [each for each in str(body.get("ordersn") or "").split(",") if each]
        if (not numbers and not serials) or len(numbers) + len(serials) > ASKED_MAX:
            return Outcome(outcomes.MISSING)
        asked = [self.party.by_number.get(each) for each in numbers]
        asked += [self.party.orders.get(each) for each in serials]
        days = _whole(body["day"]) if body.get("day") not in (None, "") else USUAL_DAYS
        found = [order for order in asked if order is not None and self._within(order, days)]
        for order in found:
            number = order.external_orderno
            if self.party.fault(number, "query_unknown", take=True) is not None:
                return Outcome(outcomes.UNKNOWN)
            if self.party.fault(number, "query_not_found_then_found", order.account, take=True) is not None:
                found = [each for each in found if each is not order]
        return Outcome(outcomes.OK, [self._told(order) for order in found])

    def _within(self, order: Order, days: int) -> bool:
        age_s = (self.party.world.now() - order.created_at).total_seconds()
        return days == 0 or age_s <= days * SECONDS_A_DAY

    def _told(self, order: Order) -> dict[str, Any]:
        order.failure_told = order.failure_told or order.state == FAILED
        account = [{"n": order.product.account_name, "v": order.account, "k": "recharge_account"}]
        return {
            "ordersn": order.ordersn,
            "external_orderno": order.external_orderno,
            "recharge_info": account if order.account else [],
            "recharge_hints": order.hints,
            "status": self._status(order),
            "total_price": yuan(order.cost_fen),
            "has_back_money": yuan(order.credited_fen),
            "card_list": self._cards(order),
        }

    def _status(self, order: Order) -> int:
        late = self.party.fault(order.external_orderno, "unpaid_at_first", take=True) is not None
        return STATUS_UNPAID if late else self.party.status_of(order)

    def _cards(self, order: Order) -> list[dict[str, str]]:
        if order.state != SUCCESS and not order.reversed:
            return []
        number = order.external_orderno
        if order.cards and self.party.fault(number, "done_without_cards", take=True) is not None:
            return []
        return [{"card_no": no, "card_password": word} for no, word in order.cards]

    # -- goods and account

    def goods_list(self, body: dict[str, Any]) -> Outcome:
        """goods/list by page; goods_price is our cost."""
        limit = min(PAGE_MAX, _whole(body.get("limit")) or PAGE_MAX)
        first = ((_whole(body.get("page")) or 1) - 1) * limit
        rows = [_goods_row(product) for product in PRODUCTS.values()]
        return Outcome(outcomes.OK, {"list": rows[first : first + limit], "total": len(rows)})

    def goods_info(self, body: dict[str, Any]) -> Outcome:
        """goods/info by id, with the order template."""
        product = _product(body)
        if product is None:
            return Outcome(outcomes.NO_PRODUCT)
        more = {"start_count": 1, "end_count": QUANTITY_MAX, "attach": _template(product)}
        return Outcome(outcomes.OK, {**_goods_row(product), **more})

    def goods_attach(self, body: dict[str, Any]) -> Outcome:
        """goods/attach by goods_id: what an order must fill in; nothing for cards."""
        product = _product({"id": body.get("goods_id")})
        return Outcome(outcomes.OK, _template(product)) if product else Outcome(outcomes.NO_PRODUCT)

    def user_info(self, _: dict[str, Any]) -> Outcome:
        """user/info: the merchant's balance in yuan, as text."""
        return Outcome(outcomes.OK, {"balance": yuan(self.party.balance_fen)})


def account_in(body: dict[str, Any]) -> str:
    """The account an order is for; empty for cards."""
    attach = body.get("attach")
    return str(attach.get("recharge_account") or "") if isinstance(attach, dict) else ""


def _product(body: dict[str, Any]) -> Product | None:
    return PRODUCTS.get(_whole(body.get("id")))


def _whole(value: object) -> int:
    """A whole number written as number or text; 0 for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _template(product: Product) -> list[dict[str, str]]:
    name = product.account_name
    if not name:
        return []
    return [{"key": "recharge_account", "type": "text", "name": name, "tip": f"请填写{name}"}]


def _goods_row(product: Product) -> dict[str, Any]:
    return {
        "id": product.product_id,
        "goods_name": product.name,
        "goods_img": "",
        "goods_type": product.goods_type,
        "face_value": yuan(product.face_fen),
        "goods_price": yuan(product.cost_fen),
        "status": 1,
        "stock_num": 9999,
    }
