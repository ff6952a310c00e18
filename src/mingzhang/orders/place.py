"""Placing an order (提交充值订单): validated, snapshotted, idempotent (R1, R13, R16; scale rule 13)."""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from mingzhang.catalogue.accounts import clean_contact, mask
from mingzhang.catalogue.fields import clean_values, fields_of, mask_values, pack_values
from mingzhang.catalogue.store import Product, Rules, list_routes
from mingzhang.fulfilment.suppliers.base import CountsStock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_order_id
from mingzhang.kit.vault import Vault
from mingzhang.orders.batch import Snapshot, Step
from mingzhang.orders.context import Context
from mingzhang.orders.limits import NOWHERE, Asked, Origin
from mingzhang.orders.password import check_password, keep_password
from mingzhang.orders.sourcing import check_sale
from mingzhang.orders.states import PAYMENT_WINDOW_S
from mingzhang.orders.store import SQL


class PlaceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the buyer asks for. `account` may be empty for cards; `contact` is e-mail or phone.

    `fields`: what the product asks for besides the account (region, server, …). `query_password` (查询密码) opens the
    order later and may stand instead of the contact; it is never stored. `again`: 再下一单, the buyer means it.
    """

    product_id: str
    quantity: int = 1
    account: str = ""
    contact: str = ""
    language: str = "zh"
    fields: dict[str, str] = {}
    query_password: str = ""
    again: bool = False


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The order and its link's token; `repeated` when the same request came before."""

    order_id: str
    token: str
    repeated: bool


class _Checked(msgspec.Struct, frozen=True):
    product: Product
    rules: Rules
    quantity: int
    account: str
    account_mask: str
    contact: str
    language: str


async def check_request(ctx: Context, request: PlaceRequest) -> _Checked:
    """Ordered refusals: unknown_product, bad_quantity, bad_account, bad_password, bad_contact."""
    product, rules = await ctx.catalogue.product(request.product_id, ctx.now())
    if not product.sells(request.quantity):
        bounds = {"min": product.min_quantity, "max": product.max_quantity, "step": product.step_quantity}
        raise Problem("bad_quantity", Kind.INVALID, params={"field": "quantity", **bounds})
    values = clean_values(product.account_template, product.fields, request.account, request.fields)
    shown = mask_values(fields_of(product.account_template, product.fields), values)
    if request.query_password:
        check_password(request.query_password, (request.contact.strip(), *values.values()))
    contact = ""
    if request.contact or not request.query_password:
        contact = clean_contact(request.contact)
    language = "en" if request.language == "en" else "zh"
    return _Checked(product, rules, request.quantity, pack_values(values), shown, contact, language)


def _digest(vault: Vault, request: PlaceRequest) -> bytes:
    """What was asked, for telling a repetition from another request; of a password only its keyed hash goes in."""
    if request.query_password:
        hidden = vault.fingerprint(f"asked-password:{request.query_password}").hex()
        request = msgspec.structs.replace(request, query_password=hidden)
    return hashlib.sha256(msgspec.json.encode(request)).digest()


async def check_stock(ctx: Context, product: Product, quantity: int) -> None:
    """Sale stops when own stock is the only source and has too little left: Problem `sold_out` (F8).

    Unpaid orders hold none of it (decision 0006): whoever placed before may still pay, and has his money back when
    the cards are gone by then.
    """
    supplier = ctx.suppliers.get(product.supplier)
    if supplier is None or not _counts_stock(type(supplier)):
        return
    assert isinstance(supplier, CountsStock)
    left = await supplier.left(product.supplier_product)
    if left is None or left >= quantity:
        return
    async with ctx.pool.acquire() as conn:
        further = await list_routes(conn, product.product_id)
    if not any(route.supplier in ctx.suppliers for route in further):
        raise Problem("sold_out", Kind.CONFLICT, params={"field": "quantity", "left": left})


@lru_cache(maxsize=64)
def _counts_stock(kind: type) -> bool:
    """Asked for every order: looking a protocol's methods up takes as long as placing's own work."""
    return issubclass(kind, CountsStock)


async def place_order(
    ctx: Context, client: str, key: str, request: PlaceRequest, *, buckets: int, origin: Origin = NOWHERE
) -> Placed:
    """Place once per (client, key). The same key with other input raises `key_reused`; own limits (R22) their codes.

    The placement is recorded before the order is written, so that a retry creates that same order (rule 13).
    """
    if not 8 <= len(key) <= 128 or len(client) > 128:
        raise Problem("bad_idempotency_key", Kind.INVALID)
    digest = _digest(ctx.vault, request)
    try:
        checked = await check_request(ctx, request)
    except Problem:
        before = await _placed_before(ctx, client, key, digest)
        if before is None:
            raise
        return before
    bucket = ctx.rng.randrange(buckets)
    placed = await _place(ctx, (client, key, digest, bucket), request, checked, origin)
    if request.query_password:
        await keep_password(ctx, placed.order_id, request.query_password)
    return placed


async def _place(
    ctx: Context,
    asked_by: tuple[str, str, bytes, int],
    request: PlaceRequest,
    checked: _Checked,
    origin: Origin,
) -> Placed:
    """What was checked, once. `asked_by`: client, key, the request's digest, the bucket if it is new."""
    client, key, _, bucket = asked_by
    now = ctx.now()
    try:
        await check_sale(ctx, checked.product, checked.quantity)
        await check_stock(ctx, checked.product, checked.quantity)
    except Problem:
        async with ctx.pool.acquire() as conn:
            if await conn.fetchval(SQL.find_placement, client, key) is None:
                raise  # a repetition is answered as before, whatever is left by now
    asked = _asked(ctx.vault, request, checked, origin)
    counted = await ctx.limits.check(asked, client, key) if ctx.limits is not None else ()
    order_id = new_order_id(bucket, now, ctx.rng)
    placement = (*asked_by, order_id, now)
    step = _step(ctx.vault, now, order_id, (checked, asked), placement)
    done = await ctx.batch.submit(step)
    if done.result == "key_reused":
        raise Problem("key_reused", Kind.CONFLICT)
    repeated = done.result == "repeat"
    if not repeated:
        if ctx.limits is not None:
            ctx.limits.count(counted, asked.fen)
        until = now + timedelta(seconds=PAYMENT_WINDOW_S)
        ctx.reader.placed(Snapshot(bucket, order_id, checked.product.title_zh, asked.fen, until))
    if repeated:
        order_id = done.order_id
        if await ctx.reader.order(order_id) is None:  # a crash came between the placement and its order
            await ctx.batch.submit(_step(ctx.vault, now, order_id, (checked, asked), None))
    return Placed(order_id=order_id, token=ctx.vault.token(order_id), repeated=repeated)


async def _placed_before(ctx: Context, client: str, key: str, digest: bytes) -> Placed | None:
    """The order that this very request made: it is answered as before, also when the product is sold no more."""
    async with ctx.pool.acquire() as conn:
        row = await conn.fetchrow(SQL.read_placement, client, key)
    if row is None or row["request_hash"] != digest or await ctx.reader.order(row["order_id"]) is None:
        return None
    return Placed(order_id=row["order_id"], token=ctx.vault.token(row["order_id"]), repeated=True)


def _asked(vault: Vault, request: PlaceRequest, checked: _Checked, origin: Origin) -> Asked:
    return Asked(
        product_id=checked.product.product_id,
        units=checked.quantity,
        fen=checked.product.total_fen(checked.quantity),
        account_hash=vault.fingerprint(checked.account),
        contact_hash=vault.fingerprint(checked.contact),
        has_account=bool(checked.account),
        has_contact=bool(checked.contact),
        again=request.again,
        origin=origin,
    )


def _step(
    vault: Vault,
    now: datetime,
    order_id: str,
    what: tuple[_Checked, Asked],
    placement: tuple[object, ...] | None,
) -> Step:
    checked, asked = what
    product, quantity = checked.product, checked.quantity
    return Step(
        kind="place",
        key=order_id,
        order_id=order_id,
        placement=placement,
        row=(
            order_id,
            product.product_id,
            product.kind,
            product.title_zh,
            product.title_en,
            quantity,
            product.face_value_fen,
            asked.fen,
            product.cost_fen * quantity,
            product.supplier,
            product.supplier_product,
            checked.rules.version,
            product.promise_s,
            checked.account_mask,
            vault.seal(checked.account),
            asked.account_hash,
            mask(checked.contact),
            vault.seal(checked.contact),
            asked.contact_hash,
            vault.fingerprint(vault.token(order_id)),
            checked.language,
            now,
            now + timedelta(seconds=PAYMENT_WINDOW_S),
        ),
    )
