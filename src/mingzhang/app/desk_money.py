"""Money decisions of two people over one order or one item put aside: what each is checked for, and what it does.

One table (`ACTIONS`): proposing checks, approving checks again and carries out, in the transaction that uses the
approval up. An approval holds for exactly its amount and terms; when they changed meanwhile, it holds for nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from mingzhang.app import desk_disputes
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import decision, doubt, give_back, match, resupply
from mingzhang.orders.context import Context
from mingzhang.orders.decision import Decided
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn, check_send_back, open_subject, send_back
from mingzhang.refunds import flow as refunds
from mingzhang.staff import approvals
from mingzhang.staff.approvals import MoneyAction
from mingzhang.staff.model import Member
from mingzhang.transfers import aside
from mingzhang.transfers import flow as transfers

Terms = dict[str, Any]
Subject = Turn | ItemTurn


class Action(NamedTuple):
    """``check``: amount in fen and the exact terms, or a Problem; ``carry_out``: what the approval is used up for."""

    check: Callable[[Context, Any, Terms], Awaitable[tuple[int, Terms]]]
    carry_out: Callable[[Context, Any, Decided, Terms], Awaitable[None]]


async def _check_resupply(ctx: Context, turn: Turn, _: Terms) -> tuple[int, Terms]:
    if await refunds.is_under_way(turn):  # goods and money back is not what they agree to
        raise Problem("refund_open", Kind.CONFLICT)
    n, order = await resupply.check(ctx, turn), turn.order
    terms = {"supplier": order.supplier, "supplier_product": order.supplier_product, "attempt": n}
    return order.cost_fen, terms


async def _resupply(_ctx: Context, turn: Turn, decided: Decided, terms: Terms) -> None:
    names = (decided.proposed_by, decided.decided_by)
    await resupply.start(turn, int(terms["attempt"]), decided.approval_id, names, decided.reason)


async def _check_make_good(_ctx: Context, turn: Turn, _: Terms) -> tuple[int, Terms]:
    payment, fen = await doubt.check_make_good(turn)
    return fen, {"channel": payment.channel, "transaction_id": payment.transaction_id}


async def _make_good(ctx: Context, turn: Turn, decided: Decided, _: Terms) -> None:
    await doubt.make_good(ctx, turn, await decision.keep(turn, decided))


async def _check_unpaid(_ctx: Context, turn: Subject, _: Terms) -> tuple[int, Terms]:
    if isinstance(turn, ItemTurn):
        return await doubt.check_item_unpaid(turn), _trade(turn)
    payment, fen = await doubt.check_unpaid(turn)
    await refunds.check_unsent(turn)
    return fen, {"channel": payment.channel, "transaction_id": payment.transaction_id}


async def _prove_unpaid(_ctx: Context, turn: Subject, decided: Decided, _: Terms) -> None:
    evidence_id = await decision.keep(turn, decided)
    if isinstance(turn, ItemTurn):
        await doubt.prove_item_unpaid(turn, evidence_id)
        return
    await refunds.drop_refunds(turn, doubt.UNPAID)
    await doubt.prove_unpaid(turn, evidence_id)


async def _check_give_up(_ctx: Context, turn: Turn, _: Terms) -> tuple[int, Terms]:
    channel, fen = await doubt.check_give_up(turn)
    return fen, {"channel": channel}


async def _give_up(_ctx: Context, turn: Turn, decided: Decided, _: Terms) -> None:
    await doubt.give_up(turn, await decision.keep(turn, decided))


def _check_refund(*, at_risk: bool) -> Callable[[Context, Turn, Terms], Awaitable[tuple[int, Terms]]]:
    async def check(_ctx: Context, turn: Turn, _: Terms) -> tuple[int, Terms]:
        await give_back.check(turn, at_risk=at_risk)
        left = await refunds.left_fen(turn)
        if not left:
            raise Problem("refund_not_open", Kind.CONFLICT)
        return left, {"at_risk": at_risk}

    return check


async def _refund(ctx: Context, turn: Turn, decided: Decided, _: Terms) -> None:
    await give_back.give_back(ctx, turn, await decision.keep(turn, decided))


async def _check_part(ctx: Context, turn: Turn, terms: Terms) -> tuple[int, Terms]:
    """Without an amount: all that is left. The bound is looked at again as it is carried out, under the lock (F13)."""
    await give_back.check_part(turn)
    left = await refunds.left_fen(turn)
    wanted = terms.get("amount_fen", left)
    if left <= 0:
        raise Problem("refund_not_open", Kind.CONFLICT)
    if not isinstance(wanted, int) or wanted <= 0:
        raise Problem("amount_invalid", Kind.INVALID)
    if wanted > left:
        raise Problem("over_refund", Kind.CONFLICT, f"{wanted} of {left}")
    await refunds.check_parts(ctx, turn, wanted)
    return wanted, {"amount_fen": wanted}


async def _refund_part(ctx: Context, turn: Turn, decided: Decided, terms: Terms) -> None:
    await give_back.give_back(ctx, turn, await decision.keep(turn, decided), int(terms["amount_fen"]))


async def _check_transfer(_ctx: Context, turn: Turn, terms: Terms) -> tuple[int, Terms]:
    """Exactly this amount to exactly this word of the buyer's, on that proof: what changed meanwhile holds for nothing."""
    wanted = terms.get("amount_fen")
    plan = await transfers.check(turn, wanted if isinstance(wanted, int) else None)
    return plan.amount_fen, plan.terms()


async def _transfer(_ctx: Context, turn: Turn, decided: Decided, terms: Terms) -> None:
    plan = msgspec.convert(terms, transfers.Plan)
    await transfers.start(turn, plan, decided.approval_id, await decision.keep(turn, decided))


async def _check_item_transfer(_ctx: Context, turn: ItemTurn, _: Terms) -> tuple[int, Terms]:
    plan = await aside.check(turn)
    return plan.amount_fen, plan.terms()


async def _item_transfer(_ctx: Context, turn: ItemTurn, decided: Decided, terms: Terms) -> None:
    plan = msgspec.convert(terms, transfers.Plan)
    await aside.start(turn, plan, decided.approval_id, await decision.keep(turn, decided))


def _trade(turn: ItemTurn) -> Terms:
    """What exactly two people agree to: this trade's money, and no other."""
    return {"channel": turn.item.channel, "transaction_id": turn.item.transaction_id}


async def _check_send_back(_ctx: Context, turn: ItemTurn, _: Terms) -> tuple[int, Terms]:
    check_send_back(turn.item)
    return turn.item.amount_fen, _trade(turn)


async def _send_back(_ctx: Context, turn: ItemTurn, decided: Decided, _: Terms) -> None:
    await send_back(turn, decided.approval_id, (decided.proposed_by, decided.decided_by), decided.reason)


async def _check_match(_ctx: Context, turn: ItemTurn, terms: Terms) -> tuple[int, Terms]:
    order, _ = await match.check(turn, str(terms.get("order", "")))
    return turn.item.amount_fen, {**_trade(turn), "order": order.order_id}


async def _match(_ctx: Context, turn: ItemTurn, decided: Decided, terms: Terms) -> None:
    match.decide(turn, str(terms["order"]), await decision.keep(turn, decided))


ORDER_ACTIONS: Final[Mapping[MoneyAction, Action]] = {
    MoneyAction.DELIVER_AT_SHOP_COST: Action(_check_resupply, _resupply),
    MoneyAction.MAKE_GOOD: Action(_check_make_good, _make_good),
    MoneyAction.PROVE_UNPAID: Action(_check_unpaid, _prove_unpaid),
    MoneyAction.WRITE_OFF: Action(_check_give_up, _give_up),
    MoneyAction.REFUND_ORDER: Action(_check_refund(at_risk=False), _refund),
    MoneyAction.REFUND_AT_RISK: Action(_check_refund(at_risk=True), _refund),
    MoneyAction.REFUND_PART: Action(_check_part, _refund_part),
    MoneyAction.REFUND_BY_TRANSFER: Action(_check_transfer, _transfer),
    MoneyAction.SOLVE_DISPUTE: Action(desk_disputes.check_solve, desk_disputes.solve),
}
ITEM_ACTIONS: Final[Mapping[MoneyAction, Action]] = {
    MoneyAction.REFUND_SUSPENSE: Action(_check_send_back, _send_back),
    MoneyAction.MATCH_SUSPENSE: Action(_check_match, _match),
    MoneyAction.REFUND_BY_TRANSFER: Action(_check_item_transfer, _item_transfer),
    MoneyAction.PROVE_UNPAID: Action(_check_unpaid, _prove_unpaid),
}


def _action(turn: Subject, name: str) -> tuple[MoneyAction, Action]:
    """Raises `unknown_action`."""
    table = ITEM_ACTIONS if isinstance(turn, ItemTurn) else ORDER_ACTIONS
    found = next(((action, entry) for action, entry in table.items() if action.value == name), None)
    if found is None:
        raise Problem("unknown_action", Kind.INVALID)
    return found


async def list_open(ctx: Context, subject: str) -> frozenset[str]:
    """What may be proposed for an order or item as it stands now; matching needs its order named and is not listed."""
    found: set[str] = set()
    async with ctx.pool.acquire() as conn, conn.transaction():
        turn = await open_subject(conn, subject, ctx.now(), ctx.rng)
        table = ITEM_ACTIONS if isinstance(turn, ItemTurn) else ORDER_ACTIONS
        for action, entry in table.items():
            try:
                await entry.check(ctx, turn, {})
            except Problem:
                continue
            found.add(action.value)
    return frozenset(found)


async def propose(
    ctx: Context, member: Member, subject: str, action: str, reason: str, terms: Terms | None = None
) -> str:
    """Put a decision before a second person; returns the approval's id. Raises `unknown_action`, `approval_waiting`
    and what the action is checked for.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, subject, ctx.now(), ctx.rng)
        name, entry = _action(turn, action)
        fen, exact = await entry.check(ctx, turn, terms or {})
        return await approvals.propose(conn, ctx.rng, turn.now, member, name, subject, fen, reason, exact)


async def decide(
    ctx: Context, member: Member, subject: str, approval_id: str, word: str, reason: str
) -> None:
    """The second person's word (approve, reject; withdraw is the first one's); approved, it is carried out in the
    same transaction, or not approved at all. Raises what `approvals` raises, and what the action is checked for.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_subject(conn, subject, ctx.now(), ctx.rng)
        now = turn.now
        found = await approvals.read_approval(conn, subject, approval_id)
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, subject, approval_id)
            return
        if word not in ("approve", "reject"):
            raise Problem("unknown_action", Kind.INVALID)
        name, entry = _action(turn, found.action)
        approve = word == "approve"
        await approvals.decide(
            conn, ctx.rng, now, member, subject, approval_id, approve=approve, reason=reason
        )
        if not approve:
            return
        fen, exact = await entry.check(ctx, turn, found.terms)
        await approvals.use(conn, ctx.rng, now, member, approval_id, name, subject, fen, exact)
        decided = Decided(
            approval_id=approval_id,
            action=name.value,
            subject=subject,
            amount_fen=fen,
            proposed_by=found.proposed_by,
            decided_by=member.name,
            reason=found.reason,
        )
        await entry.carry_out(ctx, turn, decided, exact)
        await turn.finish()
