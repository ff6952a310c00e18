"""Signatures, seals and encrypted resources, held against OpenSSL's command line, WeChat's own published samples
and PyCryptodome, which shares no code with the product's library."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from Cryptodome.Cipher import AES
from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import RSA
from Cryptodome.Signature import pkcs1_15
from hypothesis import given
from hypothesis import strategies as st

from mingzhang.kit.errors import Problem
from mingzhang.payments.channels.wechat_wire import (
    Signer,
    answer_text,
    invoke_text,
    open_resource,
    platform_key,
    read_seal,
    request_text,
    secret_key,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SERIAL = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
MCHID, MERCHANT_SERIAL = "1900009191", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"
API_KEY = "0123456789abcdef0123456789ABCDEF"


class Witness:
    """A key pair and what PyCryptodome does with it."""

    def __init__(self, serial: str = "PUB_KEY_ID_0119000091912026") -> None:
        self.key = RSA.generate(2048)
        self.serial = serial

    @property
    def private(self) -> str:
        return self.key.export_key("PEM", pkcs=8).decode()

    @property
    def public(self) -> str:
        return self.key.public_key().export_key("PEM").decode()

    def sign(self, text: bytes) -> str:
        return base64.b64encode(pkcs1_15.new(self.key).sign(SHA256.new(text))).decode()

    def made(self, text: bytes, signature: str) -> bool:
        try:
            pkcs1_15.new(self.key.public_key()).verify(SHA256.new(text), base64.b64decode(signature))
        except ValueError:
            return False
        return True

    def seal(self, body: bytes, at: datetime, **changes: str) -> dict[str, str]:
        """Headers over a body, as WeChat sends them."""
        timestamp, nonce = str(int(at.timestamp())), "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
        headers = {
            "wechatpay-timestamp": timestamp,
            "wechatpay-nonce": nonce,
            "wechatpay-serial": self.serial,
            "wechatpay-signature": self.sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n"),
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
            "content-type": "application/json",
        }
        return {**headers, **changes}


def encrypted(plain: bytes, key: str = API_KEY, bound: str = "transaction") -> dict[str, str]:
    """A resource under an APIv3 key."""
    cipher = AES.new(key.encode(), AES.MODE_GCM, nonce=b"4de73afd28b6")
    cipher.update(bound.encode())
    sealed, tag = cipher.encrypt_and_digest(plain)
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed + tag).decode(),
        "associated_data": bound,
        "nonce": "4de73afd28b6",
    }


def notify_body(resource: Mapping[str, Any], event: str = "TRANSACTION.SUCCESS", **options: str) -> bytes:
    """A whole notify, its resource encrypted."""
    return json.dumps(
        {
            "id": "EV-2018022511223320873",
            "create_time": "2026-03-01T12:00:10+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                **encrypted(json.dumps(resource).encode(), **options),
            },
        },
        ensure_ascii=False,
    ).encode()


WECHAT = Witness()
MERCHANT = Witness()


def test_the_texts_that_are_signed_are_those_of_the_published_samples() -> None:
    nonce = "593BEC0C930BF1AFEB40B4A08C8FB242"
    assert request_text("GET", "/v3/certificates", 1554208460, nonce, "") == (
        b"GET\n/v3/certificates\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n"
    )
    assert invoke_text(
        "wx8888888888888888",
        1414561699,
        "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "prepay_id=wx201410272009395522657a690389285100",
    ) == (
        b"wx8888888888888888\n1414561699\n5K8264ILTKCH16CQ2502SI8ZNMTM67VS\n"
        b"prepay_id=wx201410272009395522657a690389285100\n"
    )
    assert answer_text("1", "n", b"") == b"1\nn\n\n"


def test_an_answer_that_openssl_signed_fits_its_certificate() -> None:
    key = platform_key((VECTORS / "wechat_certificate.pem").read_text())
    text = (VECTORS / "wechat_answer.txt").read_bytes()
    signature = (VECTORS / "wechat_answer.sig").read_text().strip()
    timestamp, nonce, body = text.decode().rstrip("\n").split("\n", 2)
    assert key.serial == SERIAL
    assert key.fits(answer_text(timestamp, nonce, body.encode()), signature)
    assert not key.fits(answer_text(timestamp, nonce, body.encode() + b" "), signature)
    assert not key.fits(text, signature[:-4])
    assert not key.fits(text, "不是")
    assert not key.fits(answer_text(timestamp, nonce, body.encode()), f"{signature[:9]}!{signature[9:]}")
    assert key.holds(datetime(2030, 1, 1, tzinfo=UTC))
    assert not key.holds(datetime(2026, 1, 1, tzinfo=UTC))
    assert not key.holds(datetime(2127, 1, 1, tzinfo=UTC))


@given(st.text(), st.text("0123456789ABCDEF", min_size=1, max_size=32))
def test_the_witness_verifies_what_we_sign(body: str, nonce: str) -> None:
    text = request_text("POST", "/v3/pay/transactions/native", 1554208460, nonce, body.replace("\ud800", ""))
    header = Signer(MCHID, MERCHANT_SERIAL, MERCHANT.private).authorization(text, 1554208460, nonce)
    scheme, fields = header.split(" ", 1)
    read = dict(part.split("=", 1) for part in fields.split(","))
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert {name: value.strip('"') for name, value in read.items() if name != "signature"} == {
        "mchid": MCHID,
        "nonce_str": nonce,
        "timestamp": "1554208460",
        "serial_no": MERCHANT_SERIAL,
    }
    assert MERCHANT.made(text, read["signature"].strip('"'))


@given(st.binary(max_size=300), st.text(max_size=40))
def test_we_open_what_the_witness_encrypted(plain: bytes, bound: str) -> None:
    resource = encrypted(plain, bound=bound)
    assert open_resource(resource, [API_KEY.encode()]) == plain
    assert open_resource(resource, [b"0" * 32, API_KEY.encode()]) == plain
    assert open_resource(resource, [b"0" * 32]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "AEAD_SM4_GCM"},
        {"ciphertext": "!"},
        {"ciphertext": ""},
        {"ciphertext": 1},
        {"nonce": "000000000000"},
        {"nonce": ""},
        {"nonce": "n" * 200},
        {"nonce": "\ud800"},
        {"nonce": None},
        {"associated_data": "refund"},
        {"associated_data": []},
    ],
)
def test_a_changed_resource_stays_closed(change: dict[str, Any]) -> None:
    assert open_resource({**encrypted(b"{}"), **change}, [API_KEY.encode()]) is None


@pytest.mark.parametrize("resource", [None, [], "x", {}, 5])
def test_what_is_no_resource_stays_closed(resource: object) -> None:
    assert open_resource(resource, [API_KEY.encode()]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"wechatpay-timestamp": ""},
        {"wechatpay-nonce": ""},
        {"wechatpay-serial": ""},
        {"wechatpay-signature": ""},
        {"wechatpay-signature": "x" * 2000},
    ],
)
def test_a_seal_that_lacks_a_part_is_none(change: dict[str, str]) -> None:
    headers = WECHAT.seal(b"", datetime(2026, 1, 1, tzinfo=UTC))
    assert read_seal(headers) is not None
    assert read_seal({**headers, **change}) is None


@pytest.mark.parametrize("timestamp", ["x", "-1", "1e9", "1554208460.5", " 1554208460", "9" * 12, "１"])
def test_a_timestamp_is_plain_seconds(timestamp: str) -> None:
    seal = read_seal(WECHAT.seal(b"", datetime(2026, 1, 1, tzinfo=UTC), **{"wechatpay-timestamp": timestamp}))
    assert seal is not None
    assert seal.sent_at is None


def test_unreadable_keys_are_named_without_showing_them() -> None:
    certificate = (VECTORS / "wechat_certificate.pem").read_text()
    broken = MERCHANT.private.replace("A", "B")
    with pytest.raises(Problem, match="merchant private key") as caught:
        Signer(MCHID, MERCHANT_SERIAL, broken)
    assert broken.splitlines()[1] not in str(caught.value)
    for pem, serial in (
        ("x", "PUB_KEY_ID_1"),
        (WECHAT.public, ""),
        (WECHAT.public, "a b"),
        (WECHAT.private, "PUB_KEY_ID_1"),
        (certificate, "77"),
        (certificate[:300], ""),
    ):
        with pytest.raises(Problem, match="wechat_key_invalid"):
            platform_key(pem, serial)
    assert platform_key(certificate, SERIAL.lower()).serial == SERIAL
    for text in ("", "x" * 31, "x" * 33, "钥" * 32):
        with pytest.raises(Problem, match="32 characters"):
            secret_key(text)


def test_a_public_key_has_no_term() -> None:
    key = platform_key(WECHAT.public, WECHAT.serial)
    assert key.holds(datetime(1990, 1, 1, tzinfo=UTC))
    assert key.holds(datetime.now(UTC) + timedelta(days=40_000))
