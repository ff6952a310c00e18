"""Placing an order (提交充值订单): validated, snapshotted, idempotent (R1, R13, R16; scale rule 13)."""

import hashlib
from datetime import datetime, timedelta
from random import Random

import asyncpg
import msgspec

from mingzhang.catalogue.accounts import clean_account, clean_contact, mask
from mingzhang.catalogue.store import Product, read_product, read_rules
from mingzhang.evidence import store as evidence
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_order_id
from mingzhang.kit.vault import Vault
from mingzhang.orders.states import PAYMENT_WINDOW_S
from mingzhang.orders.store import SQL


class PlaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer asks for. `account` may be empty for cards; `contact` is e-mail or phone."""

    product_id: str
    quantity: int = 1
    account: str = ""
    contact: str = ""
    language: str = "zh"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The order and its link's token; `repeated` when the same request came before."""

    order_id: str
    token: str
    repeated: bool


class _Checked(msgspec.Struct, frozen=True):
    product: Product
    quantity: int
    account: str
    contact: str


async def check_request(conn: asyncpg.Connection, request: PlaceRequest) -> _Checked:
    """Ordered refusals: unknown_product, bad_quantity, bad_account, bad_contact."""
    product = await read_product(conn, request.product_id)
    if not 1 <= request.quantity <= product.max_quantity:
        raise Problem("bad_quantity", Kind.INVALID, params={"field": "quantity", "max": product.max_quantity})
    account = clean_account(product.account_template, request.account)
    return _Checked(product, request.quantity, account, clean_contact(request.contact))


async def place_order(
    pool: asyncpg.Pool,
    vault: Vault,
    rng: Random,
    now: datetime,
    client: str,
    key: str,
    request: PlaceRequest,
    *,
    buckets: int,
) -> Placed:
    """Place once per (client, key). The same key with other input raises `key_reused`."""
    if not 8 <= len(key) <= 128 or len(client) > 128:
        raise Problem("bad_idempotency_key", Kind.INVALID)
    digest = hashlib.sha256(msgspec.json.encode(request)).digest()
    async with transaction(pool) as conn:
        checked = await check_request(conn, request)
        order_id, bucket = await _fix_id(conn, rng, now, client, key, digest, buckets)
    async with transaction(pool) as conn:
        fresh = await _insert(conn, vault, now, order_id, bucket, checked, request.language)
    return Placed(order_id=order_id, token=vault.token(order_id), repeated=not fresh)


async def _fix_id(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    client: str,
    key: str,
    digest: bytes,
    buckets: int,
) -> tuple[str, int]:
    bucket = rng.randrange(buckets)
    order_id = new_order_id(bucket, now, rng)
    if await conn.fetchval(SQL.insert_placement, client, key, digest, bucket, order_id, now) is not None:
        await conn.execute(SQL.insert_bucket, bucket, now)
        return order_id, bucket
    row = await conn.fetchrow(SQL.read_placement, client, key)
    if row["request_hash"] != digest:
        raise Problem("key_reused", Kind.CONFLICT)
    return row["order_id"], row["bucket"]


async def _insert(
    conn: asyncpg.Connection,
    vault: Vault,
    now: datetime,
    order_id: str,
    bucket: int,
    checked: _Checked,
    language: str,
) -> bool:
    product, rules = checked.product, await read_rules(conn, now)
    fresh = await conn.fetchval(
        SQL.insert_order,
        bucket,
        order_id,
        product.product_id,
        product.kind,
        product.title_zh,
        product.title_en,
        checked.quantity,
        product.face_value_fen,
        product.price_fen * checked.quantity,
        product.cost_fen * checked.quantity,
        product.supplier,
        product.supplier_product,
        rules.version,
        product.promise_s,
        mask(checked.account),
        vault.seal(checked.account),
        vault.fingerprint(checked.account),
        mask(checked.contact),
        vault.seal(checked.contact),
        vault.fingerprint(checked.contact),
        vault.fingerprint(vault.token(order_id)),
        "en" if language == "en" else "zh",
        now,
        now + timedelta(seconds=PAYMENT_WINDOW_S),
    )
    if fresh is None:
        return False
    await conn.execute(SQL.insert_events, bucket, order_id, now, [1], ["placed"], [""], [{}])
    await evidence.remember(conn, order_id, "order", order_id)
    return True
