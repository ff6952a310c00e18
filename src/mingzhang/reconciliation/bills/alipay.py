"""Alipay's bills (业务明细, 账务明细): a zip of GBK CSVs, comments with #, totals after the end mark.

The trade bill has 25 columns; the accounting bill (资金流水) lists every movement of the account. Values may bear a
tab at their end, so that spreadsheets leave numbers alone. Source: wire.md, Alipay.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

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

ENCODING: Final = "gbk"
TRADE_MEMBER: Final = "业务明细"
FUND_MEMBER: Final = "账务明细"
_DAY: Final = re.compile(r"起始日期：\[(\d{4})年(\d{2})月(\d{2})日")
_ACCOUNT: Final = re.compile(r"#账号：\[(\d{6,32})\]")
_TOTAL: Final = re.compile(r"#(交易|退款|收入|支出)合计：(\d+)笔，(?:商家实收(?:退款)?)?共(-?[\d.]+)元")
_TRADES: Final = {"交易": Kind.PAID, "退款": Kind.REFUND}
_MOVES: Final = {
    "在线支付": Kind.PAID,
    "交易退款": Kind.REFUND,
    "收费": Kind.CHARGE,
    "提现": Kind.SETTLED,
    "充值": Kind.TOPUP,
}

_Reader = Callable[[dict[str, str], int], tuple[Line, str, int]]


class _Frame:
    """The lines around the rows: whose bill of what day it is, where it ends, and its totals."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.ended = False
        self.totals: dict[str, tuple[int, int]] = {}

    def read(self, number: int, line: str) -> None:
        """One line that begins with #."""
        if day := _DAY.search(line):
            said = date(int(day[1]), int(day[2]), int(day[3]))
            if said != self._told.day:
                raise refused("wrong_day", number, "起始日期", f"it is the bill of {said}")
        elif account := _ACCOUNT.match(line):
            self._told.account = account[1]
        elif "列表结束" in line:
            self.ended = True
        elif total := _TOTAL.match(line):
            self.totals[total[1]] = (int(total[2]), fen_of(total[3], number, f"{total[1]}合计"))

    def check(self, number: int, counted: Counter[str], sums: Counter[str]) -> None:
        """The end mark and every total that was told must be there and fit."""
        if not self.ended or not self.totals:
            raise refused("truncated", number, "列表结束", "the end of the list is missing")
        for name, (count, fen) in self.totals.items():
            if (counted[name], sums[name]) != (count, fen):
                told = f"{count} rows with {fen} fen told, {counted[name]} with {sums[name]} found"
                raise refused("truncated", number, f"{name}合计", told)


def read_trades(raw: bytes, told: Told) -> Iterator[Line]:
    """业务明细: payments and refunds."""
    return check_days(_rows(raw, told, TRADE_MEMBER, "支付宝交易号", _trade), told)


def read_funds(raw: bytes, told: Told) -> Iterator[Line]:
    """账务明细: every movement of the account."""
    return check_days(_rows(raw, told, FUND_MEMBER, "账务流水号", _move), told)


def _rows(raw: bytes, told: Told, member: str, first: str, read: _Reader) -> Iterator[Line]:
    frame, names, number = _Frame(told), list[str](), 0
    counted: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for number, text in read_lines(raw, ENCODING, member):
        if text.startswith("#"):
            frame.read(number, text)
        elif text and not names:
            names = [cell.strip() for cell in next(csv.reader([text]))]
            if names[0] != first:
                raise refused("unknown_form", number, first, "the header is another one")
        elif text:
            if frame.ended:
                raise refused("malformed", number, "列表结束", "a row after the end")
            cells = [cell.strip() for cell in next(csv.reader([text]))]
            if len(cells) != len(names):
                raise refused(
                    "truncated", number, "row", f"{len(cells)} cells under {len(names)} column names"
                )
            line, total, fen = read(dict(zip(names, cells, strict=True)), number)
            counted[total] += 1
            sums[total] += fen
            yield line
    frame.check(number, counted, sums)


def _trade(cells: dict[str, str], number: int) -> tuple[Line, str, int]:
    what = cell_of(cells, "业务类型", number)
    kind = _TRADES.get(what)
    if kind is None:
        raise refused("malformed", number, "业务类型", f"{what[:20]!r} is not known")
    amount_fen = fen_of(cell_of(cells, "订单金额（元）", number), number, "订单金额（元）")
    trade_no = number_of(cell_of(cells, "支付宝交易号", number), number, "支付宝交易号")
    back_no = cell_of(cells, "退款批次号/请求号", number)
    line = Line(
        kind=kind,
        key=trade_no if kind is Kind.PAID else number_of(back_no, number, "退款批次号/请求号"),
        our_no=number_of(cell_of(cells, "商户订单号", number), number, "商户订单号"),
        their_no=trade_no,
        amount_fen=abs(amount_fen),
        fee_fen=-fen_of(cell_of(cells, "服务费（元）", number), number, "服务费（元）"),
        state=Word.DONE,
        occurred_at=time_of(cell_of(cells, "完成时间", number), number, "完成时间"),
        position=number,
    )
    received = fen_of(cell_of(cells, "商家实收（元）", number), number, "商家实收（元）")
    return line, what, received


def _move(cells: dict[str, str], number: int) -> tuple[Line, str, int]:
    what = cell_of(cells, "业务类型", number)
    kind = _MOVES.get(what, Kind.OTHER)
    income = fen_of(cell_of(cells, "收入金额（+元）", number) or "0", number, "收入金额（+元）")
    outgo = fen_of(cell_of(cells, "支出金额（-元）", number) or "0", number, "支出金额（-元）")
    if (income == 0) == (outgo == 0):
        raise refused("malformed", number, "收入金额（+元）", "neither or both of income and outgo")
    flow_no = number_of(cell_of(cells, "账务流水号", number), number, "账务流水号")
    trade_no = number_of(cell_of(cells, "业务流水号", number), number, "业务流水号", needed=False)
    named = kind in (Kind.PAID, Kind.REFUND, Kind.SETTLED)
    line = Line(
        kind=kind,
        key=(trade_no or flow_no) if named else flow_no,
        our_no=number_of(cell_of(cells, "商户订单号", number), number, "商户订单号", needed=False),
        their_no=trade_no or flow_no,
        amount_fen=abs(income or outgo),
        fee_fen=None,
        state=Word.DONE,
        occurred_at=time_of(cell_of(cells, "发生时间", number), number, "发生时间"),
        position=number,
    )
    return line, "收入" if income else "支出", income or outgo
