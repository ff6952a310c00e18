"""RSA2 and the signed node, held against OpenSSL's command line (vectors) and python-alipay-sdk (witness)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import alipay
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit.errors import Problem
from mingzhang.payments.channels.alipay_wire import (
    Signer,
    Verifier,
    read_form,
    read_node,
    signed_text,
    write_form,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
OPENSSL_PUBLIC = (VECTORS / "alipay_public.pem").read_text()

QUERY = "alipay.trade.query"


def key_pair() -> tuple[str, str]:
    """A fresh private and public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


PRIVATE, PUBLIC = key_pair()
SDK = alipay.AliPay(appid="1", app_private_key_string=PRIVATE, alipay_public_key_string=PUBLIC)
SIGNER, VERIFIER = Signer(PRIVATE), Verifier(PUBLIC)


def bare(pem: str) -> str:
    """The base64 inside a PEM, as Alipay's console shows keys."""
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def test_a_notify_that_openssl_signed_fits() -> None:
    fields = read_form((VECTORS / "alipay_notify.form").read_bytes())
    assert fields is not None
    assert fields["subject"] == '话费 100元 "卡}100" & 50% = a+b'
    sign, _ = fields.pop("sign"), fields.pop("sign_type")
    verifier = Verifier(OPENSSL_PUBLIC)
    assert verifier.fits(signed_text(fields).encode(), sign)
    assert not verifier.fits(signed_text({**fields, "total_amount": "100.01"}).encode(), sign)


def test_an_answer_that_openssl_signed_fits_over_its_exact_bytes() -> None:
    node = read_node((VECTORS / "alipay_answer.json").read_bytes(), QUERY)
    assert node is not None
    assert node.fields["subject"] == '卡}100 "x" {['
    assert node.fields["note"] == "卡/"
    assert Verifier(OPENSSL_PUBLIC).fits(node.raw, node.sign)
    rewritten = json.dumps(node.fields, ensure_ascii=False, separators=(",", ":")).encode()
    assert not Verifier(OPENSSL_PUBLIC).fits(rewritten, node.sign)


names = st.text("abcdefgh_", min_size=1, max_size=8).filter(lambda name: name not in ("sign", "sign_type"))
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.dictionaries(names, values, min_size=1, max_size=8))
def test_the_sdk_verifies_what_we_sign(fields: Mapping[str, str]) -> None:
    sent = SIGNER.signed(fields)
    sign = sent.pop("sign")
    assert sent == fields
    assert SDK.verify(dict(sent), sign)


@given(st.dictionaries(names, values, min_size=1, max_size=8))
def test_we_verify_what_the_sdk_signs(fields: Mapping[str, str]) -> None:
    posted = SDK.sign_data(dict(fields)).encode()
    read = read_form(posted)
    assert read is not None
    sign = read.pop("sign")
    assert read == fields
    assert VERIFIER.fits(signed_text(read).encode(), sign)


def test_blank_values_are_not_signed() -> None:
    sent = SIGNER.signed({"a": "1", "b": ""})
    assert "b" not in sent
    assert VERIFIER.fits(b"a=1", sent["sign"])
    assert signed_text({"b": "", "a": "1", "sign": "x"}) == "a=1"


def test_old_and_new_key_both_fit_while_alipay_changes_its_key() -> None:
    _, other_public = key_pair()
    both = Verifier(other_public + "\n" + PUBLIC)
    assert both.fits(b"x", SDK._sign("x"))
    assert not Verifier(other_public).fits(b"x", SDK._sign("x"))


def test_keys_may_be_bare_base64() -> None:
    sent = Signer(bare(PRIVATE)).signed({"a": "1"})
    assert Verifier(bare(PUBLIC)).fits(b"a=1", sent["sign"])


@pytest.mark.parametrize(
    "text", ["", "secret-text", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_a_bad_key_is_named_without_its_content(text: str) -> None:
    for build in (Signer, Verifier):
        with pytest.raises(Problem, match="alipay_key_invalid") as caught:
            build(text)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
    with pytest.raises(Problem):
        Signer(PUBLIC)
    with pytest.raises(Problem):
        Verifier(PRIVATE)


@pytest.mark.parametrize("sign", ["", "x", "!!!!", "AAAA", "卡", "AAAA" * 200])
def test_a_malformed_signature_is_simply_wrong(sign: str) -> None:
    assert not VERIFIER.fits(b"x", sign)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        b'{"sign":"x"}',
        b'{"alipay_trade_query_response":"text","sign":"x"}',
        b'{"alipay_trade_query_response":{},"sign":1}',
        b'{"alipay_trade_query_response":{},"sign":"a","sign":"b"}',
        b'{"alipay_trade_query_response":{},"alipay_trade_query_response":{},"sign":"a"}',
        b'{"alipay_trade_query_response":{}} trailing',
        b'{"alipay_trade_query_response":{},}',
        b'{"alipay_trade_query_response" {}}',
        b"\xff\xfe{}",
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_no_answer_is_none(body: bytes) -> None:
    assert read_node(body, QUERY) is None


def test_the_gateways_own_error_node_is_read() -> None:
    node = read_node(b' { "error_response" : {"code":"40002"} , "sign" : "s" } ', QUERY)
    assert node is not None
    assert (node.fields, node.raw, node.sign) == ({"code": "40002"}, b'{"code":"40002"}', "s")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(values, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(values, json_values, max_size=4), st.booleans(), st.sampled_from([None, 2]))
def test_any_node_is_cut_out_exactly(fields: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(fields, ensure_ascii=ascii_only, indent=indent)
    body = f'{{"sign":"s","x":"}}\\"","alipay_trade_query_response":{raw}}}'.encode()
    node = read_node(body, QUERY)
    assert node is not None
    assert (node.fields, node.raw) == (fields, raw.encode())


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_raise(body: bytes) -> None:
    read_node(body, QUERY)
    read_node(b'{"alipay_trade_query_response":' + body, QUERY)
    read_form(body)


@pytest.mark.parametrize(
    "body",
    [b"a", b"a=1&a=2", b"a=%ff", b"\xe5=1", b"&".join(b"k%d=1" % n for n in range(200)), b"a=1;b"],
)
def test_what_is_no_form_is_none_or_one_field(body: bytes) -> None:
    assert read_form(body) in (None, {"a": "1;b"})


@given(st.dictionaries(st.from_regex("[a-z_]{1,12}", fullmatch=True), st.text(max_size=40), min_size=1))
def test_a_form_is_written_as_the_standard_library_writes_it(fields: dict[str, str]) -> None:
    assert write_form(fields) == urlencode(fields)
    assert read_form(write_form(fields).encode()) == fields
