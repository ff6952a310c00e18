"""The MD5 signature against published and foreign tools' values, and the readers against any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit.errors import Problem
from mingzhang.payments.channels.epay_wire import Encoding, Signing, cut_bytes, read_json, signed_text

KEY = "89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i"
OTHER = "0123456789abcdef0123456789abcdef"
FIELDS = {
    "pid": "1001",
    "type": "alipay",
    "out_trade_no": "P1",
    "notify_url": "http://shop.example/n",
    "name": "话费 100元",
    "money": "1.00",
}


def test_a_published_example_comes_out() -> None:
    """A gateway's own document, same algorithm: its text, its key, its result."""
    signed = Signing("58b31d465652be856d7ed80977aa4ce4").signed({"uid": "1000", "timestamp": "1548047628"})
    assert signed["sign"] == "15540d3398e5ed2a37533e3fc032e1a0"


def test_what_md5sum_makes_of_the_text_comes_out() -> None:
    signed = Signing(KEY).signed({**FIELDS, "return_url": "", "sign": "x", "sign_type": "y"})
    assert signed["sign"] == "e199aed79e2f63543bd7a03ebd6b4101"
    assert signed["sign_type"] == "MD5"
    assert "return_url" not in signed


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [
        (Encoding.URLENCODE, "c93eaedab2e431e57d8a500488090b42"),
        (Encoding.RAWURLENCODE, "d7a8ccb15c35f99c400ecb19feed6b3c"),
    ],
)
def test_clones_that_encode_are_met_by_a_setting(encoding: Encoding, sign: str) -> None:
    """Results from Node's encodeURIComponent, turned into PHP's two ways by hand."""
    fields = {"pid": "1001", "name": "话费 100元~a+b*", "money": "1.00"}
    assert Signing(KEY, encoding=encoding).signed(fields)["sign"] == sign
    assert Signing(KEY, encoding=encoding).fits({**fields, "sign": sign})
    assert not Signing(KEY).fits({**fields, "sign": sign})


def test_the_key_before_still_fits_and_a_large_written_signature_too() -> None:
    sent = Signing(OTHER).signed(FIELDS)
    assert not Signing(KEY).fits(sent)
    assert Signing(KEY, OTHER).fits(sent)
    assert Signing(OTHER).fits({**sent, "sign": sent["sign"].upper()})
    assert Signing(KEY, OTHER).signed(FIELDS)["sign"] == Signing(KEY).signed(FIELDS)["sign"]


def test_the_signature_cannot_tell_two_messages_apart() -> None:
    """Why it never proves anything (F4): unencoded, one value may hold the next field."""
    one = {"name": "a", "out_trade_no": "B", "pid": "1"}
    two = {"name": "a&out_trade_no=B", "pid": "1"}
    assert signed_text(one) == signed_text(two)
    assert Signing(KEY).signed(one)["sign"] == Signing(KEY).signed(two)["sign"]


@pytest.mark.parametrize("sign", ["", "x", "卡", "0" * 32, "0" * 64])
def test_a_wrong_signature_does_not_fit(sign: str) -> None:
    assert not Signing(KEY).fits({**FIELDS, "sign": sign})


@pytest.mark.parametrize("keys", [("", ""), ("short", ""), (KEY, "short")])
def test_a_short_key_is_refused_without_being_told(keys: tuple[str, str]) -> None:
    with pytest.raises(Problem, match="epay_key_invalid") as caught:
        Signing(*keys)
    assert "short" not in str(caught.value.detail)


def test_keys_are_struck_out_of_what_is_kept() -> None:
    assert (
        Signing(KEY, OTHER).struck_out(f'{{"key":"{KEY}","x":"{OTHER}"}}'.encode())
        == b'{"key":"***","x":"***"}'
    )


def test_numbers_are_read_as_they_were_written() -> None:
    assert read_json('\ufeff{"code":1,"money":100.10,"m":1.0}'.encode()) == {
        "code": "1",
        "money": "100.10",
        "m": "1.0",
    }
    deep = b'{"a":' + b"[" * 100_000
    for body in (b"", b"[]", b"1", b"<html>", b"\xff{}", deep, b'{"code":1} Warning: x in y.php'):
        assert read_json(body) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    read_json(body)
    read_json(b'{"code":' + body)


@given(st.text(max_size=80), st.integers(0, 130))
def test_a_name_is_cut_between_characters(text: str, bytes_max: int) -> None:
    cut = cut_bytes(text.encode(errors="ignore").decode(), bytes_max)
    assert len(cut.encode()) <= bytes_max
    assert text.encode(errors="ignore").decode().startswith(cut)
