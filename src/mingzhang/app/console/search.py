"""One box for everything: any number, a contact, an account, a product's name, a page (F12). By keys alone, never a scan.

Outside numbers are found in the `number` table, our own by themselves, people by the keyed hash of what was typed.
A provider is one function; a further part of the product adds its own to `PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import asyncpg

from mingzhang.app.console.fill import SQL as FILL
from mingzhang.catalogue.accounts import clean_phone
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import bucket_of, is_order_id, is_suspense_id, order_of_number
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.staff.rights import Right
from mingzhang.web.model_console import Hit, SearchShown

SQL: Final = load("mingzhang.app.console", "search")
HITS_MAX: Final = 20
QUERY_MAX: Final = 64
NAME_MIN: Final = 2


@dataclass(frozen=True)
class Asked:
    """What is looked for: as typed (`text`), without blanks (`number`), by whom."""

    conn: asyncpg.Connection
    vault: Vault
    text: str
    number: str
    may: frozenset[str]


Provider = Callable[[Asked], Awaitable[list[Hit]]]


def _order_hit(row: asyncpg.Record, label: str = "", kind: str = "order") -> Hit:
    return Hit(
        kind=kind,
        label=label or row["order_id"],
        href=f"/staff/orders/{row['order_id']}",
        state=row["state"],
        table="staff_order_state",
        amount_fen=row["price_fen"],
        at=row["placed_at"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
    )


async def find_orders(asked: Asked) -> list[Hit]:
    """Orders by any number: ours, or one that a channel or supplier gave."""
    kinds: dict[str, str] = {}
    own = asked.number.upper()
    if is_order_id(own):
        kinds[own] = "order"
    for row in await asked.conn.fetch(SQL.find_numbers, asked.number, HITS_MAX + 1):
        kinds.setdefault(row["order_id"], row["kind"])
    ids = [order_id for order_id in kinds if is_order_id(order_id)]
    if not ids:
        return []
    rows = await asked.conn.fetch(SQL.read_found_orders, [bucket_of(each) for each in ids], ids, HITS_MAX + 1)
    return [
        _order_hit(row, "" if kinds[row["order_id"]] == "order" else asked.number, kinds[row["order_id"]])
        for row in rows
    ]


async def _find_row(asked: Asked, statement: str, key: str, table: str, kind: str) -> list[Hit]:
    own = asked.number.upper()
    try:
        owner = order_of_number(own)
    except Problem:
        return []
    row = await asked.conn.fetchrow(statement, bucket_of(owner), own)
    if row is None:
        return []
    aside = is_suspense_id(owner)
    return [
        Hit(
            kind=kind,
            label=row[key],
            href=f"/staff/suspense/{owner}" if aside else f"/staff/orders/{owner}",
            state=row["state"],
            table=table,
            amount_fen=row.get("amount_fen"),
            at=row.get("opened_at") or row.get("planned_at") or row.get("known_at"),
        )
    ]


async def find_payments(asked: Asked) -> list[Hit]:
    """A payment by our number for it (商户订单号)."""
    return await _find_row(asked, SQL.find_payment, "payment_no", "payment_state", "payment")


async def find_attempts(asked: Asked) -> list[Hit]:
    """A request to a supplier by our number for it."""
    return await _find_row(asked, SQL.find_attempt, "attempt_no", "supply_state", "attempt")


async def find_refunds(asked: Asked) -> list[Hit]:
    """A refund by our number for it."""
    return await _find_row(asked, SQL.find_refund, "refund_no", "refund_state", "refund")


async def find_suspense(asked: Asked) -> list[Hit]:
    """Money put aside by its own number, or by one that a channel gave."""
    own = asked.number.upper()
    ids = [own] if is_suspense_id(own) else []
    rows = await asked.conn.fetch(SQL.find_numbers, asked.number, HITS_MAX)
    ids += [row["order_id"] for row in rows if is_suspense_id(row["order_id"])]
    hits = []
    for item_id in dict.fromkeys(ids):
        row = await asked.conn.fetchrow(SQL.find_item, bucket_of(item_id), item_id)
        if row is not None:
            hits.append(
                Hit(
                    kind="suspense",
                    label=item_id,
                    href=f"/staff/suspense/{item_id}",
                    state=row["state"],
                    table="suspense_state",
                    amount_fen=row["amount_fen"],
                    at=row["known_at"],
                )
            )
    return hits


def _spellings(text: str) -> list[str]:
    """How an account or contact may have been kept: as typed, without blanks, in small letters, as a phone number."""
    bare = "".join(text.split())
    found = [text, bare, bare.lower()]
    with suppress(Problem):
        found.append(clean_phone(bare.replace("-", "")))
    return list(dict.fromkeys(each for each in found if each))


async def find_people(asked: Asked) -> list[Hit]:
    """Orders of a contact or for an account, by keyed hash; masked."""
    marks = {row["mark"]: row["done_to"] for row in await asked.conn.fetch(FILL.list_marks)}
    buckets = [row["bucket"] for row in await asked.conn.fetch(ORDERS.list_buckets)]
    found: dict[str, Hit] = {}
    for spelling in _spellings(asked.text):
        whole = asked.vault.fingerprint(spelling)
        key = int.from_bytes(whole[:8], "big", signed=True)
        rows = await asked.conn.fetch(SQL.find_by_contact, whole, HITS_MAX + 1)
        rows += await asked.conn.fetch(SQL.find_by_account, key, whole, HITS_MAX + 1)
        for bucket in buckets:
            newest = marks.get(f"keys:{bucket}", "")
            rows += await asked.conn.fetch(SQL.find_in_newest, bucket, newest, whole, HITS_MAX + 1)
        for row in rows:
            shown = " · ".join(part for part in (row["account_mask"], row["contact_mask"]) if part)
            found[row["order_id"]] = _order_hit(row, shown)
    newest_first = sorted(found.items(), key=lambda each: each[0][4:], reverse=True)
    return [hit for _, hit in newest_first[: HITS_MAX + 1]]


async def find_products(asked: Asked) -> list[Hit]:
    """Products by a part of their name or id."""
    if len(asked.text) < NAME_MIN:
        return []
    escaped = asked.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    to_edit = Right.MANAGE_CATALOGUE.value in asked.may
    return [
        Hit(
            kind="product",
            label=row["product_id"],
            href=f"/staff/catalogue/products/{row['product_id']}"
            if to_edit
            else f"/staff/orders?product={row['product_id']}",
            amount_fen=row["price_fen"],
            title_zh=row["title_zh"],
            title_en=row["title_en"],
        )
        for row in await asked.conn.fetch(SQL.find_products, f"%{escaped}%", HITS_MAX + 1)
    ]


async def find_batches(asked: Asked) -> list[Hit]:
    """Batches of cards by the beginning of their number."""
    if len(asked.number) < 6 or not asked.number.isascii():
        return []
    own = asked.number.upper()
    rows = await asked.conn.fetch(SQL.find_batches, own, own + "~", HITS_MAX + 1)
    return [
        Hit(
            kind="batch",
            label=row["batch_id"],
            href="/staff/stock#batches",
            at=row["added_at"],
            title_zh=row["product"],
            title_en=row["product"],
        )
        for row in rows
    ]


# Group, the right it needs, and who looks; shown in this order.
PROVIDERS: Final[tuple[tuple[str, Right, Provider], ...]] = (
    ("orders", Right.VIEW_ORDERS, find_orders),
    ("payments", Right.VIEW_ORDERS, find_payments),
    ("attempts", Right.VIEW_ORDERS, find_attempts),
    ("refunds", Right.VIEW_ORDERS, find_refunds),
    ("suspense", Right.VIEW_ORDERS, find_suspense),
    ("people", Right.VIEW_ORDERS, find_people),
    ("products", Right.VIEW_ORDERS, find_products),
    ("batches", Right.VIEW_ORDERS, find_batches),
)


async def search(
    pool: asyncpg.Pool,
    vault: Vault,
    may: frozenset[str],
    query: str,
    providers: Sequence[tuple[str, Right, Provider]] = PROVIDERS,
) -> SearchShown:
    """Everything that what was typed may mean, group by group, at most `HITS_MAX` of each."""
    text = "".join(query.split("\x00")).strip()[:QUERY_MAX]
    if not text:
        return SearchShown(query="", groups=())
    groups = []
    async with pool.acquire() as conn:
        asked = Asked(conn, vault, text, "".join(text.split()), may)
        for name, right, provider in providers:
            hits = await provider(asked) if right.value in may else []
            if hits:
                groups.append((name, tuple(hits[:HITS_MAX]), len(hits) > HITS_MAX))
    return SearchShown(query=text, groups=tuple(groups))
