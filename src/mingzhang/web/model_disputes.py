"""What pages of disputes show: plain data, nothing sealed."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mingzhang.web.model_shop import DisputeLine
from mingzhang.web.model_staff import ApprovalRow


class DisputeWord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the conversation. ``kind``: text, or what happened; ``text`` is None where the reader may not see it."""

    n: int
    at: datetime
    speaker: str
    kind: str
    text: str | None
    name: str = ""
    remedy: str = ""
    amount_fen: int = 0
    stage: str = ""
    outcome: str = ""
    files: tuple[str, ...] = ()


class DisputeTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A term and what became of it: kept, missed, runs, paused, or over (it ended before)."""

    stage: str
    by: datetime
    state: str


class DisputePage(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute with its conversation. ``may``: what its reader can do now (say, accept, refuse, withdraw, arrived,
    reopen; staff: say, ask, decline, solve). ``refundable_fen``: staff: what could be given back now; ``at_risk``: while the
    supplier is unknown; ``role``: whose list it is on.
    """

    line: DisputeLine
    source: str
    channel: str
    complaint_no: str
    words: tuple[DisputeWord, ...]
    terms: tuple[DisputeTerm, ...]
    may: frozenset[str]
    held: bool
    pauses_left: int
    title_zh: str
    title_en: str
    price_fen: int
    now: datetime
    role: str = ""
    refundable_fen: int = 0
    at_risk: bool = False
    may_resupply: bool = False
    approvals: tuple[ApprovalRow, ...] = ()


class DisputesPage(msgspec.Struct, frozen=True, kw_only=True):
    """An order's disputes, and which kinds may be opened now."""

    order_id: str
    title_zh: str
    title_en: str
    price_fen: int
    kinds: tuple[str, ...]
    lines: tuple[DisputeLine, ...]
    now: datetime
