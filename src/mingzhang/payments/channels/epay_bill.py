"""An aggregator has no bill: its list of paid orders, page by page, as one CSV in the form that its site exports.

The pages themselves are evidence, each as it came; the CSV says which rows of the day they held.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

from mingzhang.evidence.messages import Message
from mingzhang.kit.beijing import BEIJING, write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.payments.channels.base import BillAnswer, Outcome, TradeAnswer, TradesAnswer, TradeState

PAGES_MAX: Final = 400
COLUMNS: Final = ("系统订单号", "商户订单号", "商品金额", "支付状态", "完成时间")
_WORDS: Final = {TradeState.REFUNDED: "已退款"}


async def gather(
    list_trades: Callable[[int, int], Awaitable[TradesAnswer]], day: date, rows: int
) -> BillAnswer:
    """Read from the newest page on until one lies wholly before the day. A page that fails spoils the whole."""
    messages: tuple[Message, ...] = ()
    found: dict[str, TradeAnswer] = {}
    for page in range(PAGES_MAX):
        answer = await list_trades(page * rows, rows)
        if answer.outcome is not Outcome.OK:
            return BillAnswer(outcome=answer.outcome, code=answer.code or "unknown", messages=messages)
        days = [it.paid_at.astimezone(BEIJING).date() for it in answer.trades if it.paid_at]
        if day in days:
            messages += answer.messages
        # Pages move while they are read: the same row may come twice.
        found |= {it.transaction_id: it for it in answer.trades if it.paid_at and _day(it) == day}
        if len(answer.trades) < rows or (days and max(days) < day):
            return _bill(list(found.values()), day, messages)
    return BillAnswer(outcome=Outcome.UNKNOWN, code="list_too_long", messages=messages)


def _day(trade: TradeAnswer) -> date | None:
    return trade.paid_at.astimezone(BEIJING).date() if trade.paid_at else None


def _bill(trades: list[TradeAnswer], day: date, messages: tuple[Message, ...]) -> BillAnswer:
    if not trades:
        return BillAnswer(outcome=Outcome.OK, messages=messages)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for it in sorted(trades, key=lambda trade: trade.transaction_id):
        assert it.paid_at is not None
        yuan = format_yuan(it.amount_fen)
        word = _WORDS.get(it.state, "已支付")
        writer.writerow((it.transaction_id, it.payment_no, yuan, word, write_beijing(it.paid_at)))
    out.write(f"#合计：{len(trades)}笔\r\n")
    name = f"epay-orders-{day:%Y%m%d}.csv"
    return BillAnswer(outcome=Outcome.OK, name=name, content=out.getvalue().encode(), messages=messages)
