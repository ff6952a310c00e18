"""The protocol every supplier speaks (上游供应商): submit, query, balance, read a callback.

Three outcomes matter: success, refusal with a reason code, and unknown. ``unknown`` is a state and not a
failure: ask again by the same number, never send again or route elsewhere (wire.md, the rule of the head).
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

import msgspec

from mingzhang.evidence.messages import HttpMessage, Message, Reply
from mingzhang.kit.adapter import Given


class SupplyState(StrEnum):
    """What the supplier says of one attempt.

    ``refused`` only on a positive refusal. ``not_found`` is no proof (it may be found later).
    ``not_sent``: the connection was never made, so the same number may be sent again.
    ``reversed``: taken back after success (F19).
    """

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    REVERSED = "reversed"


class Reason(StrEnum):
    """Why a supplier refused, in the product's own words (R21-R23): its part of `kit/vocabulary.py`.

    Adapters map their codes to these; a refusal with a code that is not listed is SUPPLIER_ERROR, its raw code kept.
    """

    ACCOUNT_BANNED = "account_banned"
    VELOCITY = "velocity"
    WRONG_ACCOUNT = "wrong_account"
    ACCOUNT_INCOMPLETE = "account_incomplete"
    WRONG_REGION = "wrong_region"
    NUMBER_SUSPENDED = "number_suspended"
    STOCK_OUT = "stock_out"
    OFF_SALE = "off_sale"
    MAINTENANCE = "maintenance"
    PRICE_CHANGED = "price_changed"
    PREFUND_SHORT = "prefund_short"
    DUPLICATE = "duplicate"
    GIVEN_BACK = "given_back"  # our own work, stopped because the order's money went back
    SUPPLIER_ERROR = "supplier_error"


class GoodsKind(StrEnum):
    """直充 direct (an account is topped up), 话费 mobile (a phone number), 卡密 card (codes)."""

    DIRECT = "direct"
    MOBILE = "mobile"
    CARD = "card"


class SupplyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to buy. ``attempt_no``: unique for ever (R5). ``safe_cost_fen``: the most we will pay in all.

    ``fields``: what the product asks for besides the account, under the supplier's keys (region, server, …).
    """

    attempt_no: str
    kind: GoodsKind
    supplier_product: str
    quantity: int
    account: str
    face_value_fen: int
    safe_cost_fen: int
    fields: tuple[tuple[str, str], ...] = ()


class Card(msgspec.Struct, frozen=True):
    """One 卡密: number and password as bought. Never logged; encrypted before it is stored."""

    number: str
    password: str


class SupplyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's state. ``cost_fen``: charged in all, when it says. ``serial``: 运营商流水号.

    ``credited_fen``: how much of the charge came back, when it says; a part of it tells of row 10 or a loss.
    ``units``: how many units came, when fewer than ordered (部分到账); ``cost_fen`` is then their cost alone.
    ``feedback``: the supplier's own words, allow-listed fields only (R40), safe to show to the buyer.
    """

    state: SupplyState
    reason: Reason | None = None
    code: str = ""
    text: str = ""
    supplier_order_id: str = ""
    cost_fen: int | None = None
    credited_fen: int | None = None
    units: int | None = None
    serial: str = ""
    cards: tuple[Card, ...] = ()
    finished_at: datetime | None = None
    feedback: dict[str, str] = {}
    messages: tuple[Message, ...] = ()


class BalanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The prefund (预存款) that is free to spend. ``known`` false: the supplier did not answer."""

    known: bool
    free_fen: int = 0
    messages: tuple[Message, ...] = ()


# The methods of a callback; what comes by another is forged, and gets the supplier's own negative answer.
TOLD_BY: Final = frozenset({"GET", "POST"})


class CallbackHint(msgspec.Struct, frozen=True, kw_only=True):
    """What a supplier callback seems to say: which attempt to ask about. It never settles anything."""

    message: Message
    attempt_no: str = ""


@runtime_checkable
class CountsStock(Protocol):
    """A supplier that knows how many it can still deliver (own card stock)."""

    async def left(self, supplier_product: str) -> int | None:
        """How many, as of the last second; None: without end, or not known now."""
        ...


@runtime_checkable
class OwnTable(Protocol):
    """A supplier inside our own database (card stock, work by hand), where a number is taken once for ever.

    Its ``not_sent`` to a question is proof, also of a number whose outcome was unknown: that may go out again.
    """

    own_table: bool


@runtime_checkable
class Stops(Protocol):
    """An own table that can end what nobody has finished: the order's money goes back another way (row 20)."""

    async def stop(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """End it unless it has ended; says how it ended."""
        ...


class Supplier(Protocol):
    """One supplier. ``name`` is the party in ledger and evidence (for example ``fulu``)."""

    name: str

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Send one order under its fixed number."""
        ...

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """Ask for one order by our number. ``quantity``: units bought; fewer cards are no success."""
        ...

    async def balance(self) -> BalanceAnswer:
        """Ask for the prefund."""
        ...

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """Read a callback as a hint. Pure; never raises."""
        ...

    def acknowledge(self, accepted: bool) -> Reply:
        """The supplier's own positive or negative answer."""
        ...

    async def aclose(self) -> None:
        """Free connections."""
        ...


class SupplierFactory(Protocol):
    """What an entry point of the group ``mingzhang.suppliers`` names."""

    def __call__(self, given: Given) -> Supplier | None:
        """The supplier, or None when its settings do not turn it on. Raises Problem when they are wrong."""
        ...
