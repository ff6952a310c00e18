"""What the pages of reconciliation show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from mingzhang.web.model_staff import ApprovalRow


class BreakLine(msgspec.Struct, frozen=True, kw_only=True):
    """One difference in a list. ``day``: as text; amounts in fen."""

    break_id: str
    source: str
    party: str
    day: str
    cls: str
    kind: str
    our_no: str
    their_no: str
    stake_fen: int
    subject: str
    state: str
    said: str
    resolution: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None
    found_at: datetime


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one day of one source stands."""

    source: str
    party: str
    day: str
    state: str
    code: str
    agreed: int
    lines: int
    due_at: datetime | None
    deadline_at: datetime | None
    judged_at: datetime | None


class BreaksPage(msgspec.Struct, frozen=True, kw_only=True):
    """The list of differences with its filter, the last days, and which days have a closing report."""

    rows: tuple[BreakLine, ...]
    more: bool
    days: tuple[DayLine, ...]
    open_n: int
    open_fen: int
    source: str
    cls: str
    state: str
    day: str
    ended: bool
    page: int
    age: str = ""
    reports: tuple[str, ...] = ()


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a difference. ``raw``: the line as it stands in the file; ``position``: which one."""

    fields: Mapping[str, str]
    raw: str = ""
    position: int = 0
    name: str = ""
    sha256: str = ""
    evidence_id: str = ""


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a difference."""

    kind: str
    at: datetime
    who: str
    params: Mapping[str, str]


class BreakPage(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``ways``: how this person may propose to end it."""

    line: BreakLine
    theirs: Side | None
    ours: Side | None
    history: tuple[HistoryLine, ...]
    approvals: tuple[ApprovalRow, ...]
    ways: tuple[str, ...]
    may_ask: bool
