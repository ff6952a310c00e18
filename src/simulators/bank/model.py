"""The bank's own books: one account of the merchant, its lines, the statements that were issued, instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from simulators.faults import number_of
from simulators.world import BEIJING, MAX_ROWS, World

ACCEPTED, SETTLED, REJECTED = "ACSP", "ACSC", "RJCT"


class FullError(RuntimeError):
    """The simulator holds as many rows as it may."""


@dataclass
class Line:
    """One booked movement, fen; negative leaves the account."""

    at: datetime
    fen: int
    reference: str
    name: str
    account: str
    purpose: str
    number: str


@dataclass
class Order:
    """One instruction as it came, with what became of it; ``seen`` counts how often it was handed in."""

    order_id: str
    fen: int
    payee_name: str
    payee_account: str
    purpose: str
    status: str = ACCEPTED
    code: str = ""
    seen: int = 1


@dataclass
class Statement:
    """One issued statement: its lines, and what the file is called."""

    n: int
    closed_at: datetime
    opening_fen: int
    lines: list[Line]
    form: str
    times_read: int = 0

    @property
    def closing_fen(self) -> int:
        return self.opening_fen + sum(line.fen for line in self.lines)

    @property
    def name(self) -> str:
        """Names follow on each other as the statements do."""
        return f"{self.n:06d}.{'xml' if self.form == 'camt' else 'sta'}"


@dataclass
class BankParty:
    """State of the simulated bank, and the moves on it. No HTTP here."""

    world: World
    opening_fen: int
    delay_s: float = 60.0
    form: str = "camt"
    lines: list[Line] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    payees: dict[str, Callable[[int], None]] = field(default_factory=dict)
    issued: int = 0

    def __post_init__(self) -> None:
        self.world.down.setdefault("bank", False)
        self.account = "62" + str(int(self.world.digest("bank_account")[:15], 16))[:15].rjust(15, "1")
        self.key = self.world.digest("bank_key")[:40]

    @property
    def balance_fen(self) -> int:
        return self.opening_fen + sum(line.fen for line in self.lines)

    def book(self, fen: int, reference: str, name: str, account: str, purpose: str) -> None:
        """One movement, now. Raises FullError."""
        if len(self.lines) >= MAX_ROWS:
            raise FullError
        number = f"{self.world.now().astimezone(BEIJING):%y%m%d}{self.world.next_number():08d}"
        self.lines.append(Line(self.world.now(), fen, reference, name, account, purpose, number))

    def receive(self, fen: int, reference: str, name: str) -> None:
        """A channel pays out. Faults, by the reference: short, excess, late_line."""
        find = self.world.faults.find
        short, more = find(reference, "bank", "short_line"), find(reference, "bank", "excess_line")
        fen += int(number_of(more, "fen", 1)) if more else 0
        fen -= int(number_of(short, "fen", 1)) if short else 0
        late = find(reference, "bank", "late_line")
        account = self.world.digest("payer", name)[:12]

        async def work() -> None:
            if fen > 0:
                self.book(fen, reference, name, account, f"{name} 结算款 {reference}")

        if late is None:
            if fen > 0:
                self.book(fen, reference, name, account, f"{name} 结算款 {reference}")
        else:
            self.world.after(number_of(late, "s", 3600), work)

    def instruct(self, order: Order) -> Order:
        """Take an instruction in; the same id again changes nothing and is counted."""
        known = self.orders.get(order.order_id)
        if known is not None:
            known.seen += 1
            return known
        if len(self.orders) >= MAX_ROWS:
            raise FullError
        self.orders[order.order_id] = order
        if order.fen <= 0 or order.fen > self.balance_fen:
            order.status, order.code = REJECTED, "AM04"
            return order
        if self.world.faults.take(order.order_id, "bank", "transfer_refused") is not None:
            order.status, order.code = REJECTED, "AC04"
            return order
        returns = self.world.faults.take(order.order_id, "bank", "refund_returned")

        async def come_back() -> None:
            self.book(order.fen, order.order_id, order.payee_name, order.payee_account, "退汇 账户收不了款")

        async def give_back() -> None:
            self.book(
                order.fen, order.order_id, order.payee_name, order.payee_account, f"退汇 {order.purpose}"
            )

        async def carry_out() -> None:
            order.status = SETTLED
            self.book(-order.fen, order.order_id, order.payee_name, order.payee_account, order.purpose)
            back = self.world.faults.find(order.order_id, "bank", "transfer_returned")
            if back is not None:
                self.world.after(number_of(back, "s", 3600), give_back)
                return
            arrives = self.payees.get(order.payee_account)
            if arrives is not None:
                arrives(order.fen)
            if returns is not None:
                self.world.after(number_of(returns, "s", 60), come_back)

        self.world.after(self.delay_s, carry_out)
        return order

    def charge(self, fen: int) -> None:
        """The bank's own charge."""
        self.book(-fen, "", "", "", "账户管理费")

    def close(self) -> Statement | None:
        """Issue a statement of what was booked since the last one; None when nothing was."""
        fresh = self.lines[self.issued :]
        if not fresh and self.statements:
            return None
        opening = self.statements[-1].closing_fen if self.statements else self.opening_fen
        made = Statement(len(self.statements) + 1, self.world.now(), opening, list(fresh), self.form)
        self.issued = len(self.lines)
        self.statements.append(made)
        return made

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen; of lines and orders only those whose reference begins with ``prefix``."""
        return {
            "bank_balance_fen": self.balance_fen,
            "opening_balance_fen": self.opening_fen,
            "account": self.account,
            "statements": len(self.statements),
            "lines": [
                {"reference": line.reference, "fen": line.fen, "number": line.number}
                for line in self.lines
                if line.reference.startswith(prefix)
            ],
            "instructions": {
                order.order_id: {"fen": order.fen, "status": order.status, "seen": order.seen}
                for order in self.orders.values()
                if order.order_id.startswith(prefix)
            },
        }
