"""WeChat's own books: orders by the merchant's number, what buyers paid, what went back. No HTTP here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

from simulators.faults import number_of
from simulators.keys import PrivateKey, PublicKey, own_key, public_pem
from simulators.wechat.wire import SigningKey, certificate_key
from simulators.world import BEIJING, MAX_ROWS, Payout, World, order_prefix

NOTPAY, SUCCESS, REFUND, CLOSED = "NOTPAY", "SUCCESS", "REFUND", "CLOSED"
PROCESSING, ABNORMAL = "PROCESSING", "ABNORMAL"
SIGNERS = ("public_key", "next_public_key", "certificate", "next_certificate")


@lru_cache
def _key(folder: Path | None, name: str) -> PrivateKey:
    """One key for the whole process: making one takes a tenth of a second or more."""
    return own_key(folder, name)


class FullError(RuntimeError):
    """The simulator holds as many rows as it may."""


@dataclass
class Refund:
    """One refund by its out_refund_no: PROCESSING, SUCCESS, CLOSED or ABNORMAL."""

    out_refund_no: str
    refund_id: str
    fen: int
    at: datetime
    notify_url: str
    status: str = PROCESSING
    ended_at: datetime | None = None


@dataclass
class Order:
    """One order; it exists from 下单 on, and is paid at most once. Money is fen."""

    out_trade_no: str
    kind: str
    description: str
    amount_fen: int
    notify_url: str
    created_at: datetime
    expires_at: datetime | None
    token: str
    payer: str
    state: str = NOTPAY
    transaction_id: str = ""
    paid_fen: int = 0
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    return_url: str = ""
    refunds: dict[str, Refund] = field(default_factory=dict)
    settled: bool = False
    notifies_sent: int = 0
    notifies_acked: int = 0

    @property
    def trade_no(self) -> str:
        return self.transaction_id

    @property
    def refunded_fen(self) -> int:
        """What went back or is under way; a closed refund came home."""
        return sum(refund.fen for refund in self.refunds.values() if refund.status != CLOSED)

    @property
    def prepay_id(self) -> str:
        return f"wx{self.token[:34]}"


class WechatParty:
    """State of the simulated WeChat Pay and the moves on it."""

    def __init__(self, world: World, keys_dir: Path | None = None, fee_ppm: int = 6000) -> None:
        self.world = world
        world.down["wechat"] = False
        self.mchid = "16" + self._digits("mchid", 8)
        self.app_id = f"wx{world.digest('wechat', 'app_id')[:16]}"
        self.api_v3_key = world.digest("wechat", "api_v3_key")[:32]
        self.merchant_serial = world.digest("wechat", "merchant_serial")[:40].upper()
        self.merchant_keys: dict[str, PublicKey] = {}
        self.signs_with = "public_key"
        self.published_next = False
        self.bills_early = False
        self.fee_ppm = fee_ppm
        self.base_url = ""
        self._keys_dir = keys_dir
        self.orders: dict[str, Order] = {}
        self.by_token: dict[str, Order] = {}
        self.by_transaction: dict[str, Order] = {}
        self.refunds: dict[str, tuple[Order, Refund]] = {}
        self.merchant_balance_fen = 0
        self.refund_account_fen = 0
        self.fees_fen = 0
        self.settled_fen = 0
        self.float_fen = 0
        self.payouts: list[Payout] = []
        self.buyers: dict[str, int] = {}

    # -- keys

    @property
    def forger(self) -> PrivateKey:
        return _key(None, "wechat_forger")

    @cached_property
    def keys(self) -> dict[str, SigningKey]:
        """WeChat's keys by name; the next ones are what a rotation changes to."""
        begins = self.world.now().replace(microsecond=0) - timedelta(days=30)
        made: dict[str, SigningKey] = {}
        for number, name in enumerate(SIGNERS, 1):
            key = _key(self._keys_dir, f"wechat_{name}")
            if name.endswith("certificate"):
                serial = int(self.world.digest("wechat", "serial", name)[:39], 16)
                made[name] = certificate_key(key, serial, begins)
            else:
                made[name] = SigningKey(f"PUB_KEY_ID_0{self.mchid}20261123{number:06d}", key)
        return made

    def signer(self, *, after_rotation: bool = False) -> SigningKey:
        """The key in use, or the one that follows it."""
        name = self.signs_with
        if after_rotation and not name.startswith("next_"):
            name = f"next_{name}"
            self.published_next = self.published_next or name == "next_certificate"
        return self.keys[name]

    def certificates(self) -> list[SigningKey]:
        """What ``/v3/certificates`` lists: the current one, and the next once it is used or announced."""
        shown = [self.keys["certificate"]]
        if self.published_next or self.signs_with == "next_certificate":
            shown.append(self.keys["next_certificate"])
        return shown

    def public_pem(self, name: str) -> str:
        return public_pem(self.keys[name].key)

    def _digits(self, name: str, count: int) -> str:
        return str(int(self.world.digest("wechat", name)[:16], 16))[:count].rjust(count, "7")

    def nonce(self) -> str:
        return self.world.digest("wechat", "nonce", self.world.next_number())[:32]

    # -- orders

    def open(
        self,
        out_trade_no: str,
        kind: str,
        description: str,
        amount_fen: int,
        notify_url: str,
        expires_at: datetime | None,
        payer: str,
    ) -> Order:
        """Record an order. Raises FullError."""
        if len(self.orders) >= MAX_ROWS:
            raise FullError
        token = self.world.digest("wechat", "order", out_trade_no, self.world.next_number())[:40]
        order = Order(
            out_trade_no,
            kind,
            description,
            amount_fen,
            notify_url,
            self.world.now(),
            expires_at,
            token,
            payer or f"o{self.world.digest('openid', out_trade_no)[:27]}",
        )
        self.orders[out_trade_no] = order
        self.by_token[token] = order
        return order

    def find(self, out_trade_no: str) -> Order | None:
        """An order by the merchant's number, expiry applied."""
        order = self.orders.get(out_trade_no)
        if order is not None:
            self.expire(order)
        return order

    def expire(self, order: Order) -> None:
        """Close an unpaid order whose time is over."""
        if order.state == NOTPAY and order.expires_at and self.world.now() >= order.expires_at:
            order.state, order.closed_at = CLOSED, order.expires_at

    def pay(self, order: Order) -> None:
        """The buyer's money arrives at the merchant's balance with WeChat."""
        if order.state != NOTPAY:
            raise ValueError(f"order is {order.state}")
        other = self.world.faults.find(order.out_trade_no, "wechat", "paid_other_amount")
        if other is not None:
            order.amount_fen = max(1, order.amount_fen + int(number_of(other, "fen", -1)))
        now = self.world.now().replace(microsecond=0)
        order.transaction_id = f"42000{now.astimezone(BEIJING):%Y%m%d}{self.world.next_number():015d}"
        order.state, order.paid_at, order.paid_fen = SUCCESS, now, order.amount_fen
        self.by_transaction[order.transaction_id] = order
        self.merchant_balance_fen += order.amount_fen
        self.buyers[order.payer] = self.buyers.get(order.payer, 0) - order.amount_fen

    # -- refunds

    def refund(self, order: Order, out_refund_no: str, fen: int, notify_url: str) -> Refund:
        """Take a refund on: the money leaves the merchant's balance; it is with the buyer once it ends."""
        now = self.world.now().replace(microsecond=0)
        refund_id = f"50300{now.astimezone(BEIJING):%Y%m%d}{self.world.next_number():015d}"
        refund = Refund(out_refund_no, refund_id, fen, now, notify_url)
        order.refunds[out_refund_no] = refund
        order.state = REFUND
        self.refunds[out_refund_no] = (order, refund)
        self.merchant_balance_fen -= fen
        self.refund_account_fen += fen
        return refund

    def end_refund(self, order: Order, refund: Refund, status: str) -> None:
        """SUCCESS: the buyer has it. CLOSED: it came back. ABNORMAL: it stays in the refund account."""
        if refund.status not in (PROCESSING, ABNORMAL):
            return
        refund.status, refund.ended_at = status, self.world.now().replace(microsecond=0)
        if status == SUCCESS:
            self.refund_account_fen -= refund.fen
            self.buyers[order.payer] = self.buyers.get(order.payer, 0) + refund.fen
        elif status == CLOSED:
            self.refund_account_fen -= refund.fen
            self.merchant_balance_fen += refund.fen

    def unsettled(self, paid_before: datetime | None = None) -> list[Order]:
        """Paid orders that were not settled, of those the ones paid before a moment."""
        return [
            order
            for order in self.orders.values()
            if not order.settled and order.paid_fen and order.paid_at
            if paid_before is None or order.paid_at < paid_before
        ]

    def settle(self, paid_before: datetime | None = None) -> dict[str, int]:
        """Pay out each unsettled order's net amount less the fee (rounded half up). Returns fen moved."""
        moved = {"trades": 0, "net_fen": 0, "fee_fen": 0}
        for order in self.unsettled(paid_before):
            net = order.paid_fen - order.refunded_fen
            fee = self.fee_of(net)
            order.settled = True
            moved["trades"] += 1
            moved["net_fen"] += net - fee
            moved["fee_fen"] += fee
        self.settled_fen += moved["net_fen"]
        self.fees_fen += moved["fee_fen"]
        self.merchant_balance_fen -= moved["net_fen"] + moved["fee_fen"]
        return moved

    def fee_of(self, fen: int) -> int:
        """The channel's fee on an amount, rounded half up."""
        return (fen * self.fee_ppm + 500_000) // 1_000_000

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen, or only the orders whose number begins with ``prefix``."""
        return {
            "trades": [_row(o) for number, o in self.orders.items() if number.startswith(prefix)],
            "merchant_balance_fen": self.merchant_balance_fen,
            "refund_account_fen": self.refund_account_fen,
            "fees_fen": self.fees_fen,
            "settled_fen": self.settled_fen,
            "float_fen": self.float_fen,
            "buyers_fen": dict(self.buyers),
            "offers": len(self.orders),
        }


def _row(order: Order) -> dict[str, object]:
    return {
        "order": order_prefix(order.out_trade_no),
        "out_trade_no": order.out_trade_no,
        "trade_no": order.transaction_id,
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "state": order.state,
        "kind": order.kind,
        "amount_fen": order.amount_fen,
        "paid_fen": order.paid_fen,
        "refunded_fen": order.refunded_fen,
        "refunds": {n: r.fen for n, r in order.refunds.items() if r.status != CLOSED},
        "refund_states": {n: r.status for n, r in order.refunds.items()},
        "payer": order.payer,
        "settled": order.settled,
        "notifies": {"sent": order.notifies_sent, "acked": order.notifies_acked},
    }
