"""What the staff page of channels' complaints shows, as plain data."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ActLine(msgspec.Struct, frozen=True, kw_only=True):
    """Something that we did there. ``seen``: it stands in the channel's negotiation, so the buyer can read it."""

    act: str
    state: str
    at: datetime
    tried: int
    code: str
    seen: bool


class ComplaintCard(msgspec.Struct, frozen=True, kw_only=True):
    """One complaint. ``state``: as the channel has it; ``first_by``, ``solved_by``: the channel's clocks;
    ``answered_at``: when our first reply stood there; ``lines``: how many lines its negotiation has.
    """

    channel: str
    complaint_no: str
    state: str
    wish: str
    amount_fen: int
    asked_fen: int
    payment_no: str
    transaction_id: str
    phone_mask: str
    order_id: str
    dispute_id: str
    case_state: str
    bound_by: str
    made_at: datetime | None
    first_by: datetime | None
    solved_by: datetime | None
    answered_at: datetime | None
    read_at: datetime | None
    waits: bool
    refunded: bool
    over: bool
    lines: int
    code: str
    acts: tuple[ActLine, ...]


class OpenedWords(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened for a person's eyes, on record: the complaint's negotiation and the complainant's number."""

    complaint_no: str = ""
    phone: str = ""
    words: tuple[tuple[str, datetime, str, int], ...] = ()
