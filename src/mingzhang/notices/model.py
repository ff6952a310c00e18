"""What crosses the slice's border: wishes, destinations, and what became of a notice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

import asyncpg
import msgspec

from mingzhang.kit.clock import Clock
from mingzhang.kit.vault import Vault
from mingzhang.notices.couriers.base import Courier


class Template(StrEnum):
    """Which notice; whom it goes to stands in `templates.AUDIENCES`."""

    PAID = "paid"
    DELIVERED = "delivered"
    REFUSED = "refused"
    REFUNDED = "refunded"
    CHOICE_OPEN = "choice_open"
    NEEDS_BUYER = "needs_buyer"
    NEEDS_PERSON = "needs_person"
    PAYEE_NEEDED = "payee_needed"
    REMEDY_CHOICE = "remedy_choice"
    PREFUND_LOW = "prefund_low"
    PREFUND_STOP = "prefund_stop"
    KEY_ENDS = "key_ends"
    STOCK_LOW = "stock_low"
    COVERAGE_SHORT = "coverage_short"
    LICENCE_ENDS = "licence_ends"
    SIGN_IN_CODE = "sign_in_code"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_ANSWERED = "dispute_answered"
    DISPUTE_PRESSES = "dispute_presses"
    DISPUTE_SETTLED = "dispute_settled"
    WIND_DOWN = "wind_down"
    WEBHOOK_DEAD = "webhook_dead"
    WEBHOOK = "webhook"


class Audience(StrEnum):
    """Who is told. Buyers are reached at their order's contact, the others at fixed addresses; `webhook`: programs."""

    BUYER = "buyer"
    SHOP = "shop"
    STAFF = "staff"
    WEBHOOK = "webhook"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice says: never an account, a card code, a cost. `amount_fen` in fen; `reason` is a code;
    `until`: the promised time, aware UTC; `place`: where the money is, as in the ledger. `sealed`: a one-time code, sealed
    (hex); only the letter itself has it in clear. `event`, `seq`, `at`, `state`: the event itself, for webhooks. `page`: the
    order whose page a letter leads to, where it tells of no order.
    """

    order_id: str
    title_zh: str = ""
    title_en: str = ""
    amount_fen: int = 0
    reason: str = ""
    place: str = ""
    until: datetime | None = None
    sealed: str = ""
    page: str = ""
    event: str = ""
    seq: int = 0
    at: datetime | None = None
    state: str = ""


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """The buyer's contact as the order stores it: sealed, masked, fingerprinted; `language` is "zh" or "en"."""

    contact_enc: bytes
    contact_mask: str
    contact_hash: bytes
    language: str = "zh"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A destination from the settings. For buyers `address` is empty: the route only opens the channel.
    ``topics``: templates that it is told of; empty: all.
    """

    route_id: str
    audience: Audience
    channel: str
    address: str = ""
    language: str = "zh"
    topics: tuple[str, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice as stored, without the address but its mask. States: see `states.py`."""

    bucket: int
    notice_id: str
    subject: str
    key: str
    template: str
    audience: str
    channel: str
    address_mask: str
    language: str
    state: str
    attempts: int
    unsure: bool
    last_error: str
    evidence_id: str
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime
    queued_at: datetime
    attempted_at: datetime | None
    sent_at: datetime | None


def _same(_table: str, code: str, _language: str) -> str:
    return code


def _no_crash(point: str) -> None:
    """Outside of crash tests nothing happens at the named points."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """Everything the sending of notices needs. `name_now(language)`: the shop's name as it is set
    now, empty for none; `words(table, code, language)` puts codes into words (tables
    "reason" and "place"); `lease_s` (real seconds) must be longer than any courier's call.
    """

    pool: asyncpg.Pool
    clock: Clock
    rng: Random
    vault: Vault
    couriers: Mapping[str, Courier]
    base_url: str
    shop_name: str
    worker_name: str
    lease_s: float = 60.0
    words: Callable[[str, str, str], str] = field(default=_same)
    crash_point: Callable[[str], None] = field(default=_no_crash)
    name_now: Callable[[str], Awaitable[str]] | None = None

    async def name(self, language: str) -> str:
        """What the shop is called."""
        return (await self.name_now(language) if self.name_now else "") or self.shop_name

    def now(self) -> datetime:
        """The product's time, aware UTC."""
        return self.clock.now()

    def lease_end(self) -> datetime:
        """Until when a row claimed now is ours: the lease is real time, the row's clock may run faster."""
        return self.clock.now() + timedelta(seconds=self.lease_s * self.clock.speed)
