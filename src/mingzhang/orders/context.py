"""What every use case of an order needs, handed in once: database, clock, chance, keys, and the outside parties."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

import asyncpg

from mingzhang.catalogue.cache import CatalogueCache
from mingzhang.fulfilment.health import SupplierHealth
from mingzhang.fulfilment.suppliers.base import Supplier
from mingzhang.kit.clock import Clock
from mingzhang.kit.vault import Vault
from mingzhang.orders.batch import BatchReader, OrderBatch
from mingzhang.orders.limits import Limits
from mingzhang.orders.store import Turn
from mingzhang.payments.channels.base import Channel
from mingzhang.payments.health import Health


class StartRefund(Protocol):
    """Starts the refund of an order whose turn is open. Named in app/wiring, because refunds stand above orders."""

    async def __call__(self, turn: Turn, cause: str, evidence_id: str, amount_fen: int | None = None) -> None:
        """``amount_fen``: None for all that was not given back before."""
        ...


def _no_crash(point: str) -> None:
    """Outside of crash tests nothing happens at the named points."""


def _no_files() -> list[str]:
    """Adapters that were made by hand have no key files."""
    return []


@dataclass(frozen=True, kw_only=True)
class Context:
    """`lease_s`: how long a claimed row is nobody else's, real seconds. `list_every_s`: how often a
    channel's own list of trades is passed over, `balance_every_s`: how often a supplier is asked for our balance, the
    shop's seconds. `prefund_alarm_h`, `prefund_stop_h`: hours of runway below which somebody is told, and below which a
    supplier's goods are no longer sold. `reread_keys` makes adapters anew whose key
    files changed and names them. `limits`: own limits (R22), None: no order is refused.
    `dispute_terms`: the shop's changes to the terms of disputes (`disputes.policy`).
    `banks`, `anchors`: adapters by name (`custody.banks.base.Bank`, `transparency.anchors.Anchor`, which stand above us).
    `crash_point` is for crash tests only."""

    pool: asyncpg.Pool
    batch: OrderBatch
    reader: BatchReader
    catalogue: CatalogueCache
    clock: Clock
    rng: Random
    vault: Vault
    channels: Mapping[str, Channel]
    suppliers: Mapping[str, Supplier]
    start_refund: StartRefund
    base_url: str
    worker_name: str
    lease_s: float = 30.0
    list_every_s: float = 86_400.0
    balance_every_s: float = 300.0
    prefund_alarm_h: float = 24.0
    prefund_stop_h: float = 1.0
    dispute_terms: str = ""
    banks: Mapping[str, Any] = field(default_factory=dict)
    anchors: Mapping[str, Any] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    standing: SupplierHealth = field(default_factory=SupplierHealth)
    limits: Limits | None = None
    reread_keys: Callable[[], list[str]] = field(default=_no_files)
    crash_point: Callable[[str], None] = field(default=_no_crash)

    def now(self) -> datetime:
        """The product's time, aware UTC."""
        return self.clock.now()

    def soon(self) -> datetime:
        """A real second from now: when a worker applies what the batch did not."""
        return self.clock.now() + timedelta(seconds=self.clock.speed)

    def lease_end(self) -> datetime:
        """Until when a row claimed now is ours: the lease is real time, the row's clock may run faster."""
        return self.clock.now() + timedelta(seconds=self.lease_s * self.clock.speed)
