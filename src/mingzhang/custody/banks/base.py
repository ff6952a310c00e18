"""What a bank adapter does: take an instruction, say what became of it, hand over statements (docs/adapters.md).

An adapter is found by its entry point ``mingzhang.banks`` and made from one `Given`, like channels and suppliers. It
raises nothing for what the bank does; what it said comes along as messages, raw.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from mingzhang.evidence.messages import Message
from mingzhang.kit.adapter import Given


class OrderState(StrEnum):
    """What a bank says of an instruction. ``not_sent``: proof that nothing left us; ``unknown``: ask again, never send
    again; ``not_found``: the bank has never heard of it, which is no proof that it will not."""

    ACCEPTED = "accepted"
    BOOKED = "booked"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    NOT_FOUND = "not_found"


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction: ``order_id`` is the EndToEndId, the same for ever; amount in fen of ``currency``.

    ``kept_name``, ``kept_account``: how the payee stands in whatever is kept of it; of a person a mask.
    """

    order_id: str
    account: str
    payee_name: str
    payee_account: str
    amount_fen: int
    currency: str
    purpose: str
    kept_name: str = ""
    kept_account: str = ""

    def as_kept(self) -> PaymentOrder:
        """The same without a person's name and account, for the evidence."""
        name, account = self.kept_name or self.payee_name, self.kept_account or self.payee_account
        return msgspec.structs.replace(self, payee_name=name, payee_account=account)


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank said. ``code``: its own reason, where it gave one."""

    state: OrderState
    code: str = ""
    messages: tuple[Message, ...] = ()


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """A statement's file as the bank lists it: its name says the order; ``template`` is for CSV."""

    name: str
    template: str = ""


class Bank(Protocol):
    """One bank that keeps our money. ``name``: the party in the ledger; ``account``: ours there."""

    name: str
    account: str

    async def send(self, order: PaymentOrder) -> OrderAnswer:
        """Hand an instruction in, once."""
        ...

    async def ask(self, order_id: str) -> OrderAnswer:
        """What became of one."""
        ...

    async def list_files(self, after: str) -> list[FileHead] | None:
        """Statements' files after a name, oldest first; None when the bank does not answer."""
        ...

    async def read_file(self, name: str) -> bytes | None:
        """One file, or None."""
        ...

    async def aclose(self) -> None:
        """Free what is held."""
        ...


class BankFactory(Protocol):
    """Makes the adapter from its settings; None when they do not turn it on."""

    def __call__(self, given: Given) -> Bank | None: ...
