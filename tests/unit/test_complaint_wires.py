"""Complaints on the wire, against independent cryptography: PyCryptodome's OAEP, AES-GCM and RSA, the Alipay SDK's RSA2."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import test_alipay_notify as alipay
import test_wechat_notify as wechat
from Cryptodome.Cipher import PKCS1_OAEP
from Cryptodome.PublicKey import RSA
from test_wechat_wire import MERCHANT, notify_body

from mingzhang.complaints.read import mask_phone
from mingzhang.complaints.words import parts
from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.payments.channels.alipay_complaints import CHANGED
from mingzhang.payments.channels.complaints import ComplaintNews
from mingzhang.payments.channels.wechat_wire import Signer

NAMED = {"complaint_id": "200201820200101080076610000", "action_type": "CREATE_COMPLAINT"}


def test_a_phone_number_that_wechat_encrypted_for_us_opens_and_nothing_else_does() -> None:
    signer = Signer("1900000001", "AB", MERCHANT.private)
    key = RSA.import_key(MERCHANT.public)
    sealed = base64.b64encode(PKCS1_OAEP.new(key).encrypt(b"13912345678")).decode()
    assert signer.open_field(sealed) == "13912345678"
    assert [signer.open_field(text) for text in ("", "not base64", sealed[:-8] + "AAAAAAA=")] == ["", "", ""]


def told(news: ComplaintNews) -> tuple[str, str, Standing]:
    return news.complaint_no, news.refusal, news.message.standing


def test_wechat_names_a_complaint_under_its_seal() -> None:
    there, number = wechat.CHANNEL.complaints, NAMED["complaint_id"]
    body = notify_body(NAMED, "COMPLAINT.CREATE")
    assert told(there.read_notify(wechat.arrived(body))) == (number, "", Standing.VERIFIED)
    assert number.encode() not in body
    payment = there.read_notify(wechat.arrived(notify_body(wechat.PAID)))
    assert told(payment) == ("", "unknown_event", Standing.HINT)
    foreign = wechat.channel(secrets=("x" * 32,)).complaints.read_notify(wechat.arrived(body))
    assert told(foreign) == ("", "not_decrypted", Standing.FORGED)
    late = wechat.channel(at=wechat.NOW + timedelta(minutes=6)).complaints.read_notify(wechat.arrived(body))
    assert told(late) == (number, "stale", Standing.HINT)
    headers = wechat.arrived(body).headers
    changed = there.read_notify(HttpMessage(method="POST", query="", headers=headers, body=body + b" "))
    assert told(changed) == ("", "bad_signature", Standing.FORGED)


def message(*, with_type: bool, **changes: str) -> HttpMessage:
    """A message as Alipay's side signs it; whether ``sign_type`` is signed along differs between its products."""
    fields: dict[str, Any] = {
        "app_id": alipay.APP,
        "biz_content": json.dumps({"complain_event_id": "2020092300102000000001459758"}),
        "charset": "utf-8",
        "msg_method": CHANGED,
        "notify_id": "n1",
        "sign_type": "RSA2",
        "utc_timestamp": str(int(alipay.NOW.timestamp() * 1000)),
        "version": "1.1",
        **changes,
    }
    covered = {name: text for name, text in fields.items() if with_type or name != "sign_type"}
    text = "&".join(f"{name}={covered[name]}" for name in sorted(covered))
    return alipay.arrived(urlencode({**fields, "sign": alipay.SIGNING_SDK._sign(text)}).encode())


@pytest.mark.parametrize("with_type", [True, False])
def test_alipay_names_a_complaint_under_its_signature(with_type: bool) -> None:
    there, number = alipay.CHANNEL.complaints, "2020092300102000000001459758"
    assert told(there.read_notify(message(with_type=with_type))) == (number, "", Standing.VERIFIED)
    for changes, refusal, standing in (
        ({"app_id": "2021000000000009"}, "wrong_app", Standing.FORGED),
        ({"msg_method": "alipay.trade.changed"}, "unknown_event", Standing.HINT),
        ({"biz_content": "[]"}, "unknown_event", Standing.HINT),
    ):
        assert told(there.read_notify(message(with_type=with_type, **changes))) == ("", refusal, standing)
    old = str(int(alipay.NOW.timestamp() * 1000) - 26 * 3_600_000)
    assert told(there.read_notify(message(with_type=with_type, utc_timestamp=old)))[1:] == (
        "stale",
        Standing.HINT,
    )
    good = message(with_type=with_type)
    bad = alipay.arrived(good.body.replace(b"1459758", b"1459759"))
    assert told(there.read_notify(bad)) == ("", "bad_signature", Standing.FORGED)


def test_phones_are_masked_and_long_answers_parted() -> None:
    assert [mask_phone(text) for text in ("13912345678", "12345", "")] == ["139****5678", "****45", ""]
    assert parts(" " + "啊" * 401, 200) == ["啊" * 200, "啊" * 200, "啊"]
