"""Alipay's own books: what merchants offered, what buyers paid, what went back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from simulators.alipay.certs import Authority
from simulators.faults import number_of
from simulators.keys import PrivateKey, PublicKey, own_key, public_pem
from simulators.world import BEIJING, MAX_ROWS, Payout, World, order_prefix

WAIT, SUCCESS, CLOSED, FINISHED = "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"
QR_LIFE = timedelta(hours=2)


class FullError(RuntimeError):
    """The simulator holds as many rows as it may."""


@dataclass
class Offer:
    """What a merchant asked for; the trade exists once the buyer scanned (QR) or signed in (page, wap)."""

    token: str
    kind: str
    out_trade_no: str
    subject: str
    amount_fen: int
    notify_url: str
    return_url: str
    created_at: datetime
    pay_until: datetime | None
    life: timedelta | None
    trade_no: str = ""


@dataclass
class Refund:
    """One refund by its out_request_no."""

    out_request_no: str
    fen: int
    at: datetime


@dataclass
class Trade:
    """One Alipay trade. Money is fen."""

    trade_no: str
    out_trade_no: str
    kind: str
    subject: str
    amount_fen: int
    notify_url: str
    return_url: str
    created_at: datetime
    expires_at: datetime | None
    payer: str
    state: str = WAIT
    paid_fen: int = 0
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    refunds: dict[str, Refund] = field(default_factory=dict)
    settled: bool = False
    notifies_sent: int = 0
    notifies_acked: int = 0
    success_notify_sent: bool = False

    @property
    def refunded_fen(self) -> int:
        return sum(refund.fen for refund in self.refunds.values())


class AlipayParty:
    """State of the simulated Alipay and the moves on it. Nothing here speaks HTTP."""

    def __init__(self, world: World, key: PrivateKey | None = None, fee_ppm: int = 6000) -> None:
        self.world = world
        self.key = key or own_key(None, "alipay")
        self.public_key_pem = public_pem(self.key)
        self.merchant_key: PublicKey | None = None
        self._authority: Authority | None = None
        self.app_id = "20210" + str(int(world.digest("app_id")[:12], 16))[:11].rjust(11, "7")
        self.seller_id = "20881" + str(int(world.digest("seller_id")[:12], 16))[:11].rjust(11, "3")
        self.fee_ppm = fee_ppm
        self.base_url = ""
        self.offers: dict[str, Offer] = {}
        self.offer_of: dict[str, list[Offer]] = {}
        self.trades: dict[str, Trade] = {}
        self.trades_of: dict[str, list[Trade]] = {}
        self.merchant_balance_fen = 0
        self.fees_fen = 0
        self.settled_fen = 0
        self.float_fen = 0
        self.payouts: list[Payout] = []
        self.buyers: dict[str, int] = {}

    def offer(
        self,
        kind: str,
        biz: dict[str, str],
        amount_fen: int,
        urls: tuple[str, str],
        *,
        until: datetime | None,
        life: timedelta | None,
    ) -> Offer:
        """Record what a merchant asks for. Raises FullError."""
        if len(self.offers) >= MAX_ROWS:
            raise FullError
        out_trade_no = biz["out_trade_no"]
        token = self.world.digest("offer", self.world.next_number(), out_trade_no)[:24]
        offer = Offer(
            token, kind, out_trade_no, biz["subject"], amount_fen, *urls, self.world.now(), until, life
        )
        self.offers[token] = offer
        self.offer_of.setdefault(out_trade_no, []).append(offer)
        return offer

    @cached_property
    def forger(self) -> PrivateKey:
        """A key that is nobody's."""
        return own_key(None, "forger")

    def authority(self) -> Authority:
        """For certificate mode; made when first needed, because its keys take a moment."""
        if self._authority is None:
            self._authority = Authority(self.world, self.key)
        return self._authority

    @property
    def notify_key(self) -> PrivateKey:
        """The current certificate's key, which is Alipay's first key until the certificate changes."""
        renewed = self._authority.current.key if self._authority is not None else None
        return renewed or self.key

    def authenticate(self, offer: Offer, payer: str) -> Trade:
        """The buyer scanned the code or signed in: from now on the trade exists. Raises FullError."""
        if offer.trade_no:
            return self.trades[offer.trade_no]
        trade = self._open(offer, payer)
        offer.trade_no = trade.trade_no
        return trade

    def second_trade(self, offer: Offer, payer: str) -> Trade:
        """A further trade on a number that has one already: the hazard 'two payments on one order number'."""
        return self._open(offer, payer)

    def _open(self, offer: Offer, payer: str) -> Trade:
        if len(self.trades) >= MAX_ROWS:
            raise FullError
        now = self.world.now()
        number = self.world.next_number()
        trade_no = f"{now.astimezone(BEIJING):%Y%m%d}22001{self.seller_id[-4:]}{number:011d}"
        ends = [moment for moment in (offer.pay_until, now + offer.life if offer.life else None) if moment]
        trade = Trade(
            trade_no,
            offer.out_trade_no,
            offer.kind,
            offer.subject,
            offer.amount_fen,
            offer.notify_url,
            offer.return_url,
            now,
            min(ends) if ends else None,
            payer,
        )
        self.trades[trade_no] = trade
        self.trades_of.setdefault(offer.out_trade_no, []).append(trade)
        return trade

    def expire(self, trade: Trade) -> None:
        """Close an unpaid trade whose time is over; called wherever a trade is looked at."""
        if trade.state == WAIT and trade.expires_at and self.world.now() >= trade.expires_at:
            trade.state, trade.closed_at = CLOSED, trade.expires_at

    def pay(self, trade: Trade) -> None:
        """The buyer's money arrives at the merchant's balance with Alipay."""
        if trade.state != WAIT:
            raise ValueError(f"trade is {trade.state}")
        other = self.world.faults.find(trade.out_trade_no, "alipay", "paid_other_amount")
        if other is not None:
            trade.amount_fen = max(1, trade.amount_fen + int(number_of(other, "fen", -1)))
        trade.state, trade.paid_at, trade.paid_fen = SUCCESS, self.world.now(), trade.amount_fen
        self.merchant_balance_fen += trade.amount_fen
        self.buyers[trade.payer] = self.buyers.get(trade.payer, 0) - trade.amount_fen

    def refund(self, trade: Trade, out_request_no: str, amount_fen: int) -> Refund:
        """Money back the way it came; a full refund closes the trade."""
        refund = Refund(out_request_no, amount_fen, self.world.now())
        trade.refunds[out_request_no] = refund
        self.merchant_balance_fen -= amount_fen
        self.buyers[trade.payer] = self.buyers.get(trade.payer, 0) + amount_fen
        if trade.refunded_fen == trade.paid_fen:
            trade.state, trade.closed_at = CLOSED, refund.at
        return refund

    def unsettled(self, paid_before: datetime | None = None) -> list[Trade]:
        """Paid trades that were not settled, of those the ones paid before a moment."""
        return [
            trade
            for trade in self.trades.values()
            if not trade.settled and trade.paid_fen and trade.paid_at
            if paid_before is None or trade.paid_at < paid_before
        ]

    def settle(self, paid_before: datetime | None = None) -> dict[str, int]:
        """Pay out each unsettled trade's net amount less the fee (rounded half up). Returns fen moved."""
        moved = {"trades": 0, "net_fen": 0, "fee_fen": 0}
        for trade in self.unsettled(paid_before):
            net = trade.paid_fen - trade.refunded_fen
            fee = (net * self.fee_ppm + 500_000) // 1_000_000
            trade.settled = True
            moved["trades"] += 1
            moved["net_fen"] += net - fee
            moved["fee_fen"] += fee
        self.settled_fen += moved["net_fen"]
        self.fees_fen += moved["fee_fen"]
        self.merchant_balance_fen -= moved["net_fen"] + moved["fee_fen"]
        return moved

    def find(self, out_trade_no: str, trade_no: str) -> Trade | None:
        """A trade by Alipay's number, else by the merchant's (the paid one first), expiry applied."""
        if trade_no:
            found = self.trades.get(trade_no)
            if found is not None:
                self.expire(found)
            return found
        trades = self.trades_of.get(out_trade_no, [])
        for trade in trades:
            self.expire(trade)
        return next((trade for trade in trades if trade.paid_fen), trades[0] if trades else None)

    def books(self, prefix: str = "") -> dict[str, object]:
        """The whole book in fen, or only the trades whose number begins with ``prefix``."""
        return {
            "trades": [_row(t) for t in self.trades.values() if t.out_trade_no.startswith(prefix)],
            "merchant_balance_fen": self.merchant_balance_fen,
            "fees_fen": self.fees_fen,
            "settled_fen": self.settled_fen,
            "float_fen": self.float_fen,
            "buyers_fen": dict(self.buyers),
            "offers": len(self.offers),
        }


def _row(trade: Trade) -> dict[str, object]:
    return {
        "order": order_prefix(trade.out_trade_no),
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no,
        "paid_at": trade.paid_at.isoformat() if trade.paid_at else None,
        "state": trade.state,
        "kind": trade.kind,
        "amount_fen": trade.amount_fen,
        "paid_fen": trade.paid_fen,
        "refunded_fen": trade.refunded_fen,
        "refunds": {number: refund.fen for number, refund in trade.refunds.items()},
        "payer": trade.payer,
        "settled": trade.settled,
        "notifies": {"sent": trade.notifies_sent, "acked": trade.notifies_acked},
    }
