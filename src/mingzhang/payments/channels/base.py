"""The protocol every payment channel speaks (支付通道): open, query, close, refund, read a notify.

An adapter never decides what money does: it says what the channel said, and how sure that is. Every answer
carries the raw messages, so that the caller stores them as evidence. Adapters raise nothing for what the
outside does: a timeout, an HTTP 500 or a bad signature is an answer with ``outcome=unknown``.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

import msgspec

from mingzhang.evidence.messages import HttpMessage, Message, Reply, Standing
from mingzhang.kit.adapter import Given, KeyTerm

FROZEN: Final = "frozen"
"""The `TradeAnswer.code` of a paid trade that the channel froze: its money is there and may not be touched (row 21)."""


class Outcome(StrEnum):
    """How a call ended.

    ``not_sent``: proof that nothing reached the other side (connection refused), so the same call may be made
    again. ``unknown``: anything else without a verified answer; only a query resolves it.
    """

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


class TradeState(StrEnum):
    """A trade as the channel tells it. ``not_found`` is no proof that it can't be paid later (Alipay)."""

    PENDING = "pending"
    PAID = "paid"
    CLOSED = "closed"
    REFUNDED = "refunded"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class RefundState(StrEnum):
    """A refund as the channel tells it. ``arrived``: the channel has given the money back (渠道已退款)."""

    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to open. ``method``: ``qr`` (当面付), ``page``, ``wap``. ``payment_no``: ours, ≤ 32 characters.

    ``client_ip``: the buyer's address, for channels that ask for it; empty where it is not known.
    ``payer_id``: who pays, as the channel knows them (WeChat's openid), for ``jsapi``.
    """

    payment_no: str
    amount_fen: int
    subject: str
    method: str
    expires_at: datetime
    notify_url: str
    return_url: str = ""
    client_ip: str = ""
    payer_id: str = ""


class OpenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``url``: QR content for ``qr``, the address to send the buyer to for ``page`` and ``wap``.

    ``invoke``: signed parameters for the channel's own script on the buyer's page, for ``jsapi``.
    """

    outcome: Outcome
    url: str = ""
    invoke: Mapping[str, str] = {}
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class TradeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One trade's state. ``transaction_id``: the channel's own number (交易号). Amounts in fen.

    ``buyer_mask``: the payer as the channel masks it (for example ``138****1234``), or empty.
    ``payer``: the payer as the channel names them for ever, for counting by its keyed hash only; never stored.
    ``payment_no``: our number as the channel has it, where the question was not asked by it.
    """

    state: TradeState
    outcome: Outcome = Outcome.OK
    payment_no: str = ""
    transaction_id: str = ""
    amount_fen: int = 0
    refunded_fen: int = 0
    paid_at: datetime | None = None
    buyer_mask: str = ""
    payer: str = ""
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class TradesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the channel's own list, newest first; ``trades`` carry no messages of their own."""

    outcome: Outcome
    trades: tuple[TradeAnswer, ...] = ()
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class CloseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``ok``: closed. ``refused`` carries the channel's reason in ``code``."""

    outcome: Outcome
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``refund_no``: the channel's idempotency key (``out_request_no``), fixed before the first call."""

    payment_no: str
    transaction_id: str
    refund_no: str
    amount_fen: int
    total_fen: int
    reason: str


# Codes of an accepted refund that ends only when a person sends the money elsewhere (WeChat's 退款异常).
REFUND_NEEDS_PERSON: Final = frozenset({"ABNORMAL"})


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One refund's state; ``destination``: where the channel says the money goes, masked."""

    state: RefundState
    outcome: Outcome = Outcome.OK
    amount_fen: int = 0
    destination: str = ""
    reference: str = ""
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class Notify(msgspec.Struct, frozen=True, kw_only=True):
    """What a notify says, once read.

    ``message.standing`` tells whether it may be believed; ``hint`` and ``forged`` ones move nothing.
    ``payment_no`` may name an order that is not ours. ``state`` REFUNDED: also a refund-shaped success.
    ``refund_no``, ``refund_state``: the one refund it tells of, where the channel says which.
    """

    message: Message
    payment_no: str = ""
    state: TradeState = TradeState.UNKNOWN
    transaction_id: str = ""
    amount_fen: int = 0
    refunded_fen: int = 0
    paid_at: datetime | None = None
    buyer_mask: str = ""
    payer: str = ""
    refusal: str = ""
    refund_no: str = ""
    refund_state: RefundState = RefundState.UNKNOWN


class Channel(Protocol):
    """One payment channel. ``name`` is the party in ledger and evidence (for example ``alipay``).

    ``methods``: the ways to pay that it can open; ``payer_methods``: those that need ``payer_id``. An adapter may name
    ``signed_methods``, too: those for which `open` only signs an address and asks nobody, so that there is no outcome
    to wait for between intent and opening.
    """

    name: str
    methods: frozenset[str]
    payer_methods: frozenset[str]

    async def open(self, request: PaymentRequest) -> OpenAnswer:
        """Create the trade at the channel, or sign the address that will create it."""
        ...

    async def query(self, payment_no: str) -> TradeAnswer:
        """Ask for one trade by our number: the only way to know (R4)."""
        ...

    async def close(self, payment_no: str) -> CloseAnswer:
        """Ask the channel to close an unpaid trade. A buyer may still pay afterwards."""
        ...

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Give money back by the original path. The same ``refund_no`` never refunds twice."""
        ...

    async def query_refund(self, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        """Ask for one refund by our number (F14). `transaction_id`: which trade, where a number has two."""
        ...

    def read_notify(self, http: HttpMessage) -> Notify:
        """Verify signature, app and seller and say what the notify claims. Pure; never raises."""
        ...

    def acknowledge(self, accepted: bool) -> Reply:
        """The channel's own positive or negative answer."""
        ...

    async def aclose(self) -> None:
        """Free connections."""
        ...


@runtime_checkable
class AsksByTransaction(Protocol):
    """A channel that can be asked by its own number (交易号): for claims, and for a further payment on one number."""

    async def query_transaction(self, transaction_id: str) -> TradeAnswer:
        """Ask for one trade by the channel's number; the answer's ``payment_no`` says whose it is."""
        ...


@runtime_checkable
class ListsTrades(Protocol):
    """A channel with a list of its own: for the day-end pass (R10)."""

    async def list_trades(self, offset: int, limit: int) -> TradesAnswer:
        """Paid trades, newest first; fewer than `limit` rows means the end of the list."""
        ...


@runtime_checkable
class RefundsWhole(Protocol):
    """A channel that says whether it gives back whole amounts only (epay: no refund number on the wire, F14)."""

    refunds_whole_only: bool


class BillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A day's bill (账单) as the channel gave it, raw. ``ok`` with no content: the channel says that it has none.

    ``standing``: how far the bytes may be believed; ``messages`` hold what led to them, not the file itself.
    """

    outcome: Outcome
    name: str = ""
    content: bytes = b""
    standing: Standing = Standing.ANSWER
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


BILL_BYTES_MAX: Final = 128 * 1024 * 1024
"""A bill longer than this, as it travels, is no answer."""


@runtime_checkable
class HasBills(Protocol):
    """A channel whose bills can be fetched, for reconciliation (R11)."""

    async def fetch_bill(self, kind: str, day: date) -> BillAnswer:
        """One Beijing day's bill of a kind that the channel names; not ready yet: ``unknown``."""
        ...


@runtime_checkable
class HasKeyTerms(Protocol):
    """A channel whose keys or certificates end: the worker looks once a day and tells the shop in time."""

    def key_terms(self) -> tuple[KeyTerm, ...]:
        """Every key in force that has an end; pure."""
        ...


@runtime_checkable
class RefreshesKeys(Protocol):
    """A channel that fetches the keys of the other side: asked about once a minute, and bounds itself."""

    async def refresh_keys(self) -> None:
        """Fetch when it is time to; raises nothing for what the outside does."""
        ...


class ChannelFactory(Protocol):
    """What an entry point of the group ``mingzhang.channels`` names."""

    def __call__(self, given: Given) -> Channel | None:
        """The channel, or None when its settings do not turn it on. Raises Problem when they are wrong."""
        ...
