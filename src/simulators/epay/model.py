"""The aggregator's own books: what merchants ordered, what buyers paid, what went back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulators.faults import number_of
from simulators.world import BEIJING, MAX_ROWS, World, order_prefix

UNPAID, PAID, REFUNDED, FROZEN = 0, 1, 2, 3
WORDS = {UNPAID: "unpaid", PAID: "paid", REFUNDED: "refunded", FROZEN: "frozen"}
UNPAID_LIFE = timedelta(hours=24)


class FullError(RuntimeError):
    """The simulator holds as many rows as it may."""


@dataclass
class Trade:
    """One order row. ``amount_fen``: what the merchant asked for and is told; ``real_fen``: what was paid."""

    trade_no: str
    out_trade_no: str
    kind: str
    type: str
    name: str
    amount_fen: int
    notify_url: str
    return_url: str
    param: str
    created_at: datetime
    payer: str
    status: int = UNPAID
    real_fen: int = 0
    paid_at: datetime | None = None
    deleted: bool = False
    refunds: dict[str, int] = field(default_factory=dict)
    notifies_sent: int = 0
    notifies_acked: int = 0

    @property
    def was_paid(self) -> bool:
        return self.paid_at is not None

    @property
    def refunded_fen(self) -> int:
        return sum(self.refunds.values())


class EpayParty:
    """State of the simulated aggregator with its one merchant, and the moves on it. No HTTP here."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.down.setdefault("epay", False)
        self.pid = str(1000 + int(world.digest("epay_pid")[:6], 16) % 9000)
        self.key = world.digest("epay_key")[:32]
        self.previous_key = world.digest("epay_previous_key")[:32]
        self.forger_key = world.digest("epay_forger_key")[:32]
        self.encoded = False
        self.base_url = ""
        self.trades: dict[str, Trade] = {}
        self.trades_of: dict[str, list[Trade]] = {}
        self.merchant_balance_fen = 0
        self.surcharge_fen = 0
        self.float_fen = 0
        self.settled: set[str] = set()
        self.settled_fen = 0
        self.buyers: dict[str, int] = {}

    def open(self, kind: str, fields: dict[str, str], amount_fen: int) -> Trade:
        """A new unpaid row. Nothing here asks whether the number is taken. Raises FullError."""
        if len(self.trades) >= MAX_ROWS:
            raise FullError
        now = self.world.now()
        number = fields["out_trade_no"]
        trade = Trade(
            trade_no=f"{now.astimezone(BEIJING):%Y%m%d%H%M%S}{self.world.next_number() % 100_000:05d}",
            out_trade_no=number,
            kind=kind,
            type=fields["type"],
            name=fields["name"],
            amount_fen=amount_fen,
            notify_url=fields["notify_url"],
            return_url=fields.get("return_url", ""),
            param=fields.get("param", ""),
            created_at=now,
            payer="2088" + str(int(self.world.digest("payer", number)[:10], 16))[:12].rjust(12, "1"),
        )
        self.trades[trade.trade_no] = trade
        self.trades_of.setdefault(number, []).append(trade)
        return trade

    def twin(self, trade: Trade) -> Trade:
        """One more row on the same number: the hazard 'two payments on one order number'."""
        fields = {
            "out_trade_no": trade.out_trade_no,
            "type": trade.type,
            "name": trade.name,
            "notify_url": trade.notify_url,
            "return_url": trade.return_url,
            "param": trade.param,
        }
        return self.open(trade.kind, fields, trade.amount_fen)

    def sweep(self, trade: Trade) -> None:
        """Delete an unpaid row whose day is over; called wherever a row is looked at."""
        if trade.was_paid or trade.deleted:
            return
        early = self.world.faults.find(trade.out_trade_no, "epay", "unpaid_deleted")
        life = UNPAID_LIFE if early is None else timedelta(seconds=number_of(early, "s", 60))
        trade.deleted = self.world.now() >= trade.created_at + life

    def find(self, out_trade_no: str, trade_no: str) -> Trade | None:
        """By the aggregator's number, else the oldest row with the merchant's: never the paid one first."""
        if trade_no:
            found = self.trades.get(trade_no)
            rows = [found] if found is not None else []
        else:
            rows = self.trades_of.get(out_trade_no, [])
        for row in rows:
            self.sweep(row)
        return next((row for row in rows if not row.deleted), None)

    def listed(self, status: int | None) -> Iterator[Trade]:
        """The rows there still are, newest first."""
        for trade in reversed(self.trades.values()):
            self.sweep(trade)
            if not trade.deleted and status in (None, trade.status):
                yield trade

    def pay(self, trade: Trade) -> None:
        """The buyer's money arrives; the merchant is credited what it asked for."""
        if trade.was_paid:
            raise ValueError("paid already")
        faults = self.world.faults
        other = faults.find(trade.out_trade_no, "epay", "paid_other_amount")
        if other is not None:
            trade.amount_fen = max(1, trade.amount_fen + int(number_of(other, "fen", -1)))
        more = faults.find(trade.out_trade_no, "epay", "realmoney_differs")
        trade.real_fen = max(1, trade.amount_fen + (int(number_of(more, "fen", 3)) if more else 0))
        frozen = faults.find(trade.out_trade_no, "epay", "trade_frozen") is not None
        trade.status, trade.paid_at, trade.deleted = FROZEN if frozen else PAID, self.world.now(), False
        self.merchant_balance_fen += trade.amount_fen
        self.surcharge_fen += trade.real_fen - trade.amount_fen
        self.buyers[trade.payer] = self.buyers.get(trade.payer, 0) - trade.real_fen

    def refund(self, trade: Trade) -> str:
        """The whole amount back the way it came; the aggregator's own refund number."""
        number = f"{self.world.now().astimezone(BEIJING):%Y%m%d%H%M%S}{self.world.next_number():05d}"
        trade.refunds[number] = trade.amount_fen
        trade.status = REFUNDED
        self.merchant_balance_fen -= trade.amount_fen
        self.buyers[trade.payer] = self.buyers.get(trade.payer, 0) + trade.amount_fen
        return number

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen, or only the trades whose number begins with ``prefix``."""
        return {
            "trades": [
                _row(t, t.trade_no in self.settled)
                for t in self.trades.values()
                if t.out_trade_no.startswith(prefix)
            ],
            "merchant_balance_fen": self.merchant_balance_fen,
            "fees_fen": 0,
            "settled_fen": self.settled_fen,
            "float_fen": self.float_fen,
            "surcharge_fen": self.surcharge_fen,
            "buyers_fen": dict(self.buyers),
            "offers": len(self.trades),
        }


def _row(trade: Trade, settled: bool) -> dict[str, object]:
    return {
        "order": order_prefix(trade.out_trade_no),
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no,
        "paid_at": trade.paid_at.isoformat() if trade.paid_at else None,
        "state": WORDS[trade.status],
        "kind": trade.kind,
        "amount_fen": trade.amount_fen,
        "paid_fen": trade.amount_fen if trade.was_paid else 0,
        "real_fen": trade.real_fen,
        "refunded_fen": trade.refunded_fen,
        "refunds": dict(trade.refunds),
        "payer": trade.payer,
        "settled": settled,
        "deleted": trade.deleted,
        "notifies": {"sent": trade.notifies_sent, "acked": trade.notifies_acked},
    }
