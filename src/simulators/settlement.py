"""What a channel settles: its list trade by trade, as a shop downloads it, and the payout it announces."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simulators.alipay.model import AlipayParty
from simulators.epay.model import FROZEN, EpayParty
from simulators.wechat.model import CLOSED, WechatParty
from simulators.world import BEIJING, Payout, World


def _list(world: World, channel: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    day = world.now().astimezone(BEIJING).date()
    number = world.next_number()
    for n, line in enumerate(lines, start=1):
        line["position"] = n
        sign = 1 if line["kind"] == "pay" else -1
        line["net_fen"] = sign * line["gross_fen"] - line["fee_fen"]
    return {
        "channel": channel,
        "batch_id": f"{day:%Y%m%d}-{number}",
        "reference": f"{channel.upper()}-{day:%Y%m%d}-{number}",
        "day": day.isoformat(),
        "payout_fen": max(0, sum(line["net_fen"] for line in lines)),
        "lines": lines,
    }


def _paid_out(payouts: list[Payout], listed: dict[str, Any], world: World) -> dict[str, Any]:
    """Note it for the channel's own account bill (提现)."""
    if listed["payout_fen"]:
        payouts.append(Payout(world.now().replace(microsecond=0), listed["reference"], listed["payout_fen"]))
    return listed


def _trade(number: str, paid: int, fee: int, refunds: dict[str, int]) -> list[dict[str, Any]]:
    row = {"kind": "pay", "transaction_id": number, "refund_no": "", "gross_fen": paid, "fee_fen": fee}
    back = [
        {"kind": "refund", "transaction_id": number, "refund_no": refund_no, "gross_fen": fen, "fee_fen": 0}
        for refund_no, fen in refunds.items()
    ]
    return [row, *back]


def settle_alipay(party: AlipayParty, paid_before: datetime | None = None) -> dict[str, Any]:
    """Every trade that was not settled yet (and was paid before a moment), less its fee and what went back of it."""
    lines: list[dict[str, Any]] = []
    for trade in party.unsettled(paid_before):
        fee = ((trade.paid_fen - trade.refunded_fen) * party.fee_ppm + 500_000) // 1_000_000
        refunds = {number: refund.fen for number, refund in trade.refunds.items()}
        lines += _trade(trade.trade_no, trade.paid_fen, fee, refunds)
    party.settle(paid_before)
    return _paid_out(party.payouts, _list(party.world, "alipay", lines), party.world)


def settle_wechat(party: WechatParty, paid_before: datetime | None = None) -> dict[str, Any]:
    """The same; a refund that came back counts as none."""
    lines: list[dict[str, Any]] = []
    for order in party.unsettled(paid_before):
        refunds = {n: refund.fen for n, refund in order.refunds.items() if refund.status != CLOSED}
        fee = party.fee_of(order.paid_fen - order.refunded_fen)
        lines += _trade(order.transaction_id, order.paid_fen, fee, refunds)
    party.settle(paid_before)
    return _paid_out(party.payouts, _list(party.world, "wechat", lines), party.world)


def settle_epay(party: EpayParty, paid_before: datetime | None = None) -> dict[str, Any]:
    """The aggregator takes no fee of its own; what it froze it keeps back."""
    lines: list[dict[str, Any]] = []
    for trade in party.trades.values():
        if trade.trade_no in party.settled or not trade.was_paid or trade.status == FROZEN:
            continue
        if paid_before is not None and (trade.paid_at is None or trade.paid_at >= paid_before):
            continue
        party.settled.add(trade.trade_no)
        lines += _trade(trade.trade_no, trade.amount_fen, 0, dict(trade.refunds))
        net = trade.amount_fen - trade.refunded_fen
        party.settled_fen += net
        party.merchant_balance_fen -= net
    return _list(party.world, "epay", lines)
