"""What two people decide about money put aside: sending it back by the original path (row 23; F15, F18)."""

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.suspense import check_send_back, open_item, send_back
from mingzhang.payments.store import Item
from mingzhang.staff import approvals
from mingzhang.staff.approvals import MoneyAction
from mingzhang.staff.model import Member


def _terms(item: Item) -> dict[str, str]:
    """What exactly two people agree to: this trade's money, and no other."""
    return {"channel": item.channel, "transaction_id": item.transaction_id}


async def propose_send_back(ctx: Context, member: Member, item_id: str, reason: str) -> str:
    """Put before a second person; returns the approval's id. Raises `suspense_not_open`, `unknown_order`."""
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        check_send_back(turn.item)
        return await approvals.propose(
            conn,
            ctx.rng,
            turn.now,
            member,
            MoneyAction.REFUND_SUSPENSE,
            item_id,
            turn.item.amount_fen,
            reason,
            _terms(turn.item),
        )


async def decide_send_back(
    ctx: Context, member: Member, item_id: str, approval_id: str, word: str, reason: str
) -> None:
    """The second person's word (approve, reject; withdraw is the first one's); approved, it is done at once.

    Raises what `approvals` raises, `suspense_not_open`, `unknown_action`.
    """
    async with transaction(ctx.pool) as conn:
        turn = await open_item(conn, item_id, ctx.now(), ctx.rng)
        now, action = turn.now, MoneyAction.REFUND_SUSPENSE
        found = await approvals.read_approval(conn, item_id, approval_id)
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, item_id, approval_id)
            return
        if word not in ("approve", "reject") or found.action != action.value:
            raise Problem("unknown_action", Kind.INVALID)
        approve = word == "approve"
        await approvals.decide(
            conn, ctx.rng, now, member, item_id, approval_id, approve=approve, reason=reason
        )
        if approve:
            check_send_back(turn.item)
            await approvals.use(
                conn,
                ctx.rng,
                now,
                member,
                approval_id,
                action,
                item_id,
                turn.item.amount_fen,
                _terms(turn.item),
            )
            await send_back(turn, approval_id, (found.proposed_by, member.name), found.reason)
            await turn.finish()
