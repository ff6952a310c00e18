"""How the channels of this package are made from their settings; named by entry points (`mingzhang.channels`)."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificate

from mingzhang.kit.adapter import AdapterSettings, Given
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from mingzhang.payments.channels.alipay_cert import AlipayCertificates
from mingzhang.payments.channels.base import Channel
from mingzhang.payments.channels.epay import Epay, EpaySettings
from mingzhang.payments.channels.wechat import Wechat, WechatKey, WechatSettings


def make_alipay(given: Given) -> Channel | None:
    """支付宝: on when ``gateway`` is given; by certificates when ``app_cert`` is."""
    settings = given.settings
    gateway = settings.text("gateway")
    if not gateway:
        return None
    certificates = None
    if settings.text("app_cert"):
        certificates = AlipayCertificates(
            app_cert=settings.need("app_cert"),
            alipay_cert=_joined(settings, "cert"),
            alipay_root_cert=settings.need("root_cert"),
        )
    made = AlipaySettings(
        gateway=gateway,
        app_id=settings.text("app_id"),
        seller_id=settings.text("seller_id"),
        merchant_private_key=settings.need("private_key"),
        alipay_public_key="" if certificates else _joined(settings, "public_key"),
        certificates=certificates,
        timeout_s=given.timeout_s,
        complaint_first_s=int(settings.number("complaint_first_hours", 24) * 3600),
        complaint_solved_s=int(settings.number("complaint_solved_hours", 72) * 3600),
    )
    return Alipay(made, given.http, given.clock)


def make_wechat(given: Given) -> Channel | None:
    """微信支付: on when ``gateway`` is given; certificate mode when no ``public_keys`` are."""
    settings = given.settings
    gateway = settings.text("gateway")
    if not gateway:
        return None
    pairs = [pair.partition("=") for pair in settings.texts("public_keys")]
    own = _merchant_cert(settings)
    made = WechatSettings(
        mchid=settings.text("mchid"),
        app_id=settings.text("app_id"),
        merchant_serial=settings.text("merchant_serial") or (f"{own.serial_number:X}" if own else ""),
        merchant_private_key=settings.need("private_key"),
        api_v3_keys=settings.texts("api_v3_keys", "api_v3_key", "previous_api_v3_key"),
        gateway=gateway,
        platform_keys=tuple(
            WechatKey(pem=settings.file("public_keys", path), serial=serial) for serial, _, path in pairs
        ),
        certificates=not pairs,
        refund_notify_url=given.hook_url,
        timeout_s=given.timeout_s,
        merchant_cert_ends=own.not_valid_after_utc if own else None,
    )
    return Wechat(made, given.http, given.clock)


def make_epay(given: Given) -> Channel | None:
    """易支付: on when ``url`` is given."""
    settings = given.settings
    url = settings.text("url")
    if not url:
        return None
    made = EpaySettings(
        base_url=url,
        pid=settings.text("pid"),
        key=settings.text("key"),
        previous_key=settings.text("previous_key"),
        name=given.name,
        pay_type=settings.text("pay_type", "alipay"),
        timeout_s=given.timeout_s,
    )
    return Epay(made, given.http)


def _joined(settings: AdapterSettings, key: str) -> str:
    """A PEM text, and the previous one behind it while the other side changes its own."""
    return "\n".join(text for text in (settings.need(key), settings.text(f"previous_{key}")) if text)


def _merchant_cert(settings: AdapterSettings) -> Certificate | None:
    """Our certificate at WeChat (apiclient_cert.pem), if given: its number and its end. It must be the key's.

    While both files are being replaced they do not fit together; then the adapter stays as it is.
    """
    pem = settings.text("merchant_cert")
    if not pem:
        return None
    try:
        cert = load_pem_x509_certificate(pem.encode())
        key = load_pem_private_key(settings.need("private_key").encode(), None)
    except (ValueError, TypeError):
        raise settings.wrong("merchant_cert", "or its private key cannot be read") from None
    if cert.public_key() != key.public_key():
        raise settings.wrong("merchant_cert", "is not the private key's")
    return cert
