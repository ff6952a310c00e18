"""The account that a buyer names for a refund by bank transfer: checked, sealed, and shown to nobody but as a mask.

A word of the buyer's is used once: where a transfer to it was refused or came back, they are asked for another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.custody.instructions import Payee
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.orders.context import Context
from mingzhang.orders.correct import DOUBTED
from mingzhang.orders.store import Order, open_turn
from mingzhang.payments.channels.base import REFUND_NEEDS_PERSON
from mingzhang.refunds.flow import FINAL
from mingzhang.refunds.store import TRANSFER, Refund, list_refunds

SQL: Final = load("mingzhang.transfers", "store")
NAME_MAX: Final = 70
PAYEES_MAX: Final = 8
CLOSED: Final = frozenset({"refused", "returned"})  # refunds after which another way may be needed
_ACCOUNT: Final = re.compile(r"[0-9A-Z]{8,34}")
_SPACES: Final = re.compile(r"[\s-]+")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One word of the buyer's, as stored."""

    n: int
    payee_enc: bytes
    name_mask: str
    account_mask: str
    given_at: datetime

    @property
    def mask(self) -> str:
        """As pages show it."""
        return f"{self.name_mask} {self.account_mask}"


def clean_payee(name: str, account: str) -> Payee:
    """Name and account as they go to the bank. Raises `payee_name_invalid`, `payee_account_invalid`."""
    name, account = " ".join(name.split()), _SPACES.sub("", account).upper()
    if not 2 <= len(name) <= NAME_MAX or not name.isprintable() or any(c.isdigit() for c in name):
        raise Problem("payee_name_invalid", Kind.INVALID, params={"field": "name"})
    if _ACCOUNT.fullmatch(account) is None or not any(c.isdigit() for c in account):
        raise Problem("payee_account_invalid", Kind.INVALID, params={"field": "account"})
    return Payee(name=name, account=account)


def mask_name(name: str) -> str:
    """张三 → 张*: enough for its owner to know it again."""
    return name[0] + "*" * min(len(name) - 1, 3)


def mask_account(account: str) -> str:
    """The tail, as on the card."""
    return f"****{account[-4:]}"


def may_name(order: Order, refunds: Sequence[Refund]) -> bool:
    """Whether the buyer may name an account: the channel could not give all of it back, and a person has the order.

    Not while the payment itself is denied or held (rows 21, 24): then there is nothing to send yet.
    """
    if order.paid_at is None or order.reason in DOUBTED:
        return False
    stuck = any(it.state == "accepted" and it.code in REFUND_NEEDS_PERSON for it in refunds)
    under_way = any(it.state not in FINAL for it in refunds)
    closed = any(it.state in CLOSED for it in refunds)
    return stuck or (order.state == "needs_person" and closed and not under_way)


def unused(payees: Sequence[Named], refunds: Sequence[Refund]) -> Named | None:
    """The newest word of the buyer's, unless a transfer went by it already."""
    used = {it.payee_n for it in refunds if it.way == TRANSFER and it.state != "dropped"}
    return payees[0] if payees and payees[0].n not in used else None


async def list_payees(conn: asyncpg.Connection, order_id: str) -> list[Named]:
    """What the buyer named, newest first."""
    rows = await conn.fetch(SQL.list_payees, bucket_of(order_id), order_id)
    return [Named(**dict(row)) for row in rows]


async def name_payee(ctx: Context, order_id: str, name: str, account: str) -> None:
    """The buyer says where the money shall go; whoever called has shown that they are the buyer.

    Raises `payee_name_invalid`, `payee_account_invalid`, `payee_not_open`, `too_many_payees`.
    """
    payee = clean_payee(name, account)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if not may_name(turn.order, await list_refunds(conn, order_id)):
            raise Problem("payee_not_open", Kind.CONFLICT)
        before = await list_payees(conn, order_id)
        if len(before) >= PAYEES_MAX:
            raise Problem("too_many_payees", Kind.TOO_MANY)
        await conn.execute(
            SQL.insert_payee,
            turn.order.bucket,
            order_id,
            len(before) + 1,
            ctx.vault.seal(msgspec.json.encode(payee).decode()),
            mask_name(payee.name),
            mask_account(payee.account),
            turn.now,
        )
        turn.event("payee_named", account=mask_account(payee.account))
        await turn.finish()
