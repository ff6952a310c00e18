"""What pages and API show: plain data, no words. Templates turn codes into words through gettext.

Everything the buyer may read is here and nothing else: no cost, no fee, no margin (ledger.md, "What the
buyer is shown"). Times are UTC-aware; amounts are integer fen.
"""

from datetime import datetime

import msgspec

from mingzhang.catalogue.fields import AccountField
from mingzhang.web.model_shop import Choice, ClosedNote, DisputeLine, Named, SourceNote


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """The one sentence on top: who holds how much, who acts next, by when (R47).

    ``code`` (closed): awaiting_payment, confirming_payment, paid_waiting_dispatch, sent_to_supplier,
    supplier_processing, confirming_result, choose_refund_or_wait, delivered, refund_asked, refund_processing,
    refund_arrived, partly_refund_asked, partly_refund_processing, partly_refund_arrived, part_refund_asked,
    part_refund_processing, part_refund_arrived, waiting_prefund,
    waiting_supplier, closed_unpaid, needs_person, needs_buyer, money_in_doubt, transfer_asked, transfer_processing,
    transfer_arrived, payee_needed, payee_named, choose_remedy.
    ``place`` is a ledger place (``channel``, ``supplier.reserved`` …), ``party`` the channel's or supplier's
    name.
    """

    code: str
    amount_fen: int
    place: str = ""
    party: str = ""
    next_actor: str = ""  # shop | buyer | channel | supplier | person | ""
    due_at: datetime | None = None  # next thing that happens
    deadline_at: datetime | None = None  # latest


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the bar. ``code``: paid, sent, processing, arrived (cards: paid, fetching, issued); a
    refund branch adds refused, refunding, refunded. ``state``: done, now, todo, failed."""

    code: str
    state: str
    at: datetime | None = None


class MoneyPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of P at one place. The parts sum to P once it is paid."""

    place: str
    party: str
    amount_fen: int
    proof: str = ""  # SHA-256 (hex) of the evidence of the last hop
    since: datetime | None = None


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One move of the buyer's money: from a place (empty: from the buyer) to a place, its time and the evidence for it.

    ``witness``: whose word it is; ``standing``: how that word was checked.
    """

    from_place: str
    from_party: str
    place: str
    party: str
    amount_fen: int
    at: datetime
    proof: str = ""  # SHA-256 (hex)
    witness: str = ""
    standing: str = ""


class EstimateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What we expected first, what we expect now, and why. ``kind``: span (seconds in which nine of ten arrive) or
    until (a promised moment). ``why``: slower, faster, rerouted, chose_wait, corrected, resupplied.
    """

    kind: str
    why: str
    old_s: float = 0
    new_s: float = 0
    old_at: datetime | None = None
    new_at: datetime | None = None
    old_n: int = 0
    new_n: int = 0


class RequestPanel(msgspec.Struct, frozen=True, kw_only=True):
    """申请退款/补发: what the buyer asked of the shop, and its answer. ``wish``: refund, resupply, other; ``answer``:
    refund, resupply, declined, handled, or nothing yet.
    """

    request_id: str
    wish: str
    cause: str
    state: str  # open | answered
    made_at: datetime
    deadline_at: datetime
    answer: str = ""
    answer_text: str = ""
    answered_at: datetime | None = None


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline; ``kind`` is an event kind of the vocabulary, ``params`` its allow-listed
    values: channel, supplier, amount_fen, reason, account (masked)."""

    seq: int
    kind: str
    at: datetime
    params: dict[str, str]
    feedback: dict[str, str] = {}  # the supplier's own words, allow-listed (R40)
    evidence_sha256: str = ""
    evidence_party: str = ""
    evidence_standing: str = ""
    asked: bool = False  # the channel said so when asked, before any message of its own came
    known_at: datetime | None = None


class Uncertainty(msgspec.Struct, frozen=True, kw_only=True):
    """While an answer is missing: when we asked, when we ask again, from when the buyer may choose."""

    asked_whom: str  # channel or supplier name
    asked_at: datetime | None
    next_ask_at: datetime | None
    deadline_at: datetime | None
    may_choose: bool


class PaymentPanel(msgspec.Struct, frozen=True, kw_only=True):
    """The payment in front of the buyer. ``url`` is QR content (``qr``) or an address to go to.

    ``invoke``: signed parameters for the channel's own script (``jsapi``), only in answer to the opening.
    """

    payment_no: str
    channel: str
    method: str
    state: str  # intent | open | paid | closed | failed | contradicted
    url: str
    expires_at: datetime
    transaction_id: str = ""
    invoke: dict[str, str] = {}


class RefundPanel(msgspec.Struct, frozen=True, kw_only=True):
    """A refund followed to arrival. ``steps``: asked, accepted, arrived, transfer_asked, transfer_accepted,
    transfer_arrived. ``way``: channel or transfer. ``reference`` is quoted to the
    bank. ``arranged``: whether the holidays until ``promised_at`` are known."""

    refund_no: str
    channel: str
    amount_fen: int
    state: str  # ready | sending | unknown | accepted | arrived | refused | waiting_float | returned
    cause: str  # reason code
    steps: tuple[Step, ...]
    destination: str
    reference: str
    promised_at: datetime
    arranged: bool = True
    way: str = "channel"


class PayeePanel(msgspec.Struct, frozen=True, kw_only=True):
    """The buyer may name an account, because a refund cannot go back the way it came. ``mask``: what they named last, if it
    can still be used; ``returned``: the bank sent back what went to the last one.
    """

    mask: str = ""
    given_at: datetime | None = None
    returned: bool = False


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An order's state in short. ``holder``: the place where the money is; ``seq``: number of the newest event."""

    order_id: str
    state: str
    reason: str
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    seq: int
    final: bool


class ClaimPanel(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that the buyer showed us (已付款,订单未更新). ``said``: what the channel answered last: not_paid,
    unknown (no answer), paid, or nothing yet. ``answer``: what a member of staff answered: no_payment,
    back_at_bank, handled, or nothing.
    """

    claim_id: str
    state: str  # asking | waiting | person | found | answered
    number: str
    picture: bool
    said: str
    asked: int
    asked_at: datetime | None
    next_ask_at: datetime | None
    deadline_at: datetime | None
    made_at: datetime
    answer: str


class CorrectionPanel(msgspec.Struct, frozen=True, kw_only=True):
    """待您处理 (R19): the account is wrong or incomplete, and its buyer may correct it until ``deadline_at``.

    ``tries_left``: how many corrections are left, this one included.
    """

    reason: str
    deadline_at: datetime | None
    tries_left: int


class AsidePanel(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came beside the order's price and was put aside (待核实款项). ``cause``: a reason code."""

    channel: str
    amount_fen: int
    state: str  # open | refunding | refunded
    next_actor: str
    cause: str
    transaction_id: str
    deadline_at: datetime | None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the order page shows. ``pay_badge``: awaiting, confirming, paid, closed, refunding,
    partly_refunded, refunded. ``supply_badge``: none, sent, processing, arrived, partly_arrived, refused,
    confirming, needs_you."""

    order_id: str
    title_zh: str
    title_en: str
    kind: str  # direct | mobile | card
    quantity: int
    price_fen: int
    face_value_fen: int
    account_mask: str
    contact_mask: str
    placed_at: datetime
    expires_at: datetime
    pay_badge: str
    supply_badge: str
    reason: str  # supplier's refusal in our vocabulary, or ""
    reason_text: str  # the supplier's own words
    reason_party: str = ""  # where the cause lies (kit/vocabulary.py): buyer, shop, supplier, channel
    reason_then: str = ""  # what happens next, as a code of the vocabulary
    sentence: Sentence
    bar: tuple[Step, ...]
    money: tuple[MoneyPart, ...]
    timeline: tuple[TimelineItem, ...]
    numbers: tuple[tuple[str, str], ...]  # (kind, value): every number a person may quote
    payment: PaymentPanel | None
    uncertainty: Uncertainty | None
    refund: RefundPanel | None
    serial: str  # 运营商流水号
    cards: tuple[tuple[str, str], ...]
    claims: tuple[ClaimPanel, ...] = ()  # newest first
    actions: tuple[
        str, ...
    ]  # pay, cancel?, check_payment (已付款,订单未更新), choose_refund, keep_waiting, change_account, request
    promise_s: int
    typical_p50_s: float | None
    typical_p90_s: float | None
    typical_n: int
    rule_version: int
    final: bool
    seq: int
    now: datetime
    aside: tuple[AsidePanel, ...] = ()
    correction: CorrectionPanel | None = None
    hops: tuple[Hop, ...] = ()
    requests: tuple[RequestPanel, ...] = ()  # newest first
    changes: tuple[EstimateChange, ...] = ()
    supplied_by: str = ""
    payee: PayeePanel | None = None
    choose_until: datetime | None = None  # 退款 or 补发 (R35): until then the buyer may choose
    earlier_refunds: tuple[RefundPanel, ...] = ()  # those before `refund`, newest first
    disputes: tuple[DisputeLine, ...] = ()  # newest first
    ahead: str = ""  # R27: open (the buyer may prove the contact), done (it goes ahead of new orders)


class ProductCard(msgspec.Struct, frozen=True, kw_only=True):
    """One product as its page shows it. `account_template`: phone_cn, qq, steam64, game_id, email, region_server,
    supplier or none; `fields`: what is really asked for, in order.
    """

    product_id: str
    kind: str
    title_zh: str
    title_en: str
    face_value_fen: int
    price_fen: int
    max_quantity: int
    account_template: str
    promise_s: int
    typical_p50_s: float | None = None
    typical_n: int = 0
    closed: ClosedNote | None = None  # 暂停销售: no order is taken now
    planned: ClosedNote | None = None  # a maintenance to come
    promise_from_s: int = 0
    min_quantity: int = 1
    step_quantity: int = 1
    tiers: tuple[tuple[int, int], ...] = ()  # (from that many, fen for one)
    fields: tuple[AccountField, ...] = ()
    double_entry: bool = False
    official: str = ""
    large_fen: int = 0  # from here on the official channel is named; 0: never
    family_zh: str = ""
    family_en: str = ""
    choices: tuple[Choice, ...] = ()
    crumbs: tuple[Named, ...] = ()
    description_zh: str = ""
    description_en: str = ""
    notice_zh: str = ""
    notice_en: str = ""
    picture: str = ""
    sources: tuple[SourceNote, ...] = ()

    @property
    def slow(self) -> bool:
        """慢充: told before paying."""
        return self.promise_s >= 86_400

    def total_fen(self, quantity: int) -> int:
        """What that many cost."""
        reached = [price for many, price in self.tiers if many <= quantity]
        return (reached[-1] if reached else self.price_fen) * quantity

    def is_large(self, quantity: int) -> bool:
        """Whether the hint to the official channel is due (R46)."""
        return 0 < self.large_fen <= self.total_fen(quantity)


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the staff work list: whatever waits for a person or is past its time."""

    subject: str
    kind: str  # order | refund | suspense | claim | request | dispute | notice
    state: str
    reason: str
    amount_fen: int
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    actions: tuple[str, ...]  # ask_channel, ask_supplier, ask_refund, ask_claim
    order_id: str = ""  # whose page to open


class ShopInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The shop as every page shows it. ``support``: how to reach a person, in words. ``demo_speed``: how many
    times faster than the wall clock, None outside a demo. ``ways``: channel.method pairs
    offered to this buyer; ``channels_down``: those that answer no more. ``custody`` false: 商家自有账户（未存管）.
    ``look``: the version of the shop's own colour, 0 for ours; ``logo``: its hash, or empty.
    """

    name: str = "明账演示店"
    name_en: str = ""
    look: int = 0
    logo: str = ""
    notice_zh: str = ""
    notice_en: str = ""
    support_url: str = ""
    address: str = ""
    licence: str = ""
    icp: str = ""
    demo_speed: float | None = None
    support: str = ""
    custody: bool = False
    ways: tuple[str, ...] = ("alipay.qr", "alipay.page")
    channels_down: tuple[str, ...] = ()
    closes_at: datetime | None = (
        None  # the shop winds down: until then it stands on every page (电子商务法 16)
    )
    device: str = "desktop"  # desktop | phone | wechat, by what the reader's browser says

    def called(self, lang: str) -> str:
        """Its name in the reader's language."""
        return (lang == "en" and self.name_en) or self.name


class DemoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of ``/demo``: what the latest audit found. ``findings`` are its lines, for people."""

    orders: int
    missing_fen: int
    checked_at: datetime | None
    ok: bool
    findings: tuple[str, ...] = ()


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One place of the ledger beside the same place in the other party's own books (invariant 4).

    ``theirs_fen`` None: that party did not answer, which is shown as such and never as zero."""

    place: str
    party: str
    ours_fen: int
    theirs_fen: int | None
