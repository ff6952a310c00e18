"""An aggregator has no bill: its list of paid orders, page by page, as one CSV in the form that its site exports.

The pages themselves are evidence, each as it came; the CSV says which rows of the day they held.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from typing import Final

import msgspec

from mingzhang.evidence.messages import Message
from mingzhang.kit.beijing import BEIJING, write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.payments.channels.base import BillAnswer, Outcome, TradeAnswer, TradesAnswer, TradeState

PAGES_MAX: Final = 400
COLUMNS: Final = ("系统订单号", "商户订单号", "商品金额", "支付状态", "完成时间")
ReadPage = Callable[[int, int], Awaitable[TradesAnswer]]
"""One page of a list: from which row on, and how many."""

_WORDS: Final = {TradeState.REFUNDED: "已退款"}


async def gather(lists: Iterable[ReadPage], day: date, rows: int) -> BillAnswer:
    """The day's rows of every list (paid, given back, frozen: a row stands in one of them). A page that fails spoils all."""
    messages: tuple[Message, ...] = ()
    found: dict[str, TradeAnswer] = {}
    for read_page in lists:
        refusal, more = await _gather_one(read_page, day, rows, found)
        messages += more
        if refusal is not None:
            return msgspec.structs.replace(refusal, messages=messages)
    return _bill(list(found.values()), day, messages)


async def _gather_one(
    read_page: ReadPage, day: date, rows: int, found: dict[str, TradeAnswer]
) -> tuple[BillAnswer | None, tuple[Message, ...]]:
    """Read from the newest page on until one lies wholly before the day; what spoils it, and the pages that count."""
    messages: tuple[Message, ...] = ()
    for page in range(PAGES_MAX):
        answer = await read_page(page * rows, rows)
        if answer.outcome is not Outcome.OK:
            return BillAnswer(outcome=answer.outcome, code=answer.code or "unknown"), messages
        days = [it.paid_at.astimezone(BEIJING).date() for it in answer.trades if it.paid_at]
        if day in days:
            messages += answer.messages
        # Pages move while they are read: the same row may come twice.
        found |= {it.transaction_id: it for it in answer.trades if it.paid_at and _day(it) == day}
        if len(answer.trades) < rows or (days and max(days) < day):
            return None, messages
    return BillAnswer(outcome=Outcome.UNKNOWN, code="list_too_long"), messages


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
