"""What the audit holds against each other: everything that the database says of one subject, as plain rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from mingzhang.ledger.places import Account

FactKey = tuple[str, str, str]
"""(party, kind, external id)."""


class OrderRow(NamedTuple):
    """An order's own record. ``seq``: the newest number it gave to an event or posting."""

    order_id: str
    state: str
    kind: str
    quantity: int
    seq: int
    cost_fen: int
    paid: bool


class PaymentRow(NamedTuple):
    """One attempt to pay at a channel."""

    payment_no: str
    order_id: str
    channel: str
    state: str
    transaction_id: str
    paid_fen: int
    known_as: str = ""


class AttemptRow(NamedTuple):
    """One attempt at a supplier; ``cards``: how many codes it brought."""

    attempt_no: str
    order_id: str
    n: int
    supplier: str
    state: str
    code: str
    cost_fen: int
    supplier_order_id: str
    serial: str
    cards: int


class DisputeRow(NamedTuple):
    """One dispute; ``held``: it holds the order's money back."""

    dispute_id: str
    order_id: str
    state: str
    outcome: str
    held: bool
    remedy: str
    carried: str


class RefundRow(NamedTuple):
    """One refund by the original path."""

    refund_no: str
    order_id: str
    channel: str
    state: str
    amount_fen: int


class FactRow(NamedTuple):
    """One fact as stated."""

    party: str
    kind: str
    external_id: str
    bucket: int
    subject: str
    content: dict[str, Any]
    content_hash: bytes
    evidence_id: str

    @property
    def key(self) -> FactKey:
        return self.party, self.kind, self.external_id


class SuspenseRow(NamedTuple):
    """Money that is not its order's (挂账)."""

    item_id: str
    bucket: int
    order_id: str
    state: str
    channel: str
    transaction_id: str
    amount_fen: int


class Waiting(NamedTuple):
    """A row of the inbox; ``known``: its fact exists, ``same``: with the same content, ``applied``: it was."""

    party: str
    kind: str
    external_id: str
    bucket: int
    subject: str
    evidence_id: str
    known: bool
    same: bool | None
    applied: bool


class Effect(NamedTuple):
    """An event that cites evidence."""

    seq: int
    kind: str
    evidence_id: str


class Leg(NamedTuple):
    """One leg of the journal, without its subject."""

    seq: int
    account: Account
    amount_fen: int
    evidence_id: str


@dataclass(slots=True, kw_only=True)
class Dossier:
    """One subject: an order, a suspense item, or a shared subject such as an opening balance.

    ``facts`` are complete for what became known from ``since`` on; older ones are there when a row points to
    them. ``numbers``: the (kind, value) pairs that lead to this subject, among those that should.
    """

    bucket: int
    subject: str
    since: datetime
    order: OrderRow | None = None
    item: SuspenseRow | None = None
    legs: list[Leg] = field(default_factory=list)
    balances: Mapping[Account, int] = field(default_factory=dict)
    payments: list[PaymentRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    refunds: list[RefundRow] = field(default_factory=list)
    suspended: list[SuspenseRow] = field(default_factory=list)
    disputes: list[DisputeRow] = field(default_factory=list)
    facts: dict[FactKey, FactRow] = field(default_factory=dict)
    inbox: list[Waiting] = field(default_factory=list)
    waiting: dict[FactKey, Waiting] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    numbers: set[tuple[str, str]] = field(default_factory=set)
    evidence: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)

    def applied(self, key: FactKey) -> FactRow | None:
        """The fact of this key, unless it still waits to be applied."""
        return None if key in self.waiting else self.facts.get(key)

    def keys_wanted(self) -> set[FactKey]:
        """The facts that this subject's rows say must exist."""
        keys = {(row.channel, "paid", row.transaction_id) for row in self.payments if row.transaction_id}
        keys |= {(row.channel, "paid", row.transaction_id) for row in self.suspended}
        if self.item is not None:
            keys.add((self.item.channel, "paid", self.item.transaction_id))
        keys |= {(row.supplier, f"supply_{row.state}", row.attempt_no) for row in self.attempts}
        keys |= {(row.channel, f"refund_{row.state}", row.refund_no) for row in self.refunds}
        return keys

    def numbers_wanted(self) -> set[tuple[str, str]]:
        """Every outside (kind, value) by which this order must be findable (scale rule 16); ours carry its id."""
        if self.order is None:
            return set()
        wanted = {("transaction", key[2]) for key in self.facts if key[1] == "paid"}
        for row in self.attempts:
            if (row.supplier, f"supply_{row.state}", row.attempt_no) in self.facts:
                wanted |= {("supplier", row.supplier_order_id), ("serial", row.serial)}
        return {(kind, value) for kind, value in wanted if value}
