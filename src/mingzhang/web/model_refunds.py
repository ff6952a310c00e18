"""What staff read of refunds: what one would move, and how old those under way are."""

from __future__ import annotations

from datetime import datetime

import msgspec


class MovedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a posting changes at one place, in fen: the order's own money, the shop's (float and its claims)."""

    place: str
    party: str
    order_fen: int
    shop_fen: int


class RefundPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that nobody has proposed yet. ``refusal``: a problem's code, or why it would wait (``float_short``)."""

    amount_fen: int
    left_fen: int
    channel: str
    moves: tuple[MovedRow, ...] = ()
    refusal: str = ""


class TransferPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A refund by bank transfer that may be proposed (row 17). ``to``: the payee, masked; ``original``, ``code``: the refund
    that the channel refused, and its word; ``waits``: custody could not carry it now.
    """

    amount_fen: int
    to: str
    original: str
    code: str
    proof_sha256: str
    waits: bool


class AgedRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund at no end. ``workdays``: working days since it was planned; ``late``: past what was promised."""

    refund_no: str
    order_id: str
    channel: str
    amount_fen: int
    state: str
    next_actor: str
    planned_at: datetime
    promised_at: datetime
    deadline_at: datetime | None
    workdays: int
    late: bool
    way: str = "channel"
    destination: str = ""


class AgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket of ages. ``age``: 0, 1, 2, 3 working days, late, float (waits for money), person."""

    age: str
    n: int
    amount_fen: int


class Ageing(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds under way by age. ``rows``: those of ``age``, or all; ``more``: there are more than were read;
    ``arranged``: the holidays up to the last promise are known.
    """

    ages: tuple[AgeRow, ...]
    rows: tuple[AgedRefund, ...]
    age: str = ""
    more: bool = False
    arranged: bool = True
