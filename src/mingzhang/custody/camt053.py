"""camt.053 (ISO 20022 BankToCustomerStatement), versions 02 to 13: strict, bounded, every refusal with its line.

Balances are OPBD (or PRCD, the closing of the day before) and CLBD. Only booked entries count; the direction of an
entry is its own indicator's, also when it reverses another one.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from mingzhang.custody.model import (
    LINES_MAX,
    Line,
    Statement,
    checked,
    clip,
    read_account,
    read_amount,
    refused,
)
from mingzhang.custody.xml_tree import Element, read_xml

SPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
VERSIONS: Final = range(2, 14)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SIGN: Final = {"CRDT": 1, "DBIT": -1}


def is_camt053(body: bytes) -> bool:
    """Whether a file looks like one, by its head."""
    return b"camt.053.001." in body[:2048]


def read_camt053(body: bytes) -> list[Statement]:
    """Every statement of a file. Raises Problem ``statement_refused``."""
    root = read_xml(body)
    version = root.space.removeprefix(SPACE)
    if root.name != "Document" or not version.isdecimal() or int(version) not in VERSIONS:
        raise refused("malformed", root.line, "Document", "is no camt.053.001.02 to .13")
    message = root.need("BkToCstmrStmt")
    last = message.find("GrpHdr/MsgPgntn/LastPgInd")
    if last is not None and last.text.strip() not in ("true", "1"):
        raise refused("truncated", last.line, "GrpHdr/MsgPgntn/LastPgInd", "further pages are missing")
    found = [_statement(element) for element in message.every("Stmt")]
    if not found:
        raise refused("malformed", message.line, "BkToCstmrStmt/Stmt", "is missing")
    return found


def _statement(stmt: Element) -> Statement:
    account_at = stmt.need("Acct/Id/IBAN", "Acct/Id/Othr/Id")
    opening, opening_fen, opened_on = _balance(stmt, "OPBD", "PRCD")
    closing, closing_fen, closed_on = _balance(stmt, "CLBD")
    currency = _currency(closing)
    told = stmt.value("Acct/Ccy")
    if _currency(opening) != currency or (told and told != currency):
        raise refused("wrong_currency", closing.line, "Bal/Amt/@Ccy", f"{currency} and another one")
    booked = [entry for entry in stmt.every("Ntry") if entry.value("Sts/Cd", "Sts") == "BOOK"]
    if len(booked) > LINES_MAX:
        raise refused("too_large", stmt.line, "Ntry", f"more than {LINES_MAX}")
    for entry in stmt.every("Ntry"):
        if entry.value("Sts/Cd", "Sts") not in ("BOOK", "PDNG", "INFO", "FUTR"):
            raise refused("malformed", entry.line, "Ntry/Sts", "is missing or unknown")
    lines = [_line(entry, n, currency) for n, entry in enumerate(booked, start=1)]
    _check_summary(stmt, lines)
    return checked(
        account=read_account(account_at.text, account_at.line, "Acct/Id"),
        statement_id=clip(stmt.need("Id").text),
        currency=currency,
        opened_on=opened_on,
        closed_on=closed_on,
        opening_fen=opening_fen,
        closing_fen=closing_fen,
        lines=lines,
        row=stmt.line,
        closing_row=closing.line,
    )


def _balance(stmt: Element, *codes: str) -> tuple[Element, int, date]:
    """The balance of the first of these codes that is there: its amount element, fen, date."""
    for code in codes:
        for balance in stmt.every("Bal"):
            if balance.value("Tp/CdOrPrtry/Cd") == code:
                amount = balance.need("Amt")
                return amount, _signed(balance, "Bal"), _date(balance.need("Dt"), f"Bal {code}/Dt")
    raise refused("truncated", stmt.line, f"Bal {codes[0]}", "is missing")


def _signed(of: Element, field: str) -> int:
    amount, way = of.need("Amt"), of.need("CdtDbtInd")
    sign = _SIGN.get(way.text.strip())
    if sign is None:
        raise refused("malformed", way.line, f"{field}/CdtDbtInd", f"{way.text[:20]!r}")
    return sign * read_amount(amount.text.strip(), amount.line, f"{field}/Amt")


def _currency(amount: Element) -> str:
    code = amount.attributes.get("Ccy", "")
    if _CURRENCY.fullmatch(code) is None:
        raise refused("malformed", amount.line, "Amt/@Ccy", f"{code[:10]!r}")
    return code


def _date(at: Element, field: str) -> date:
    text = at.value("Dt", "DtTm") or at.text.strip()
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise refused("malformed", at.line, field, f"{text[:30]!r} is no date") from None


def _line(entry: Element, position: int, currency: str) -> Line:
    amount = entry.need("Amt")
    if _currency(amount) != currency:
        raise refused("wrong_currency", amount.line, "Ntry/Amt/@Ccy", f"not {currency}")
    fen = _signed(entry, "Ntry")
    if fen == 0:
        raise refused("malformed", amount.line, "Ntry/Amt", "is zero")
    details = list(entry.every("NtryDtls/TxDtls"))
    one = details[0] if len(details) == 1 else None
    party, account = ("Dbtr", "DbtrAcct") if fen > 0 else ("Cdtr", "CdtrAcct")
    purposes = [found.text for of in details for found in of.every("RmtInf/Ustrd")]
    return Line(
        position=position,
        booked_on=_date(entry.need("BookgDt", "ValDt"), "Ntry/BookgDt"),
        amount_fen=fen,
        reference=_known(one.value("Refs/EndToEndId", "Refs/InstrId")) if one is not None else "",
        bank_reference=_known(entry.value("AcctSvcrRef", "NtryRef")),
        counterparty=clip(
            one.value(f"RltdPties/{party}/Pty/Nm", f"RltdPties/{party}/Nm") if one is not None else ""
        ),
        counterparty_account=clip(
            one.value(f"RltdPties/{account}/Id/IBAN", f"RltdPties/{account}/Id/Othr/Id")
            if one is not None
            else ""
        ),
        purpose=clip(" ".join(purposes) or entry.value("AddtlNtryInf")),
        reversal=entry.value("RvslInd") in ("true", "1"),
        row=entry.line,
    )


def _known(reference: str) -> str:
    """A reference, or nothing where the bank says that there is none."""
    return "" if reference in ("NOTPROVIDED", "NONREF", "NOTAVAILABLE") else clip(reference)


def _check_summary(stmt: Element, lines: list[Line]) -> None:
    """What the bank counted itself, where it did."""
    summary = stmt.find("TxsSummry/TtlNtries")
    if summary is None or len(lines) != sum(1 for _ in stmt.every("Ntry")):
        return
    count = summary.find("NbOfNtries")
    if count is not None and count.text.strip() != str(len(lines)):
        told = f"{count.text.strip()[:20]!r}, there are {len(lines)}"
        raise refused("truncated", count.line, "TxsSummry/TtlNtries/NbOfNtries", told)
    total = summary.find("Sum")
    if total is not None:
        fen = read_amount(total.text.strip(), total.line, "TxsSummry/TtlNtries/Sum")
        if fen != sum(abs(line.amount_fen) for line in lines):
            raise refused("truncated", total.line, "TxsSummry/TtlNtries/Sum", "is not the entries' sum")
