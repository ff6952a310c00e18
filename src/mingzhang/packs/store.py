"""What a pack reads beside what other slices offer to be read; it writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from mingzhang.catalogue.accounts import mask
from mingzhang.catalogue.fields import read_values
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.orders.store import Order
from mingzhang.packs.messages import RawMessage

SQL: Final = load("mingzhang.packs", "store")


async def read_messages(
    conn: asyncpg.Connection, order: Order, numbers: Sequence[str], sides: Mapping[str, str]
) -> list[RawMessage]:
    """The raw messages behind an order, oldest first: what its timeline and postings cite, and each one's question.

    ``numbers``: those that a question of the same moment must name to be this order's. ``sides``: by party, see
    `RawMessage.side`.
    """
    rows = await conn.fetch(SQL.list_cited, order.bucket, order.order_id)
    found = await conn.fetch(
        SQL.list_messages, [row["evidence_id"] for row in rows], [number.encode() for number in numbers]
    )
    return [RawMessage(**dict(row), side=sides.get(row["party"], "")) for row in found]


async def read_secrets(conn: asyncpg.Connection, order: Order, vault: Vault) -> list[tuple[str, str]]:
    """Personal data of an order in clear, each with its mask, the longest first: accounts, old ones too, and the contact."""
    corrections = await conn.fetch(SQL.list_corrections, order.bucket, order.order_id)
    sealed = [order.account_enc] + [row[name] for row in corrections for name in ("old_enc", "new_enc")]
    accounts = {text for each in sealed if each for text in read_values(vault.open(each)).values() if text}
    contact = vault.open(order.contact_enc) if order.contact_enc else ""
    found = {(text, mask(text)) for text in {*accounts, contact} if text}
    return sorted(found, key=lambda pair: (-len(pair[0]), pair[0]))
