"""What the shop front shows: plain data, no words; see `model.py`."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ClosedNote(msgspec.Struct, frozen=True, kw_only=True):
    """Why a product is not sold, or will not be, and when (R20). ``why``: maintenance, paused, supplier_down, prefund.

    ``note``: the shop's own words. ``until`` None: not known."""

    why: str
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A thing with a title in both languages and an id: a category, a variant."""

    id: str
    title_zh: str
    title_en: str


class SourceNote(msgspec.Struct, frozen=True, kw_only=True):
    """Who would supply a product and how it did lately: `n` last words, of them `succeeded`. `state`: fine, down, paused.

    Nothing of cost or balance. `since`: when the sample begins.
    """

    party: str
    state: str
    n: int = 0
    succeeded: int = 0
    median_s: int | None = None
    since: datetime | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One variant (规格) to choose, with its price of one unit."""

    product_id: str
    title_zh: str
    title_en: str
    price_fen: int


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One card of the front: a product, or a family with its variants. Spans in seconds."""

    product_id: str  # the first variant
    kind: str
    title_zh: str
    title_en: str
    price_fen: int  # the least
    face_value_fen: int
    promise_s: int
    promise_from_s: int
    picture: str
    choices: tuple[Choice, ...] = ()
    typical_p50_s: float | None = None
    typical_n: int = 0
    closed: ClosedNote | None = None  # 暂停销售: none of it is sold now

    @property
    def slow(self) -> bool:
        """慢充."""
        return self.promise_s >= 86_400


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """The front: `top` and `sub` are the categories of both levels, `at` the path to where the reader is."""

    items: tuple[Shown, ...]
    top: tuple[Named, ...] = ()
    sub: tuple[Named, ...] = ()
    at: tuple[Named, ...] = ()
    query: str = ""
    page: int = 1
    pages: int = 1
    found: int = 0


class MyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One line of 我的订单, as the order's own row has it."""

    order_id: str
    title_zh: str
    title_en: str
    kind: str
    quantity: int
    price_fen: int
    state: str
    next_actor: str
    deadline_at: datetime | None
    account_mask: str
    placed_at: datetime


class DisputeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute in one line. ``number``: its count in the order; ``turn``: your_turn, theirs, outside or closed, as its
    reader stands to it; ``term``: which of the shop's terms runs (first, solution, final, outside), or nothing;
    ``paused``: the buyer's own action is pending.
    """

    dispute_id: str
    order_id: str
    number: int
    kind: str
    state: str
    turn: str
    wish: str
    opened_at: datetime
    deadline_at: datetime | None
    term: str = ""
    paused: bool = False
    outcome: str = ""
    remedy: str = ""
    amount_fen: int = 0
    missed: tuple[str, ...] = ()
