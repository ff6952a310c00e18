"""卡速售's own books: balance, orders, what was really topped up, and the cards handed out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from simulators.faults import Params, number_of
from simulators.fulu.outcomes import BY_SUFFIX
from simulators.kasushou.goods import CARD, Product
from simulators.kasushou.outcomes import AFTER_ACCEPTANCE, DONE, PART_DELIVERED, REVERSED, UNPAID
from simulators.world import BEIJING, MAX_ROWS, World, order_prefix

PARTY = "kasushou"
PROCESSING, SUCCESS, FAILED = "processing", "success", "failed"
STATUS_UNPAID, STATUS_WAITING, STATUS_WORKING, STATUS_DONE, STATUS_CANCELLED, STATUS_REFUNDED = (
    -1, 1, 2, 3, 4, 5,
)  # fmt: skip
WAITING_S = 1.0


@dataclass
class Order:
    """One accepted order. Money is fen; ``cost_fen`` is per order, not per unit."""

    external_orderno: str
    ordersn: str
    product: Product
    quantity: int
    account: str
    cost_fen: int
    created_at: datetime
    callback_url: str
    state: str = PROCESSING
    status: int = STATUS_WAITING
    finished_at: datetime | None = None
    hints: str = "订单正在处理中，请耐心等待"
    charged_fen: int = 0
    credited_fen: int = 0
    topups_executed: int = 0
    reversed: bool = False
    failure_told: bool = False
    silent: bool = False
    cards: list[tuple[str, str]] = field(default_factory=list)
    callbacks_sent: int = 0
    callbacks_acked: int = 0


class KasushouParty:
    """State of the simulated site and the moves on it. Nothing here speaks HTTP."""

    def __init__(self, world: World, balance_fen: int, delay_s: float = 3.0, suffixes: bool = True) -> None:
        self.world = world
        self.opening_balance_fen = balance_fen
        self.balance_fen = balance_fen
        self.delay_s = delay_s
        self.suffixes = suffixes
        self.user_id = world.digest("kasushou_user")[:32]
        self.api_key = world.digest("kasushou_key")[:32]
        self.orders: dict[str, Order] = {}
        self.by_number: dict[str, Order] = {}
        self.topups: Counter[str] = Counter()
        self.reversals: Counter[str] = Counter()

    def fault(self, number: str, name: str, account: str = "", *, take: bool = False) -> Params | None:
        """A fault on this number, or the one that the account's suffix picks."""
        faults = self.world.faults
        picked = self.suffixes and account[-4:].isdigit() and BY_SUFFIX.get(account[-4:]) == name
        if picked and faults.find(number, PARTY, name) is None:
            faults.for_order(number, [faults.named(PARTY, name)])
        return faults.take(number, PARTY, name) if take else faults.find(number, PARTY, name)

    def accept(
        self, number: str, product: Product, quantity: int, account: str, cost_fen: int, callback_url: str
    ) -> Order:
        """Take the order in and charge for it. Raises OverflowError when the books are full."""
        if len(self.orders) >= MAX_ROWS:
            raise OverflowError
        now = self.world.now()
        order = Order(
            number,
            f"API{now.astimezone(BEIJING):%m%d%H%M%S}{self.world.next_number():011d}",
            product,
            quantity,
            account,
            cost_fen,
            now,
            callback_url,
        )
        self.orders[order.ordersn] = order
        if number:  # an empty one is allowed here, and protects from nothing
            self.by_number[number] = order
        if self.fault(number, "accepted_unpaid") is not None:
            order.state, order.status, order.finished_at, order.hints = FAILED, STATUS_UNPAID, now, UNPAID
            return order
        order.charged_fen = cost_fen
        self.balance_fen -= cost_fen
        order.silent = self.fault(number, "silent", account) is not None
        return order

    def status_of(self, order: Order) -> int:
        """The status as told now: waiting at first, then in work."""
        waited = (self.world.now() - order.created_at).total_seconds() >= WAITING_S
        return STATUS_WORKING if order.status == STATUS_WAITING and waited else order.status

    def seconds_to_work(self, order: Order) -> float:
        """Virtual seconds until the order is done: 0.5–1.5 × the usual delay, or the late_success fault's."""
        late = self.fault(order.external_orderno, "late_success", order.account)
        if late is not None:
            return number_of(late, "s", 90)
        spread = int(self.world.digest("kasushou_delay", order.external_orderno)[:4], 16) / 0xFFFF
        return self.delay_s * (0.5 + spread)

    def planned_failure(self, order: Order) -> str:
        """Why this order will fail after acceptance; empty when it will not."""
        for name, words in AFTER_ACCEPTANCE.items():
            if self.fault(order.external_orderno, name, order.account) is not None:
                return words
        return ""

    def succeed(self, order: Order) -> None:
        """The top-up is made, or the cards are drawn; under part_delivered only some of the units are."""
        order.state, order.status = SUCCESS, STATUS_DONE
        order.finished_at, order.hints = self.world.now(), DONE
        order.topups_executed += 1
        self.topups[self.key_of(order)] += 1
        if order.product.goods_type == CARD:
            order.cards = self._draw(order)
        part = self.fault(order.external_orderno, "part_delivered")
        if part is not None and order.quantity > 1:
            lacking = max(1, min(order.quantity - 1, int(number_of(part, "lacking", 1))))
            order.cards = order.cards[: order.quantity - lacking]
            order.hints = PART_DELIVERED
            self._credit(order, order.charged_fen * lacking // order.quantity)

    def fail(self, order: Order, words: str, status: int = STATUS_CANCELLED) -> None:
        """The order failed; the charge goes back to the balance (only partly under partial_refund)."""
        order.state, order.status = FAILED, status
        order.finished_at, order.hints = self.world.now(), words
        partial = self.fault(order.external_orderno, "partial_refund")
        share = int(number_of(partial, "percent", 50)) if partial is not None else 100
        self._credit(order, (order.charged_fen - order.credited_fen) * max(0, min(100, share)) // 100)

    def reverse(self, order: Order) -> None:
        """A success taken back: refunded after a complaint (售后), all units."""
        order.reversed = True
        self.reversals[self.key_of(order)] += 1
        self.fail(order, REVERSED, STATUS_REFUNDED)

    def _credit(self, order: Order, back: int) -> None:
        order.credited_fen += back
        self.balance_fen += back

    def take_back_credit(self, order: Order) -> None:
        """What a failure gave back is charged again: the order succeeds after all."""
        self.balance_fen -= order.credited_fen
        order.credited_fen = 0

    @staticmethod
    def key_of(order: Order) -> str:
        """``<account>|<order prefix>``: what must never be topped up twice. Cards have no account."""
        return f"{order.account}|{order_prefix(order.external_orderno)}"

    def _draw(self, order: Order) -> list[tuple[str, str]]:
        wanted, number = order.quantity, order.external_orderno
        cards = [self._card(order.ordersn, index) for index in range(wanted)]
        if self.fault(number, "too_few_cards") is not None:
            cards = cards[:-1]
        if self.fault(number, "same_card_twice") is not None and cards:
            cards = [cards[0]] * wanted if wanted > 1 else [self._card("handed out before", 0)]
        return cards

    def _card(self, *parts: object) -> tuple[str, str]:
        digits = str(int(self.world.digest("kasushou_card", *parts)[:40], 16)).rjust(36, "0")
        return f"KSS{digits[:15]}", digits[15:31]

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen, or only the orders whose number begins with ``prefix``."""
        return {
            "balance_fen": self.balance_fen,
            "opening_balance_fen": self.opening_balance_fen,
            "orders": [_row(o) for o in self.orders.values() if o.external_orderno.startswith(prefix)],
            "topups": dict(self.topups),
            "topups_reversed": dict(self.reversals),
        }


def _row(order: Order) -> dict[str, object]:
    return {
        "order": order_prefix(order.external_orderno),
        "customer_order_no": order.external_orderno,
        "order_id": order.ordersn,
        "state": order.state,
        "status": order.status,
        "cost_fen": order.cost_fen,
        "account": order.account,
        "product_id": order.product.product_id,
        "quantity": order.quantity,
        "topups_executed": order.topups_executed,
        "reversed": order.reversed,
        "charged_fen": order.charged_fen,
        "credited_fen": order.credited_fen,
        "cards": [list(card) for card in order.cards],
        "description": order.hints,
        "callbacks": {"sent": order.callbacks_sent, "acked": order.callbacks_acked},
    }
