"""Each courier against its other side over real sockets: what counts as yes, as no, and as not knowing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.notices.couriers.bark import Bark, BarkSettings
from mingzhang.notices.couriers.base import Courier, Delivery, Letter, Outcome, mask_address
from mingzhang.notices.couriers.email import Email, EmailSettings
from mingzhang.notices.couriers.robots import DingTalk, Feishu, Robot, WeCom
from mingzhang.notices.couriers.telegram import Telegram, TelegramSettings
from notice_sinks import START, Reply, WebSink, email_to, mail_sink, web_sink
from outside_party import refused_url

TOKEN = "123456:AAtelegramTokenVerySecret"
SECRET = "SECrobotSigningSecret"


def letter_to(address: str, **more: Any) -> Letter:
    """A letter with Chinese, a link and a subject that tries to smuggle a header."""
    words = {"subject": "【明账店】已付款\r\nBcc: x@evil.test", "text": "订单 {M} 已付款 ¥100.00"} | more
    return Letter(
        notice_id="01N-staff", address=address, link="https://shop.test/o", written_at=START, **words
    )


def answer_of(delivery: Delivery) -> str:
    (message,) = delivery.messages
    return message.body.decode()


# ------------------------------------------------------------------------------------------------ e-mail
def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=3650))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "mail.pem", folder / "mail.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_path, key_path


def only_shop(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """The mail server's own check of name and password."""
    right = data.login == b"shop" and data.password == b"right-password"
    return AuthResult(success=right, handled=False)


async def test_mail_arrives_whole_and_smuggles_nothing() -> None:
    async with mail_sink() as sink:
        delivery = await email_to(sink.port).send(letter_to("buyer@example.com"))
        assert delivery.outcome is Outcome.ACCEPTED
        (mail,) = sink.mails
    assert sink.recipients == ["buyer@example.com"]
    assert mail["bcc"] is None
    assert mail["subject"] == "【明账店】已付款 Bcc: x@evil.test"
    assert mail["from"].addresses[0].display_name == "明账店"
    assert mail["message-id"] == "<01n-staff@shop.test>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail.get_content().split() == ["订单", "{M}", "已付款", "¥100.00", "https://shop.test/o"]


@pytest.mark.parametrize(
    "address",
    ["a b@example.com", "x@e\r\nDATA", "nobody", "", "a@b@c.com", "<a@b.com>", "a..b@c.com", ".a@b.com"],
)
async def test_an_address_that_is_none_is_refused_without_a_word_to_the_server(address: str) -> None:
    async with mail_sink() as sink:
        delivery = await email_to(sink.port).send(letter_to(address))
        assert (delivery.outcome, delivery.code) == (Outcome.REFUSED, "bad_address")
        assert sink.recipients == []


async def test_an_international_domain_goes_out_in_ascii_and_such_a_name_is_refused_here() -> None:
    async with mail_sink() as sink:
        assert (await email_to(sink.port).send(letter_to("buyer@例子.测试"))).outcome is Outcome.ACCEPTED
        assert sink.recipients == ["buyer@xn--fsqu00a.xn--0zwm56d"]
        delivery = await email_to(sink.port).send(letter_to("买家@example.com"))
        assert (delivery.outcome, delivery.code) == (Outcome.REFUSED, "bad_address")


@pytest.mark.parametrize("mode", ["right", "wrong password", "unknown authority", "no starttls"])
async def test_mail_goes_over_starttls_and_login(tmp_path: Path, mode: str) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    options: dict[str, Any] = {"tls_context": context, "authenticator": only_shop, "auth_required": True}
    async with mail_sink(**({} if mode == "no starttls" else options)) as sink:
        courier = email_to(
            sink.port,
            tls="starttls",
            ca_path="" if mode == "unknown authority" else str(certificate),
            username="shop",
            password="wrong" if mode == "wrong password" else "right-password",
        )
        delivery = await courier.send(letter_to("buyer@example.com"))
        assert len(sink.mails) == (mode == "right")
    expected = {
        "right": {(Outcome.ACCEPTED, "smtp_250")},
        "wrong password": {(Outcome.NOT_NOW, "smtp_535")},
        "unknown authority": {(Outcome.NOT_SENT, "broken_off")},
        "no starttls": {(Outcome.NOT_SENT, "unsupported")},
    }
    assert (delivery.outcome, delivery.code) in expected[mode]


@pytest.mark.parametrize(
    ("rcpt", "data", "outcome"),
    [
        ("450 4.2.0 busy", "250 ok", Outcome.NOT_NOW),
        ("421 4.3.2 closing", "250 ok", Outcome.NOT_NOW),
        ("553 5.1.2 no such domain", "250 ok", Outcome.REFUSED),
        ("250 ok", "452 4.3.1 full", Outcome.NOT_NOW),
        ("250 ok", "554 5.7.1 spam", Outcome.REFUSED),
        ("250 ok", None, Outcome.UNKNOWN),
    ],
)
async def test_mail_servers_words(rcpt: str, data: str | None, outcome: Outcome) -> None:
    async with mail_sink() as sink:
        sink.rcpt, sink.data = [rcpt], [data]
        assert (await email_to(sink.port).send(letter_to("buyer@example.com"))).outcome is outcome


async def test_a_silent_mail_server_proves_that_nothing_was_sent() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the caller gives up
        writer.close()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    delivery = await email_to(port, timeout_s=0.5).send(letter_to("buyer@example.com"))
    assert (delivery.outcome, delivery.code) == (Outcome.NOT_SENT, "timed_out")
    await asyncio.wait_for(ended.wait(), 20)
    server.close()
    await server.wait_closed()


def test_mail_in_the_clear_stays_on_this_machine() -> None:
    with pytest.raises(Problem, match="starttls"):
        Email(EmailSettings(host="mail.example.com", port=25, sender="a@b.c", tls="none"))
    with pytest.raises(Problem, match="sender"):
        Email(EmailSettings(host="127.0.0.1", port=25, sender="nobody"))


# ------------------------------------------------------------------------------------------------ robots
def dingtalk_judge(request: web.Request, body: dict[str, Any]) -> Reply:
    """钉钉's own check, written anew: the sign is over the millisecond time and the secret."""
    at_ms, sign = request.query.get("timestamp", ""), request.query.get("sign", "")
    digest = hmac.digest(SECRET.encode(), (at_ms + "\n" + SECRET).encode(), "sha256")
    if request.query.get("access_token") != "dtoken" or base64.b64decode(sign) != digest:
        return 200, {"errcode": 310000, "errmsg": f"sign not match, {request.query.get('access_token')}"}
    if abs(int(at_ms) / 1000 - START.timestamp()) > 3600:
        return 200, {"errcode": 310000, "errmsg": "invalid timestamp"}
    assert body["text"]["content"]
    return 200, {"errcode": 0, "errmsg": "ok"}


def feishu_judge(request: web.Request, body: dict[str, Any]) -> Reply:
    """飞书's own check: time and secret are the key, the message is empty."""
    key = (str(body.get("timestamp")) + "\n" + SECRET).encode()
    if base64.b64decode(body.get("sign", "")) != hmac.new(key, digestmod=hashlib.sha256).digest():
        return 200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour", "data": {}}
    assert body["content"]["text"]
    return 200, {"code": 0, "msg": "success", "data": {}}


async def send_to(kind: type[Any], sink: WebSink, path: str, secret: str = SECRET) -> Delivery:
    http = Outbound()
    courier = kind({"ops": Robot(url=f"{sink.url}{path}", secret=secret)}, http, ManualClock(START))
    try:
        delivery: Delivery = await courier.send(letter_to("ops"))
    finally:
        await http.aclose()
    return delivery


async def test_dingtalk_signs_as_its_server_checks() -> None:
    async with web_sink((500, "never")) as sink:
        sink.judge = dingtalk_judge
        right = await send_to(DingTalk, sink, "/robot/send?access_token=dtoken")
        wrong = await send_to(DingTalk, sink, "/robot/send?access_token=dtoken", "another")
    assert right.outcome is Outcome.ACCEPTED
    assert answer_of(right) == '{"errcode": 0, "errmsg": "ok"}'
    assert (wrong.outcome, wrong.code) == (Outcome.NOT_NOW, "dingtalk_310000")
    assert "dtoken" not in answer_of(wrong)


async def test_feishu_signs_as_its_server_checks() -> None:
    async with web_sink((500, "never")) as sink:
        sink.judge = feishu_judge
        right = await send_to(Feishu, sink, "/open-apis/bot/v2/hook/ftoken")
        wrong = await send_to(Feishu, sink, "/open-apis/bot/v2/hook/ftoken", "another")
    assert right.outcome is Outcome.ACCEPTED
    assert (wrong.outcome, wrong.code) == (Outcome.NOT_NOW, "feishu_19021")


async def test_wecom_cuts_long_texts_between_characters() -> None:
    async with web_sink((200, {"errcode": 0, "errmsg": "ok"})) as sink:
        http = Outbound()
        robots = {"ops": Robot(url=f"{sink.url}/cgi-bin/webhook/send?key=wkey")}
        courier = WeCom(robots, http, ManualClock(START))
        long = letter_to("ops", text="钱" * 3000)
        assert (await courier.send(long)).outcome is Outcome.ACCEPTED
        unknown = await courier.send(letter_to("nobody"))
        await http.aclose()
    assert (unknown.outcome, unknown.code) == (Outcome.REFUSED, "unknown_robot")
    content = sink.bodies[0]["text"]["content"]
    assert 2040 < len(content.encode()) <= 2048
    assert content.endswith("钱")
    assert parse_qs(urlsplit(str(sink.requests[0].url)).query) == {"key": ["wkey"]}


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), Outcome.NOT_NOW, "wecom_45009"),
        ((200, {"errcode": 93000, "errmsg": "invalid webhook url"}), Outcome.NOT_NOW, "wecom_93000"),
        ((200, {"errcode": "0"}), Outcome.UNKNOWN, "wecom_200"),
        ((200, {"errcode": False}), Outcome.UNKNOWN, "wecom_200"),
        ((200, "<html>gateway</html>"), Outcome.UNKNOWN, "wecom_200"),
        ((200, [0]), Outcome.UNKNOWN, "wecom_200"),
        ((502, {"errcode": 0}), Outcome.UNKNOWN, "wecom_502"),
        ((429, "slow down"), Outcome.NOT_NOW, "wecom_429"),
    ],
)
async def test_only_a_clear_yes_is_a_yes(answer: Reply, outcome: Outcome, code: str) -> None:
    async with web_sink(answer) as sink:
        delivery = await send_to(WeCom, sink, "/send?key=wkey")
    assert (delivery.outcome, delivery.code) == (outcome, code)


# ------------------------------------------------------------------------------------------------ Telegram, Bark
TELEGRAM_YES = {
    "ok": True,
    "result": {
        "message_id": 77,
        "date": 1772337600,
        "chat": {"id": 5550001, "first_name": "Wang", "username": "wangx", "type": "private"},
        "text": "…",
    },
}


@pytest.mark.parametrize(
    ("answer", "outcome", "retry_after_s"),
    [
        ((200, TELEGRAM_YES), Outcome.ACCEPTED, 0),
        ((200, {"ok": True}), Outcome.UNKNOWN, 0),
        ((403, {"ok": False, "error_code": 403, "description": "Forbidden: blocked"}), Outcome.REFUSED, 0),
        ((400, {"ok": False, "error_code": 400, "description": "chat not found"}), Outcome.REFUSED, 0),
        ((401, {"ok": False, "error_code": 401, "description": "Unauthorized"}), Outcome.NOT_NOW, 0),
        (
            (429, {"ok": False, "error_code": 429, "description": "x", "parameters": {"retry_after": 35}}),
            Outcome.NOT_NOW,
            35,
        ),
        ((502, "<html>"), Outcome.UNKNOWN, 0),
    ],
)
async def test_telegrams_words(answer: Reply, outcome: Outcome, retry_after_s: int) -> None:
    http = Outbound()
    async with web_sink(answer) as sink:
        courier = Telegram(TelegramSettings(token=TOKEN, base_url=sink.url), http)
        delivery = await courier.send(letter_to("5550001"))
        assert sink.requests[0].path == f"/bot{TOKEN}/sendMessage"
        assert sink.bodies[0]["chat_id"] == "5550001"
    await http.aclose()
    assert (delivery.outcome, delivery.retry_after_s) == (outcome, retry_after_s)
    for secret in (TOKEN, "Wang", "wangx", "5550001"):
        assert secret not in str(delivery)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {"code": 200, "message": "success", "timestamp": 1}), Outcome.ACCEPTED),
        (
            (400, {"code": 400, "message": "failed to get device token: failed to get [phone-key-0001]"}),
            Outcome.REFUSED,
        ),
        ((500, {"code": 500, "message": "push failed: timeout"}), Outcome.UNKNOWN),
        ((200, {"code": 500}), Outcome.UNKNOWN),
        ((404, "not found"), Outcome.NOT_NOW),
    ],
)
async def test_barks_words(answer: Reply, outcome: Outcome) -> None:
    http = Outbound()
    async with web_sink(answer) as sink:
        delivery = await Bark(BarkSettings(base_url=sink.url), http).send(letter_to("phone-key-0001"))
        assert sink.requests[0].path == "/push"
        assert sink.bodies[0]["id"] == "01N-staff"
    await http.aclose()
    assert delivery.outcome is outcome
    assert "phone-key-0001" not in str(delivery)


async def test_nobody_listening_proves_that_nothing_was_sent() -> None:
    http = Outbound()
    url = (await refused_url()).removesuffix("/gateway")
    couriers: list[tuple[Courier, str]] = [
        (Telegram(TelegramSettings(token=TOKEN, base_url=url), http), "5550001"),
        (Bark(BarkSettings(base_url=url), http), "phone-key-0001"),
        (Feishu({"ops": Robot(url=url)}, http, ManualClock(START)), "ops"),
    ]
    for courier, address in couriers:
        delivery = await courier.send(letter_to(address))
        assert (delivery.outcome, delivery.code) == (Outcome.NOT_SENT, "never_connected")
        await courier.aclose()
    await http.aclose()


def test_settings_hide_their_secrets_and_masks_their_addresses() -> None:
    email = EmailSettings(host="h", port=1, sender="a@b.c", password=SECRET)
    for settings in (
        email,
        TelegramSettings(token=TOKEN),
        Robot(url=f"https://x.test/{TOKEN}", secret=SECRET),
    ):
        assert TOKEN not in repr(settings)
        assert SECRET not in repr(settings)
    assert mask_address("buyer@example.com") == "bu***@example.com"
    assert mask_address("phone-key-0001") == "ph***01"
    assert mask_address("5550001") == "***"
