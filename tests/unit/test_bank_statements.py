"""Bank statements as other programs write them: read to the fen, or refused with the line and the field named."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingzhang.custody.formats import read_statements
from mingzhang.custody.model import Statement
from mingzhang.kit.errors import Problem

VECTORS = Path(__file__).parents[1] / "vectors" / "bank"
DAY = date(2026, 3, 2)


def read(name: str, template: str = "") -> Statement:
    (statement,) = read_statements((VECTORS / name).read_bytes(), template)[1]
    return statement


def refusal(body: bytes | str, template: str = "") -> str:
    with pytest.raises(Problem) as caught:
        read_statements(body if isinstance(body, bytes) else body.encode(), template)
    assert caught.value.code == "statement_refused"
    assert caught.value.params["field"]
    return caught.value.detail


@pytest.mark.parametrize(
    ("name", "template"),
    [("camt.053.001.02.xml", ""), ("statement.mt940", ""), ("statement.csv", "cn-ledger")],
)
def test_three_formats_come_to_one_model(name: str, template: str) -> None:
    statement = read(name, template)
    assert (statement.account, statement.currency) == ("6217000010001234567", "CNY")
    assert (statement.opening_fen, statement.closing_fen) == (100_000, 1_075_035)
    assert [(line.position, line.booked_on, line.amount_fen) for line in statement.lines] == [
        (1, DAY, 1_000_000),
        (2, DAY, -20_000),
        (3, DAY, -4_965),
    ]
    assert [line.bank_reference for line in statement.lines[:2]] == ["26030200017", "26030200018"]
    if not template:
        assert [line.reference for line in statement.lines] == ["ALIPAY-20260301", "MZ0001", ""]


def test_camt_versions_differ_where_names_and_states_stand() -> None:
    statement = read("camt.053.001.08.xml")
    assert (statement.opening_fen, statement.closing_fen, statement.opened_on) == (-2_000, 8_000, DAY)
    (line,) = statement.lines
    assert (line.amount_fen, line.reversal, line.reference) == (10_000, True, "")
    assert (line.counterparty, line.counterparty_account) == ("Somebody", "CN55OTHR0000000001")


def test_a_file_of_another_programs_making_is_read() -> None:
    """Account with its sort code, references where this program puts them, an entry without a note."""
    statement = read("mt940-writer.sta")
    assert (statement.account, statement.currency) == ("62170000100012345670102", "CNY")
    assert (statement.opening_fen, statement.closing_fen) == (100_000, 1_075_035)
    assert [(line.amount_fen, line.reference, line.purpose) for line in statement.lines] == [
        (1_000_000, "ALIPAY SETTLEMENT", "ALIPAY-20260301"),
        (-20_000, "PREFUND", "MZ0001 PREFUND"),
        (-4_965, "ACCOUNT FEE", ""),
    ]


def test_mt940_names_and_purposes() -> None:
    lines = read("statement.mt940").lines
    assert lines[0].purpose == "ALIPAY SETTLEMENT OF 1 MARCH"
    assert (lines[1].counterparty, lines[1].counterparty_account) == ("SUPPLIER AND CO", "62250001")
    assert lines[2].purpose == "MONTHLY CHARGE"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>", "truncated: line 9, field Bal CLBD"),
        ("10750.35", "10750.36", "unbalanced: line 28, field closing balance"),
        ('<Amt Ccy="CNY">200.00', '<Amt Ccy="USD">200.00', r"wrong_currency: line \d+, field Ntry/Amt/@Ccy"),
        ("<LastPgInd>true", "<LastPgInd>false", "truncated: line 7, field GrpHdr/MsgPgntn/LastPgInd"),
        ("</BkToCstmrStmt>", "", r"truncated: line \d+, field XML"),
        ("200.00</Amt>", "2e2</Amt>", r"malformed: line \d+, field Ntry/Amt"),
        ("49.65</Amt>", "49.655</Amt>", r"malformed: line \d+, field Ntry/Amt"),
        ("<Sts>BOOK</Sts>", "<Sts>BOKD</Sts>", r"malformed: line \d+, field Ntry/Sts"),
        ("<NbOfNtries>3", "<NbOfNtries>4", r"truncated: line \d+, field TxsSummry/TtlNtries/NbOfNtries"),
        ("camt.053.001.02", "camt.052.001.02", "malformed: line 1, field file"),
        ("<Document ", '<!DOCTYPE x [<!ENTITY e "b">]><Document ', "malformed: line 2, field DOCTYPE"),
        ("<Dt>2026-03-02</Dt></BookgDt>", "<Dt>2026-02-30</Dt></BookgDt>", r"malformed: line \d+, field Ntry/BookgDt"),
    ],
)  # fmt: skip
def test_a_camt_file_is_refused_by_line_and_field(old: str, new: str, told: str) -> None:
    text = (VECTORS / "camt.053.001.02.xml").read_text()
    assert old in text
    assert re.match(told, refusal(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (":62F:C260302CNY10750,35", ":62F:C260302CNY10750,36", "unbalanced: line 20, field closing balance"),
        (":62F:C260302CNY10750,35\n", "", "truncated: line 21, field 62"),
        (":60M:C260302CNY10800,00", ":60M:C260302CNY10800,01", "unbalanced: line 17, field 60M"),
        ("D49,65NCHG", "D4965NCHG", "malformed: line 18, field 61"),
        (":28C:61/2", ":28C:62/2", "truncated: line 17, field 60M"),
        (":61:2603020302C10000", ":61:2602300302C10000", "malformed: line 6, field 61"),
        (":25:6217000010001234567\n:28C:61/1", ":28C:61/1", "malformed: line 10, field 25"),
        (":64:", ":99:", "malformed: line 21, field 99"),
        (":62F:C260302CNY", ":62F:C260302USD", "wrong_currency: line 20, field 62F"),
    ],
)
def test_an_mt940_file_is_refused_by_line_and_field(old: str, new: str, told: str) -> None:
    text = (VECTORS / "statement.mt940").read_text()
    assert old in text
    assert refusal(text.replace(old, new)).startswith(told)


def test_a_page_that_is_missing_is_told() -> None:
    text = (VECTORS / "statement.mt940").read_text()
    assert refusal(text[: text.index("-}{5:")]).startswith("truncated: line 11, field 62M")
    assert "malformed: line 1, field file" in refusal("date;amount\n1;2\n")


def test_a_csv_row_that_is_doubled_or_lost_breaks_the_running_balance() -> None:
    rows = (VECTORS / "statement.csv").read_bytes().decode("gb18030").splitlines(keepends=True)
    assert refusal("".join([*rows[:3], rows[2], *rows[3:]]), "cn-ledger").startswith(
        "unbalanced: line 4, field 余额"
    )
    assert refusal("".join([*rows[:3], *rows[4:]]), "cn-ledger").startswith("unbalanced: line 4, field 余额")
    assert refusal("".join([*rows[:4], "2026-03-02,手\n"]), "cn-ledger").startswith(
        "truncated: line 5, field row"
    )
    assert refusal("".join(rows), "plain").startswith("malformed")


@settings(max_examples=120)
@given(
    name=st.sampled_from(["camt.053.001.02.xml", "statement.mt940", "statement.csv"]),
    at=st.integers(0, 10_000),
    length=st.integers(0, 40),
    instead=st.binary(max_size=12),
)
def test_a_damaged_file_is_refused_or_still_adds_up(name: str, at: int, length: int, instead: bytes) -> None:
    body = (VECTORS / name).read_bytes()
    at %= len(body)
    damaged = body[:at] + instead + body[at + length :]
    try:
        found = read_statements(damaged, "cn-ledger" if name.endswith("csv") else "")[1]
    except Problem as problem:
        assert problem.code == "statement_refused"
        return
    for statement in found:
        assert (
            statement.opening_fen + sum(line.amount_fen for line in statement.lines) == statement.closing_fen
        )


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(body: bytes) -> None:
    for head in (b"", b"<Document xmlns='camt.053.001.02'>", b":20:X\n:25:1234\n"):
        with pytest.raises(Problem, match="statement_refused"):
            read_statements(head + body)
