"""Placing an order (提交充值订单): validated, snapshotted, idempotent (R1, R13, R16; scale rule 13)."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from mingzhang.catalogue.accounts import clean_account, clean_contact, mask
from mingzhang.catalogue.store import Product, Rules
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_order_id
from mingzhang.kit.vault import Vault
from mingzhang.orders.batch import Snapshot, Step
from mingzhang.orders.context import Context
from mingzhang.orders.states import PAYMENT_WINDOW_S


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
    rules: Rules
    quantity: int
    account: str
    contact: str
    language: str


async def check_request(ctx: Context, request: PlaceRequest) -> _Checked:
    """Ordered refusals: unknown_product, bad_quantity, bad_account, bad_contact."""
    product, rules = await ctx.catalogue.product(request.product_id, ctx.now())
    if not 1 <= request.quantity <= product.max_quantity:
        raise Problem("bad_quantity", Kind.INVALID, params={"field": "quantity", "max": product.max_quantity})
    account = clean_account(product.account_template, request.account)
    language = "en" if request.language == "en" else "zh"
    return _Checked(product, rules, request.quantity, account, clean_contact(request.contact), language)


async def place_order(ctx: Context, client: str, key: str, request: PlaceRequest, *, buckets: int) -> Placed:
    """Place once per (client, key). The same key with other input raises `key_reused`.

    The placement is recorded before the order is written, so that a retry creates that same order (rule 13).
    """
    if not 8 <= len(key) <= 128 or len(client) > 128:
        raise Problem("bad_idempotency_key", Kind.INVALID)
    digest = hashlib.sha256(msgspec.json.encode(request)).digest()
    now, bucket = ctx.now(), ctx.rng.randrange(buckets)
    checked = await check_request(ctx, request)
    order_id = new_order_id(bucket, now, ctx.rng)
    placement = (client, key, digest, bucket, order_id, now)
    done = await ctx.batch.submit(_step(ctx.vault, now, order_id, checked, placement))
    if done.result == "key_reused":
        raise Problem("key_reused", Kind.CONFLICT)
    repeated = done.result == "repeat"
    if not repeated:
        price = checked.product.price_fen * checked.quantity
        ctx.reader.placed(
            Snapshot(
                bucket, order_id, checked.product.title_zh, price, now + timedelta(seconds=PAYMENT_WINDOW_S)
            )
        )
    if repeated:
        order_id = done.order_id
        if await ctx.reader.order(order_id) is None:  # a crash came between the placement and its order
            await ctx.batch.submit(_step(ctx.vault, now, order_id, checked, None))
    return Placed(order_id=order_id, token=ctx.vault.token(order_id), repeated=repeated)


def _step(
    vault: Vault, now: datetime, order_id: str, checked: _Checked, placement: tuple[object, ...] | None
) -> Step:
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
            product.price_fen * quantity,
            product.cost_fen * quantity,
            product.supplier,
            product.supplier_product,
            checked.rules.version,
            product.promise_s,
            mask(checked.account),
            vault.seal(checked.account),
            vault.fingerprint(checked.account),
            mask(checked.contact),
            vault.seal(checked.contact),
            vault.fingerprint(checked.contact),
            vault.fingerprint(vault.token(order_id)),
            checked.language,
            now,
            now + timedelta(seconds=PAYMENT_WINDOW_S),
        ),
    )
