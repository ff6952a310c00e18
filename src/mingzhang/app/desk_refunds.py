"""Refunds as staff see them before and after: what one would move from where."""

from __future__ import annotations

from collections import defaultdict

from mingzhang.app import desk_money
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import parse_yuan
from mingzhang.ledger.moves import Posting, Refused
from mingzhang.ledger.places import O
from mingzhang.orders.context import Context
from mingzhang.orders.store import open_turn
from mingzhang.refunds import flow
from mingzhang.staff.approvals import MoneyAction
from mingzhang.web.model_refunds import MovedRow, RefundPreview


async def preview_part(ctx: Context, order_id: str, amount: str) -> RefundPreview:
    """What giving back ``amount`` (yuan as text) would move, as the books stand now; nothing is written."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        left = max(0, await flow.left_fen(turn))
        fen, channel = 0, ""
        try:
            fen = parse_yuan(amount.strip())
            check = desk_money.ORDER_ACTIONS[MoneyAction.REFUND_PART].check
            await check(ctx, turn, {"amount_fen": fen})
            channel, posting = await flow.preview(turn, fen)
        except (Problem, Refused) as refusal:
            return RefundPreview(amount_fen=fen, left_fen=left, channel=channel, refusal=refusal.code)
    return RefundPreview(amount_fen=fen, left_fen=left, channel=channel, moves=moved(posting))


def moved(posting: Posting) -> tuple[MovedRow, ...]:
    """The legs by place; what the platform gave or took shows as its money there."""
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for leg in posting.legs:
        if not leg.place.startswith(("source.", "spent.")):
            found[leg.place, leg.party][leg.owner != O] += leg.amount_fen
    return tuple(
        MovedRow(place=place, party=party, order_fen=order, shop_fen=shop)
        for (place, party), (order, shop) in found.items()
        if order or shop
    )
