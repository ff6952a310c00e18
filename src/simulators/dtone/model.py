"""DT One's own books: the account in US cents, transactions, what was really topped up, the PINs handed out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulators.dtone import outcomes
from simulators.dtone.goods import FEN_PER_CENT, PIN, Product
from simulators.faults import Params, number_of
from simulators.world import MAX_ROWS, World, order_prefix

CONFIRM_WITHIN_S = 3600.0
_SHAPE = {
    outcomes.COMPLETED: "success",
    outcomes.REJECTED: "failed",
    outcomes.DECLINED: "failed",
    outcomes.CANCELLED: "failed",
    outcomes.REVERSED: "failed",
}


@dataclass
class Transaction:
    """One transaction. Money is US cents; ``status`` is the vendor's word, its class the part before the dash."""

    external_id: str
    transaction_id: int
    product: Product
    party_field: str
    account: str
    amount_cents: int
    fee_cents: int
    price_unit: str
    created_at: datetime
    callback_url: str
    status: str = outcomes.CREATED
    confirmed_at: datetime | None = None
    reference: str = ""
    credited: bool = False
    topups_executed: int = 0
    reversed: bool = False
    failure_told: bool = False
    silent: bool = False
    pin: tuple[str, str] | None = None
    callbacks_sent: int = 0
    callbacks_acked: int = 0
    history: list[str] = field(default_factory=list)

    @property
    def cents(self) -> int:
        """What the account pays in all."""
        return self.amount_cents + self.fee_cents

    @property
    def status_class(self) -> str:
        return self.status.partition("-")[0]

    @property
    def confirm_until(self) -> datetime:
        return self.created_at + timedelta(seconds=CONFIRM_WITHIN_S)


class DtOneParty:
    """State of the simulated supplier and the moves on it. Nothing here speaks HTTP."""

    def __init__(self, world: World, balance_fen: int, delay_s: float = 3.0, suffixes: bool = True) -> None:
        self.world = world
        self.opening_cents = balance_fen // FEN_PER_CENT
        self.available_cents = self.opening_cents
        self.holding_cents = 0
        self.delay_s = delay_s
        self.suffixes = suffixes
        self.rate_limit_per_s = 1000
        self.api_key = "sim" + world.digest("dtone_key")[:29]
        self.api_secret = world.digest("dtone_secret")[:32]
        self.transactions: dict[str, Transaction] = {}
        self.by_id: dict[int, Transaction] = {}
        self.topups: Counter[str] = Counter()
        self.reversals: Counter[str] = Counter()

    def fault(self, number: str, name: str, *, take: bool = False) -> Params | None:
        """A fault on this number."""
        faults = self.world.faults
        return faults.take(number, "dtone", name) if take else faults.find(number, "dtone", name)

    def set_balance_fen(self, fen: int) -> None:
        """The merchant moves money to or from the account; the opening balance moves along."""
        wanted = fen // FEN_PER_CENT
        self.opening_cents += wanted - self.available_cents
        self.available_cents = wanted

    def create(
        self, number: str, product: Product, party_field: str, account: str, callback_url: str
    ) -> Transaction:
        """Take it in as CREATED and authorise its price. Raises OverflowError when the books are full."""
        if len(self.transactions) >= MAX_ROWS:
            raise OverflowError
        dearer = self.fault(number, "price_above_safe")
        percent = int(number_of(dearer, "percent", 20)) if dearer is not None else 0
        transaction = Transaction(
            number,
            9_000_000_000 + self.world.next_number(),
            product,
            party_field,
            account,
            product.price_cents * (100 + percent) // 100,
            product.fee_cents,
            "EUR" if self.fault(number, "price_other_currency") is not None else "USD",
            self.world.now(),
            callback_url,
        )
        transaction.silent = self.fault(number, "silent") is not None
        self.transactions[number] = transaction
        self.by_id[transaction.transaction_id] = transaction
        self.available_cents -= transaction.cents
        self.holding_cents += transaction.cents
        return transaction

    def confirm(self, transaction: Transaction) -> None:
        """CONFIRMED, unless the platform's own rules reject it."""
        transaction.confirmed_at = self.world.now()
        if self.fault(transaction.external_id, "rejected_by_platform") is not None:
            self.void(transaction, outcomes.REJECTED_ON_CONFIRM)
        else:
            self.move(transaction, outcomes.CONFIRMED)

    def move(self, transaction: Transaction, status: str) -> None:
        """The next status, kept in the history."""
        transaction.history.append(transaction.status)
        transaction.status = status

    def void(self, transaction: Transaction, status: str) -> None:
        """REJECTED, CANCELLED or DECLINED: the held amount is available again."""
        self.move(transaction, status)
        self.holding_cents -= transaction.cents
        self.available_cents += transaction.cents
        transaction.credited = True

    def hold_again(self, transaction: Transaction) -> None:
        """A declined transaction succeeds after all: its amount is held once more."""
        self.available_cents -= transaction.cents
        self.holding_cents += transaction.cents
        transaction.credited = False

    def complete(self, transaction: Transaction) -> None:
        """The top-up is made or the PIN drawn; the held amount is captured."""
        self.move(transaction, outcomes.COMPLETED)
        self.holding_cents -= transaction.cents
        transaction.reference = self.world.digest("reference", transaction.transaction_id)[:16]
        transaction.topups_executed += 1
        self.topups[self.key_of(transaction)] += 1
        if transaction.product.kind == PIN:
            transaction.pin = self._draw(transaction)

    def reverse(self, transaction: Transaction) -> None:
        """REVERSED after COMPLETED: the captured amount is available again."""
        self.move(transaction, outcomes.REVERSED)
        self.available_cents += transaction.cents
        transaction.credited = transaction.reversed = True
        self.reversals[self.key_of(transaction)] += 1

    @staticmethod
    def key_of(transaction: Transaction) -> str:
        """``<account>|<order prefix>``: what must never be topped up twice. Gift cards have no account."""
        return f"{transaction.account}|{order_prefix(transaction.external_id)}"

    def _draw(self, transaction: Transaction) -> tuple[str, str] | None:
        if self.fault(transaction.external_id, "too_few_cards") is not None:
            return None
        again = self.fault(transaction.external_id, "same_card_twice") is not None
        drawn = self.world.digest("pin", "handed out before" if again else transaction.transaction_id)
        digits = str(int(drawn[:40], 16)).rjust(36, "0")
        return f"SN{digits[:12]}", f"{digits[12:16]}-{digits[16:20]}-{digits[20:24]}"

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen at this world's rate, or the orders whose number begins with ``prefix``."""
        rows = [_row(each) for each in self.transactions.values() if each.external_id.startswith(prefix)]
        return {
            "balance_fen": self.available_cents * FEN_PER_CENT,
            "holding_fen": self.holding_cents * FEN_PER_CENT,
            "opening_balance_fen": self.opening_cents * FEN_PER_CENT,
            "orders": rows,
            "topups": dict(self.topups),
            "topups_reversed": dict(self.reversals),
        }


def _row(transaction: Transaction) -> dict[str, object]:
    cost_fen = transaction.cents * FEN_PER_CENT
    return {
        "order": order_prefix(transaction.external_id),
        "customer_order_no": transaction.external_id,
        "order_id": str(transaction.transaction_id),
        "state": _SHAPE.get(transaction.status_class, "processing"),
        "status": transaction.status,
        "history": list(transaction.history),
        "cost_fen": cost_fen,
        "account": transaction.account,
        "product_id": transaction.product.product_id,
        "quantity": 1,
        "topups_executed": transaction.topups_executed,
        "reversed": transaction.reversed,
        "charged_fen": cost_fen,
        "credited_fen": cost_fen if transaction.credited else 0,
        "cards": [list(transaction.pin)] if transaction.pin else [],
        "description": transaction.status,
        "callbacks": {"sent": transaction.callbacks_sent, "acked": transaction.callbacks_acked},
    }
