"""Files of cards as shops have them: separators, headers, encodings; and what is no card is listed."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.fulfilment.stock import reader
from mingzhang.fulfilment.stock.reader import BadLine, CardLine, read_cards
from mingzhang.kit.errors import Problem

PAIRS = [("SN001", "AAAA-1111"), ("SN002", "BBBB-2222")]


def told(data: bytes | str, name: str) -> list[tuple[str, str]]:
    read = read_cards(data.encode() if isinstance(data, str) else data, name)
    assert read.bad == []
    return [(card.number, card.password) for card in read.cards]


@pytest.mark.parametrize("separator", ["----", "\t", "|", ",", ";", " ", " ---- "])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_split_by_what_is_in_all_of_them(separator: str, ending: str) -> None:
    text = ending.join(separator.join(pair) for pair in PAIRS)
    assert told(text, "cards.txt") == PAIRS
    assert told(text + ending * 3, "CARDS.TXT") == PAIRS


def test_a_line_without_a_separator_is_a_password() -> None:
    assert told("AAAA-1111\nBBBB-2222", "x.txt") == [("", "AAAA-1111"), ("", "BBBB-2222")]
    # A comma that is not in every line belongs to the code.
    assert told("AA,AA\nBBBB", "x.txt") == [("", "AA,AA"), ("", "BBBB")]


@pytest.mark.parametrize(
    "text",
    [
        "SN001,AAAA-1111\nSN002,BBBB-2222",
        "卡号,卡密\nSN001,AAAA-1111\nSN002,BBBB-2222",
        "密码;备注;卡号\nAAAA-1111;x;SN001\nBBBB-2222;;SN002",
        "Number,Password,Face\nSN001,AAAA-1111,100\n\nSN002,BBBB-2222,100\n",
        '"SN001","AAAA-1111"\n"SN002","BBBB-2222"\n',
        "SN001\tAAAA-1111\nSN002\tBBBB-2222",
    ],
)
def test_tables_with_and_without_names_of_columns(text: str) -> None:
    assert told(text, "cards.csv") == PAIRS


def test_a_table_of_codes_alone() -> None:
    assert told("卡密\nAAAA-1111\nBBBB-2222", "x.csv") == [("", "AAAA-1111"), ("", "BBBB-2222")]
    assert told('code\n"AA,""11"\n', "x.csv") == [("", 'AA,"11')]


def test_encodings_of_this_country() -> None:
    text = "卡号,卡密\n编号一,密码一\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "gbk"):
        assert told(text.encode(encoding), "x.csv") == [("编号一", "密码一")]


def test_lines_that_are_no_card_are_listed_with_their_number() -> None:
    read = read_cards(f"a,b,c\nn,\nok,fine\nx,{'y' * 201}\nx,\x07y".encode(), "x.txt")
    assert read.cards == [CardLine(3, "ok", "fine")]
    assert read.bad == [
        BadLine(1, "too_many_fields"),
        BadLine(2, "empty"),
        BadLine(4, "too_long"),
        BadLine(5, "control_character"),
    ]
    many = read_cards("\n".join("a,b,c" for _ in range(150)).encode(), "x.txt")
    assert (len(many.bad), many.bad_count) == (100, 150)


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"a", "x.pdf", "file_unsupported"),
        (b"a", "x", "file_unsupported"),
        (b"\xff\xff\xff", "x.txt", "file_unreadable"),
        (b"a\0b", "x.csv", "file_unreadable"),
        (b'"a', "x.csv", "file_unreadable"),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, name: str, code: str) -> None:
    with pytest.raises(Problem, match=code):
        read_cards(data, name)


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LINES_MAX", 2)
    with pytest.raises(Problem, match="file_too_large"):
        read_cards(b"a\nb\nc", "x.txt")
    monkeypatch.setattr(reader, "FILE_BYTES_MAX", 2)
    with pytest.raises(Problem, match="file_too_large"):
        read_cards(b"a\nb", "x.txt")


def test_lists_show_too_little_to_use() -> None:
    assert [CardLine(1, "n", text).masked for text in ("AB", "ABC", "ABCDEF", "ABCD-EFGH-IJKL")] == [
        "…",
        "…C",
        "…EF",
        "…IJKL",
    ]


@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.txt"]))
def test_no_file_makes_it_stumble(data: bytes, name: str) -> None:
    try:
        read = read_cards(data, name)
    except Problem as problem:
        assert problem.code == "file_unreadable"
        return
    assert all(card.password and (card.number + card.password).isprintable() for card in read.cards)
    assert len({card.line for card in read.cards}) == len(read.cards)


def sheet(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_spreadsheet_is_read_like_a_file() -> None:
    data = sheet(("卡号", "卡密"), ("SN001", "AAAA-1111"), (None, None), ("SN002", 123456789012))
    assert told(data, "cards.XLSX") == [("SN001", "AAAA-1111"), ("SN002", "123456789012")]
    read = read_cards(sheet(("A", "=1+1"), ("B", 1.5e20), ("C", "ok-1"), ("D", "x", "y")), "c.xlsx")
    assert [(bad.line, bad.why) for bad in read.bad] == [
        (1, "formula"),
        (2, "number_cut"),
        (4, "too_many_fields"),
    ]
    assert read.cards[-1] == CardLine(3, "C", "ok-1")


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, body in parts.items():
            book.writestr(name.replace("_", "/") + ".xml", body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 and nothing else", "file_unreadable"),
        (packed(workbook=b"<a/>"), "file_unreadable"),
        (packed(bomb=b"0" * 3_000_000), "file_too_large"),
        (packed(xl_workbook=b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>'), "file_unreadable"),
        (sheet(("a", "b"))[:-40], "file_unreadable"),
    ],
)
def test_a_spreadsheet_that_is_none_or_unpacks_to_too_much_is_refused(
    data: bytes, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "UNPACKED_BYTES_MAX", 1_000_000)
    with pytest.raises(Problem, match=code):
        read_cards(data, "x.xlsx")
