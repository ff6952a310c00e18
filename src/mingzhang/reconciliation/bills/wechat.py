"""WeChat Pay's bills (交易账单, 资金账单): CSV, a backtick before every value, totals under a header of their own.

Fees have up to five decimals and are whole fen all the same. In the fund-flow bill a trade's fee is a movement of its
own: it is told as the fee of that trade. Source: wire.md, WeChat Pay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from mingzhang.reconciliation.bills.text import (
    Told,
    cell_of,
    check_days,
    fen_of,
    number_of,
    read_lines,
    refused,
    time_of,
)
from mingzhang.reconciliation.model import Kind, Line, Word

ENCODING: Final = "utf-8"
_STATES: Final = {"SUCCESS": Kind.PAID, "REFUND": Kind.REFUND, "REVOKED": Kind.REFUND}
_REFUNDED: Final = {"SUCCESS": Word.DONE, "PROCESSING": Word.DONE, "CHANGE": Word.OPEN, "FAIL": Word.FAILED}
_MOVES: Final = {
    "交易": Kind.PAID,
    "退款": Kind.REFUND,
    "扣除交易手续费": Kind.CHARGE,
    "提现": Kind.SETTLED,
    "充值": Kind.TOPUP,
}
TRADE_SUMS: Final = "总交易单数"
FUND_SUMS: Final = "资金流水总笔数"


def read_trades(raw: bytes, told: Told) -> Iterator[Line]:
    """交易账单: what was paid, and what refunds were taken."""
    return check_days(_trades(raw, told), told)


def read_funds(raw: bytes, told: Told) -> Iterator[Line]:
    """资金账单: every movement of the account; a trade's fee is joined to its trade."""
    return check_days(_funds(raw), told)


def _table(raw: bytes, sums_head: str) -> Iterator[tuple[int, dict[str, str], bool]]:
    """Rows by column name; the last one, true, is the totals."""
    names: list[str] = []
    totals = ended = False
    number = 0
    for number, text in read_lines(raw, ENCODING):
        if not text:
            continue
        if not text.startswith("`"):
            if names and not text.startswith(sums_head):
                raise refused("malformed", number, "line", "a value without its backtick")
            totals = bool(names)
            names = text.split(",")
            continue
        cells = [cell.strip() for cell in text[1:].split(",`")]
        if len(cells) != len(names) or ended:
            raise refused("truncated", number, "row", f"{len(cells)} cells under {len(names)} column names")
        ended = totals
        yield number, dict(zip(names, cells, strict=True)), totals
    if not ended:
        raise refused("truncated", number, sums_head, "the totals are missing")


def _trades(raw: bytes, told: Told) -> Iterator[Line]:
    seen: Counter[str] = Counter()
    for number, cells, is_total in _table(raw, TRADE_SUMS):
        if is_total:
            _check_trades(cells, number, seen)
            return
        line = _trade(cells, number, told)
        seen["n"] += 1
        seen[line.kind] += line.amount_fen
        seen["fee"] += line.fee_fen or 0
        yield line


def _check_trades(cells: dict[str, str], number: int, seen: Counter[str]) -> None:
    wanted = {
        TRADE_SUMS: int(cell_of(cells, TRADE_SUMS, number) or 0) if _digits(cells) else -1,
        "订单总金额": fen_of(cell_of(cells, "订单总金额", number), number, "订单总金额"),
        "申请退款总金额": fen_of(cell_of(cells, "申请退款总金额", number), number, "申请退款总金额"),
        "手续费总金额": fen_of(cell_of(cells, "手续费总金额", number), number, "手续费总金额"),
    }
    found = (seen["n"], seen[Kind.PAID], seen[Kind.REFUND], seen["fee"])
    for (name, told), real in zip(wanted.items(), found, strict=True):
        if told != real:
            raise refused("truncated", number, name, f"{told} told, {real} found")


def _digits(cells: dict[str, str]) -> bool:
    return next(iter(cells.values())).isdigit()


def _trade(cells: dict[str, str], number: int, told: Told) -> Line:
    state = cell_of(cells, "交易状态", number)
    kind = _STATES.get(state)
    if kind is None or cell_of(cells, "货币种类", number) != "CNY":
        raise refused("malformed", number, "交易状态", f"{state[:20]!r}, or another currency")
    account = number_of(cell_of(cells, "商户号", number), number, "商户号")
    if told.account not in ("", account):
        raise refused("wrong_account", number, "商户号", f"{account} among {told.account}")
    told.account = account
    amount, refund_no = ("订单金额", "") if kind is Kind.PAID else ("申请退款金额", "商户退款单号")
    trade_no = number_of(cell_of(cells, "微信订单号", number), number, "微信订单号")
    word = Word.DONE if kind is Kind.PAID else _REFUNDED.get(cell_of(cells, "退款状态", number), Word.OPEN)
    return Line(
        kind=kind,
        key=number_of(cell_of(cells, refund_no, number), number, refund_no) if refund_no else trade_no,
        our_no=number_of(cell_of(cells, "商户订单号", number), number, "商户订单号"),
        their_no=trade_no,
        amount_fen=fen_of(cell_of(cells, amount, number), number, amount),
        fee_fen=fen_of(cell_of(cells, "手续费", number), number, "手续费"),
        state=word,
        occurred_at=time_of(cell_of(cells, "交易时间", number), number, "交易时间"),
        position=number,
    )


def _funds(raw: bytes) -> Iterator[Line]:
    seen: Counter[str] = Counter()
    last: Line | None = None  # a trade, whose fee may come in the next row
    for number, cells, is_total in _table(raw, FUND_SUMS):
        if is_total:
            _check_funds(cells, number, seen)
            break
        line = _move(cells, number)
        way = cell_of(cells, "收支类型", number)
        seen[way] += 1
        seen[f"{way}金额"] += line.amount_fen
        fee = line.kind is Kind.CHARGE
        if fee and last is not None and last.kind is Kind.PAID and last.their_no == line.their_no:
            last = msgspec.structs.replace(last, fee_fen=line.amount_fen)
            continue
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield last


def _check_funds(cells: dict[str, str], number: int, seen: Counter[str]) -> None:
    for way in ("收入", "支出"):
        count, amount = f"{way}笔数", f"{way}金额"
        told = (cell_of(cells, count, number), fen_of(cell_of(cells, amount, number), number, amount))
        if told != (str(seen[way]), seen[amount]):
            raise refused("truncated", number, amount, f"{told} told, {seen[way]} with {seen[amount]} found")


def _move(cells: dict[str, str], number: int) -> Line:
    kind = _MOVES.get(cell_of(cells, "业务名称", number), Kind.OTHER)
    their_no = number_of(cell_of(cells, "微信支付业务单号", number), number, "微信支付业务单号")
    voucher = number_of(cell_of(cells, "业务凭证号", number), number, "业务凭证号", needed=False)
    flow_no = number_of(cell_of(cells, "资金流水单号", number), number, "资金流水单号")
    named = {Kind.PAID: their_no, Kind.REFUND: voucher, Kind.SETTLED: voucher}
    key = named.get(kind) or flow_no
    return Line(
        kind=kind,
        key=key,
        our_no=voucher,
        their_no=their_no,
        amount_fen=fen_of(cell_of(cells, "收支金额(元)", number), number, "收支金额(元)"),
        fee_fen=None,
        state=Word.DONE,
        occurred_at=time_of(cell_of(cells, "记账时间", number), number, "记账时间"),
        position=number,
    )
