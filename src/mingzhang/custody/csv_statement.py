"""Statements as CSV, by template: a small named mapping from a bank's columns to ours.

A template says which column holds what. The running balance must follow from line to line; opening and closing come
out of it, so that a line that is missing or doubled cannot pass.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime
from typing import Final

import msgspec

from mingzhang.custody.model import (
    FILE_BYTES_MAX,
    LINES_MAX,
    Line,
    Statement,
    checked,
    clip,
    read_account,
    read_amount,
    refused,
)


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One bank's CSV. Money is in ``income`` and ``outgo``, or signed in ``amount``. ``account`` and ``currency`` are
    found in the lines before the header. ``newest_first``: the file begins with the last line."""

    name: str
    date: str
    balance: str
    income: str = ""
    outgo: str = ""
    amount: str = ""
    reference: str = ""
    bank_reference: str = ""
    counterparty: str = ""
    counterparty_account: str = ""
    purpose: str = ""
    date_form: str = "%Y-%m-%d"
    account: str = r"账号[:：]\s*([0-9A-Za-z /\-]+)"
    currency: str = r"币种[:：]\s*([A-Z]{3}|人民币)"
    newest_first: bool = False


TEMPLATES: Final = {
    each.name: each
    for each in (
        Template(
            name="cn-ledger",  # 明细对账单, as most domestic banks export it
            date="交易日期",
            income="贷方发生额",
            outgo="借方发生额",
            balance="余额",
            reference="客户参考号",
            bank_reference="流水号",
            counterparty="对方户名",
            counterparty_account="对方账号",
            purpose="摘要",
        ),
        Template(
            name="plain",
            date="date",
            amount="amount",
            balance="balance",
            reference="reference",
            bank_reference="bank_reference",
            counterparty="counterparty",
            counterparty_account="counterparty_account",
            purpose="purpose",
            account=r"account[:,]\s*([0-9A-Za-z /\-]+)",
            currency=r"currency[:,]\s*([A-Z]{3})",
        ),
    )
}
HEAD_LINES_MAX: Final = 30


def read_csv(body: bytes, template: Template) -> list[Statement]:
    """The one statement of a file. Raises Problem ``statement_refused``."""
    if len(body) > FILE_BYTES_MAX:
        raise refused("too_large", 0, "file", f"more than {FILE_BYTES_MAX} bytes")
    text = _decode(body)
    head, names, rows = _split(text, template)
    account = _told(head, template.account, "account")
    currency = _told(head, template.currency, "currency").replace("人民币", "CNY")
    lines: list[Line] = []
    balances: list[int] = []
    for n, cells in rows:
        if len(cells) != len(names):
            raise refused("truncated", n, "row", f"{len(cells)} cells, the header has {len(names)}")
        row = dict(zip(names, (cell.strip().strip("\t") for cell in cells), strict=True))
        lines.append(_line(row, n, template))
        balances.append(_signed(row[template.balance], n, template.balance))
    if not lines:
        raise refused("truncated", 1, "row", "no lines")
    if template.newest_first:
        lines.reverse()
        balances.reverse()
    for before, line, balance in zip(balances, lines[1:], balances[1:], strict=False):
        if before + line.amount_fen != balance:
            told = f"{before} + {line.amount_fen} fen is not {balance}"
            raise refused("unbalanced", line.row, template.balance, told)
    first, last = lines[0].booked_on, lines[-1].booked_on
    return [
        checked(
            account=read_account(account, 1, "account"),
            statement_id=f"{first.isoformat()}/{last.isoformat()}",
            currency=currency,
            opened_on=first,
            closed_on=last,
            opening_fen=balances[0] - lines[0].amount_fen,
            closing_fen=balances[-1],
            lines=[msgspec.structs.replace(line, position=n) for n, line in enumerate(lines, start=1)],
            row=1,
            closing_row=lines[-1].row,
        )
    ]


def _decode(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise refused("malformed", 1, "file", "neither UTF-8 nor GB18030")


def _split(text: str, template: Template) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    """What stands before the header, the header, and the rows with their lines in the file."""
    reader = csv.reader(io.StringIO(text), strict=True)
    head: list[str] = []
    names: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            plain = [cell.strip() for cell in cells]
            if not names:
                if template.date in plain and template.balance in plain:
                    names = plain
                else:
                    head.append(",".join(plain))
                if not names and len(head) > HEAD_LINES_MAX:
                    break
            elif any(plain):
                rows.append((reader.line_num, cells))
            if len(rows) > LINES_MAX:
                raise refused("too_large", reader.line_num, "row", f"more than {LINES_MAX}")
    except csv.Error as error:
        raise refused("malformed", reader.line_num, "row", str(error)[:80]) from None
    missing = [name for name in _columns(template) if name not in names]
    if missing or len(set(names)) != len(names):
        raise refused("malformed", len(head) + 1, missing[0] if missing else "header", "is no such header")
    return "\n".join(head), names, rows


def _columns(template: Template) -> list[str]:
    return [
        name
        for name in (template.date, template.balance, template.income, template.outgo, template.amount)
        if name
    ]


def _told(head: str, pattern: str, field: str) -> str:
    match = re.search(pattern, head)
    if match is None:
        raise refused("malformed", 1, field, "is not named before the header")
    return match[1].strip()


def _line(row: dict[str, str], n: int, template: Template) -> Line:
    if template.amount:
        fen = _signed(row[template.amount], n, template.amount)
    else:
        fen = _signed(row[template.income] or "0", n, template.income)
        fen -= _signed(row[template.outgo] or "0", n, template.outgo)
    if fen == 0:
        raise refused("malformed", n, template.amount or template.income, "is zero")
    return Line(
        position=1,
        booked_on=_date(row[template.date], n, template),
        amount_fen=fen,
        reference=clip(row.get(template.reference, "")),
        bank_reference=clip(row.get(template.bank_reference, "")),
        counterparty=clip(row.get(template.counterparty, "")),
        counterparty_account=clip(row.get(template.counterparty_account, "")),
        purpose=clip(row.get(template.purpose, "")),
        reversal=False,
        row=n,
    )


def _signed(text: str, n: int, field: str) -> int:
    plain = text.replace(",", "").strip()
    sign = -1 if plain.startswith("-") else 1
    return sign * read_amount(plain.lstrip("+-"), n, field)


def _date(text: str, n: int, template: Template) -> date:
    for form in (template.date_form, "%Y%m%d", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a bank's day has no zone
        except ValueError:
            continue
    raise refused("malformed", n, template.date, f"{text[:30]!r} is no date")
