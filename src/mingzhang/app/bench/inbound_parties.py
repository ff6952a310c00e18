"""The channels as `bench http` plays them: keys, settings, and notifies signed beforehand.

Only the benchmark holds the channels' private halves. WeChat's calls and epay's questions go to `inbound_gateway`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

APP_ID: Final = "2021000000000001"
SELLER_ID: Final = "2088000000000001"
MCHID: Final = "1900000109"
EPAY_PID: Final = "1001"
_PADDING: Final = padding.PKCS1v15()
_BEIJING: Final = timezone(timedelta(hours=8))
_FORM: Final = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
_JSON: Final = "Content-Type: application/json\r\n"


class Bought(msgspec.Struct):
    """An order of the run: what opens it, and the notify that will pay it."""

    order_id: str
    token: str
    payment_no: str
    party: int = 0
    notify: bytes = b""
    seal: str = ""
    """Headers that the notify travels with."""


class Party(Protocol):
    """A channel. `method`: how its payments are opened. `open_json`: the request that opens one."""

    name: str
    open_json: bytes

    def environ(self, gateway: str) -> dict[str, str]:
        """The product's settings for it; `gateway` is the address of `inbound_gateway`."""
        ...

    def notify(self, bought: Bought, *, forged: bool = False) -> bytes:
        """What it tells of a paid payment, its headers in `bought.seal`; a forged one says more than was signed."""
        ...

    def request(self, notify: bytes) -> tuple[str, str, bytes]:
        """Method, path and body of telling it."""
        ...


def _private(folder: Path, name: str) -> tuple[rsa.RSAPrivateKey, Path, Path]:
    """A key pair, and where its halves are written."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return key, private, public


class Keys:
    """支付宝: the merchant's key and the channel's, as files; payments by a signed address, nobody is called."""

    name = "alipay"
    open_json = b'{"channel":"alipay","method":"page"}'

    def __init__(self, folder: Path) -> None:
        _, self.merchant, _ = _private(folder, "merchant")
        self.private, _, self.channel = _private(folder, "channel")

    def environ(self, gateway: str) -> dict[str, str]:
        """Settings of the adapter."""
        return {
            "MINGZHANG_ALIPAY_GATEWAY": f"{gateway}/gateway.do",
            "MINGZHANG_ALIPAY_APP_ID": APP_ID,
            "MINGZHANG_ALIPAY_SELLER_ID": SELLER_ID,
            "MINGZHANG_ALIPAY_PRIVATE_KEY_PATH": str(self.merchant),
            "MINGZHANG_ALIPAY_PUBLIC_KEY_PATH": str(self.channel),
        }

    def notify(self, bought: Bought, *, forged: bool = False) -> bytes:
        """A trade_status_sync notify, RSA2."""
        now = datetime.now(UTC).astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        fields = {
            "app_id": APP_ID,
            "buyer_id": "2088102169481075",
            "buyer_logon_id": "138****1234",
            "buyer_pay_amount": "100.00",
            "charset": "utf-8",
            "fund_bill_list": '[{"amount":"100.00","fundChannel":"ALIPAYACCOUNT"}]',
            "gmt_create": now,
            "gmt_payment": now,
            "invoice_amount": "100.00",
            "notify_id": secrets.token_hex(17),
            "notify_time": now,
            "notify_type": "trade_status_sync",
            "out_trade_no": bought.payment_no,
            "receipt_amount": "100.00",
            "seller_id": SELLER_ID,
            "subject": "话费直充 100元",
            "total_amount": "100.00",
            "trade_no": f"20261122{bought.order_id}",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
        }
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        sign = self.private.sign(text.encode(), _PADDING, hashes.SHA256())
        if forged:
            fields["total_amount"] = "1.00"
        bought.seal = _FORM
        return urlencode({**fields, "sign_type": "RSA2", "sign": base64.b64encode(sign).decode()}).encode()

    def request(self, notify: bytes) -> tuple[str, str, bytes]:
        """A form by POST."""
        return "POST", "/hooks/channels/alipay", notify


class Wechat:
    """微信支付 v3: payments by a call (native), notifies sealed with RSA and encrypted with AES-256-GCM."""

    name = "wechat"
    open_json = b'{"channel":"wechat","method":"qr"}'
    serial = "PUB_KEY_ID_0119000001090001"

    def __init__(self, folder: Path) -> None:
        _, self._merchant, _ = _private(folder, "wechat-merchant")
        self._private, _, self._public = _private(folder, "wechat")
        self._secret = secrets.token_hex(16)

    def environ(self, gateway: str) -> dict[str, str]:
        """Settings of the adapter, public-key mode."""
        return {
            "MINGZHANG_WECHAT_GATEWAY": gateway,
            "MINGZHANG_WECHAT_MCHID": MCHID,
            "MINGZHANG_WECHAT_APP_ID": APP_ID,
            "MINGZHANG_WECHAT_MERCHANT_SERIAL": "5157F09EFDC096DE15EBE81A47057A7200000000",
            "MINGZHANG_WECHAT_PRIVATE_KEY_PATH": str(self._merchant),
            "MINGZHANG_WECHAT_API_V3_KEYS": self._secret,
            "MINGZHANG_WECHAT_PUBLIC_KEYS": f"{self.serial}={self._public}",
        }

    def seal(self, body: bytes) -> str:
        """The headers that sign a body now."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        text = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        signature = base64.b64encode(self._private.sign(text, _PADDING, hashes.SHA256())).decode()
        return (
            f"Wechatpay-Timestamp: {stamp}\r\nWechatpay-Nonce: {nonce}\r\nWechatpay-Serial: {self.serial}\r\n"
            f"Wechatpay-Signature: {signature}\r\nWechatpay-Signature-Type: WECHATPAY2-SHA256-RSA2048\r\n"
        )

    def notify(self, bought: Bought, *, forged: bool = False) -> bytes:
        """TRANSACTION.SUCCESS."""
        now = datetime.now(UTC).astimezone(_BEIJING).isoformat(timespec="seconds")
        trade = {
            "mchid": MCHID,
            "appid": APP_ID,
            "out_trade_no": bought.payment_no,
            "transaction_id": f"4200{bought.order_id}",
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "success_time": now,
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {"total": 10000, "payer_total": 10000, "currency": "CNY", "payer_currency": "CNY"},
        }
        nonce = secrets.token_hex(6)
        sealed = AESGCM(self._secret.encode()).encrypt(
            nonce.encode(), json.dumps(trade, ensure_ascii=False).encode(), b"transaction"
        )
        body = json.dumps(
            {
                "id": secrets.token_hex(16),
                "create_time": now,
                "resource_type": "encrypt-resource",
                "event_type": "TRANSACTION.SUCCESS",
                "summary": "支付成功",
                "resource": {
                    "original_type": "transaction",
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(sealed).decode(),
                    "associated_data": "transaction",
                    "nonce": nonce,
                },
            },
            ensure_ascii=False,
        ).encode()
        bought.seal = _JSON + self.seal(body)
        return body + b" " if forged else body

    def request(self, notify: bytes) -> tuple[str, str, bytes]:
        """JSON by POST."""
        return "POST", "/hooks/channels/wechat", notify


class Epay:
    """易支付: payments by a signed address; notifies in MD5 are hints, and the answer to a question is the fact."""

    name = "epay"
    open_json = b'{"channel":"epay","method":"page"}'

    def __init__(self) -> None:
        self._key = os.urandom(16).hex()

    def environ(self, gateway: str) -> dict[str, str]:
        """Settings of the adapter."""
        return {
            "MINGZHANG_EPAY_URL": gateway,
            "MINGZHANG_EPAY_PID": EPAY_PID,
            "MINGZHANG_EPAY_KEY": self._key,
        }

    def notify(self, bought: Bought, *, forged: bool = False) -> bytes:
        """The query of a GET."""
        fields = {
            "pid": EPAY_PID,
            "trade_no": trade_of(bought.payment_no),
            "out_trade_no": bought.payment_no,
            "type": "alipay",
            "name": "话费直充 100元",
            "money": "100.00",
            "trade_status": "TRADE_SUCCESS",
        }
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        sign = hashlib.md5((text + self._key).encode(), usedforsecurity=False).hexdigest()
        if forged:
            fields["money"] = "1.00"
        bought.seal = ""
        return urlencode({**fields, "sign": sign, "sign_type": "MD5"}).encode()

    def request(self, notify: bytes) -> tuple[str, str, bytes]:
        """A query by GET."""
        return "GET", f"/hooks/channels/epay?{notify.decode()}", b""


def trade_of(payment_no: str) -> str:
    """The aggregator's number of the trade that paid it."""
    return f"E20261122{payment_no}"
