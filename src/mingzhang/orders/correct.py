"""待您处理 (R19): the target account is wrong or incomplete, and its buyer corrects it, or takes the money back.

The order stops before a supplier is asked (checked again at dispatch, or by a member of staff), or after a supplier's
positive refusal that a corrected account mends. While it waits its money stays where it is and nothing goes out. A
correction plans an attempt under a new number; when the clock ends, all of the money goes back. Once a supplier may
have acted (an attempt was sent and has no last word) there is nothing to correct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from mingzhang.catalogue.fields import (
    ACCOUNT,
    clean_values,
    fields_of,
    mask_values,
    pack_values,
    read_values,
)
from mingzhang.catalogue.store import Product, read_any_product
from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.routing import CORRECTED
from mingzhang.fulfilment.store import Attempt, find_attempt, list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vocabulary import Mend, mended_by
from mingzhang.ledger.places import HOLD, RESERVED
from mingzhang.orders import route, sourcing
from mingzhang.orders.breaches import Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.freeze import REASON as FROZEN
from mingzhang.orders.states import CORRECTION_MAX_S, CORRECTIONS_MAX, PERSON_MAX_S
from mingzhang.orders.store import SQL, Order, Turn, open_rung_turn, open_turn

CORRECTABLE: Final = mended_by(Mend.CORRECTION)
# The same number again is no correction, unless what was wrong with it can be put right elsewhere.
MAY_STAY: Final = frozenset({"number_suspended", "account_incomplete"})
STOPPABLE: Final = frozenset({"paid", "supplying", "needs_person"})
# Money that is denied, or that its channel keeps.
DOUBTED: Final = frozenset({"payment_contradicted", FROZEN})
# Attempts of which it is sure that no supplier has acted, or will.
IDLE: Final = frozenset({"ready", "refused", "cancelled"})


def is_open(order: Order, attempts: Sequence[Attempt]) -> bool:
    """Whether the buyer may correct the account now."""
    asked = order.state == "needs_buyer" and order.reason in CORRECTABLE
    return asked and all(attempt.state in IDLE for attempt in attempts)


def may_ask(order: Order, attempts: Sequence[Attempt]) -> bool:
    """Whether the order may still be stopped for its buyer: paid, not in doubt, nothing sent that has no refusal."""
    return (
        order.paid_at is not None
        and order.kind != "card"
        and order.state in STOPPABLE
        and order.reason not in DOUBTED
        and all(attempt.state in IDLE and not attempt.at_shop_cost for attempt in attempts)
    )


def mends(order: Order, attempts: Sequence[Attempt], reason: str) -> bool:
    """Whether a refusal for this reason is put before the buyer: there is an account, and tries are left.

    Not beside an attempt that is open, or that came through after all.
    """
    if any(attempt.state not in IDLE or attempt.state in fulfilment.OPEN for attempt in attempts):
        return False
    tried = sum(attempt.choice.get("why") == CORRECTED for attempt in attempts)
    return reason in CORRECTABLE and order.kind != "card" and tried < CORRECTIONS_MAX


def ask_buyer(turn: Turn, reason: str, evidence_id: str = "") -> None:
    """It is the buyer's turn, with a clock; nothing of the order's money is reserved any more."""
    deadline = turn.now + timedelta(seconds=CORRECTION_MAX_S)
    turn.event("correction_asked", evidence_id, reason=reason)
    turn.move(
        "needs_buyer",
        holder="channel" if turn.order.holder.startswith("supplier") else turn.order.holder,
        next_actor="buyer",
        due_at=deadline,
        deadline_at=deadline,
        reason=reason,
    )


async def stop(ctx: Context, order_id: str, reason: str) -> None:
    """Stop an order for its buyer before anything is sent: found at dispatch, or by staff.

    Raises Problem `unknown_reason`, `cannot_stop`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        await stop_in(turn, reason)
        await turn.finish()


async def stop_in(turn: Turn, reason: str) -> None:
    """As `stop`, within a turn."""
    if reason not in CORRECTABLE:
        raise Problem("unknown_reason", Kind.INVALID, params={"field": "reason"})
    attempts = await list_attempts(turn.conn, turn.order.order_id)
    if not may_ask(turn.order, attempts):
        raise Problem("cannot_stop", Kind.CONFLICT)
    for attempt in attempts:
        if attempt.state == "ready":
            await route.cancel(turn, attempt, reason)
    if any(account.place == RESERVED and fen for account, fen in (await turn.balances()).items()):
        raise Problem("cannot_stop", Kind.CONFLICT)  # a supplier kept a part: a person must know how much
    ask_buyer(turn, reason)


async def account_fault(ctx: Context, order: Order) -> str:
    """What is wrong with an order's account by its product's present template; nothing for most."""
    if order.kind == "card":
        return ""
    try:
        product, _ = await ctx.catalogue.product(order.product_id, ctx.now())
    except Problem:
        return ""  # no longer on sale: what it asked for when it was bought still holds
    values = read_values(ctx.vault.open(order.account_enc))
    wanted = fields_of(product.account_template, product.fields)
    if any(not values.get(field.name) for field in wanted):
        return "account_incomplete"
    more = {name: text for name, text in values.items() if name != ACCOUNT}
    try:
        clean_values(product.account_template, product.fields, values[ACCOUNT], more)
    except Problem:
        return "wrong_account"
    return ""


async def stop_at_dispatch(ctx: Context, order: Order, attempt: Attempt) -> bool:
    """Whether the attempt must not go out because of its account; the order then waits for its buyer."""
    fault = "" if attempt.at_shop_cost else await account_fault(ctx, order)
    if not fault:
        return False
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order.order_id, ctx.now(), ctx.rng)
        fresh = await find_attempt(conn, order.order_id, attempt.attempt_no)
        attempts = await list_attempts(conn, order.order_id)
        if fresh is not None and fresh.state == "ready" and may_ask(turn.order, attempts):
            await stop_in(turn, fault)
            await turn.finish()
    return True


async def correct(ctx: Context, order_id: str, account: str, more: Mapping[str, str]) -> None:
    """The buyer's correction: checked like a new order's account, kept with the old one, and the order goes on.

    Raises Problem `correction_not_open`, `bad_account`, `account_unchanged`.
    """
    await sourcing.warm(ctx)
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        attempts = await list_attempts(conn, order_id)
        if not is_open(turn.order, attempts):
            raise Problem("correction_not_open", Kind.CONFLICT)
        product = await read_any_product(conn, turn.order.product_id)
        await _keep(ctx, turn, product, account, more)
        if any(account.place == HOLD and fen for account, fen in (await turn.balances()).items()):
            _wait_for_channel(turn)
        elif not await route.begin_again(ctx, turn, attempts):
            await _give_back(ctx, turn)
        await turn.finish()


def _wait_for_channel(turn: Turn) -> None:
    """The channel froze the money meanwhile (row 21): supplied when it lets go, by `freeze.unfreeze`."""
    turn.event("needs_person", reason=FROZEN)
    deadline = turn.now + timedelta(seconds=PERSON_MAX_S)
    turn.move("needs_person", holder=HOLD, next_actor="person", deadline_at=deadline, reason=FROZEN)


async def _keep(ctx: Context, turn: Turn, product: Product, account: str, more: Mapping[str, str]) -> None:
    """Old and new account side by side, encrypted; the event shows the mask alone."""
    order, vault = turn.order, ctx.vault
    values = clean_values(product.account_template, product.fields, account, more)
    packed = pack_values(values)
    fingerprint = vault.fingerprint(packed)
    if fingerprint == order.account_hash and order.reason not in MAY_STAY:
        raise Problem("account_unchanged", Kind.INVALID, params={"field": ACCOUNT})
    shown = mask_values(fields_of(product.account_template, product.fields), values)
    sealed = vault.seal(packed)
    seq = turn.event("account_corrected", account=shown, reason=order.reason)
    await turn.conn.execute(
        SQL.insert_correction,
        order.bucket,
        order.order_id,
        seq,
        order.reason,
        order.account_mask,
        order.account_enc,
        order.account_hash,
        shown,
        sealed,
        fingerprint,
        turn.now,
    )
    await turn.conn.execute(SQL.set_account, order.bucket, order.order_id, shown, sealed, fingerprint)
    order.account_mask, order.account_enc, order.account_hash = shown, sealed, fingerprint


async def choose_refund(ctx: Context, turn: Turn) -> None:
    """The buyer takes the money back instead. Raises Problem `correction_not_open`."""
    if not is_open(turn.order, await list_attempts(turn.conn, turn.order.order_id)):
        raise Problem("correction_not_open", Kind.CONFLICT)
    turn.event("buyer_chose_refund")
    await _give_back(ctx, turn)


async def refuse_correction(ctx: Context, order_id: str) -> None:
    """As `choose_refund`, in a turn of its own."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        await choose_refund(ctx, turn)
        await turn.finish()


async def ring(ctx: Context, order_id: str) -> None:
    """The clock ended without a correction: all of it goes back."""
    async with transaction(ctx.pool) as conn:
        turn = await open_rung_turn(conn, order_id, ctx.now(), ctx.rng)
        if turn is None or turn.order.state != "needs_buyer" or turn.order.reason not in CORRECTABLE:
            return
        order = turn.order
        late = Late(
            "order",
            order_id,
            order_id,
            order.state,
            order.next_actor,
            order.deadline_at or order.due_at or turn.now,
        )
        turn.event("correction_expired", reason=order.reason)
        await _give_back(ctx, turn)
        await note_breach(conn, late, order.next_actor, turn.now)
        await turn.finish()


async def _give_back(ctx: Context, turn: Turn) -> None:
    """What was ready never goes out, and the refund begins."""
    order = turn.order
    for attempt in await list_attempts(turn.conn, order.order_id):
        if attempt.state in fulfilment.OPEN:
            await route.cancel(turn, attempt, order.reason)
    cited = await turn.conn.fetchval(SQL.read_last_evidence, order.bucket, order.order_id)
    await ctx.start_refund(turn, order.reason, cited)
