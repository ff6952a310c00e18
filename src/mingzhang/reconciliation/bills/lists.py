"""Order lists that are no bills: of an aggregator (易支付) and of suppliers, as their sites export them.

CSV with a header, UTF-8 or GB18030. Which column says what is one row of `FORMS`; a file whose columns are others is
refused by the name of the column. A list has no totals of its own, so its last line is the count, where it has one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
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

COUNT: Final = "#合计"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one party's list. ``paid_key``: whether their number is what both sides know (a channel's)."""

    kind: Kind
    our_no: str
    their_no: str
    amount: str
    state: str
    at: str
    words: Mapping[str, Word]
    by_their_no: bool = False
    returned: str = ""


FORMS: Final[Mapping[str, Form]] = {
    "epay": Form(
        kind=Kind.PAID,
        our_no="商户订单号",
        their_no="系统订单号",
        amount="商品金额",
        state="支付状态",
        at="完成时间",
        words={"已支付": Word.DONE, "已退款": Word.DONE, "已冻结": Word.DONE},
        by_their_no=True,
    ),
    "fulu": Form(
        kind=Kind.SUPPLY,
        our_no="外部订单号",
        their_no="订单编号",
        amount="订单金额",
        state="订单状态",
        at="下单时间",
        words={"成功": Word.DONE, "处理中": Word.OPEN, "失败": Word.FAILED, "未处理": Word.OPEN},
        returned="退款金额",
    ),
    "kasushou": Form(
        kind=Kind.SUPPLY,
        our_no="外部单号",
        their_no="订单号",
        amount="总价",
        state="状态",
        at="创建时间",
        words={
            "交易成功": Word.DONE,
            "等待处理": Word.OPEN,
            "处理中": Word.OPEN,
            "已退款": Word.FAILED,
            "部分退款": Word.DONE,
            "交易失败": Word.FAILED,
        },
        returned="退款金额",
    ),
    "dtone": Form(
        kind=Kind.SUPPLY,
        our_no="external_id",
        their_no="transaction_id",
        amount="wholesale_cny",
        state="status",
        at="creation_date",
        words={
            "COMPLETED": Word.DONE,
            "CREATED": Word.OPEN,
            "CONFIRMED": Word.OPEN,
            "SUBMITTED": Word.OPEN,
            "REJECTED": Word.FAILED,
            "CANCELLED": Word.FAILED,
            "REVERSED": Word.FAILED,
            "DECLINED": Word.FAILED,
        },
    ),
}


def encoding_of(raw: bytes) -> str:
    """UTF-8 if the whole file is, else GB18030, as Chinese spreadsheets save it."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def read_list(raw: bytes, told: Told, party: str) -> Iterator[Line]:
    """The list of `party`, one of `FORMS`."""
    return check_days(_rows(raw, FORMS[party]), told)


def _rows(raw: bytes, form: Form) -> Iterator[Line]:
    names: list[str] = []
    count = 0
    told: int | None = None
    number = 0
    for number, text in read_lines(raw, encoding_of(raw)):
        if not text:
            continue
        if text.startswith(COUNT):
            told = int(text.removeprefix(COUNT).strip("：: ,笔") or -1)
            continue
        cells = [cell.strip().removeprefix("`") for cell in next(csv.reader([text]))]
        if not names:
            names = cells
            _check_head(form, names, number)
            continue
        if told is not None or len(cells) != len(names):
            raise refused("truncated", number, "row", f"{len(cells)} cells under {len(names)} column names")
        count += 1
        yield _row(form, dict(zip(names, cells, strict=True)), number)
    if not names:
        raise refused("unknown_form", 0, form.our_no, "no header")
    if told is not None and told != count:
        raise refused("truncated", number, COUNT, f"{told} rows told, {count} found")


def _check_head(form: Form, names: list[str], number: int) -> None:
    """Every column that is read must be there, also in a list without a row."""
    for name in (form.our_no, form.their_no, form.amount, form.state, form.at):
        if name not in names:
            raise refused("unknown_form", number, name, "no such column")


def _row(form: Form, cells: Mapping[str, str], number: int) -> Line:
    state = cell_of(cells, form.state, number)
    if state not in form.words:
        raise refused("malformed", number, form.state, f"{state[:20]!r} is not known")
    our_no = number_of(cell_of(cells, form.our_no, number), number, form.our_no)
    their_no = number_of(cell_of(cells, form.their_no, number), number, form.their_no)
    returned = fen_of(cells.get(form.returned, "") or "0", number, form.returned) if form.returned else 0
    amount = fen_of(cell_of(cells, form.amount, number), number, form.amount)
    return Line(
        kind=form.kind,
        key=their_no if form.by_their_no else our_no,
        our_no=our_no,
        their_no=their_no,
        # What of a refused order was charged is nothing; what came back of a part is no cost.
        amount_fen=amount if form.words[state] is Word.FAILED else amount - returned,
        fee_fen=None,
        state=form.words[state],
        occurred_at=time_of(cell_of(cells, form.at, number), number, form.at),
        position=number,
    )
