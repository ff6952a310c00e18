"""What the staff pages show: plain data, no words. Personal data only masked; costs only where a right says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from mingzhang.web.model import OrderPage, TimelineItem
from mingzhang.web.model_refunds import TransferPlan


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A notice and what became of it (F16). ``state``: waiting, sending, retrying, sent, failed."""

    notice_id: str
    order_id: str
    template: str
    audience: str
    channel: str
    address_mask: str
    state: str
    attempts: int
    unsure: bool
    last_error: str
    queued_at: datetime
    due_at: datetime | None
    sent_at: datetime | None


class ClaimRow(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that a buyer showed, with what the buyer does not see: ``flag`` (other_order, unknown_order)."""

    claim_id: str
    order_id: str
    state: str
    number: str
    picture: bool
    flag: str
    said: str
    asked: int
    asked_at: datetime | None
    due_at: datetime | None
    deadline_at: datetime | None
    made_at: datetime
    answer: str
    answered_by: str


class SuspenseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money put aside (挂账): which, why, where, who is next and by when."""

    item_id: str
    order_id: str
    state: str
    cause: str
    channel: str
    amount_fen: int
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    for_order: str = ""


class MatchPreview(msgspec.Struct, frozen=True, kw_only=True):
    """An order that an item may be given to: what supports it (number, claim, payer), or why it cannot be.

    Price in fen; ``problem``: an error's code, empty when it may be proposed.
    """

    order_id: str
    title_zh: str = ""
    title_en: str = ""
    price_fen: int = 0
    state: str = ""
    supports: tuple[str, ...] = ()
    problem: str = ""


class ManualRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task by hand (人工充值). ``approval_id`` and what follows: a report that waits for the second person.

    ``given_back``: refunding or refunded, when the order's money goes back; nobody begins such work any more.
    """

    attempt_no: str
    order_id: str
    product: str
    quantity: int
    face_value_fen: int
    account_mask: str
    made_at: datetime
    deadline_at: datetime
    given_back: str = ""
    approval_id: str = ""
    reference: str = ""
    note: str = ""
    reported_by: str = ""
    may_confirm: bool = False
    may_withdraw: bool = False


class ApprovalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A money decision of two people. ``may_decide``: by the reader, now."""

    approval_id: str
    action: str
    amount_fen: int
    reason: str
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    expires_at: datetime
    may_decide: bool
    may_withdraw: bool


class MissedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline that passed: who let it, and who was next."""

    deadline_at: datetime
    late_actor: str
    next_actor: str


class SuspensePage(msgspec.Struct, frozen=True, kw_only=True):
    """One item put aside: whole trade, trail with its evidence, money by place (fen), missed deadlines, decisions.

    ``money``: decisions that may be proposed now; ``may_match``: it may be given to an order, ``match`` the one looked at.
    ``may_name``: no way back is left but a bank transfer; ``payee``: the account named last, masked; ``proof_sha256``: why.
    """

    row: SuspenseRow
    transaction_id: str
    payment_no: str
    trade_fen: int
    known_at: datetime
    trail: tuple[TimelineItem, ...]
    places: tuple[tuple[str, int], ...]
    missed: tuple[MissedRow, ...]
    approvals: tuple[ApprovalRow, ...]
    may_see_amounts: bool
    money: frozenset[str] = frozenset()
    may_match: bool = False
    match: MatchPreview | None = None
    may_name: bool = False
    may_reveal: bool = False
    payee: str = ""
    proof_sha256: str = ""


class StaffOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order as staff see it. ``may``: rights of the reader; ``money``: decisions that may be proposed now.

    ``may_ask_buyer``: nothing is at a supplier, so that the account can be handed back to its buyer (待您处理).
    """

    page: OrderPage
    state: str
    reason: str
    next_actor: str
    deadline_at: datetime | None
    notices: tuple[NoticeRow, ...]
    claims: tuple[ClaimRow, ...]
    suspense: tuple[SuspenseRow, ...]
    approvals: tuple[ApprovalRow, ...]
    may: frozenset[str]
    money: frozenset[str] = frozenset()
    may_ask_buyer: bool = False
    transfer: TransferPlan | None = None
    payee: str = ""


class SupplierRow(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier as it stands. ``n``: last words in the sample since ``since``; ``free_fen`` None: it never said."""

    name: str
    down_since: datetime | None
    n: int
    succeeded: int
    median_s: int | None
    since: datetime | None
    standing: str  # unknown | fine | low | stop
    free_fen: int | None
    runway_s: int | None
    known_at: datetime | None


class PauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the calendar; ``holds``: in force now."""

    pause_id: str
    scope: str
    name: str
    cause: str
    note: str
    starts_at: datetime
    ends_at: datetime | None
    made_by: str
    holds: bool


class RoutingRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a product chooses among its suppliers, the loss allowed on a unit, whether a refused buyer chooses (R35)."""

    product_id: str
    title_zh: str
    title_en: str
    route_mode: str
    allow_loss_fen: int
    offer_choice: bool
    suppliers: tuple[str, ...]


class SupplyBoard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the staff page about suppliers."""

    suppliers: tuple[SupplierRow, ...]
    pauses: tuple[PauseRow, ...]
    routing: tuple[RoutingRow, ...]


class StockLevelRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a stock product; ``cost_fen``: at purchase cost, None for whoever may not see costs."""

    product: str
    available: int
    endless: bool
    expired: int
    next_expiry: datetime | None
    low_at: int
    low: bool
    cost_fen: int | None = None


class StockBatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """One batch of cards."""

    batch_id: str
    product: str
    available: int
    cards: int
    skipped: int
    expires_at: datetime | None
    reusable: bool
    source: str
    added_by: str
    added_at: datetime
    cost_fen: int | None = None


class StockBinRow(msgspec.Struct, frozen=True, kw_only=True):
    """Cards of one batch in the recycle bin."""

    batch_id: str
    product: str
    cards: int
    reason: str
    by: str
    last_at: datetime


class StockFile(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file: looked at, or taken in (``batch_id``). Lines with enough of a code to find them, no more."""

    name: str
    lines: int
    fresh: int
    repeated_count: int = 0
    known_count: int = 0
    bad_count: int = 0
    listed: tuple[tuple[int, str], ...] = ()
    bad: tuple[tuple[int, str], ...] = ()
    batch_id: str = ""


class StockShown(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. ``may_change``: the reader may import, move and recycle. ``form``: what was typed before."""

    now: datetime
    levels: tuple[StockLevelRow, ...]
    batches: tuple[StockBatchRow, ...]
    bin: tuple[StockBinRow, ...]
    may_change: bool
    file: StockFile | None = None
    form: Mapping[str, str] = {}


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A payment channel: its entry in the register (R11, R42) and its figures over a sample since ``since`` (R10).

    ``registered`` false: nobody entered it. Fees: ppm of the amount and fen a payment; limits in fen, 0 for none;
    ``opened`` of ``openings``; ``paid`` of ``ended``; ``found`` of ``paid`` by asking alone; delays in milliseconds.
    """

    name: str
    down_since: datetime | None
    registered: bool
    rate_ppm: int
    fixed_fen: int
    settle_days: int
    min_fen: int
    max_fen: int
    day_fen: int
    taken_fen: int
    licensee: str
    licence_no: str
    valid_until: datetime | None
    source_url: str
    set_by: str
    set_at: datetime | None
    openings: int
    opened: int
    ended: int
    paid: int
    told: int
    delay_p50_ms: int | None
    delay_p99_ms: int | None
    found: int
    since: datetime | None


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """申请退款/补发 as staff see it before they open what the buyer wrote."""

    request_id: str
    order_id: str
    wish: str
    cause: str
    has_words: bool
    made_at: datetime
    deadline_at: datetime
