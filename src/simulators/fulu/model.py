"""福禄's own books: balance, orders, what was really topped up, and the cards handed out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from simulators.faults import Params, number_of
from simulators.fulu.goods import CARD, Product
from simulators.fulu.outcomes import AFTER_ACCEPTANCE, BY_SUFFIX
from simulators.world import BEIJING, MAX_ROWS, World, order_prefix

PROCESSING, SUCCESS, FAILED = "processing", "success", "failed"


@dataclass
class Order:
    """One accepted supplier order. Money is fen; ``cost_fen`` is per order, not per unit."""

    customer_order_no: str
    order_id: str
    product: Product
    quantity: int
    account: str
    cost_fen: int
    created_at: datetime
    callback_url: str
    state: str = PROCESSING
    finished_at: datetime | None = None
    description: str = ""
    charged_fen: int = 0
    credited_fen: int = 0
    topups_executed: int = 0
    reversed: bool = False
    failure_told: bool = False
    silent: bool = False
    serial: str = ""
    cards: list[tuple[str, str]] = field(default_factory=list)
    callbacks_sent: int = 0
    callbacks_acked: int = 0


class FuluParty:
    """State of the simulated supplier and the moves on it. Nothing here speaks HTTP."""

    def __init__(self, world: World, balance_fen: int, delay_s: float = 3.0, suffixes: bool = True) -> None:
        self.world = world
        self.opening_balance_fen = balance_fen
        self.balance_fen = balance_fen
        self.delay_s = delay_s
        self.suffixes = suffixes
        self.app_key = "sim" + world.digest("fulu_key")[:29]
        self.app_secret = world.digest("fulu_secret")[:32]
        self.notify_url = ""
        self.orders: dict[str, Order] = {}
        self.topups: Counter[str] = Counter()
        self.reversals: Counter[str] = Counter()

    def fault(self, number: str, name: str, account: str = "", *, take: bool = False) -> Params | None:
        """A fault on this number, or the one that the account's suffix picks."""
        faults = self.world.faults
        picked = self.suffixes and account[-4:].isdigit() and BY_SUFFIX.get(account[-4:]) == name
        if picked and faults.find(number, "fulu", name) is None:
            faults.for_order(number, [faults.named("fulu", name)])
        return faults.take(number, "fulu", name) if take else faults.find(number, "fulu", name)

    def accept(self, number: str, product: Product, quantity: int, account: str, cost_fen: int) -> Order:
        """Take the order in and charge for it. Raises OverflowError when the books are full."""
        if len(self.orders) >= MAX_ROWS:
            raise OverflowError
        now = self.world.now()
        serial = self.world.next_number()
        order = Order(
            number,
            f"{now.astimezone(BEIJING):%y%m%d%H%M%S}{serial:08d}",
            product,
            quantity,
            account,
            cost_fen,
            now,
            self.notify_url,
            charged_fen=cost_fen,
        )
        self.orders[number] = order
        self.balance_fen -= cost_fen
        order.silent = self.fault(number, "silent", account) is not None
        return order

    def seconds_to_work(self, order: Order) -> float:
        """Virtual seconds until the order is done: 0.5–1.5 × the usual delay, or the late_success fault's."""
        late = self.fault(order.customer_order_no, "late_success", order.account)
        if late is not None:
            return number_of(late, "s", 90)
        spread = int(self.world.digest("delay", order.customer_order_no)[:4], 16) / 0xFFFF
        return self.delay_s * (0.5 + spread)

    def planned_failure(self, order: Order) -> str:
        """Why this order will fail after acceptance; empty when it will not."""
        for name, words in AFTER_ACCEPTANCE.items():
            if self.fault(order.customer_order_no, name, order.account) is not None:
                return words
        return ""

    def succeed(self, order: Order) -> None:
        """The top-up is made, or the cards are drawn."""
        order.state, order.finished_at, order.description = SUCCESS, self.world.now(), "充值成功"
        order.serial = self.world.digest("serial", order.order_id)[:18]
        order.topups_executed += 1
        self.topups[self.key_of(order)] += 1
        if order.product.order_type == CARD:
            order.cards = self._draw(order)

    def fail(self, order: Order, words: str) -> None:
        """The order failed; the charge goes back to the balance (only partly under partial_refund)."""
        order.state, order.finished_at, order.description = FAILED, self.world.now(), words
        partial = self.fault(order.customer_order_no, "partial_refund")
        share = int(number_of(partial, "percent", 50)) if partial is not None else 100
        back = (order.charged_fen - order.credited_fen) * max(0, min(100, share)) // 100
        order.credited_fen += back
        self.balance_fen += back

    def reverse(self, order: Order) -> None:
        """A success taken back (冲正)."""
        order.reversed = True
        self.reversals[self.key_of(order)] += 1
        self.fail(order, "充值失败：运营商冲正")

    def take_back_credit(self, order: Order) -> None:
        """What a failure gave back is charged again: the order succeeds after all."""
        self.balance_fen -= order.credited_fen
        order.credited_fen = 0

    @staticmethod
    def key_of(order: Order) -> str:
        """``<account>|<order prefix>``: what must never be topped up twice. Cards have no account."""
        return f"{order.account}|{order_prefix(order.customer_order_no)}"

    def _draw(self, order: Order) -> list[tuple[str, str]]:
        wanted, number = order.quantity, order.customer_order_no
        cards = [self._card(order.order_id, index) for index in range(wanted)]
        if self.fault(number, "too_few_cards") is not None:
            cards = cards[:-1]
        if self.fault(number, "same_card_twice") is not None and cards:
            cards = [cards[0]] * wanted if wanted > 1 else [self._card("handed out before", 0)]
        return cards

    def _card(self, *parts: object) -> tuple[str, str]:
        digits = str(int(self.world.digest("card", *parts)[:40], 16)).rjust(36, "0")
        return f"SIM{digits[:15]}", digits[15:31]

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen, or only the orders whose number begins with ``prefix``."""
        return {
            "balance_fen": self.balance_fen,
            "opening_balance_fen": self.opening_balance_fen,
            "orders": [_row(o) for o in self.orders.values() if o.customer_order_no.startswith(prefix)],
            "topups": dict(self.topups),
            "topups_reversed": dict(self.reversals),
        }


def _row(order: Order) -> dict[str, object]:
    return {
        "order": order_prefix(order.customer_order_no),
        "customer_order_no": order.customer_order_no,
        "order_id": order.order_id,
        "state": order.state,
        "cost_fen": order.cost_fen,
        "account": order.account,
        "product_id": order.product.product_id,
        "quantity": order.quantity,
        "topups_executed": order.topups_executed,
        "reversed": order.reversed,
        "charged_fen": order.charged_fen,
        "credited_fen": order.credited_fen,
        "cards": [list(card) for card in order.cards],
        "description": order.description,
        "callbacks": {"sent": order.callbacks_sent, "acked": order.callbacks_acked},
    }
