"""The custody slice's SQL, and the rows that others read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.custody", "store")
KINDS: Final = ("custody", "self")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account of ours. ``bank``: the ledger's party; ``kind``: custody, or self (the shop's own account)."""

    account: str
    bank: str
    kind: str
    currency: str
    adapter: str


async def open_account(
    conn: asyncpg.Connection,
    now: datetime,
    *,
    account: str,
    bank: str,
    kind: str,
    who: str,
    currency: str = "CNY",
    adapter: str = "",
) -> bool:
    """Say that statements of this account are ours; false when it was said before. Raises `account_invalid`."""
    if kind not in KINDS or not bank or not account or "#" in bank:
        raise Problem(
            "account_invalid", Kind.INVALID, f"kind is {' or '.join(KINDS)}; bank and account are names"
        )
    done = await conn.fetchval(
        SQL.insert_account, account.replace(" ", ""), bank, kind, currency, adapter, who, now
    )
    return done is not None


async def list_accounts(conn: asyncpg.Connection) -> list[Account]:
    """Every account of ours, by bank."""
    return [Account(**dict(row)) for row in await conn.fetch(SQL.list_accounts)]


async def is_in_custody(conn: asyncpg.Connection) -> bool:
    """Whether the shop's money is kept under a contract of custody: there is an account, and none is its own."""
    kinds = {account.kind for account in await list_accounts(conn)}
    return kinds == {"custody"}
