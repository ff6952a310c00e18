"""Certificate mode: serial numbers as published and as the SDK counts them, chains, and certificates that change."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import alipay
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from test_alipay_wire import key_pair

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from mingzhang.payments.channels.alipay_cert import (
    ASK_EVERY,
    DOWNLOAD,
    AlipayCertificates,
    CertVerifier,
    read_certs,
    read_download,
    serial_of,
)
from mingzhang.payments.channels.alipay_wire import Signer, signed_text
from mingzhang.payments.channels.base import Outcome, PaymentRequest, TradeState
from outside_party import OutsideParty, http, outside_party

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
PRIVATE, PUBLIC = key_pair()
R1 = ("CN", "Ant Financial", "Certification Authority", "Ant Financial Certification Authority R1")
R1_NUMBER, R1_SN = 0x1FCFA18D6A480D11, "687b59193f3f462dd5336e5abf83c5d8"
G3 = ("CN", "iTrusChina", "China Trust Network", "iTrusChina Class 2 Root CA - G3")
G3_NUMBER, G3_SN = 0x10C764E9D560384212D9C08FD10E373FDD0FB396, "02941eef3187dddf3d3b83462e1dfcf6"
CLASS_2 = (*R1[:3], "Ant Financial Certification Authority Class 2 R1")
ALIPAY = ("CN", "支付宝(中国)网络技术有限公司", "Alipay", "支付宝(中国)网络技术有限公司-2088")
MERCHANT = ("CN", "某商户", "Alipay", "某商户-2088")

# The first certificate of Alipay's root file: signed by SM2, with a key that OpenSSL's usual curves lack.
SM2_ROOT = """-----BEGIN CERTIFICATE-----
MIIBszCCAVegAwIBAgIIaeL+wBcKxnswDAYIKoEcz1UBg3UFADAuMQswCQYDVQQG
EwJDTjEOMAwGA1UECgwFTlJDQUMxDzANBgNVBAMMBlJPT1RDQTAeFw0xMjA3MTQw
MzExNTlaFw00MjA3MDcwMzExNTlaMC4xCzAJBgNVBAYTAkNOMQ4wDAYDVQQKDAVO
UkNBQzEPMA0GA1UEAwwGUk9PVENBMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE
MPCca6pmgcchsTf2UnBeL9rtp4nw+itk1Kzrmbnqo05lUwkwlWK+4OIrtFdAqnRT
V7Q9v1htkv42TsIutzd126NdMFswHwYDVR0jBBgwFoAUTDKxl9kzG8SmBcHG5Yti
W/CXdlgwDAYDVR0TBAUwAwEB/zALBgNVHQ8EBAMCAQYwHQYDVR0OBBYEFEwysZfZ
MxvEpgXBxuWLYlvwl3ZYMAwGCCqBHM9VAYN1BQADSAAwRQIgG1bSLeOXp3oB8H7b
53W+CKOPl2PknmWEq/lMhtn25HkCIQDaHDgWxWFtnCrBjH16/W3Ezn7/U/Vjo5xI
pDoiVhsLwg==
-----END CERTIFICATE-----
"""

Parts = tuple[str, str, str, str]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


ROOT_KEY, CLASS_2_KEY, ALIPAY_KEY, NEW_KEY = rsa_key(), rsa_key(), rsa_key(), rsa_key()


def name(parts: Parts) -> x509.Name:
    kinds = (
        NameOID.COUNTRY_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        NameOID.COMMON_NAME,
    )
    return x509.Name([x509.NameAttribute(kind, part) for kind, part in zip(kinds, parts, strict=True)])


def issue(
    subject: Parts,
    key: Key,
    issuer: Parts,
    issuer_key: Key,
    *,
    number: int = 77,
    ca: bool = False,
    until: datetime = NOW + timedelta(days=100),
) -> str:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(until)
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    cert = builder.sign(issuer_key, hashes.SHA256())
    return cert.public_bytes(serialization.Encoding.PEM).decode()


def loaded(private_pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def sn_of(pem: str) -> str:
    return serial_of(read_certs(pem)[0])


ROOT = issue(R1, ROOT_KEY, R1, ROOT_KEY, number=R1_NUMBER, ca=True)
OTHER_ROOT = issue(G3, CLASS_2_KEY, G3, CLASS_2_KEY, number=G3_NUMBER, ca=True)
CURVE = ec.generate_private_key(ec.SECP384R1())
CURVE_ROOT = issue(R1, CURVE, R1, CURVE, number=5, ca=True)
MIDDLE = issue(CLASS_2, CLASS_2_KEY, R1, ROOT_KEY, ca=True)
ROOT_FILE = "\n".join((SM2_ROOT, ROOT, CURVE_ROOT, OTHER_ROOT))
LEAF = issue(ALIPAY, ALIPAY_KEY, CLASS_2, CLASS_2_KEY, number=100)
NEW_LEAF = issue(ALIPAY, NEW_KEY, CLASS_2, CLASS_2_KEY, number=101, until=NOW + timedelta(days=200))
APP = issue(MERCHANT, loaded(PRIVATE), CLASS_2, CLASS_2_KEY, number=200)
FILES = AlipayCertificates(app_cert=APP, alipay_cert=f"{LEAF}\n{MIDDLE}", alipay_root_cert=ROOT_FILE)


def verifier(clock: ManualClock | None = None, **changes: str) -> CertVerifier:
    given = {"app_cert": APP, "alipay_cert": FILES.alipay_cert, "alipay_root_cert": ROOT_FILE, **changes}
    return CertVerifier(AlipayCertificates(**given), Signer(PRIVATE), clock or ManualClock(NOW))


def sign(text: str | bytes, key: rsa.RSAPrivateKey) -> str:
    raw = text.encode() if isinstance(text, str) else text
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    sdk = alipay.AliPay(appid="1", app_private_key_string=pem, alipay_public_key_string=PUBLIC)
    return str(sdk._sign(raw.decode()))


# -- numbers


def test_the_roots_have_their_published_numbers() -> None:
    """Known of Alipay's production root file: two RSA roots count, the SM2 one and the one on a curve do not."""
    assert verifier().root_cert_sn == f"{R1_SN}_{G3_SN}"


def test_the_sdk_counts_the_same_numbers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sdk = alipay.DCAliPay(
            appid="1",
            app_private_key_string=PRIVATE,
            app_public_key_cert_string=APP,
            alipay_public_key_cert_string=LEAF,
            alipay_root_cert_string="\n".join((ROOT, CURVE_ROOT, OTHER_ROOT)),
        )
        ours = verifier()
        assert (ours.app_cert_sn, ours.root_cert_sn) == (sdk.app_cert_sn, sdk.alipay_root_cert_sn)


# -- what is believed


def test_the_named_certificate_and_no_other_must_have_signed() -> None:
    both = verifier(alipay_cert=f"{LEAF}\n{NEW_LEAF}\n{MIDDLE}")
    old = sign("x", ALIPAY_KEY)
    assert both.fits(b"x", old, sn_of(LEAF))
    assert not both.fits(b"x", old, sn_of(NEW_LEAF))
    assert both.fits(b"x", old)
    assert both.fits(b"x", sign("x", NEW_KEY))
    assert not both.fits(b"x", old, "0" * 32)
    assert not verifier().fits(b"x", sign("x", NEW_KEY))


def test_a_certificate_that_has_ended_is_not_believed() -> None:
    clock = ManualClock(NOW)
    believed = verifier(clock)
    signature = sign("x", ALIPAY_KEY)
    assert believed.expiries() == {
        "app": NOW + timedelta(days=100),
        "alipay": NOW + timedelta(days=100),
        "root": NOW + timedelta(days=100),
    }
    clock.advance(timedelta(days=101).total_seconds())
    assert not believed.fits(b"x", signature, sn_of(LEAF))
    assert not believed.fits(b"x", signature)


LONE = rsa_key()


@pytest.mark.parametrize(
    ("field", "pem"),
    [
        ("app_cert", LEAF),
        ("app_cert", ""),
        ("app_cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("alipay_cert", ""),
        ("alipay_cert", LEAF),  # without its intermediate
        ("alipay_cert", MIDDLE),
        ("alipay_cert", issue(ALIPAY, LONE, R1, LONE)),  # says it is of the root, signed by nobody
        ("alipay_cert", issue(ALIPAY, LONE, R1, ROOT_KEY, until=NOW - timedelta(days=1))),
        ("alipay_root_cert", ""),
        ("alipay_root_cert", SM2_ROOT + CURVE_ROOT),
        ("alipay_root_cert", OTHER_ROOT),
    ],
)
def test_files_that_do_not_belong_together_are_refused(field: str, pem: str) -> None:
    with pytest.raises(Problem, match="alipay_cert_invalid"):
        verifier(None, **{field: pem})


@pytest.mark.parametrize(
    ("pem", "wanted", "taken"),
    [
        (NEW_LEAF, sn_of(NEW_LEAF), True),
        (NEW_LEAF + MIDDLE, sn_of(NEW_LEAF), True),
        (NEW_LEAF, "0" * 32, False),
        (APP, sn_of(APP), False),  # a merchant's own: the same root, another subject
        (issue(ALIPAY, LONE, ALIPAY, LONE), "", False),
        (issue(ALIPAY, LONE, MERCHANT, loaded(PRIVATE)) + APP, "", False),  # issued by a merchant
        ("", "", False),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "", False),
    ],
)
def test_only_the_same_subject_under_the_same_root_is_learnt(pem: str, wanted: str, taken: bool) -> None:
    learning = verifier()
    assert learning.learn(pem, wanted) is taken
    assert learning.fits(b"x", sign("x", NEW_KEY)) is taken
    assert learning.fits(b"x", sign("x", ALIPAY_KEY))


def test_a_download_is_base64_of_pem() -> None:
    assert read_download(base64.b64encode(LEAF.encode()).decode()) == LEAF
    for content in ("", "!", "AAA", "卡", base64.b64encode(b"\xff").decode()):
        assert read_download(content) == ""


def test_strangers_numbers_make_no_storm() -> None:
    clock = ManualClock(NOW)
    asking = verifier(clock)
    assert [asking.may_ask(sn) for sn in ("", "x", "G" * 32, sn_of(LEAF))] == [False] * 4
    assert [asking.may_ask(f"{n:032x}") for n in range(50)] == [True] + [False] * 49
    clock.advance(ASK_EVERY.total_seconds())
    assert asking.may_ask("0" * 32)
    assert not asking.may_ask("0" * 32)


# -- over the wire

TRADE: dict[str, Any] = {
    "code": "10000",
    "msg": "Success",
    "out_trade_no": "P1",
    "trade_no": "T1",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "100.05",
    "send_pay_date": "2026-03-01 12:00:09",
}


def said(method: str, fields: dict[str, Any], key: rsa.RSAPrivateKey, cert: str) -> bytes:
    node = json.dumps(fields, ensure_ascii=False)
    name_of = method.replace(".", "_") + "_response"
    named = f'"alipay_cert_sn":"{sn_of(cert)}",' if cert else ""
    return http(f'{{"{name_of}":{node},{named}"sign":"{sign(node, key)}"}}'.encode())


def trade(key: rsa.RSAPrivateKey = ALIPAY_KEY, cert: str = LEAF) -> bytes:
    return said("alipay.trade.query", TRADE, key, cert)


def download(cert: str, key: rsa.RSAPrivateKey = NEW_KEY) -> bytes:
    content = base64.b64encode(cert.encode()).decode()
    return said(DOWNLOAD, {"code": "10000", "alipay_cert_content": content}, key, cert)


@asynccontextmanager
async def shop(*answers: bytes | None) -> AsyncIterator[tuple[Alipay, OutsideParty, ManualClock]]:
    clock, outbound = ManualClock(NOW), Outbound()
    async with outside_party(*answers) as party:
        channel = Alipay(
            AlipaySettings(
                gateway=party.url,
                app_id="2021",
                seller_id="2088",
                merchant_private_key=PRIVATE,
                certificates=FILES,
                timeout_s=5,
            ),
            outbound,
            clock,
        )
        try:
            yield channel, party, clock
        finally:
            await channel.aclose()
            await outbound.aclose()


def asked(party: OutsideParty, index: int) -> dict[str, str]:
    return dict(parse_qsl(party.bodies[index].decode()))


async def test_a_request_names_both_numbers_and_signs_them() -> None:
    async with shop(trade()) as (channel, party, _):
        answer = await channel.query("P1")
        page = await channel.open(
            PaymentRequest(
                payment_no="P1",
                amount_fen=1,
                subject="x",
                method="page",
                expires_at=NOW,
                notify_url="http://shop.example/n",
            )
        )
    assert (answer.state, answer.messages[1].standing) == (TradeState.PAID, Standing.VERIFIED)
    for fields in (asked(party, 0), dict(parse_qsl(urlsplit(page.url).query))):
        assert fields["app_cert_sn"] == sn_of(APP)
        assert fields["alipay_root_cert_sn"] == f"{R1_SN}_{G3_SN}"
    fields = {**asked(party, 0), "charset": "utf-8"}
    checker = alipay.AliPay(appid="1", app_private_key_string=PRIVATE, alipay_public_key_string=PUBLIC)
    assert checker._verify(signed_text(fields), fields["sign"])


async def test_an_unknown_certificate_is_asked_for_and_then_believed() -> None:
    new = trade(NEW_KEY, NEW_LEAF)
    async with shop(new, download(NEW_LEAF), new) as (channel, party, _):
        first, second = await channel.query("P1"), await channel.query("P1")
    assert [first.state, second.state] == [TradeState.PAID] * 2
    assert [asked(party, index)["method"] for index in range(3)] == [
        "alipay.trade.query",
        DOWNLOAD,
        "alipay.trade.query",
    ]
    assert asked(party, 1)["biz_content"] == json.dumps(
        {"alipay_cert_sn": sn_of(NEW_LEAF)}, separators=(",", ":")
    )
    assert [message.kind for message in first.messages] == ["alipay.trade.query"] * 2 + [DOWNLOAD] * 2


@pytest.mark.parametrize(
    "answer",
    [
        download(APP),
        download(LEAF, ALIPAY_KEY),
        http(b"<html>"),
        None,
        said(DOWNLOAD, {"code": "40004"}, NEW_KEY, ""),
    ],
)
async def test_what_does_not_chain_stays_unknown_and_is_not_asked_for_again(answer: bytes | None) -> None:
    forged = trade(loaded(PRIVATE), APP)  # a merchant that speaks as Alipay, under its own certificate
    async with shop(forged, answer, forged) as (channel, party, clock):
        for _ in range(4):
            got = await channel.query("P1")
            assert (got.state, got.outcome, got.code) == (
                TradeState.UNKNOWN,
                Outcome.UNKNOWN,
                "bad_signature",
            )
            assert got.messages[1].standing is Standing.FORGED
        assert [asked(party, index)["method"] for index in range(5)].count(DOWNLOAD) == 1
        clock.advance(ASK_EVERY.total_seconds())
        await channel.query("P1")
        assert asked(party, 6)["method"] == DOWNLOAD


async def test_an_answer_without_a_number_is_held_to_what_is_installed() -> None:
    async with shop(trade(cert=""), trade(NEW_KEY, "")) as (channel, party, _):
        assert (await channel.query("P1")).state is TradeState.PAID
        assert (await channel.query("P1")).state is TradeState.UNKNOWN
    assert len(party.bodies) == 2


def notify(key: rsa.RSAPrivateKey, **changes: str) -> HttpMessage:
    fields = {
        "app_id": "2021",
        "seller_id": "2088",
        "out_trade_no": "P1",
        "trade_no": "T1",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "100.05",
        "gmt_payment": "2026-03-01 12:00:00",
        "notify_time": "2026-03-01 12:00:00",
        **changes,
    }
    body = urlencode({**fields, "sign": sign(signed_text(fields), key), "sign_type": "RSA2"}).encode()
    return HttpMessage(method="POST", query="", headers={}, body=body)


async def test_a_notify_is_held_to_the_installed_certificates() -> None:
    async with shop(trade()) as (channel, _, clock):
        read = channel.read_notify
        assert read(notify(ALIPAY_KEY)).message.standing is Standing.VERIFIED
        assert read(notify(ALIPAY_KEY, alipay_cert_sn=sn_of(LEAF))).state is TradeState.PAID
        for false in (
            notify(NEW_KEY),
            notify(NEW_KEY, alipay_cert_sn=sn_of(NEW_LEAF)),
            notify(ALIPAY_KEY, alipay_cert_sn="0" * 32),
            notify(loaded(PRIVATE), alipay_cert_sn=sn_of(APP)),
        ):
            assert (read(false).refusal, read(false).message.standing) == ("bad_signature", Standing.FORGED)
        clock.advance(timedelta(days=101).total_seconds())
        assert read(notify(ALIPAY_KEY)).refusal == "bad_signature"


def test_neither_key_nor_certificates_is_refused() -> None:
    settings = AlipaySettings(gateway="http://x", app_id="1", seller_id="2", merchant_private_key=PRIVATE)
    with pytest.raises(Problem, match="alipay_key_invalid"):
        Alipay(settings, Outbound(), ManualClock(NOW))
